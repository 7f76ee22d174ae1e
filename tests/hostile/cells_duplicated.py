"""Every cell is there twice, and one check a hundred times."""

import copy

from submissions import cell, write

REMARKS = ["Cell check_relu_forward was there more than once; a copy was removed."]


def hand_in(folder, notebook):
    notebook.cells += copy.deepcopy(notebook.cells) + [
        copy.deepcopy(cell(notebook, "check_relu_forward")) for _ in range(100)
    ]
    write(folder, notebook)
