"""What grading has left of a class: the gradebook's rows, and the verdicts and answers of each executed notebook."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import func, select

from autograder.grading.records import (
    ASSIGNMENT,
    CELL,
    COMMENT,
    GRADE,
    GRADED,
    NO_RESPONSE,
    NOTEBOOK,
    STUDENT,
    SUBMISSION,
    SUBMITTED,
    TASK,
)
from autograder.grading.restore import cell_order
from autograder.names import PREFIX, verdict_in

# What the grader says of a cell that met a limit, see `execute`.
LIMITS = ("Stopped", "NotRun", "KernelEnded", "OutputLost")
MAX_SOURCE = 20_000


@dataclass(frozen=True)
class Task:
    """Something that earns points: a check, a question for a person, or a cell of the instructor's own."""

    notebook: str
    grade_id: str
    points: float

    @property
    def name(self) -> str:
        """Of a check, the name of its function."""
        return self.grade_id.removeprefix(PREFIX)


@dataclass(frozen=True)
class Answer:
    """What a student has for a task.

    points   as nbgrader counts them, with extra credit
    by_hand  whether a person has given them
    unread   whether a person has still to give them
    begun    whether anything was written where the answer belongs
    record   the verdict, as `Report.of_grading` keeps it; empty without a check
    source   what was written, if it was
    """

    points: float
    by_hand: bool = False
    unread: bool = False
    begun: bool = True
    record: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def findings(self) -> list[str]:
        """A sentence for each criterion that lost points for a reason of its own."""
        criteria = self.record.get("criteria") or ()
        said = [str(c.get("message") or "") for c in criteria if c.get("earned") != c.get("points")]
        return [sentence for sentence in said if sentence and not sentence.startswith("Counts once the ")]


@dataclass(frozen=True)
class Member:
    """One student of the roster; `answers` is None when nothing was handed in."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""
    answers: Mapping[Task, Answer] | None = field(default=None, hash=False)
    penalty: float = 0.0
    timestamp: datetime | None = None
    limits: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """As in nbgrader's grades.csv: less the penalty for being late, and not below 0."""
        return max(0.0, sum(answer.points for answer in (self.answers or {}).values()) - self.penalty)

    @property
    def unread(self) -> float:
        return sum(task.points for task, answer in (self.answers or {}).items() if answer.unread)


@dataclass(frozen=True)
class Class:
    """An assignment, what earns points in it, in the notebook's order, and everybody on the roster."""

    assignment: str
    tasks: tuple[Task, ...]
    members: tuple[Member, ...]

    @property
    def handed_in(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.answers is not None)

    @property
    def maximum(self) -> float:
        return sum(task.points for task in self.tasks)


def read_class(gradebook: Gradebook, coursedir: CourseDirectory, assignment: str) -> Class:
    """What the gradebook and ``autograded/`` have of an assignment.

    Everything is read in a few questions: nbgrader's objects would ask for each grade on its own. Raises nbgrader's
    `MissingEntry` for an unknown assignment.
    """
    root = Path(coursedir.root)
    source = root / coursedir.format_path(coursedir.source_directory, ".", assignment)
    with gradebook.engine.connect() as connection:
        master = connection.scalar(select(ASSIGNMENT.c.id).where(ASSIGNMENT.c.name == assignment))
        if master is None:
            raise MissingEntry(f"There is no assignment {assignment!r} in the gradebook.")
        tasks = _tasks(connection, master, cell_order(source))
        students = connection.execute(select(STUDENT).order_by(STUDENT.c.id)).all()
        penalty = func.sum(func.coalesce(SUBMITTED.c.late_submission_penalty, 0.0)).label("penalty")
        submissions = {
            row.student_id: row
            for row in connection.execute(
                select(SUBMISSION.c.id, SUBMISSION.c.student_id, SUBMISSION.c.timestamp, penalty)
                .select_from(SUBMISSION.outerjoin(SUBMITTED, SUBMITTED.c.assignment_id == SUBMISSION.c.id))
                .where(SUBMISSION.c.assignment_id == master)
                .group_by(SUBMISSION.c.id, SUBMISSION.c.student_id, SUBMISSION.c.timestamp)
            )
        }
        grades = _grades(connection, master)
        unanswered = _unanswered(connection, master)
    members = []
    for row in students:
        person = (row.id, row.first_name or "", row.last_name or "", row.email or "", row.lms_user_id or "")
        submission = submissions.get(row.id)
        folder = root / coursedir.format_path(coursedir.autograded_directory, row.id, assignment)
        executed = {name: _executed(folder / f"{name}.ipynb") for name in {task.notebook for task in tasks}}
        mine = grades.get(submission.id, {}) if submission else {}
        # A submission may be there for its extension alone.
        if submission is None or not (any(executed.values()) or any(any(points) for points in mine.values())):
            members.append(Member(*person))
            continue
        blank = unanswered.get(submission.id, set())
        answers = {task: _answer(task, mine, blank, executed[task.notebook]) for task in tasks}
        limits = tuple(sentence for notebook in executed.values() if notebook for sentence in notebook.limits)
        members.append(Member(*person, answers, float(submission.penalty or 0.0), submission.timestamp, limits))
    return Class(assignment, tasks, tuple(members))


@dataclass(frozen=True)
class Executed:
    """What an executed notebook says: verdicts and sources by grade_id, and what met a limit outside of checks."""

    records: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, str]
    limits: tuple[str, ...]


def _executed(path: Path) -> Executed | None:
    try:
        return read_executed(path.read_bytes())
    except (OSError, ValueError):
        return None


def read_executed(content: str | bytes) -> Executed | None:
    """An executed notebook, read; None where it is none."""
    try:
        cells = json.loads(content)["cells"]
    except (ValueError, KeyError):
        return None
    records, sources, limits = {}, {}, []
    for cell in cells:
        marked = cell.get("metadata", {}).get("nbgrader", {})
        grade_id = marked.get("grade_id", "")
        if marked.get("solution"):
            sources[grade_id] = "".join(cell.get("source", ""))[:MAX_SOURCE]
        for output in cell.get("outputs", ()):
            if output.get("output_type") == "error" and output.get("ename") in LIMITS:
                limits.append("".join(output.get("evalue", "")))
        # Only a check has a verdict: what students show is kept as text and pictures alone.
        if marked.get("grade") and (record := verdict_in(cell)):
            records[grade_id] = record
    return Executed(records, sources, tuple(limits))


def _answer(task: Task, grades: Mapping, unanswered: set, executed: Executed | None) -> Answer:
    auto, manual, extra = grades.get((task.notebook, task.grade_id), (0.0, None, None))
    points = (auto if manual is None else manual) or 0.0
    begun = executed is not None and (task.notebook, task.name) not in unanswered
    record = executed.records.get(task.grade_id, {}) if executed else {}
    source = executed.sources.get(task.name, "") if executed else ""
    return Answer(points + (extra or 0.0), manual is not None, auto is None and manual is None, begun, record, source)


def _tasks(connection, master: str, order: Mapping[str, Sequence[str]]) -> tuple[Task, ...]:
    points = func.coalesce(GRADED.c.max_score, TASK.c.max_score)
    cells = CELL.join(NOTEBOOK, NOTEBOOK.c.id == CELL.c.notebook_id)
    for kind in (GRADED, TASK):
        cells = cells.outerjoin(kind, kind.c.id == CELL.c.id)
    rows = connection.execute(
        select(NOTEBOOK.c.name.label("notebook"), CELL.c.name, points.label("points"))
        .select_from(cells)
        .where(NOTEBOOK.c.assignment_id == master, points.is_not(None))
    )
    place = {(n, name): i for n, names in order.items() for i, name in enumerate(names)}
    tasks = [Task(row.notebook, row.name, float(row.points)) for row in rows]
    return tuple(sorted(tasks, key=lambda t: (t.notebook, place.get((t.notebook, t.grade_id), len(place)), t.grade_id)))


def _grades(connection, master: str) -> dict[str, dict[tuple[str, str], tuple]]:
    """(automatic points, points by hand, extra credit) by submission and by (notebook, cell)."""
    found: dict[str, dict] = {}
    columns = ("auto_score", "manual_score", "extra_credit")
    for submission, notebook, cell, *points in _rows(connection, master, GRADE, *columns):
        found.setdefault(submission, {})[notebook, cell] = tuple(points)
    return found


def _unanswered(connection, master: str) -> dict[str, set[tuple[str, str]]]:
    """The cells, by submission and as (notebook, cell), in which nothing was changed."""
    found: dict[str, set] = {}
    for submission, notebook, cell, comment in _rows(connection, master, COMMENT, "auto_comment"):
        if comment == NO_RESPONSE:
            found.setdefault(submission, set()).add((notebook, cell))
    return found


def _rows(connection, master: str, table, *columns: str) -> Iterator[tuple]:
    joined = (
        table.join(SUBMITTED, SUBMITTED.c.id == table.c.notebook_id)
        .join(NOTEBOOK, NOTEBOOK.c.id == SUBMITTED.c.notebook_id)
        .join(CELL, CELL.c.id == table.c.cell_id)
    )
    values = [table.c[column] for column in columns]
    query = select(SUBMITTED.c.assignment_id, NOTEBOOK.c.name, CELL.c.name, *values).select_from(joined)
    return iter(connection.execute(query.where(NOTEBOOK.c.assignment_id == master)).all())
