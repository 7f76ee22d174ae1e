"""A function begins a message in the kernel's name that has no last part."""

from submissions import act, write

LOST = {"check_relu_backward": "it sent more than 64 MiB at once"}
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    source = """
import zmq
socket = get_ipython().kernel.iopub_thread.socket
def act(dout, cache):
    while True:
        socket.send(bytes(2**20), zmq.SNDMORE)
"""
    act(notebook, source)
    write(folder, notebook)
