"""A function fills memory with what is sent through sockets and never read; its processes have next to none."""

from submissions import act, write

LOST = {"check_relu_backward": "it used more memory than its 1.5 GiB"}
LIMITS = {"cell_seconds": 20}


def hand_in(folder, notebook):
    source = """
import os, socket, time
def act(*arguments):
    for _ in range(50):
        if os.fork() == 0:
            kept = []
            try:
                while True:
                    kept.append(socket.socketpair())
                    for one in kept[-1]:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**22)
                        one.setblocking(False)
                        try:
                            while True:
                                one.send(bytes(2**16))
                        except BlockingIOError:
                            pass
            except OSError:
                time.sleep(100)
    time.sleep(100)
"""
    act(notebook, source)
    write(folder, notebook)
