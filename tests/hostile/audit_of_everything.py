"""A hook that can never be taken out again forbids every event; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended after this cell: it went on when it was told to stop"]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = """
import sys
def forbid(event, arguments):
    raise RuntimeError(event)
sys.addaudithook(forbid)
"""
    insert(notebook, source, before="maxout_forward")
    write(folder, notebook)
