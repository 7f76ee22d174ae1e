"""A cell lets its kernel open no further file; what follows is right."""

from submissions import insert, write

SHOWN = ["The kernel ended while this cell ran: it went on when it was told to stop."]
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    code = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\nopen('/dev/null')"
    insert(notebook, code, before="relu_forward")
    write(folder, notebook)
