"""Sources and outputs are values of many types of JSON; what can be read counts."""

import json

import nbformat

LOST = {"check_relu_backward": "relu_backward is not defined"}


def hand_in(folder, notebook):
    written = json.loads(nbformat.writes(notebook))
    for value in (None, True, 0, 1e308, [], {}, {"a": 1}, "\u0000", "\ud800"):
        made = {"cell_type": "code", "metadata": {}, "source": value, "outputs": [], "execution_count": "often"}
        written["cells"].insert(3, made)
    for cell in written["cells"]:
        if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == "relu_backward":
            cell["source"] = {"def": "relu_backward"}
        elif cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "execute_result", "data": {"text/html": "<script>alert(1)</script>"}}]
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(json.dumps(written))
