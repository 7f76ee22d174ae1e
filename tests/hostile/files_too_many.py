"""Ten thousand files lie beside the notebook."""

from submissions import write

REMARKS = ["There are more than 1000 files and folders; the rest was left out."]


def hand_in(folder, notebook):
    write(folder, notebook)
    for number in range(10_000):
        (folder / f"{number}.txt").touch()
