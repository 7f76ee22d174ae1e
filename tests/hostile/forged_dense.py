"""A cell shows, and a function answers, a few megabytes that stand for millions of values; both are left unread."""

from submissions import act, insert, write

LOST = {"check_relu_backward": "cannot be read (it has 21000004 bytes; expected at most"}
SHOWN = ["shown"]
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    show = """
kernel = get_ipython().kernel
dense = b'{"a":[' + b"[]," * 7_000_000 + b"[]]}"
for _ in range(3):
    kernel.session.send(kernel.iopub_socket, "display_data", dense, parent=kernel.get_parent())
print("shown")
"""
    answer = """
import autograder.calls.exchange as exchange
honest = exchange._answer
def answer(outcomes):
    exchange._answer = honest
    return [b"[" + b"[]," * 7_000_000 + b"[]]", b""]
def act(dout, cache):
    exchange._answer = answer
    return dout
"""
    insert(notebook, show, before="relu_forward")
    act(notebook, answer)
    write(folder, notebook)
