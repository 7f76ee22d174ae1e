"""A function sends a message of countless empty parts."""

from submissions import act, write

LOST = {"check_relu_backward": "it sent more than 64 MiB at once"}
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    source = """
import time, zmq
socket = get_ipython().kernel.iopub_thread.socket
def act(dout, cache):
    for _ in range(2_000_000):
        socket.send(b"", zmq.SNDMORE)
    socket.send(b"")
    time.sleep(100)
"""
    act(notebook, source)
    write(folder, notebook)
