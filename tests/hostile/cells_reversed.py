"""The cells stand in reverse order: imports last, checks before what they check."""

from submissions import write

LOST = {
    f"check_{name}": "is not defined"
    for name in (
        "selu_forward",
        *(f"{f}_backward" for f in ["sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "selu", "maxout"]),
    )
}
REMARKS = ["stood before"]


def hand_in(folder, notebook):
    imports = notebook.cells[1]
    notebook.cells = [imports, *reversed(notebook.cells[2:])]
    write(folder, notebook)
