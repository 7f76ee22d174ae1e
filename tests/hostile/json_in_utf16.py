"""The notebook is encoded in UTF-16."""

import nbformat
from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is not text in UTF-8"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(nbformat.writes(notebook), encoding="utf-16")
