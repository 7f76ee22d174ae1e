"""A cell and a function raise exceptions with endless messages and endless causes."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "relu_backward raised ValueError: zzzz"}
SHOWN = ["[cut off here: more than 20000 characters were shown]"]
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    insert(notebook, "raise ValueError('z' * 10**5)", before="relu_forward")
    source = """
error = None
for number in range(200):
    try:
        try:
            raise ValueError(number) from error
        except ValueError as other:
            error = other
            raise
    except ValueError:
        pass
raise error
"""
    insert(notebook, source, before="relu_forward")
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    raise ValueError('z' * 10**7)")
    write(folder, notebook)
