"""A cell stops the loop in which the kernel waits for requests; the kernel is started again without it."""

from submissions import insert, write

SHOWN = ["The kernel ended"]


def hand_in(folder, notebook):
    insert(notebook, "import asyncio\nasyncio.get_event_loop().stop()", before="maxout_backward")
    write(folder, notebook)
