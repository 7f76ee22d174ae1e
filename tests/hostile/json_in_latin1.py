"""The notebook is encoded in Latin 1, with letters that are not UTF-8."""

import nbformat
from submissions import POINTS, insert

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is not text in UTF-8"]


def hand_in(folder, notebook):
    insert(notebook, "# déjà vu")
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_bytes(nbformat.writes(notebook).encode("latin-1", "replace"))
