"""A notebook that is JSON, but a number."""

from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is JSON but no notebook"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text("NaN")
