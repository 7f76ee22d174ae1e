"""What the hostile submissions of tests/hostile are made with."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.course import ROOT
from autograder.names import PREFIX

WORD = "activations"
RELEASED = nbformat.read(ROOT / "exercises" / WORD / f"{WORD}.ipynb", as_version=4)
# The points of every check, by its grade_id.
POINTS = {
    cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
    for cell in RELEASED.cells
    if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith(PREFIX)
}

# For a cell that tries what must be impossible: what succeeds says so, and the test fails.
ATTEMPT = """
def attempt(what, how):
    try:
        result = how()
    except BaseException as error:
        print(f"{what}: refused, {type(error).__name__}")
    else:
        print(f"{what}: " + "REA" + f"CHED, {result!r:.100}")

"""

# For a cell that makes system calls; a call that the system refuses raises OSError.
SYSTEM_CALLS = (
    ATTEMPT
    + """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    function = getattr(libc, name)
    function.restype = ctypes.c_long
    result = function(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result in (-1, 2**32 - 1):
        raise OSError(ctypes.get_errno(), name)
    return result
"""
)


def cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """nbgrader's cell of this grade_id."""
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def replace(notebook: NotebookNode, grade_id: str, source: str) -> None:
    """Put `source` in place of a solution."""
    cell(notebook, grade_id).source = source


def change(notebook: NotebookNode, grade_id: str, old: str, new: str) -> None:
    """Replace a part of a solution."""
    assert old in cell(notebook, grade_id).source
    replace(notebook, grade_id, cell(notebook, grade_id).source.replace(old, new))


def insert(notebook: NotebookNode, source: str, before: str = "sigmoid_forward") -> None:
    """Put a cell of the student's own before nbgrader's cell of this grade_id."""
    notebook.cells.insert(notebook.cells.index(cell(notebook, before)), new_code_cell(source))


def write(folder: Path, notebook: NotebookNode) -> None:
    """Hand the notebook in."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{WORD}.ipynb").write_text(nbformat.writes(notebook))


def act(notebook: NotebookNode, source: str) -> None:
    """Have ``relu_backward`` return ``act(dout, cache)``, defined by `source` where no reader of sources finds it.

    What a reader finds is another function of this name, which looks harmless.
    """
    harmless = "def act(*arguments):\n    return arguments[0]\n"
    insert(notebook, f"{harmless}get_ipython().run_cell({source!r})", before="relu_backward")
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return act(dout, cache)")
