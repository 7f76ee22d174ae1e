"""The student's own check: runs in the notebook's process, on public cases, and shows one small table."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType
from typing import Any
from urllib.parse import quote

from autograder.calls.kinds import backward
from autograder.calls.run import forget_warnings
from autograder.devices import device
from autograder.digest import ROOT
from autograder.judge import Exam, Verdict, asks_for_forward, grade, with_forward
from autograder.problem import Problem
from autograder.problems import chapter_of, find_problem, problems
from autograder.rules.search import broken
from autograder.rules.sources import Sources
from autograder.shown import Look, cells_run
from autograder.table import Line, Overview, Report

# Grading draws other cases: a function that passes only these is not right for all inputs.
PUBLIC_SEED = 0

# The last verdict on each function, and the function that it is about.
_verdicts: dict[str, tuple[Verdict, Any]] = {}

_HEADING = re.compile(r"^#{2,6} +(.+?) *$", re.MULTILINE)
_LESSON = re.compile(r"^In the book:\s\[([^\]]+)\]\(([^)\s]+)\)", re.MULTILINE)


def check(name: str | None = None) -> Report | Overview:
    """Run all cases of the problem `name` on the functions of the calling notebook.

    As the last line of a cell it shows a table, and ``check("…").case("…")`` one case. Without a name, the points so
    far. Where nbgrader runs the notebook, the text form of the result is the score, from 0 to the problem's points: it
    is read as partial credit.
    """
    functions = sys._getframe(1).f_globals
    if name is None:
        return _so_far(functions)
    problem = find_problem(name) if isinstance(name, str) else None
    if problem is None:
        if getattr(name, "__name__", None) in problems():
            return Report.of_note(f'A check is called with the name of the function: check("{name.__name__}").')
        near = get_close_matches(str(name), problems(), n=1)
        return Report.of_note(
            f"There is no problem {name!r}; " + (f"did you mean {near[0]!r}?" if near else "see the text.")
        )
    forget_warnings()
    exam = Exam(problem, PUBLIC_SEED, device())
    verdict = _verdict(exam, functions)
    _verdicts[problem.name] = verdict, functions.get(problem.name)
    return Report.of_verdict(verdict, Look(problem, PUBLIC_SEED, exam.device, functions))


def _verdict(exam: Exam, functions: Mapping[str, Any]) -> Verdict:
    problem = exam.problem
    rule = broken(Sources(cells_run(functions)), problem)
    if rule:
        return exam.refuse(rule)
    verdict = exam.grade(functions)
    if problem.call is backward and asks_for_forward(verdict):
        forward = find_problem(problem.forward)
        verdict = with_forward(verdict, grade(forward, functions, PUBLIC_SEED, device()))
    return verdict


def _so_far(functions: Mapping[str, Any]) -> Overview:
    """The points of the checks that were made, for the problem set that this notebook is about."""
    defined = (name for name, value in functions.items() if isinstance(value, FunctionType | type))
    found = next(filter(None, map(find_problem, [*reversed(_verdicts), *defined])), None)
    if found is None:
        return Overview("No function of a problem set is defined here: run the cells of the notebook first.")
    word, chapter = chapter_of(found)
    places = dict(_places(word))
    lines = [_line(problem, functions, places.get(problem.name, {})) for problem in chapter]
    earned, possible = sum(line.earned or 0.0 for line in lines), sum(line.points for line in lines)
    return Overview(f"{word}: {earned:g} of {possible:g} points so far", lines)


def _line(problem: Problem, functions: Mapping[str, Any], places: Mapping[str, Any]) -> Line:
    verdict, judged = _verdicts.get(problem.name, (None, None))
    if verdict is None:
        return Line(problem.name, problem.maximum, None, "not checked yet", **places)
    changed = functions.get(problem.name) is not judged
    return Line(problem.name, problem.maximum, verdict.score, "defined anew since" if changed else "", **places)


def _places(word: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where the text and the lesson of each function are, if the repository is here: headings and links before it."""
    exercise = ROOT / "exercises" / word / f"{word}.ipynb"
    if not exercise.is_file():
        return
    # JupyterLab follows a heading behind a notebook's name alone, and tells the kernel that name.
    notebook = quote(Path(os.environ.get("JPY_SESSION_NAME", f"{word}.ipynb")).name)
    places: dict[str, Any] = {}
    for cell in json.loads(exercise.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for heading in _HEADING.findall(source):
                text = re.sub(r"[`*]", "", heading)
                places["heading"] = text, f"{notebook}#{text.replace(' ', '-')}"
            for lesson in _LESSON.findall(source):
                places["lesson"] = lesson
        elif cell["metadata"].get("nbgrader", {}).get("solution"):
            yield cell["metadata"]["nbgrader"]["grade_id"], dict(places)
