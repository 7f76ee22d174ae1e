"""A child keeps the kernel's sockets, the kernel ends, and the child would go on in its name."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran: it ended itself (exit status 7)."]


def hand_in(folder, notebook):
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        time.sleep(0.01)
os._exit(7)
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
