"""A function recurses in C without a limit."""

from submissions import replace, write

LOST = {"check_relu_backward": "it crashed (Segmentation fault)"}
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
import sys
def relu_backward(dout, cache):
    sys.setrecursionlimit(10**9)
    nested = []
    for _ in range(3 * 10**5):
        nested = [nested]
    return repr(nested)
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
