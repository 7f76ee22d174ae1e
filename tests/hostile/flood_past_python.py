"""A cell writes without end to the descriptors of its process, past everything that could count it."""

from submissions import insert, write

SHOWN = ["This cell showed more than 1000000 characters and was stopped."]


def hand_in(folder, notebook):
    insert(notebook, "import os\nwhile True:\n    os.write(1, b'z' * 9999)\n    os.write(2, b'z' * 9999)")
    write(folder, notebook)
