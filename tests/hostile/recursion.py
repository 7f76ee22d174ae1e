"""A function calls itself without end."""

from submissions import replace, write

LOST = {"check_relu_backward": "relu_backward raised RecursionError"}


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return relu_backward(dout, cache)")
    write(folder, notebook)
