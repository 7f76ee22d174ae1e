"""A function never returns."""

from submissions import replace, write

LOST = {"check_relu_backward": "relu_backward was stopped before it returned"}
LIMITS = {"cell_seconds": 1}
REMARKS = ("relu_backward lost points at a limit. relu_backward ran longer than 1 seconds and was stopped.",)


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    while True:\n        pass")
    write(folder, notebook)
