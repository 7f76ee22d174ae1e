"""A cell of the student's own never ends; the functions around it are right."""

from submissions import insert, write

SHOWN = ["This cell ran longer than 1 seconds and was stopped."]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    insert(notebook, "while True:\n    pass", before="relu_forward")
    write(folder, notebook)
