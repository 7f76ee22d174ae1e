"""A cell shows nothing at all, in millions of messages."""

from submissions import insert, write

SHOWN = ["This cell"]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = "from IPython.display import display\nwhile True:\n    display({'text/plain': ''}, raw=True)"
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
