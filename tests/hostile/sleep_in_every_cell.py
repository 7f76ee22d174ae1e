"""Cells sleep so long and so often that the whole notebook runs out of time; what was checked before counts."""

from submissions import insert, write

LOST = dict.fromkeys(("check_maxout_forward", "check_maxout_backward"), "The notebook has used up its 4 seconds")
LIMITS = {"cell_seconds": 1, "notebook_seconds": 4}


def hand_in(folder, notebook):
    for _ in range(6):
        insert(notebook, "import time\ntime.sleep(10)", before="maxout_forward")
    write(folder, notebook)
