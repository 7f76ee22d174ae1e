"""The notebook's file is full of NUL, as after a crash of the disk."""

from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is not JSON"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_bytes(bytes(100_000))
