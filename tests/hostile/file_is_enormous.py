"""The notebook claims to have a terabyte, of which the disk holds nothing."""

import os

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it has 1099511627776 bytes"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").touch()
    os.truncate(folder / "activations.ipynb", 2**40)
