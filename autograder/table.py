"""A verdict as people read it: the table of a notebook and of the feedback page; as text, the score alone."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autograder.judge import Criterion, Verdict
from autograder.marks import MIME

_STYLE = "text-align: left; vertical-align: top; padding: 0.25em 1em 0.25em 0"


@dataclass(frozen=True)
class Report:
    """What a check shows: ``repr`` is the score, ``str`` the table as text, the notebook's form the table in HTML."""

    score: float
    title: str
    criteria: tuple[Criterion, ...] = ()
    hint: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_verdict(cls, verdict: Verdict) -> "Report":
        record = {"problem": verdict.problem, "score": verdict.score, "mistake": verdict.mistake}
        title = f"{verdict.problem}: {verdict.score:g} of {verdict.maximum:g} points"
        return cls(verdict.score, title, verdict.criteria, verdict.hint, record)

    @classmethod
    def of_grading(cls, verdict: Verdict, limit: str | None = None) -> "Report":
        """As `of_verdict`, with a record that says everything: for the report of the class, and for other systems.

        `limit` is the sentence about the limit that the function met, if it met one.
        """
        report = cls.of_verdict(verdict)
        criteria = [
            {"name": c.name, "points": c.points, "earned": c.earned, "message": report._what(c)}
            for c in verdict.criteria
        ]
        more = {"maximum": verdict.maximum, "hint": verdict.hint, "criteria": criteria, "limit": limit}
        return replace(report, record={**report.record, **more, "sketch": verdict.sketch})

    @classmethod
    def of_note(cls, note: str) -> "Report":
        return cls(0.0, note)

    def __repr__(self) -> str:
        return str(self.score)

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
        return {"text/plain": repr(self), "text/html": self._repr_html_(), MIME: dict(self.record)}


def _row(tag: str, texts: tuple[str, ...]) -> str:
    styles = (f"{_STYLE}; white-space: nowrap", f"{_STYLE}; white-space: nowrap", _STYLE)
    cells = (f'<{tag} style="{s}">{html.escape(t)}</{tag}>' for s, t in zip(styles, texts, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _mark(criterion: Criterion) -> str:
    return "✓" if criterion.earned == criterion.points else "✗"


def _points(criterion: Criterion) -> str:
    return f"{criterion.earned:g} / {criterion.points:g}"
