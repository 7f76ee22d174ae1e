"""A process that has left its session and its parent goes on printing, and would outlive its kernel."""

from submissions import insert, write

SHOWN = ["the daemon is"]


def hand_in(folder, notebook):
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("/tmp/here", "w").write(str(os.getpid()))
        while True:
            print("still here")
            time.sleep(0.01)
    os._exit(0)
time.sleep(0.2)
print("the daemon is", open("/tmp/here").read())
"""
    insert(notebook, source)
    write(folder, notebook)
