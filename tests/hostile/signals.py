"""A cell sends every signal to its own process and to all others; what follows is right."""

from submissions import insert, write

SHOWN = ["sent them all"]


def hand_in(folder, notebook):
    source = """
import os
for number in range(1, 65):
    for target in (os.getpid(), os.getppid(), 0, -1):
        try:
            os.kill(target, number)
        except (OSError, KeyboardInterrupt) as error:
            pass
print("sent them all")
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
