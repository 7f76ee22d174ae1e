"""The import cell is deleted, and a cell of the student's own in front of all needs what it imports."""

from nbformat.v4 import new_code_cell
from submissions import cell, change, write

REMARKS = ["Cell imports was deleted; it was put back."]


def hand_in(folder, notebook):
    notebook.cells.remove(cell(notebook, "imports"))
    notebook.cells.insert(0, new_code_cell("ZERO = torch.zeros(())"))
    change(notebook, "relu_forward", "def relu_forward(x):\n", "def relu_forward(x):\n    x = x + ZERO.to(x)\n")
    write(folder, notebook)
