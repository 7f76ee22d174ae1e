"""A cell changes what it displays without end."""

from submissions import insert, write

SHOWN = ["This cell"]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = """
from IPython.display import display
handle = display("first", display_id=True)
while True:
    handle.update("changed")
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
