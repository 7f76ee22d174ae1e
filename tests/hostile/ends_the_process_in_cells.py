"""Cells of the student's own end the process again and again; the functions are right."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran: it ended itself (exit status 3). It was started again"]


def hand_in(folder, notebook):
    for before in ("sigmoid_forward", "relu_forward", "maxout_forward"):
        insert(notebook, "import os\nos._exit(3)", before=before)
    write(folder, notebook)
