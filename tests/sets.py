"""The functions of a solution script and of the stub that students open; tests for every problem set."""

import functools

import nbformat
import pytest
import torch
from nbgrader.utils import is_solution

from autograder.course import ROOT, words
from autograder.problem import Problem
from autograder.release import solution_notebook
from autograder.rules.search import broken
from autograder.rules.sources import Sources

for_every_word = pytest.mark.parametrize("word", words())


@functools.cache
def solutions_of(word: str) -> dict:
    """What the solution cells of a problem set define."""
    return _defined_by(solution_notebook(word))


@functools.cache
def stubs_of(word: str) -> dict:
    """What the same cells define in the notebook that students open."""
    return _defined_by(nbformat.read(ROOT / "exercises" / word / f"{word}.ipynb", as_version=4))


def _defined_by(notebook) -> dict:
    namespace = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    for cell in filter(is_solution, notebook.cells):
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), namespace)
    return namespace


def rule_broken(problem: Problem, cells: list[str]) -> str | None:
    """The rule that the function of `problem` breaks in a notebook of these cells, in a sentence; or None."""
    return broken(Sources(cells), problem)
