"""Sources and names hold half of a character."""

import json

import nbformat


def hand_in(folder, notebook):
    written = json.loads(nbformat.writes(notebook))
    written["cells"].insert(1, {"cell_type": "code", "metadata": {}, "source": "'\ud800'", "outputs": [],
                                "execution_count": None})  # fmt: skip
    written["cells"].insert(1, {"cell_type": "markdown", "id": "\udfff", "metadata": {"\ud800": 1}, "source": "\ud800"})
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(json.dumps(written))
