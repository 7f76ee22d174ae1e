"""The notebook is a link to the instructor's solution."""

import nbformat

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it is a link; expected what it points to."]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    source = folder.parents[2] / "source.ipynb"
    source.write_text(nbformat.writes(notebook))
    (folder / "activations.ipynb").symlink_to(source)
