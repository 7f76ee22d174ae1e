"""A cell replaces Python's own functions before anything is checked; a function is wrong."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "values are wrong"}


def hand_in(folder, notebook):
    source = """
import builtins
builtins.isinstance = lambda *arguments: True
builtins.sum = lambda *arguments: 0
builtins.max = lambda *arguments, **options: 90.0
builtins.print = builtins.open = lambda *arguments, **options: None
"""
    insert(notebook, f"get_ipython().run_cell({source!r})", before="maxout_backward")
    insert(notebook, "print('not shown')", before="maxout_backward")
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return dout * 1")
    write(folder, notebook)
