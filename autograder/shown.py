"""One case of a check, for the student to look at: the arguments, what came, and what was expected."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy
import torch

from autograder.calls.case import Case, NamedFunction, prepare
from autograder.calls.kinds import RAISING
from autograder.calls.outcome import Outcome, shorten
from autograder.calls.run import run
from autograder.compare import breach, find, quantities
from autograder.judge import Exam
from autograder.rules.search import broken
from autograder.rules.sources import Sources

# Values of a tensor that are all written out; of a larger one its corners.
MOST = 60

# Seconds of computing after which a call that is only looked at is stopped.
LONGEST = 20.0

_STYLE = "text-align: left; vertical-align: top; padding: 0.25em 1em 0.25em 0"


@dataclass(frozen=True)
class ShownCase:
    """A case and what a function gave in it.

    arguments  what the function was called with, by name; of a backward function `dout` is the last
    got        what came, by name; empty where nothing did, and `finding` says why
    expected   what was expected, by name
    finding    what is wrong, in a sentence; None if nothing is
    """

    name: str
    criterion: str
    arguments: Mapping[str, Any]
    got: Mapping[str, Any]
    expected: Mapping[str, Any]
    finding: str | None

    def __repr__(self) -> str:
        parts = [self._title()]
        for what, values in self._parts():
            parts += [f"{what}{name} = {_indented(as_text(value))}" for name, value in values.items()]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        rows = [
            _row(f"{what}{name}", as_text(value)) for what, values in self._parts() for name, value in values.items()
        ]
        return f"<p><strong>{html.escape(self._title())}</strong></p><table>{''.join(rows)}</table>"

    def _parts(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        return ("", self.arguments), ("what came: ", self.got), ("expected: ", self.expected)

    def _title(self) -> str:
        return f"{self.name} ({self.criterion}): {(self.finding or 'right').removeprefix(f'{self.name}: ')}"


@dataclass(frozen=True)
class NoCase:
    """There is no such case; the message names those that there are."""

    message: str

    def __repr__(self) -> str:
        return self.message


class Look:
    """Looks at the cases of a problem, with the functions of a notebook as they are when it is asked.

    Nothing is kept: a notebook remembers the result of every cell.
    """

    def __init__(self, exam_of: Callable[[], Exam], functions: Mapping[str, Any]):
        self._exam_of, self._functions = exam_of, functions

    def __call__(self, name: str | None = None) -> ShownCase | NoCase:
        """The case `name`, or the first that fails; the function is called anew."""
        exam = self._exam_of()
        cases = exam.cases
        if name is None:
            slow = " How long a call takes is not measured here." if any(case.timed for case in cases) else ""
            looked_at = (self._shown(exam, i) for i in range(len(cases)))
            return next((shown for shown in looked_at if shown.finding), NoCase(f"No case fails.{slow}"))
        found = next((i for i, case in enumerate(cases) if case.name == name), None)
        if found is not None:
            return self._shown(exam, found)
        names = list(dict.fromkeys(case.name for case in cases))
        near = get_close_matches(str(name), names, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        return NoCase(f"There is no case {name!r}. {meant}The cases are: {'; '.join(names)}.")

    def _shown(self, exam: Exam, i: int) -> ShownCase:
        problem, case, expected = exam.problem, exam.cases[i], exam.expected_of(i)
        rule = broken(Sources(cells_run(self._functions)), problem)
        outcome = Outcome(None, rule, ()) if rule else run(problem, _patient(case), self._functions, exam.device)
        finding = find(problem, case, outcome, expected) or breach(problem, case, outcome, expected)
        got: dict[str, Any] = {}
        if outcome.outputs is not None:
            got = dict(zip(problem.labels, (output.values for output in outcome.outputs), strict=True))
        right = dict(zip(problem.labels, expected.outputs, strict=True))
        if problem.call in RAISING:
            # That nothing is raised is not worth a line.
            got, right = (
                {name: value for name, value in shown.items() if name != problem.labels[0] or value}
                for shown in (got, right)
            )
        if problem.measured is not None:
            got |= quantities(problem, case, outcome, expected)
            right = dict(zip(problem.measured.labels, (target.value for target in expected.measured), strict=True))
        return ShownCase(case.name, case.criterion, _arguments(case, exam.device), got, right, finding)


def cells_run(functions: Mapping[str, Any]) -> list[str]:
    """What was run in a notebook, as IPython keeps it. Outside of a notebook there is nothing to be read."""
    kept = functions.get("In")
    return [cell for cell in kept if isinstance(cell, str)] if isinstance(kept, list) else []


def _patient(case: Case) -> Case:
    """A case to be looked at: it is called once, and not for ever."""
    return replace(case, timed=False, limit=LONGEST)


def _arguments(case: Case, device: torch.device) -> dict[str, Any]:
    """What the function is called with, fresh; a function that it is given has a name here."""
    prepared = prepare(case, device)
    return {
        name: f"the function {case.arguments[name].name}"
        if isinstance(case.arguments.get(name), NamedFunction)
        else value
        for name, value in prepared.items()
    }


def as_text(value: Any) -> str:
    """A value as it is shown: of a tensor its type, its shape and its numbers, of a large one those in its corners."""
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        numbers = value.detach().cpu()
        numbers = (numbers.float() if value.dtype == torch.bfloat16 else numbers).numpy()
        if not value.dim():
            return f"{numbers!s} ({kind})"
        written = numpy.array2string(numbers, threshold=MOST, edgeitems=2, precision=5, separator=", ")
        return f"{kind}, shape {tuple(value.shape)}\n{written}"
    if isinstance(value, torch.Generator):
        return f"a generator with the seed {value.initial_seed()}"
    if isinstance(value, Mapping):
        return "\n".join(f"{name!r}: {_indented(as_text(item))}" for name, item in value.items()) or "{}"
    if isinstance(value, list | tuple) and any(isinstance(item, torch.Tensor) for item in value):
        return "\n".join(f"[{i}]: {_indented(as_text(item))}" for i, item in enumerate(value))
    return value if isinstance(value, str) and value.startswith("the function ") else shorten(repr(value), 1_000)


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _row(name: str, text: str) -> str:
    return (
        f'<tr><th style="{_STYLE}; white-space: nowrap">{html.escape(name)}</th>'
        f'<td style="{_STYLE}"><pre style="margin: 0; background: none">{html.escape(text)}</pre></td></tr>'
    )
