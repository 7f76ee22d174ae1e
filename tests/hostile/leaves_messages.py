"""A cell leaves keys, shared memory, queues and sockets for the next submission."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["a key: refused", "a keyring: refused", "the user's keyring: refused", "asked for a key: refused"]


def hand_in(folder, notebook):
    source = """
import socket
from multiprocessing import shared_memory
attempt("a key", lambda: call("syscall", 248, b"user", b"hostile", b"message", 7, -4))
attempt("a keyring", lambda: call("syscall", 248, b"keyring", b"hostile", None, 0, -5))
attempt("the user's keyring", lambda: call("syscall", 250, 0, -4, 1))
attempt("the persistent keyring", lambda: call("syscall", 250, 22, -1, -3))
attempt("asked for a key", lambda: call("syscall", 249, b"user", b"hostile", None, 0))
attempt("a segment", lambda: call("shmget", 4711, 4096, 0o1666))
attempt("a queue", lambda: call("syscall", 240, b"hostile", 0o102, 0o600, None))
call("msgget", 4711, 0o1666)
call("semget", 4711, 1, 0o1666)
shared_memory.SharedMemory("hostile", create=True, size=4096)
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\\0hostile")
abstract.listen()
"""
    insert(notebook, SYSTEM_CALLS + source)
    write(folder, notebook)
