"""A cell fills memory that processes share and then takes its eyes off it, so that it counts for none of them."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["shared memory without a file: refused", "shared memory of zeros: refused"]


def hand_in(folder, notebook):
    source = """
import mmap
kept = []
def fill(descriptor):
    for _ in range(32):
        kept.append(mmap.mmap(descriptor, 2**26))
        kept[-1][:] = bytes(2**26)
        kept[-1].madvise(mmap.MADV_DONTNEED)

attempt("shared memory without a file", lambda: fill(-1))
attempt("shared memory of zeros", lambda: fill(os.open("/dev/zero", os.O_RDWR)))
"""
    insert(notebook, SYSTEM_CALLS + source, before="relu_forward")
    write(folder, notebook)
