"""Beside the notebook lie pipes, sparse giants, unreadable and setuid files, and folders within folders."""

import os

from submissions import insert, write

REMARKS = ["'pipe' was left out: it is a pipe", "'giant' was left out: it has 1099511627776 bytes", "levels deep"]
if os.getuid() == 0:
    # Nothing is unreadable for root.
    _FOUND = ["a", "locked", "setuid"]
else:
    _FOUND = ["a", "setuid"]
    REMARKS.append("'locked' was left out: it cannot be opened (Permission denied)")
SHOWN = [f"beside: {['.ipython', *_FOUND]}", "as uid=1000", "mode 0o644"]


def hand_in(folder, notebook):
    source = (
        "print('beside:', sorted(os.listdir()))\n!echo as $(id)\nprint('mode', oct(os.stat('setuid').st_mode & 0o7777))"
    )
    insert(notebook, "import os\n" + source)
    write(folder, notebook)
    os.mkfifo(folder / "pipe")
    (folder / "giant").touch()
    os.truncate(folder / "giant", 2**40)
    (folder / "setuid").write_bytes(b"#!/bin/sh\nid\n")
    (folder / "setuid").chmod(0o6777)
    (folder / "locked").write_bytes(b"x")
    (folder / "locked").chmod(0)
    (folder / "/".join("abcdefghijklmnop")).mkdir(parents=True)
    (folder / "a" / "x").touch()
