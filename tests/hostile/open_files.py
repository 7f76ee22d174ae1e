"""A cell opens files until no more can be opened, and keeps them open; what follows is right."""

from submissions import insert, write

# To show an error, or to be told to stop, a kernel opens files; which of them it still can depends on the moment.
SHOWN = [("The kernel ended while this cell ran: it went on when it was told to stop.", "Too many open files")]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    insert(notebook, "kept = []\nwhile True:\n    kept.append(open('/dev/null'))", before="relu_forward")
    write(folder, notebook)
