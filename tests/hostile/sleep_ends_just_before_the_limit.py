"""Every case takes a good part of the time of the whole check."""

from submissions import replace, write

LOST = {"check_relu_backward": "relu_backward was stopped before it returned"}
LIMITS = {"cell_seconds": 2}


def hand_in(folder, notebook):
    source = """
import time
def relu_backward(dout, cache):
    time.sleep(1.8)
    return torch.where(cache, dout, 0)
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
