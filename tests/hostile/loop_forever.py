"""A function never returns."""

from submissions import replace, write

LOST = {"check_relu_backward": "relu_backward was stopped before it returned"}
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    while True:\n        pass")
    write(folder, notebook)
