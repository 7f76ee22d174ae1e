"""A cell changes the key with which the kernel signs its messages; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran: it went on when it was told to stop."]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    insert(notebook, "get_ipython().kernel.session.key = b'another key'", before="relu_forward")
    write(folder, notebook)
