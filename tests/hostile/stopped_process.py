"""A child stops its parent, the kernel, as one stops a job in a terminal."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran: it went on when it was told to stop."]


def hand_in(folder, notebook):
    source = """
import os, signal, time
if os.fork() == 0:
    time.sleep(0.1)
    for number in (signal.SIGSTOP, signal.SIGTSTP):
        os.kill(os.getppid(), number)
    os._exit(0)
time.sleep(0.3)
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
