"""A function makes tensors of terabytes."""

from submissions import replace, write

LOST = {"check_relu_backward": "memory"}


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return torch.ones(10**12)")
    write(folder, notebook)
