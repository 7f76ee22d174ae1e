"""Checks of the student's own neither help nor hurt, nor do results that look like scores."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "values are wrong"}


def hand_in(folder, notebook):
    insert(notebook, "def check(name):\n    return 90.0")
    insert(notebook, "from autograder import check\ncheck('relu_backward')", before="tanh_forward")
    insert(notebook, "del check", before="maxout_forward")
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return dout * 1\nprint(90.0)\n90.0")
    write(folder, notebook)
