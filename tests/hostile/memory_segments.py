"""A cell fills System V shared memory that no process is attached to; after it, everything is right."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["bytes in segments"]


def hand_in(folder, notebook):
    source = """
size = 0
try:
    libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    while size < 2**31:
        number = call("shmget", 0, 2**26, 0o1600)
        address = call("shmat", ctypes.c_int(number), None, ctypes.c_int(0))
        ctypes.memset(address, 1, 2**26)
        call("shmdt", ctypes.c_void_p(address))
        size += 2**26
except OSError as error:
    print(error)
print(size, "bytes in segments")
assert size < 2**29, "REACHED"
"""
    insert(notebook, SYSTEM_CALLS + source, before="relu_forward")
    write(folder, notebook)
