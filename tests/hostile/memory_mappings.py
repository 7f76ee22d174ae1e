"""Many processes cut their memory into as many pieces as Linux allows, which keeps a note for each of them."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["it used more memory than its 0.75 GiB"]
# So many processes that memory is the limit that is met.
LIMITS = {"memory": 3 * 2**28, "cell_seconds": 60, "processes": 96}


def hand_in(folder, notebook):
    source = """
import time
pages = 2 * 10**6
for _ in range(60):
    if os.fork() == 0:
        try:
            place = call("mmap", 0, pages * 4096, 1, 0x4022, -1, 0)
            for page in range(0, pages, 2):
                call("mprotect", place + page * 4096, 4096, 0)
        except OSError:
            time.sleep(1000)
time.sleep(1000)
"""
    insert(notebook, SYSTEM_CALLS + source, before="relu_forward")
    write(folder, notebook)
