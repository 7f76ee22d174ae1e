"""A cell hands large pages of its memory over to pipes and forgets them; a page lives as long as a piece of it."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["memory in pipes: refused"]


def hand_in(folder, notebook):
    source = """
import mmap
class Piece(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("length", ctypes.c_size_t)]

def fill():
    for _ in range(50):
        _, end = os.pipe()
        for _ in range(16):
            memory = mmap.mmap(-1, 2**22, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
            memory[:] = bytes(2**22)
            piece = Piece(ctypes.addressof(ctypes.c_char.from_buffer(memory)) + 2**21, 4096)
            call("vmsplice", end, ctypes.byref(piece), 1, 0)

attempt("memory in pipes", fill)
"""
    insert(notebook, SYSTEM_CALLS + source, before="relu_forward")
    write(folder, notebook)
