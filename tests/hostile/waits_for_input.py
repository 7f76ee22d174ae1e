"""A cell and a function ask a person for input."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "relu_backward raised EOFError"}
SHOWN = ["StdinNotImplementedError: raw_input was called", "StdinNotImplementedError: getpass was called", "read: b''"]


def hand_in(folder, notebook):
    insert(notebook, "input('your name? ')")
    insert(notebook, "import getpass\ngetpass.getpass()")
    insert(notebook, "import os\nprint('read:', os.read(0, 100))")
    insert(notebook, "breakpoint()")
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return float(input()) * dout")
    write(folder, notebook)
