"""A cell computes a number that has a hundred million digits, in a single operation."""

from submissions import insert, write

SHOWN = ["This cell ran longer than 1 seconds and was stopped."]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    insert(notebook, "x = 10**10**8\nx * x % 7", before="relu_forward")
    write(folder, notebook)
