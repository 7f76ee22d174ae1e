"""The notebook says that it is of nbformat 99."""

import json

import nbformat
from submissions import POINTS

LOST = dict.fromkeys(POINTS, "is not defined")
REMARKS = ["activations.ipynb is JSON but no notebook"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(json.dumps(json.loads(nbformat.writes(notebook)) | {"nbformat": 99}))
