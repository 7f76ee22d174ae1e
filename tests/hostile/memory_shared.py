"""A function fills memory that belongs to two processes, so that neither has it to itself."""

from submissions import act, write

LOST = {"check_relu_backward": "it used more memory than its 1.5 GiB"}
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
import os, time
def act(*arguments):
    first = b"x" * (3 * 2**28)
    os.fork()
    own = b"y" * (2**29 - 2**25)
    time.sleep(100)
"""
    act(notebook, source)
    write(folder, notebook)
