"""A function computes longer than the notebook may, in one process."""

from submissions import replace, write

LOST = {"check_relu_backward": "it used up its 2 seconds of computing"}
LIMITS = {"cell_seconds": 10, "cpu_seconds": 2}


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    while True:\n        pass")
    write(folder, notebook)
