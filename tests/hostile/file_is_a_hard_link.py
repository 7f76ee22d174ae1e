"""The notebook is another name of the instructor's solution."""

import os

import nbformat

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it is a hard link"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    source = folder.parents[2] / "source.ipynb"
    source.write_text(nbformat.writes(notebook))
    os.link(source, folder / "activations.ipynb")
