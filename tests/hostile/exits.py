"""Cells end in exit(), quit() and sys.exit(), and a function raises SystemExit."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "relu_backward raised SystemExit"}


def hand_in(folder, notebook):
    for source in ("exit()", "quit()", "import sys\nsys.exit(1)", "exit", "get_ipython().ask_exit()", "%exit"):
        insert(notebook, source, before="relu_forward")
    replace(notebook, "relu_backward", "import sys\ndef relu_backward(dout, cache):\n    sys.exit()")
    write(folder, notebook)
