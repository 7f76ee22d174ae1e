"""A cell of half a million characters, and one with a line of brackets nested a hundred thousand deep."""

from submissions import insert, write

LIMITS = {"cell_seconds": 1}
SHOWN = ["[cut off here: more than 20000 characters were shown]"]


def hand_in(folder, notebook):
    insert(notebook, "x = 1\n" * 50_000)
    insert(notebook, "(" * 100_000)
    write(folder, notebook)
