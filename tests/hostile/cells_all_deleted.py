"""A notebook of no cells."""

from submissions import POINTS, write

LOST = dict.fromkeys(POINTS, "is not defined")


def hand_in(folder, notebook):
    notebook.cells = []
    write(folder, notebook)
