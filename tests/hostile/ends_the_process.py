"""A function ends its process at once, without a word."""

from submissions import act, write

LOST = {"check_relu_backward": "The kernel ended while relu_backward ran: it ended itself (exit status 0)."}


def hand_in(folder, notebook):
    act(notebook, "import os\ndef act(*arguments):\n    os._exit(0)")
    write(folder, notebook)
