"""A function sends gigabytes in the kernel's name, message by message, faster than anybody can read."""

from submissions import act, write

LOST = {"check_relu_backward": "relu_backward was stopped before it returned"}
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
kernel = get_ipython().kernel
def act(dout, cache):
    parent = kernel.get_parent()
    while True:
        kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "x" * 5 * 10**6}, parent=parent)
"""
    act(notebook, source)
    write(folder, notebook)
