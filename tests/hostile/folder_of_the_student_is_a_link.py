"""The student's folder is a link to another student's."""

from submissions import write

MISSING = True
REMARKS = ["the folder is a link"]


def hand_in(folder, notebook):
    write(folder.parents[1] / "alice" / "activations", notebook)
    folder.parent.symlink_to(folder.parents[1] / "alice")
