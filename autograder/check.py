"""The student's own check: runs in the notebook's process, on public cases, and shows one small table."""

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from urllib.parse import quote

from autograder.calls.kinds import backward
from autograder.calls.run import forget_warnings
from autograder.devices import device
from autograder.judge import Exam, Verdict, asks_for_forward, with_forward
from autograder.problem import Judged
from autograder.rules.search import broken
from autograder.rules.sources import Sources
from autograder.shown import Look, cells_run
from autograder.table import Line, Overview, Report

# The last verdict on each function, and the function that it is about.
_verdicts: dict[str, tuple[Verdict, Any]] = {}


def check(name: str | None = None) -> Report | Overview:
    """Run all cases of the problem `name` on the functions of the calling notebook.

    As the last line of a cell it shows a table, and ``check("…").case("…")`` one case. Without a name, the points so
    far. Where nbgrader runs the notebook, the text form of the result is the score, from 0 to the problem's points: it
    is read as partial credit.
    """
    functions, exams = sys._getframe(1).f_globals, _exams()
    if name is None:
        return _so_far(functions)
    problem = exams.find_problem(name) if isinstance(name, str) else None
    if problem is None:
        if getattr(name, "__name__", None) in exams.names():
            return Report.of_note(f'A check is called with the name of the function: check("{name.__name__}").')
        near = get_close_matches(str(name), exams.names(), n=1)
        return Report.of_note(
            f"There is no problem {name!r}; " + (f"did you mean {near[0]!r}?" if near else "see the text.")
        )
    forget_warnings()
    exam_of = partial(exams.exam_of, problem, device())
    verdict = _verdict(exam_of(), functions)
    _verdicts[problem.name] = verdict, functions.get(problem.name)
    return Report.of_verdict(verdict, Look(exam_of, functions))


@cache
def _exams() -> ModuleType:
    """Where exams come from: the course draws them, and a handout has them recorded and nothing that could draw."""
    if find_spec("autograder.drawn"):
        from autograder import drawn

        return drawn
    from autograder import recorded

    return recorded


def _verdict(exam: Exam, functions: Mapping[str, Any]) -> Verdict:
    problem = exam.problem
    rule = broken(Sources(cells_run(functions)), problem)
    if rule:
        return exam.refuse(rule)
    verdict = exam.grade(functions)
    if problem.call is backward and asks_for_forward(verdict):
        forward = _exams().find_problem(problem.forward)
        verdict = with_forward(verdict, _exams().exam_of(forward, exam.device).grade(functions))
    return verdict


def _so_far(functions: Mapping[str, Any]) -> Overview:
    """The points of the checks that were made, for the problem set that this notebook is about."""
    exams, defined = _exams(), (name for name, value in functions.items() if isinstance(value, FunctionType | type))
    found = next(filter(None, map(exams.find_problem, [*reversed(_verdicts), *defined])), None)
    if found is None:
        return Overview("No function of a problem set is defined here: run the cells of the notebook first.")
    word, chapter = exams.chapter_of(found)
    places = exams.places(word)
    lines = [_line(problem, functions, word, places.get(problem.name, {})) for problem in chapter]
    earned, possible = sum(line.earned or 0.0 for line in lines), sum(line.points for line in lines)
    return Overview(f"{word}: {earned:g} of {possible:g} points so far", lines)


def _line(problem: Judged, functions: Mapping[str, Any], word: str, places: Mapping[str, tuple[str, str]]) -> Line:
    if "heading" in places:
        # JupyterLab follows a heading behind a notebook's name alone, and tells the kernel that name.
        text, anchor = places["heading"]
        notebook = quote(Path(os.environ.get("JPY_SESSION_NAME", f"{word}.ipynb")).name)
        places = {**places, "heading": (text, notebook + anchor)}
    verdict, judged = _verdicts.get(problem.name, (None, None))
    if verdict is None:
        return Line(problem.name, problem.maximum, None, "not checked yet", **places)
    changed = functions.get(problem.name) is not judged
    return Line(problem.name, problem.maximum, verdict.score, "defined anew since" if changed else "", **places)
