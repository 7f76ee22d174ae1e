"""A cell prints a hundred million characters at once; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran: it sent more than 64 MiB at once."]
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    insert(notebook, "print('z' * (100 * 10**6))", before="relu_forward")
    write(folder, notebook)
