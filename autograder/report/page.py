"""The report written: a page of the class, a page for each student of what to repeat, and tables for a spreadsheet."""

import ast
import csv
import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from autograder.grading.export import as_text
from autograder.grading.graded import Answer, Class, Member, Task
from autograder.grading.intake import printable
from autograder.grading.settings import SEED
from autograder.grading.systems import folder_name
from autograder.names import tree_of
from autograder.report import figures
from autograder.report.book import Section, place_of_book, section_of
from autograder.report.copies import Pair
from autograder.report.measure import Picture, lost, pictures

HERE = Path(__file__).parent
# What of an example is shown: lines, and characters of a line.
LINES, WIDE = 60, 160
EXAMPLES = 2
# Groups of unknown wrong results of one problem that are shown with their sources.
SHOWN = 8
TABLES = ("problems", "mistakes", "students")
# Pairs of answers that are alike.
PAIRS = 50


@dataclass(frozen=True)
class Names:
    """What each student is called on the pages, and the file of their own page; by id."""

    called: dict[str, str]
    files: dict[str, str]
    hidden: dict[str, re.Pattern[str]]

    @classmethod
    def of(cls, members: Iterable[Member], anonymous: bool, root: Path) -> "Names":
        """Names as they are; or numbers, in an order that only who has the grading seed can know."""
        people = {member.id: member for member in members}
        order = sorted(people, key=_shuffled(root)) if anonymous else sorted(people)
        numbers = {id: number for number, id in enumerate(order, start=1)}
        digits = len(str(len(order)))
        files = {id: f"{number:0{digits}}.html" for id, number in numbers.items()}
        if anonymous:
            called = {id: f"student {number}" for id, number in numbers.items()}
            return cls(called, files, {id: _naming(people[id]) for id in people})
        return cls({id: _full_name(people[id]) for id in people}, files, {})

    def ordered(self, members: Iterable[Member]) -> list[Member]:
        """The members by their numbers, which are those of the roster unless names are left out."""
        return sorted(members, key=lambda member: self.files[member.id])

    def without(self, member: Member, text: str) -> str:
        """A text about a member, without the name where names are left out."""
        pattern = self.hidden.get(member.id)
        return pattern.sub("…", text) if pattern else text


def write_report(
    classes: Sequence[Class], root: Path, folder: Path, book: str | None, anonymous: bool, tables: bool
) -> Path:
    """Write the report of the assignments into `folder`, what an earlier one left there removed; return its page."""
    names = Names.of((member for of in classes for member in of.members), anonymous, root)
    (folder / "students").mkdir(parents=True, exist_ok=True)
    for old in (*(folder / "students").glob("*.html"), *(folder / f"{name}.csv" for name in TABLES)):
        # Nothing but what a report writes: the folder may hold something else.
        if old.suffix == ".csv" or old.stem.isdigit():
            old.unlink(missing_ok=True)
    parts = [_Part(of, pictures(of), f"a{number}") for number, of in enumerate(classes, start=1)]
    templates = _templates(names)
    pages = place_of_book(book, folder)
    text = templates.get_template("class.html").render(parts=parts, book=pages, names=names)
    page = folder / "index.html"
    page.write_text(text, encoding="utf-8")
    template = templates.get_template("student.html")
    pages = place_of_book(book, folder / "students")
    for id, file in names.files.items():
        rows = [(of.assignment, member) for of in classes for member in of.members if member.id == id]
        mine = [(assignment, member, _to_repeat(member)) for assignment, member in rows]
        (folder / "students" / file).write_text(
            template.render(rows=mine, called=names.called[id], book=pages), encoding="utf-8"
        )
    if tables:
        _write_tables(folder, parts, names)
    return page


def write_copies(of: Class, found: Sequence[Pair], root: Path, folder: Path) -> Path:
    """Write the page of answers that are alike; return it."""
    names = Names.of(of.members, False, root)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"alike-{folder_name(of.assignment)}.html"
    text = (
        _templates(names)
        .get_template("copies.html")
        .render(assignment=of.assignment, found=found[:PAIRS], left_out=len(found[PAIRS:]))
    )
    page.write_text(text, encoding="utf-8")
    return page


def _marked(pair: Pair, task: Task, which: int) -> list[tuple[bool, str]]:
    """The lines of one student's answer, and whether each belongs to what both have."""
    lines = pair.members[which].answers[task].source.rstrip().split("\n")
    marked = pair.lines[task][which]
    return [(n in marked, printable(line.expandtabs(4))[:WIDE]) for n, line in enumerate(lines[:LINES], start=1)]


@dataclass(frozen=True)
class _Part:
    """One assignment on the page; `name` begins the names of its anchors and figures."""

    of: Class
    pictures: list[Picture]
    name: str

    @property
    def overview(self) -> str:
        return figures.overview(self.pictures, f"{self.name}-all")

    @property
    def totals(self) -> str:
        points = sorted(member.points for member in self.of.handed_in)
        return figures.histogram(points, self.of.maximum, f"{self.name}-sum", _told(points, self.of.maximum))

    def histogram(self, picture: Picture, number: int) -> str:
        what = _told(picture.points, picture.task.points)
        return figures.histogram(picture.points, picture.task.points, f"{self.name}-{number}", what)


@dataclass(frozen=True)
class Repeat:
    """Something to look at again: what was lost, why, and where the book teaches it."""

    name: str
    points: float
    maximum: float
    begun: bool
    findings: tuple[str, ...]
    hint: str
    section: Section | None


def _to_repeat(member: Member) -> list[Repeat]:
    """Where the member lost points, in the order of the notebook; nothing, where nothing was handed in."""
    return [
        Repeat(
            task.name, answer.points, task.points, answer.begun, tuple(answer.findings),
            str(answer.record.get("hint") or ""), section_of(task.name),
        )
        for task, answer in (member.answers or {}).items()
        if lost(answer, task)
    ]  # fmt: skip


def _told(points: Sequence[float], maximum: float) -> str:
    rows = figures.counts(points, maximum)
    said = (f"{n} with {low:g}" if low == high else f"{n} with {low:g} to {high:g}" for low, high, n in rows if n)
    return f"Histogram of points out of {maximum:g}: {', '.join(said)}."


def _templates(names: Names) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "name_of": lambda member: names.called[member.id],
        "file_of": lambda member: names.files[member.id],
        "without": names.without,
        "source_of": lambda member, task: _source(names, member, member.answers[task]),
        "section_of": section_of,
        "shares": figures.shares,
        "ordered": names.ordered,
        "lines_of": _marked,
        "now": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "EXAMPLES": EXAMPLES,
        "SHOWN": SHOWN,
    }
    environment.filters |= {"number": lambda value: f"{value:.4g}", "line": lambda text: printable(str(text))}
    return environment


def _source(names: Names, member: Member, answer: Answer) -> str:
    """What a student wrote, as far as it is shown: every character of it visible."""
    source = answer.source
    if names.hidden:
        try:
            source = names.without(member, _uncommented(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return "[not shown: its comments, which may hold a name, cannot be told from the rest]"
    lines = [printable(line.expandtabs(4))[:WIDE] for line in source.splitlines()]
    return "\n".join([*lines[:LINES], *(["[…]"] if len(lines) > LINES else [])])


def _uncommented(source: str) -> str:
    """A program without what it says to its readers."""
    tree = tree_of(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0] = ast.Pass() if len(body) == 1 else body[0]
            body[:] = body if len(body) == 1 else body[1:]
    return ast.unparse(tree)


def _full_name(member: Member) -> str:
    name = ", ".join(filter(None, [member.last_name, member.first_name]))
    return printable(f"{name} ({member.id})" if name else member.id)


def _naming(member: Member) -> re.Pattern[str]:
    """Everything in a text that tells who the member is."""
    words = {member.id, member.first_name, member.last_name, member.email, member.lms_id}
    written = {form for word in words if len(word) > 1 for form in (word, printable(word))}
    return re.compile("|".join(map(re.escape, sorted(written, key=len, reverse=True))) or r"(?!)", re.IGNORECASE)


def _shuffled(root: Path):
    try:
        secret = (root / SEED).read_bytes()
    except OSError:
        secret = secrets.token_bytes()
    return lambda id: hashlib.sha256(secret + id.encode(errors="surrogatepass")).digest()


def _write_tables(folder: Path, parts: Sequence[_Part], names: Names) -> None:
    """The numbers of the page: a row for each problem, for each mistake, and for each student and problem."""
    problems, mistakes, students = [], [], []
    for part in parts:
        for picture in part.pictures:
            problems.append(_problem_row(part.of, picture))
            mistakes += _mistake_rows(part.of.assignment, picture, names)
        # By their numbers: the order of the roster would tell who is which.
        for member in names.ordered(part.of.members):
            students += _student_rows(part.of, member, names)
    for name, rows in zip(TABLES, (problems, mistakes, students), strict=True):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8-sig", errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            if rows:
                writer.writerow(rows[0])
            writer.writerows([as_text(value) for value in row.values()] for row in rows)


def _problem_row(of: Class, picture: Picture) -> dict[str, Any]:
    everything, part, nothing, not_begun, unread = figures.shares(picture)
    return {
        "assignment": of.assignment, "problem": picture.task.name, "max_points": picture.task.points,
        "handed_in": len(picture.points), "mean": round(picture.mean, 4), "everything": everything, "part": part,
        "nothing": nothing, "not_begun": not_begun, "unread": unread,
        "discrimination": None if picture.discrimination is None else round(picture.discrimination, 4),
        "lost_at_a_limit": len(picture.limits), "lost_for_speed_alone": len(picture.slow),
    }  # fmt: skip


def _mistake_rows(assignment: str, picture: Picture, names: Names) -> list[dict[str, Any]]:
    start = {"assignment": assignment, "problem": picture.task.name}
    known = [("known", one.name, one.hint, len(one.members)) for one in picture.misconceptions]
    known += [("another function", "", one.hint, len(one.members)) for one in picture.waiting]
    known += [
        ("unknown", "", names.without(one.members[0], " ".join(one.findings)), len(one.members))
        for one in picture.alike
    ]
    return [start | dict(zip(("kind", "mistake", "text", "students"), row, strict=True)) for row in known]


def _student_rows(of: Class, member: Member, names: Names) -> list[dict[str, Any]]:
    start = {"assignment": of.assignment, "student": names.called[member.id], "handed_in": member.answers is not None}
    return [
        start | {
            "problem": task.name, "points": answer.points, "max_points": task.points, "begun": answer.begun,
            "unread": answer.unread, "mistake": answer.record.get("mistake"),
            "hint": names.without(member, str(answer.record.get("hint") or "")),
            "limit": names.without(member, str(answer.record.get("limit") or "")),
        }
        for task, answer in (member.answers or {}).items()
    ]  # fmt: skip
