"""Prose and an answer in words hold scripts, frames, forms and links that act; points are untouched."""

from nbformat.v4 import new_markdown_cell, new_raw_cell
from submissions import replace, write


def hand_in(folder, notebook):
    evil = (
        '<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![x](x" onerror="alert(1))\n\n<iframe src=//x></iframe>'
    )
    notebook.cells += [new_markdown_cell(evil), new_raw_cell(evil), new_markdown_cell("[" * 50_000)]
    replace(notebook, "explain_vanishing", evil)
    write(folder, notebook)
