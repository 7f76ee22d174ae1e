"""The submission is a file where a folder was expected."""

MISSING = True
REMARKS = ["the folder is not a folder; expected one."]


def hand_in(folder, notebook):
    folder.parent.mkdir(parents=True)
    folder.write_text("here I am")
