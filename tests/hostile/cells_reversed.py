"""The cells stand in reverse order: imports last, checks before what they check."""

from submissions import write

REMARKS = ["stood behind", "stood before"]


def hand_in(folder, notebook):
    notebook.cells.reverse()
    write(folder, notebook)
