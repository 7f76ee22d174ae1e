"""A function aborts its process."""

from submissions import act, write

LOST = {"check_relu_backward": "it crashed ("}


def hand_in(folder, notebook):
    act(notebook, "import os\ndef act(*arguments):\n    os.abort()")
    write(folder, notebook)
