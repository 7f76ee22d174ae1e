"""A cell ignores interrupts and sleeps for ever, and a function sleeps where interrupts are ignored."""

from submissions import act, insert, write

LOST = {"check_relu_backward": "it went on when it was told to stop"}
SHOWN = ["The kernel ended while this cell ran: it went on when it was told to stop."]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = """
import signal, time
def act(*arguments):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        time.sleep(1000)
"""
    act(notebook, source)
    insert(notebook, source.replace("act", "forget") + "forget()", before="relu_forward")
    write(folder, notebook)
