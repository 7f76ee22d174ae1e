"""A cell displays a picture of a hundred million pixels, and then thousands of small ones."""

from submissions import insert, write

SHOWN = ["[cut off here: more than 20000 characters were shown]"]
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
import os
from IPython.display import Image, display
display(Image(data=b"\\x89PNG\\r\\n\\x1a\\n" + os.urandom(2 * 10**7), format="png"))
for _ in range(3000):
    display(Image(data=b"\\x89PNG\\r\\n\\x1a\\n" + os.urandom(1000), format="png"))
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
