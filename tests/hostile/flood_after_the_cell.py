"""A thread that a cell left behind prints without end into all that follows; the functions are right."""

from submissions import insert, write


def hand_in(folder, notebook):
    source = """
import threading
def shout():
    while True:
        print("z" * 100, flush=True)
threading.Thread(target=shout, daemon=True).start()
"""
    insert(notebook, source, before="maxout_forward")
    write(folder, notebook)
