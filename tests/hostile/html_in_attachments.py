"""A picture pasted into the notebook is no picture, and it is large."""

from nbformat.v4 import new_markdown_cell
from submissions import write

REMARKS = ["what is pasted into it and is no picture is left out"]


def hand_in(folder, notebook):
    pasted = new_markdown_cell("![x](attachment:x.svg)")
    pasted.attachments = {"x.svg": {"image/svg+xml": "<svg onload='alert(1)'/>" * 10_000}}
    notebook.cells.append(pasted)
    write(folder, notebook)
