"""The scores as a table for a spreadsheet: nbgrader's, with nothing in it that is computed or moves a column."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student
from nbgrader.plugins import CsvExportPlugin

# A spreadsheet takes a text that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip


class SafeCsvExportPlugin(CsvExportPlugin):
    """nbgrader's table, for its ``ExportApp.plugin_class``; a text that would be a formula gets an apostrophe first."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the table of the gradebook to `to`, or else to ``grades.csv``."""
        path = Path(self.to or "grades.csv")
        self.log.info("Exporting grades to %s", path)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in self._rows(gradebook):
                writer.writerow([as_text(row[column]) for column in COLUMNS])

    def _rows(self, gradebook: Gradebook) -> Iterator[dict[str, Any]]:
        assignments, students = (set(map(str, names)) for names in (self.assignment, self.student))
        for assignment in gradebook.assignments:
            for student in gradebook.students:
                if (not assignments or assignment.name in assignments) and (not students or student.id in students):
                    yield _row(gradebook, assignment, student)


def _row(gradebook: Gradebook, assignment: Assignment, student: Student) -> dict[str, Any]:
    row = {
        "assignment": assignment.name,
        "duedate": assignment.duedate,
        "student_id": student.id,
        "last_name": student.last_name,
        "first_name": student.first_name,
        "email": student.email,
        "max_score": assignment.max_score,
    }
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return row | {"timestamp": None, "raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0}
    penalty = submission.late_submission_penalty
    return row | {
        "timestamp": submission.timestamp,
        "raw_score": submission.score,
        "late_submission_penalty": penalty,
        "score": max(0.0, submission.score - penalty),
    }


def as_text(value: Any) -> str:
    """A value as it stands in a table; numbers, dates and nothing at all are what they are."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA) else value
