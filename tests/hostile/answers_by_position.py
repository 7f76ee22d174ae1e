"""Functions behave well at first and change with the number of their calls."""

from submissions import replace, write

LOST = {"check_relu_backward": "values are wrong"}


def hand_in(folder, notebook):
    source = """
calls = 0
def relu_backward(dout, cache):
    global calls
    calls += 1
    return torch.where(cache, dout, 0) + (calls > 1)
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
