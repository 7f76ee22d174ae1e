"""The notebook has metadata nested a hundred thousand levels deep."""

import nbformat
from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is nested too deeply"]


def hand_in(folder, notebook):
    nested = "[" * 100_000 + "]" * 100_000
    text = nbformat.writes(notebook).replace('"metadata": {}', '"metadata": {"a": ' + nested + "}", 1)
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(text)
