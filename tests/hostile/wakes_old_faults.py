"""A cell asks for the parts of Linux in which faults are found again and again."""

from submissions import SYSTEM_CALLS, insert, write

_CALLS = {"io_uring": 425, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "memfd_create": 319, "keyctl": 250}
SHOWN = [f"{name}: refused, OSError" for name in _CALLS]


def hand_in(folder, notebook):
    source = """
import platform
buffer = ctypes.create_string_buffer(256)
for name, number in CALLS.items():
    attempt(name, lambda: call("syscall", number, buffer, 64, 0, 0, 0, 0))
attempt("handles", lambda: call("syscall", 304, -100, buffer, 0))
attempt("fanotify", lambda: call("fanotify_init", 0, 0))
attempt("numbers of 32 bits", lambda: call("syscall", 0x40000000 + 39))
"""
    insert(notebook, f"CALLS = {_CALLS}\n" + SYSTEM_CALLS + source)
    write(folder, notebook)
