"""What the instructor wants to know of a class, counted: who lost points where, and by which mistake."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from autograder.grading.graded import Answer, Class, Member, Task

# Fewer students say nothing about how a problem tells them apart.
FEW = 10


@dataclass(frozen=True)
class Misconception:
    """A known mistake in a problem, its hint, and who made it."""

    name: str
    hint: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Unknown:
    """Wrong results that look alike and that no known mistake explains, and who returned them."""

    findings: tuple[str, ...]
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Picture:
    """What a class made of one task.

    points          of everybody who handed in, in order
    stands          how many have everything, a part, nothing, have not begun, or are to be read
    discrimination  correlation between the points here and those for everything else; None where it says nothing
    misconceptions  the known mistakes, the commonest first
    alike           unknown mistakes that several share, the commonest first
    alone           who has a wrong result that nobody else has
    waiting         whose result is wrong because another function is, that of the hint
    limits          who lost points at a limit, and what was said
    slow            who lost points for speed alone
    """

    task: Task
    points: tuple[float, ...]
    stands: Mapping[str, int]
    discrimination: float | None
    misconceptions: tuple[Misconception, ...]
    alike: tuple[Unknown, ...]
    alone: tuple[Member, ...]
    waiting: tuple[Misconception, ...]
    limits: tuple[tuple[Member, str], ...]
    slow: tuple[Member, ...]

    @property
    def mean(self) -> float:
        return sum(self.points) / len(self.points) if self.points else 0.0


def pictures(of: Class) -> list[Picture]:
    """What the class made of each task."""
    return [_picture(of, task) for task in of.tasks]


def lost(answer: Answer, task: Task) -> bool:
    """Whether points are lost, for good: not those that a person has still to give."""
    return not answer.unread and answer.points < task.points


def _picture(of: Class, task: Task) -> Picture:
    rows = [(member, member.answers[task]) for member in of.handed_in]
    known: dict[tuple[str, str], list[Member]] = {}
    waiting: dict[str, list[Member]] = {}
    sketched: list[tuple[Member, Answer]] = []
    for member, answer in rows:
        record = answer.record
        mistake, hint = record.get("mistake"), record.get("hint") or ""
        if mistake:
            known.setdefault((mistake, hint), []).append(member)
        elif hint:
            waiting.setdefault(hint, []).append(member)
        elif record.get("sketch") and answer.begun and not record.get("limit"):
            sketched.append((member, answer))
    groups = _groups(sketched)
    return Picture(
        task,
        tuple(sorted(answer.points for _, answer in rows)),
        Counter(_standing(task, answer) for _, answer in rows),
        _discrimination(of, task),
        _by_size(Misconception(name, hint, tuple(members)) for (name, hint), members in known.items()),
        _by_size(group for group in groups if len(group.members) > 1),
        tuple(group.members[0] for group in groups if len(group.members) == 1),
        _by_size(Misconception("", hint, tuple(members)) for hint, members in waiting.items()),
        tuple((member, answer.record["limit"]) for member, answer in rows if answer.record.get("limit")),
        tuple(member for member, answer in rows if _only_slow(answer)),
    )


def _standing(task: Task, answer: Answer) -> str:
    if answer.points >= task.points and not answer.unread:
        return "everything"
    if not answer.begun:
        return "not begun"
    if answer.unread:
        return "to be read"
    return "a part" if answer.points > 0 else "nothing"


def _by_size(found: Iterable[Any]) -> tuple:
    return tuple(sorted(found, key=lambda one: -len(one.members)))


def _only_slow(answer: Answer) -> bool:
    criteria = answer.record.get("criteria") or ()
    return [c["name"] for c in criteria if c["earned"] < c["points"]] == ["speed"]


def _discrimination(of: Class, task: Task) -> float | None:
    """The correlation over everybody who handed in; None for few, and where all have the same."""
    here = numpy.array([member.answers[task].points for member in of.handed_in])
    rest = numpy.array([sum(answer.points for answer in member.answers.values()) for member in of.handed_in])
    if len(here) < FEW:
        return None
    rest = rest - here
    if numpy.ptp(here) == 0 or numpy.ptp(rest) == 0:
        return None
    return float(numpy.corrcoef(here, rest)[0, 1])


def _groups(answers: Sequence[tuple[Member, Answer]]) -> list[Unknown]:
    """The answers by what they returned: each is like the first of its group."""
    groups: list[tuple[Answer, list[Member]]] = []
    for member, answer in answers:
        for first, members in groups:
            if alike(first.record["sketch"], answer.record["sketch"]):
                members.append(member)
                break
        else:
            groups.append((answer, [member]))
    return [Unknown(tuple(first.findings), tuple(members)) for first, members in groups]


def alike(a: Mapping[str, Any], b: Mapping[str, Any], share: float = 1e-3) -> bool:
    """Whether two sketches are of the same wrong result: numbers may differ by a `share` of the output's length."""
    return a.keys() == b.keys() and all(_alike(a[name], b[name], share) for name in a)


def _alike(ours: list[Any], theirs: list[Any], share: float) -> bool:
    if len(ours) != len(theirs):
        return False
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(one, str) or isinstance(other, str) or one[:2] != other[:2]:
            if one != other:
                return False
        elif any(abs(x - y) > share * max(one[2], other[2]) for x, y in zip(one[2:], other[2:], strict=True)):
            return False
    return True


def counts(points: Sequence[float], maximum: float, most: int = 9) -> list[tuple[float, float, int]]:
    """How many have how many points: (from, to, count), a row for each number of points or for each of equal steps."""
    counted = Counter(points)
    if len(counted) <= most:
        return [(value, value, count) for value, count in sorted(counted.items())]
    top = max(maximum, *points)
    edges = numpy.linspace(0, top, most + 1)
    found, _ = numpy.histogram(points, edges)
    return [(float(a), float(b), int(n)) for a, b, n in zip(edges[:-1], edges[1:], found, strict=True)]
