"""There is no notebook at all."""

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it was not handed in."]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
