"""The part of grading that can happen anywhere: a submission goes in, executed notebooks and scores come out."""

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import nbformat
from distributed import get_worker
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution

from autograder.grading import memory
from autograder.grading.execute import execute
from autograder.grading.intake import stand_in
from autograder.grading.records import Result
from autograder.grading.restore import Master, UnreadableError, restore
from autograder.grading.settings import Settings
from autograder.sandbox import bubblewrap


@dataclass(frozen=True)
class Job:
    """One submission to grade: plain data, with nothing of the course's folders.

    notebooks  what was handed in, by the notebook's name
    masters    the released cells of the same notebooks
    files      what lies beside the notebooks, by relative path
    """

    notebooks: Mapping[str, bytes]
    masters: Mapping[str, Master]
    settings: Settings
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Graded:
    """A submission that was graded: each notebook as executed (JSON), its result, and remarks for the instructor."""

    notebooks: Mapping[str, str]
    results: Mapping[str, Result]
    remarks: tuple[str, ...]


def grade(job: Job) -> Graded:
    """Run and judge every notebook of a submission. Raises `NoSandboxError` where nothing can be shut in."""
    if job.settings.gpu:
        _choose_gpu()
    notebooks, results, remarks = {}, {}, []
    # The driver of a GPU asks for far more memory than it uses.
    with contextlib.nullcontext() if job.settings.gpu else memory.bounded():
        for name, content in job.notebooks.items():
            notebook, said = _restored(name, content, job.masters[name])
            said += tuple(f"{name}.ipynb: {sentence}" for sentence in execute(notebook, job.files, job.settings))
            notebooks[name] = nbformat.writes(notebook)
            results[name] = _result(notebook)
            remarks += said
    return Graded(notebooks, results, tuple(remarks))


def _choose_gpu() -> None:
    """Of several GPUs, take one for this worker for good: workers and GPUs are numbered from 0."""
    count = len(list(bubblewrap.DEVICES.glob("nvidia[0-9]*")))
    with contextlib.suppress(ValueError):  # no worker of Dask's, or one with a name
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", str(int(get_worker().name) % max(count, 1)))


def _restored(name: str, content: bytes, master: Master) -> tuple[NotebookNode, tuple[str, ...]]:
    try:
        return restore(content, master)
    except UnreadableError as error:
        notebook, _ = restore(stand_in(str(error)), master)
        return notebook, (f"{name}.ipynb {error}",)


def _result(notebook: NotebookNode) -> Result:
    """The scores that nbgrader counts, and the answers that are still the question."""
    log = logging.getLogger(__name__)
    scores = {c.metadata.nbgrader.grade_id: determine_grade(c, log)[0] for c in notebook.cells if is_grade(c)}
    unanswered = {
        cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if is_solution(cell) and cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
    }
    return Result(scores, frozenset(unanswered))
