"""Files beside the notebook have names with newlines, quotes, wrong bytes, dashes, and as long as can be."""

import os

from submissions import insert, write

_NAMES = [b"a\nb", b"-rf *", b"..x", b"\xff\xfe", b"'\"<b>$(id)`", b"\xf0\x9f\x90\x8d", b"n" * 255, b"a\\b", b"~",
          b"CON", b"\xe2\x80\xaedoc.exe", b" ", b"\x1b[2J"]  # fmt: skip
SHOWN = [f"beside: {len(_NAMES)}"]


def hand_in(folder, notebook):
    source = """
import os
names = [name for name in os.listdir() if name != ".ipython"]
print("beside:", len([open(name).read() for name in names]))
"""
    insert(notebook, source)
    write(folder, notebook)
    for name in _NAMES:
        (folder / os.fsdecode(name)).touch()
