"""A cell replaces the handlers with which the kernel answers the grader; it costs what follows."""

from submissions import insert, write

LOST = {"check_maxout_backward": "The kernel ended while maxout_backward ran: it went on when it was told to stop."}
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    source = "get_ipython().kernel.shell_handlers['autograder_calls_request'] = lambda *arguments: None"
    insert(notebook, source, before="maxout_backward")
    write(folder, notebook)
