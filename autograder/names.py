"""What stands in notebooks: names, verdicts, and Python of students, for whoever reads one without loading torch."""

import ast
import warnings
from collections.abc import Mapping
from typing import Any

# What the grade_id of a check begins with; the name of its problem follows.
PREFIX = "check_"

# The type of the output that holds a verdict as data.
MIME = "application/vnd.autograder.verdict+json"


def verdict_in(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """The verdict that a cell of a notebook shows, as data; nothing where it shows none.

    It is the last thing that a check shows. Only what stands in a grade cell is the grader's own: whoever reads what a
    student has handed in asks for such.
    """
    shown = [output.get("data", {}).get(MIME) for output in cell.get("outputs", ())]
    return next(filter(None, reversed(shown)), {})


def tree_of(source: str) -> ast.Module:
    """What a student wrote, as a tree. Raises what `ast.parse` does.

    Python's opinion of it, of an escape for example, is not for whoever grades: from 3.12 on it is shown to everybody.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)
