"""A notebook of three thousand cells."""

from nbformat.v4 import new_code_cell
from submissions import POINTS, write

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb has 3068 cells; expected at most 2000."]


def hand_in(folder, notebook):
    notebook.cells += [new_code_cell("1") for _ in range(3_000)]
    write(folder, notebook)
