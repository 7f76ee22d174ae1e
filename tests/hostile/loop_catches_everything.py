"""A function never returns and catches every exception on the way."""

from submissions import replace, write

LOST = {"check_relu_backward": "it went on when it was told to stop"}
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = """
def relu_backward(dout, cache):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
