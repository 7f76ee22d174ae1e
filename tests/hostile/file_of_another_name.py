"""The notebook has another name, and so has a copy of it."""

import nbformat

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing", "'Activations (1).ipynb' was left out"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    for name in ("Activations (1).ipynb", "activations.IPYNB", "activations.ipynb.txt"):
        (folder / name).write_text(nbformat.writes(notebook))
