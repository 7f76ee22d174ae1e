"""The notebook is a folder."""

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it is a folder"]


def hand_in(folder, notebook):
    (folder / "activations.ipynb" / "activations.ipynb").mkdir(parents=True)
