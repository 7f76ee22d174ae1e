"""Handlers that run at the end of the process, and of the interpreter, go on for ever."""

from submissions import insert, write


def hand_in(folder, notebook):
    source = """
import atexit, signal, time
def forever(*arguments):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass
atexit.register(forever)
signal.signal(signal.SIGTERM, forever)
signal.signal(signal.SIGHUP, forever)
"""
    insert(notebook, source)
    write(folder, notebook)
