"""The student's own check: runs in the notebook's process, on public cases, and shows one small table."""

import sys
from difflib import get_close_matches

from autograder.calls.kinds import backward
from autograder.devices import device
from autograder.judge import Exam, asks_for_forward, grade, with_forward
from autograder.problems import find_problem, problems
from autograder.rules.search import broken
from autograder.rules.sources import Sources
from autograder.table import Report

# Grading draws other cases: a function that passes only these is not right for all inputs.
PUBLIC_SEED = 0


def check(name: str) -> Report:
    """Run all cases of the problem `name` on the functions of the calling notebook.

    As the last line of a cell it shows a table. The text form of the result is the score, from 0 to the problem's
    points: nbgrader reads it as partial credit.
    """
    problem = find_problem(name) if isinstance(name, str) else None
    if problem is None:
        if getattr(name, "__name__", None) in problems():
            return Report.of_note(f'A check is called with the name of the function: check("{name.__name__}").')
        near = get_close_matches(str(name), problems(), n=1)
        return Report.of_note(
            f"There is no problem {name!r}; " + (f"did you mean {near[0]!r}?" if near else "see the text.")
        )
    functions = sys._getframe(1).f_globals
    # What was run, as IPython keeps it. Outside of a notebook there is nothing to be read.
    kept = functions.get("In")
    cells = [cell for cell in kept if isinstance(cell, str)] if isinstance(kept, list) else []
    rule = broken(Sources(cells), problem)
    if rule:
        return Report.of_verdict(Exam(problem, PUBLIC_SEED, device()).refuse(rule))
    verdict = grade(problem, functions, PUBLIC_SEED, device())
    if problem.call is backward and asks_for_forward(verdict):
        forward = find_problem(problem.forward)
        verdict = with_forward(verdict, grade(forward, functions, PUBLIC_SEED, device()))
    return Report.of_verdict(verdict)
