"""Right numbers in shapes that would broadcast to the right one."""

from submissions import change, replace, write

LOST = {
    "check_relu_backward": "expected (4, 5)",
    "check_tanh_backward": "expected (4, 5)",
    "check_sigmoid_backward": "expected (4, 5)",
    "check_leaky_relu_backward": "expected (4, 5)",
}


def hand_in(folder, notebook):
    change(notebook, "relu_backward", "return torch.where(positive, dout, 0)", "return torch.tensor(float('nan'))")
    change(notebook, "tanh_backward", "return dout * (1 - out**2)", "return (dout * (1 - out**2))[None]")
    change(notebook, "sigmoid_backward", "return dout * out * (1 - out)", "return (dout * out * (1 - out)).flatten()")
    replace(notebook, "leaky_relu_backward", "def leaky_relu_backward(dout, cache):\n    return torch.zeros(1, 1)")
    write(folder, notebook)
