"""A notebook that ends in the middle."""

import nbformat
from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is not JSON"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(nbformat.writes(notebook)[:20_000])
