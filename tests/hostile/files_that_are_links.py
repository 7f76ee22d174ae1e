"""Beside the notebook lie links: to the machine's files, to folders, to nothing and to themselves."""

from submissions import insert, write

SHOWN = ["beside: []"]
REMARKS = ["'secrets' was left out: it is a link", "'loop' was left out: it is a link"]


def hand_in(folder, notebook):
    insert(notebook, "import os\nprint('beside:', [name for name in os.listdir() if name != '.ipython'])")
    write(folder, notebook)
    targets = {"secrets": "/etc/passwd", "folder": "/etc", "nothing": "/nowhere", "loop": "loop", "up": "..",
               "source.py": "/work", "deep": "deep/deep"}  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
