"""The notebook is a socket."""

import os
import socket

MISSING = True
REMARKS = ["'activations.ipynb' counts as missing: it is a socket or a device"]


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    # The path of a socket must be short.
    before = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("activations.ipynb")
    os.fchdir(before)
    os.close(before)
