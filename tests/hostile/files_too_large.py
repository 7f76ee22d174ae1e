"""Beside the notebook lie files of a hundred million bytes; what is taken of them is bounded."""

import os

from submissions import insert, write

SHOWN = ["what is here is bounded"]
REMARKS = ["was left out: it has 16000000 bytes"]


def hand_in(folder, notebook):
    source = """
import os
assert sum(map(os.path.getsize, os.listdir())) < 68_000_000
print("what is here is bounded")
"""
    insert(notebook, source)
    write(folder, notebook)
    for number in range(7):
        (folder / f"{number}.bin").touch()
        os.truncate(folder / f"{number}.bin", 16_000_000)
