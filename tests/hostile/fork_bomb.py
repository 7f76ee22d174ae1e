"""A cell forks without end; its children do nothing else."""

from submissions import insert, write

SHOWN = ["started all that it may"]


def hand_in(folder, notebook):
    source = """
import os, time
children = 0
try:
    while True:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(1)
        children += 1
except OSError as error:
    print("started all that it may:", error)
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
