"""From a solution script to nbgrader's source notebook and to what students open; refused where it would mislead."""

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_grade, is_solution

from autograder.course import ROOT, digest_of, nbgrader_at
from autograder.problem import Problem
from autograder.problems import problem_sets

TOTAL = 100
PREFIX = "check_"

Progress = Callable[[str], None]


class ReleaseError(Exception):
    """The problem set cannot be released; the message names the cell and the reason."""


def release(word: str, root: Path = ROOT, progress: Progress = lambda step: None) -> Path:
    """Verify the problem set `word`, then write source and release notebooks and register it in the gradebook.

    Returns the path of the notebook for students. Raises `ReleaseError`, and writes nothing, when a check has no
    problem or a problem no check, when the points do not add up to 100, when the solution does not earn them all,
    or when the stub earns any. The last two take some seconds, and are looked at again when something has changed.
    """
    source = solution_notebook(word)
    verified = ROOT / "build" / f"verified-{word}.sha256"
    current = digest_of(word)
    if not verified.exists() or verified.read_text() != current:
        progress("checking that the solution earns everything and the stub nothing")
        with tempfile.TemporaryDirectory() as scratch:
            _verify(source, _generate(word, source, Path(scratch)))
        verified.parent.mkdir(exist_ok=True)
        verified.write_text(current)
    progress("writing the notebooks")
    return _generate(word, source, root)


def register(word: str, root: Path) -> Path:
    """Generate the notebooks of `word` under `root` and register the assignment in the gradebook there.

    Returns the path of the notebook for students. Raises `ReleaseError` for a bad structure or bad points; whether
    solution and stub earn what they should is the business of `release`.
    """
    return _generate(word, solution_notebook(word), root)


def solution_notebook(word: str) -> NotebookNode:
    """The problem set with its solutions, as nbgrader's source notebook. Raises `ReleaseError`."""
    script = ROOT / "solutions" / f"{word}.py"
    if not script.exists():
        raise ReleaseError(f"There is no {script.name} in solutions/; a problem set is named after its chapter.")
    problems = {problem.name: problem for problem in problem_sets().get(word, ())}
    notebook = read_script(script.read_text(), problems)
    _refuse_bad_structure(notebook, problems)
    return notebook


def read_script(text: str, problems: dict[str, Problem]) -> NotebookNode:
    """A notebook from a percent script: stable cell ids, full nbgrader metadata, no outputs."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    place, count = "start", 0
    for cell in notebook.cells:
        given = cell.metadata.get("nbgrader")
        if given is None:
            count += 1
            cell.id, cell.metadata = f"{place}-{count}", {}
        else:
            place, count = given["grade_id"], 0
            cell.id, cell.metadata = place, {"nbgrader": _complete(given, problems)}
    return notebook


def _complete(given: dict, problems: dict[str, Problem]) -> dict:
    """nbgrader's whole metadata of a cell; the points of a check cell come from its problem."""
    grade, solution = given.get("grade", False), given.get("solution", False)
    metadata = {
        "schema_version": 3,
        "grade_id": given["grade_id"],
        "grade": grade,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    problem = problems.get(given["grade_id"].removeprefix(PREFIX))
    if grade:
        metadata["points"] = given.get("points", problem.maximum if problem else 0)
    return metadata


def _refuse_bad_structure(notebook: NotebookNode, problems: dict[str, Problem]) -> None:
    graders = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if is_grade(c)}
    answers = {c.metadata.nbgrader.grade_id for c in notebook.cells if is_solution(c)}
    ids = Counter(c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata)
    for grade_id, times in ids.items():
        if times > 1:
            raise ReleaseError(f"Cell {grade_id}: its grade_id is used {times} times; each must be used once.")
    for grade_id, cell in graders.items():
        name = grade_id.removeprefix(PREFIX)
        if grade_id.startswith(PREFIX) and name not in problems:
            raise ReleaseError(f"Cell {grade_id}: there is no problem {name!r} for this check.")
        if name in problems and cell.source.strip().splitlines()[-1:] != [f'check("{name}")']:
            raise ReleaseError(f'Cell {grade_id}: its last line must be check("{name}").')
        if name in problems and cell.metadata.nbgrader.points != problems[name].maximum:
            given, due = cell.metadata.nbgrader.points, problems[name].maximum
            raise ReleaseError(f"Cell {grade_id}: it says {given} points, its problem {due}; leave them out here.")
    for name in problems:
        if PREFIX + name not in graders:
            raise ReleaseError(f"Problem {name}: there is no check cell with the grade_id {PREFIX + name}.")
        if name not in answers:
            raise ReleaseError(f"Problem {name}: there is no solution cell with the grade_id {name}.")
    total = sum(cell.metadata.nbgrader.points for cell in graders.values())
    if total != TOTAL:
        raise ReleaseError(f"The points of all cells add up to {total:g}; they must add up to {TOTAL}.")


def _generate(word: str, source: NotebookNode, root: Path) -> Path:
    """Write the source notebook under `root` and let nbgrader make the release notebook from it."""
    nbgrader = nbgrader_at(root)
    folder = Path(nbgrader.coursedir.format_path(nbgrader.coursedir.source_directory, ".", word))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nbformat.write(source, folder / f"{word}.ipynb")
    result = nbgrader.generate_assignment(word)
    if not result["success"]:
        raise ReleaseError(f"nbgrader could not generate the assignment {word}:\n{result['error'] or result['log']}")
    release_folder = nbgrader.coursedir.format_path(nbgrader.coursedir.release_directory, ".", word)
    return Path(release_folder).resolve() / f"{word}.ipynb"


def _verify(source: NotebookNode, stub: Path) -> None:
    for cell in run(source):
        errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        if errors:
            raise ReleaseError(f"Cell {cell.id}: the solution fails with {errors[0].ename}: {errors[0].evalue}")
        earned, points = _grade(cell)
        if earned is not None and earned != points:
            raise ReleaseError(f"Cell {cell.id}: the solution earns {earned:g} of {points:g} points.\n{_text(cell)}")
    for cell in run(nbformat.read(stub, as_version=4)):
        earned, _ = _grade(cell)
        if earned:
            raise ReleaseError(f"Cell {cell.id}: the stub earns {earned:g} points; it must earn none.")


def run(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells of `notebook` after running them as nbgrader does: on, past errors."""
    notebook = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=120,
            allow_errors=True,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": folder}},
        ).execute()
    return notebook.cells


def _grade(cell: NotebookNode) -> tuple[float | None, float]:
    """Points earned (None where a person must read) and points possible, as nbgrader counts them."""
    if not is_grade(cell) or is_solution(cell):
        return None, 0.0
    return determine_grade(cell, logging.getLogger(__name__))


def _text(cell: NotebookNode) -> str:
    return "\n".join(str(o.get("data", {}).get("text/html", o.get("text", ""))) for o in cell.outputs)
