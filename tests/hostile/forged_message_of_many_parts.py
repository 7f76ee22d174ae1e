"""A function sends a message in the kernel's name of ever more parts, each of which is small enough."""

from submissions import act, write

LOST = {"check_relu_backward": "it sent more than 64 MiB at once"}
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    source = """
import time, zmq
socket = get_ipython().kernel.iopub_thread.socket
def act(dout, cache):
    for _ in range(1_000):
        socket.send(bytes(2**20), zmq.SNDMORE)
    socket.send(b"")
    time.sleep(100)
"""
    act(notebook, source)
    write(folder, notebook)
