"""A cell closes the kernel's sockets and every other descriptor; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran"]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    insert(notebook, "import os\nos.closerange(3, 256)", before="maxout_forward")
    write(folder, notebook)
