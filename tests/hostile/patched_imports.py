"""A cell breaks imports, loaded modules and the packers of data; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran"]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = """
import builtins, json, sys, safetensors.torch
from autograder.calls import exchange
json.dumps = json.loads = safetensors.torch.save = None
exchange.save = exchange.json = None
for name in list(sys.modules):
    if name.startswith(("json", "safetensors", "autograder")):
        sys.modules[name] = None
builtins.__import__ = None
"""
    insert(notebook, f"get_ipython().run_cell({source!r})", before="maxout_forward")
    write(folder, notebook)
