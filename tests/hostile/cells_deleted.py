"""All checks are deleted, and a solution too."""

from submissions import cell, write

LOST = {"check_relu_backward": "relu_backward is not defined"}
REMARKS = ["Cell check_relu_backward was deleted; it was put back.", "Cell relu_backward is not there"]


def hand_in(folder, notebook):
    notebook.cells.remove(cell(notebook, "relu_backward"))
    notebook.cells = [
        c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("grade_id", "").startswith("check_")
    ]
    write(folder, notebook)
