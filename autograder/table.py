"""A verdict as people read it: the table of a notebook and of the feedback page, and the same table as text."""

import html
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autograder.judge import Criterion, Verdict
from autograder.names import MIME

_STYLE = "text-align: left; vertical-align: top; padding: 0.25em 1em 0.25em 0"
_STYLES = (f"{_STYLE}; white-space: nowrap", f"{_STYLE}; white-space: nowrap", _STYLE)


@dataclass(frozen=True)
class Report:
    """What a check shows: a table, in HTML where that can be shown, and as text elsewhere.

    `look` shows what one case gave, if there are any.
    """

    score: float
    title: str
    criteria: tuple[Criterion, ...] = ()
    hint: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    look: Callable[[str | None], Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_verdict(cls, verdict: Verdict, look: Callable[[str | None], Any] | None = None) -> "Report":
        title = f"{verdict.problem}: {verdict.score:g} of {verdict.maximum:g} points"
        report = cls(verdict.score, title, verdict.criteria, verdict.hint, look=look)
        criteria = [
            {"name": c.name, "points": c.points, "earned": c.earned, "message": report._what(c)}
            for c in verdict.criteria
        ]
        record = {"problem": verdict.problem, "score": verdict.score, "mistake": verdict.mistake}
        return replace(report, record=record | {"criteria": criteria, "hint": verdict.hint})

    @classmethod
    def of_grading(cls, verdict: Verdict, limit: str | None = None) -> "Report":
        """As `of_verdict`, with a record that says everything: for the report of the class, and for other systems.

        `limit` is the sentence about the limit that the function met, if it met one.
        """
        report = cls.of_verdict(verdict)
        more = {"maximum": verdict.maximum, "limit": limit, "sketch": verdict.sketch}
        return replace(report, record={**report.record, **more})

    @classmethod
    def of_note(cls, note: str) -> "Report":
        return cls(0.0, note)

    def case(self, name: str | None = None) -> Any:
        """One case of the check: its arguments, what came, and what was expected; without a name the first that failed.

        The cases are those of the check in a notebook. Grading draws others, which are never shown.
        """
        return self.look(name) if self.look else self

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        rows = [f"{_mark(c)} {c.name:12} {_points(c):>7}  {self._what(c)}".rstrip() for c in self.criteria]
        return "\n".join([self.title, *rows, *([f"Hint: {self.hint}"] if self.hint else [])])

    def _repr_html_(self) -> str:
        cells = [(f"{_mark(c)} {c.name}", _points(c), self._what(c)) for c in self.criteria]
        head = _row("th", ("criterion", "points", "what went wrong")) if cells else ""
        table = f"<table>{head}{''.join(_row('td', row) for row in cells)}</table>" if cells else ""
        hint = f"<p><strong>Hint:</strong> {html.escape(self.hint)}</p>" if self.hint else ""
        return f"<p><strong>{html.escape(self.title)}</strong></p>{table}{hint}"

    def _what(self, criterion: Criterion) -> str:
        """What went wrong; before the first criterion is met, that one is what there is to do."""
        if criterion.earned == criterion.points:
            return ""
        first = self.criteria[0]
        if criterion is not first and first.earned < first.points:
            return f"Counts once the {first.name} are right."
        more = len(set(criterion.findings)) - 1
        also = f"({more} more {'case' if more == 1 else 'cases'} failed.)" if more else ""
        return " ".join(filter(None, [criterion.findings[0], also, criterion.note]))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        # nbgrader reads partial credit from the text of a result, where it runs a notebook itself.
        text = str(self.score) if "NBGRADER_EXECUTION" in os.environ else str(self)
        return {"text/plain": text, "text/html": self._repr_html_(), MIME: dict(self.record)}


@dataclass(frozen=True)
class Line:
    """One function in the table of all: its points, if it was checked, and the place of its text and of its lesson."""

    name: str
    points: float
    earned: float | None = None
    note: str = ""
    heading: tuple[str, str] | None = None
    lesson: tuple[str, str] | None = None


@dataclass(frozen=True)
class Overview:
    """The points so far, a line for each function."""

    title: str
    lines: Sequence[Line] = ()

    def __repr__(self) -> str:
        width = max((len(line.name) for line in self.lines), default=0)
        rows = [f"{_sign(line)} {line.name:{width}} {_so_far(line):>7}  {line.note}".rstrip() for line in self.lines]
        return "\n".join([self.title, *rows])

    def _repr_html_(self) -> str:
        head = _row("th", ("function", "points", "where to read")) if self.lines else ""
        rows = "".join(_html_line(line) for line in self.lines)
        return f"<p><strong>{html.escape(self.title)}</strong></p><table>{head}{rows}</table>"


def _html_line(line: Line) -> str:
    links = [
        f'<a href="{html.escape(address)}">{html.escape(text)}</a>'
        for text, address in filter(None, (line.heading, line.lesson))
    ]
    cells = (
        html.escape(f"{_sign(line)} {line.name}"),
        _so_far(line),
        " · ".join([html.escape(line.note)] * bool(line.note) + links),
    )
    return f"<tr>{''.join(map(_cell, ('td',) * 3, cells, _STYLES))}</tr>"


def _sign(line: Line) -> str:
    return "·" if line.earned is None else "✓" if line.earned == line.points else "✗"


def _so_far(line: Line) -> str:
    return f"{'–' if line.earned is None else f'{line.earned:g}'} / {line.points:g}"


def _row(tag: str, texts: Sequence[str]) -> str:
    return (
        f"<tr>{''.join(_cell(tag, html.escape(text), style) for text, style in zip(texts, _STYLES, strict=True))}</tr>"
    )


def _cell(tag: str, content: str, style: str) -> str:
    return f'<{tag} style="{style}">{content}</{tag}>'


def _mark(criterion: Criterion) -> str:
    return "✓" if criterion.earned == criterion.points else "✗"


def _points(criterion: Criterion) -> str:
    return f"{criterion.earned:g} / {criterion.points:g}"
