"""The notebook is a pipe that nobody writes into."""

import os

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it is a pipe or a device"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    os.mkfifo(folder / "activations.ipynb")
