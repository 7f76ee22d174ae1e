"""A function reads memory that is not there."""

from submissions import act, write

LOST = {"check_relu_backward": "it crashed (Segmentation fault)"}


def hand_in(folder, notebook):
    act(notebook, "import ctypes\ndef act(*arguments):\n    ctypes.string_at(0)")
    write(folder, notebook)
