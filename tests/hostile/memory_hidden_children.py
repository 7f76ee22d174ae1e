"""Children that nobody may look into fill the memory."""

from submissions import act, write

LOST = {"check_relu_backward": "it used more memory than its 1.5 GiB"}
LIMITS = {"cell_seconds": 10}


def hand_in(folder, notebook):
    source = """
import ctypes, os, time
def act(*arguments):
    for _ in range(12):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
            kept = b"x" * 2**28
            time.sleep(100)
    time.sleep(100)
"""
    act(notebook, source)
    write(folder, notebook)
