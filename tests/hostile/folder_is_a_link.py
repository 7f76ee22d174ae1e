"""The whole submission is a link to another student's."""

from submissions import write

MISSING = True
REMARKS = ["the folder is a link"]


def hand_in(folder, notebook):
    other = folder.parents[1] / "alice" / "activations"
    write(other, notebook)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(other)
