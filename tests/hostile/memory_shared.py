"""A function fills memory that belongs to two processes, so that neither has it to itself."""

from submissions import act, write

LOST = {"check_relu_backward": "it used more memory than its 1.5 GiB"}
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
import mmap, os
def act(*arguments):
    kept = [mmap.mmap(-1, 2**28) for _ in range(10)]
    os.fork()
    while True:
        for memory in kept:
            memory[:] = b"x" * 2**28
"""
    act(notebook, source)
    write(folder, notebook)
