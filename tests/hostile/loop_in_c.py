"""A function is caught in a loop of C code, which no interrupt reaches."""

from submissions import replace, write

LOST = {"check_relu_backward": "it went on when it was told to stop"}
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return sum(iter(int, 1))")
    write(folder, notebook)
