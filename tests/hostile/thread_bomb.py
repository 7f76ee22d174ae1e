"""A cell starts threads without end; what follows is right."""

from submissions import insert, write

SHOWN = ["can't start new thread"]


def hand_in(folder, notebook):
    source = """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
