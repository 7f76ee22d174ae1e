"""A function fills the memory with lists."""

from submissions import replace, write

LOST = {"check_relu_backward": "emory"}
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
def relu_backward(dout, cache):
    kept = []
    while True:
        kept.append([0] * 10**6)
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
