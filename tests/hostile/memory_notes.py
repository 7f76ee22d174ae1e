"""A cell has Linux take notes that no process owns: of what happens to files, of signals that wait, of timers."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["notes of files: refused", "notes of all files: refused", "timers: refused", "waiting signals: refused"]


def hand_in(folder, notebook):
    source = """
import signal
numbers = {"x86_64": (294, 300, 222), "aarch64": (26, 262, 107)}[os.uname().machine]

def timers():
    for _ in range(5000):
        call("syscall", numbers[2], 0, 0, ctypes.byref(ctypes.c_int()))

def signals():
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
        try:
            for number in range(5000):
                call("sigqueue", os.getpid(), int(signal.SIGRTMIN), number)
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status)

attempt("notes of files", lambda: call("syscall", numbers[0], 0))
attempt("notes of all files", lambda: call("syscall", numbers[1], 0x200, 0))
attempt("waiting signals", signals)
attempt("timers", timers)
"""
    insert(notebook, SYSTEM_CALLS + source, before="relu_forward")
    write(folder, notebook)
