"""A cell and a function print without end."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "relu_backward was stopped before it returned"}
SHOWN = [
    "[cut off here: more than 20000 characters were shown]",
    "This cell showed more than 1000000 characters and was stopped.",
]
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    insert(notebook, "while True:\n    print('z' * 1000)", before="relu_forward")
    source = "def relu_backward(dout, cache):\n    while True:\n        print('z' * 1000, flush=True)"
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
