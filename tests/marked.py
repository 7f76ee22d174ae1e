"""A class that is graded in this process, without a sandbox: for tests of what is made of the grades."""

import shutil
from pathlib import Path

import nbformat
import torch
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.utils import is_solution

from autograder.course import ROOT
from autograder.demo import Student, filled_in
from autograder.grading.execute import problem_of
from autograder.grading.records import record
from autograder.grading.restore import cell_order, masters, rebuild
from autograder.grading.worker import _result
from autograder.judge import grade
from autograder.release import register
from autograder.table import Report

CPU = torch.device("cpu")


def make_course(course: Path, word: str) -> Path:
    """A course with nbgrader's configuration and the assignment `word`."""
    course.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    register(word, course)
    return course


def mark(course: Path, word: str, student: Student, change=None) -> NotebookNode:
    """Grade what `student` hands in, and write it into ``autograded/`` and the gradebook; `change` is made before."""
    released = nbformat.read(course / "exercises" / word / f"{word}.ipynb", as_version=4)
    handed_in = filled_in(word, released, student)
    if change:
        change(handed_in)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        master = masters(gradebook, word, cell_order(course / "build" / "source" / word))[word]
        notebook, _ = rebuild(handed_in, master)
        _judge(notebook)
        record(gradebook, word, student.name, None, {word: _result(notebook)}, LateSubmissionPlugin())
    folder = course / "autograded" / student.name / word
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{word}.ipynb")
    return notebook


def _judge(notebook: NotebookNode) -> None:
    namespace = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    for cell in notebook.cells:
        if is_solution(cell) and cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), namespace)
        elif (problem := problem_of(cell)) is not None:
            report = Report.of_verdict(grade(problem, namespace, 20300101, CPU))
            data = report._repr_mimebundle_() | {"text/plain": str(report.score)}
            cell.outputs = [nbformat.v4.new_output("execute_result", data=data)]
