"""The notebook has other names, three times, and no copy has the right one."""

import nbformat

REMARKS = ["'Activations (1).ipynb' was taken for 'activations.ipynb'.", "'activations.ipynb.txt' was left out"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    for name in ("Activations (1).ipynb", "activations.IPYNB", "activations.ipynb.txt"):
        (folder / name).write_text(nbformat.writes(notebook))
