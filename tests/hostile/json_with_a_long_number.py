"""The notebook has a number of a hundred thousand digits."""

import nbformat
from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is JSON but no notebook (ValueError)"]


def hand_in(folder, notebook):
    text = nbformat.writes(notebook).replace('"metadata": {}', '"metadata": {"a": ' + "9" * 100_000 + "}", 1)
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(text)
