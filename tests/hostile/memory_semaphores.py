"""A cell fills memory with System V semaphores and messages, which belong to no process; after it, all is right."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = ["semaphores: refused", "messages: refused"]


def hand_in(folder, notebook):
    source = """
def semaphores():
    for _ in range(20):
        call("semget", 0, 32_000, 0o1600)

def messages():
    number = call("msgget", 0, 0o1600)
    call("msgsnd", number, b"x" * 16_000, 8_000, 0)

attempt("semaphores", semaphores)
attempt("messages", messages)
"""
    insert(notebook, SYSTEM_CALLS + source, before="relu_forward")
    write(folder, notebook)
