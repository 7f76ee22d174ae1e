"""The notebook has thirty million characters of outputs that were saved with it."""

from nbformat.v4 import new_output
from submissions import write


def hand_in(folder, notebook):
    notebook.cells[1].outputs = [new_output("stream", text="z" * 30_000_000)]
    write(folder, notebook)
