"""A cell ends zeromq itself; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran"]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    insert(notebook, "import zmq\nget_ipython().kernel.shell_stream.close()\nzmq.Context.instance().destroy(linger=0)",
           before="maxout_forward")  # fmt: skip
    write(folder, notebook)
