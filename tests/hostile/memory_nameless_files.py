"""A cell fills memory through files that have no name and belong to no folder; after it, everything is right."""

from submissions import insert, write

SHOWN = ["bytes in nameless files"]


def hand_in(folder, notebook):
    source = """
import os
kept, size = [], 0
try:
    while size < 2**31:
        kept.append(os.memfd_create("x"))
        for _ in range(4):
            size += os.write(kept[-1], b"x" * 2**24)
except OSError as error:
    print(error)
print(size, "bytes in nameless files")
assert size < 2**29, "REACHED"
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
