"""A function sleeps for days."""

from submissions import replace, write

LOST = {"check_relu_backward": "relu_backward was stopped before it returned"}
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    replace(notebook, "relu_backward", "import time\ndef relu_backward(dout, cache):\n    time.sleep(1e6)")
    write(folder, notebook)
