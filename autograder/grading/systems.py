"""Grades in the forms that other systems read, as plugins for ``nbgrader export --exporter``.

Canvas and Moodle take a table; Gradescope and PrairieLearn a ``results.json`` for each submission, with the points,
the messages and the hint of each check.
"""

import csv
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Dict, Enum

from autograder.grading.export import as_text
from autograder.grading.graded import Answer, Class, Member, Task, read_class

# PrairieLearn reads no results.json of more than 1 MB; Gradescope's pages are no longer read at this length either.
MESSAGE = 4_000


class _SystemExportPlugin(ExportPlugin):
    """What the plugins share: which assignments and students are exported, and what grading has left of them."""

    def classes(self, gradebook: Gradebook) -> list[Class]:
        """The assignments that are asked for, with the students that are; all, where none is named."""
        wanted, students = (set(map(str, names)) for names in (self.assignment, self.student))
        found = []
        for assignment in gradebook.assignments:
            if not wanted or assignment.name in wanted:
                one = read_class(gradebook, self.parent.coursedir, assignment.name)
                members = tuple(m for m in one.members if not students or m.id in students)
                found.append(Class(one.assignment, one.tasks, members))
        for one in found:
            unread = sum(bool(member.unread) for member in one.members)
            if unread:
                self.log.warning("%s: %d submissions have answers that nobody has read", one.assignment, unread)
        return found

    def write_table(self, path: Path, rows: Sequence[Sequence[Any]]) -> None:
        self.log.info("Exporting grades to %s", path)
        with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            csv.writer(file, lineterminator="\n").writerows([as_text(value) for value in row] for row in rows)


class CanvasExportPlugin(_SystemExportPlugin):
    """The table that Canvas imports under *Grades › Import*, see its ``GradebookImporter``.

    A student is found by Canvas's own number, which nbgrader keeps as ``lms_user_id``, or else by `id_column`. Who has
    handed in nothing has an empty cell, which Canvas leaves as it is.
    """

    id_column = Enum(
        ["SIS User ID", "SIS Login ID"], "SIS Login ID", help="What the student ids of this course are in Canvas."
    ).tag(config=True)
    columns = Dict(
        help="The name of each assignment in Canvas, with its number: {'activations': 'Problem set 1 (4711)'}."
    ).tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the table to `to`, or else to ``canvas.csv``."""
        classes = self.classes(gradebook)
        names = [self.columns.get(one.assignment, one.assignment) for one in classes]
        rows = [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *names],
            ["Points Possible", "", "", "", "", *(_number(one.maximum) for one in classes)],
        ]
        for members in zip(*(one.members for one in classes), strict=True):
            first = members[0]
            ids = [first.id if self.id_column == column else "" for column in ("SIS User ID", "SIS Login ID")]
            rows.append([_canvas_name(first), first.lms_id, *ids, "", *map(_points, members)])
        self.write_table(Path(self.to or "canvas.csv"), rows)


class MoodleExportPlugin(_SystemExportPlugin):
    """The table that Moodle imports under *Grades › Import › CSV file*, a column of points and one of feedback each.

    Moodle gives a row without a name to the student of the row before, and takes no row when one name is unknown to it:
    who has none, or one that a spreadsheet would compute, is left out and told.
    """

    id_column = Enum(
        ["ID number", "Username", "Email address"],
        "Username",
        help="What the student ids of this course are in Moodle.",
    ).tag(config=True)
    feedback = Bool(True, help="Whether to write what was lost, and why, beside the points.").tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the table to `to`, or else to ``moodle.csv``."""
        classes = self.classes(gradebook)
        titles = [[one.assignment, *([f"{one.assignment} (feedback)"] if self.feedback else [])] for one in classes]
        rows = [[self.id_column, "First name", "Last name", *(title for pair in titles for title in pair)]]
        for members in zip(*(one.members for one in classes), strict=True):
            first = members[0]
            name = (first.email if self.id_column == "Email address" else first.id).strip()
            if not name or as_text(name) != name:
                self.log.warning("%r is left out: %s is %r", first.id, self.id_column, name)
                continue
            cells = []
            for member in members:
                cells.append(_points(member))
                if self.feedback:
                    cells.append(_feedback(member))
            rows.append([name, first.first_name, first.last_name, *cells])
        self.write_table(Path(self.to or "moodle.csv"), rows)


class _ResultsExportPlugin(_SystemExportPlugin):
    """A file ``results.json`` for each submission, in ``<to>/<assignment>/<student>/``."""

    folder = ""

    def export(self, gradebook: Gradebook) -> None:
        """Write the files of everybody who handed in."""
        start = Path(self.to or self.folder)
        for one in self.classes(gradebook):
            for member in one.handed_in:
                path = start / folder_name(one.assignment) / folder_name(member.id) / "results.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps(self.results(one, member), indent=2, ensure_ascii=False, allow_nan=False)
                path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        self.log.info("Exported results to %s", start)

    def results(self, of: Class, member: Member) -> dict[str, Any]:
        raise NotImplementedError


class GradescopeExportPlugin(_ResultsExportPlugin):
    """``results.json`` as Gradescope reads it: https://gradescope-autograders.readthedocs.io/en/latest/specs/."""

    folder = "gradescope"

    def results(self, of: Class, member: Member) -> dict[str, Any]:
        """The points of the whole, and a test for each check; who is late has less than the sum of the tests."""
        return {
            "score": round(member.points, 6),
            "output": _remark(member),
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "tests": [
                {
                    "name": task.name,
                    "number": str(number),
                    "score": round(answer.points, 6),
                    "max_score": task.points,
                    "status": "passed" if answer.points >= task.points else "failed",
                    "output": message_of(task, answer),
                    "output_format": "text",
                    "visibility": "visible",
                }
                for number, (task, answer) in enumerate(member.answers.items(), start=1)
            ],
        }


class PrairieLearnExportPlugin(_ResultsExportPlugin):
    """``results.json`` as PrairieLearn's external grading reads it: https://docs.prairielearn.com/externalGrading/."""

    folder = "prairielearn"

    def results(self, of: Class, member: Member) -> dict[str, Any]:
        """The share of the points, from 0 to 1, and a test for each check."""
        return {
            "gradable": True,
            "score": min(1.0, max(0.0, member.points / of.maximum)) if of.maximum else 0.0,
            "message": _remark(member),
            "tests": [
                {
                    "name": task.name,
                    "points": round(answer.points, 6),
                    "max_points": task.points,
                    "message": message_of(task, answer),
                }
                for task, answer in member.answers.items()
            ],
        }


def message_of(task: Task, answer: Answer) -> str:
    """What a student is told of a task: what went wrong, and the hint."""
    if answer.unread:
        return "Waits to be read by a person."
    if answer.by_hand:
        return "Graded by a person."
    if answer.points >= task.points:
        return "Everything is right."
    if not answer.begun:
        return "Not begun."
    hint = answer.record.get("hint")
    said = [*answer.findings, *([f"Hint: {hint}"] if hint else [])]
    # What a student wrote may be in it, half characters and all.
    return "\n".join(said)[:MESSAGE].encode(errors="replace").decode()


def folder_name(id: str) -> str:
    """An id as the name of a folder, whatever is in it: no way up, and no two alike."""
    name = quote(id, safe=" @+=,")
    return name.replace(".", "%2E") if not name.strip(".") else name


def _remark(member: Member) -> str:
    said = []
    if member.penalty:
        said.append(f"{member.penalty:g} points were taken off for being late.")
    if member.unread:
        said.append(f"{member.unread:g} points are still to be given by a person.")
    return " ".join(said)


def _feedback(member: Member) -> str:
    """What was lost and why on one line; Moodle reads it as HTML."""
    if member.answers is None:
        return ""
    lost = [
        f"{task.name} {answer.points:g} of {task.points:g}: {' '.join(message_of(task, answer).split())}"
        for task, answer in member.answers.items()
        if answer.points < task.points
    ]
    return "<br>".join(html.escape(line, quote=False) for line in filter(None, [_remark(member), *lost]))


def _points(member: Member) -> str:
    return "" if member.answers is None else _number(member.points)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _canvas_name(member: Member) -> str:
    """A name that Canvas does not take for its row of maxima."""
    name = ", ".join(filter(None, [member.last_name, member.first_name])) or member.id
    return re.sub(r"(?i)points possible", "student", name)
