"""One submission into nbgrader's gradebook: the rows that nbgrader's own autograding ends with, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
    new_uuid,
)
from nbgrader.plugins import LateSubmissionPlugin
from sqlalchemy import Connection, Row, Table, bindparam, func, insert, select, update

NO_RESPONSE = "No response."

# Plain tables: the classes would load and write row by row.
ASSIGNMENT, NOTEBOOK, CELL, GRADED, TASK, STUDENT, SUBMISSION, SUBMITTED, GRADE, COMMENT = (
    entity.__table__
    for entity in (
        Assignment, Notebook, BaseCell, GradeCell, TaskCell, Student, SubmittedAssignment, SubmittedNotebook, Grade,
        Comment,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What grading found in one notebook: points by grade_id of every grade cell (None where a person must read),
    and the solution cells that are as they were released."""

    scores: Mapping[str, float | None]
    unanswered: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Score:
    """What the gradebook has of a submission, in points.

    points    with manual points and extra credit, less late penalties, as in nbgrader's grades.csv
    possible  what could be earned where the grader or a person has given points
    unread    what a person has still to give
    penalty   what was taken off for being late
    """

    points: float
    possible: float
    unread: float = 0.0
    penalty: float = 0.0


def record(
    gradebook: Gradebook,
    assignment: str,
    student: str,
    timestamp: datetime | None,
    results: Mapping[str, Result],
    late_plugin: LateSubmissionPlugin,
    again: bool = False,
    write: bool = True,
) -> Score:
    """Write the `results` by notebook of one submission, all or nothing, and return what the gradebook then has.

    `again` says that the same submission was graded before: a person who has given points is asked for another look
    only where the grader's have changed, and a penalty that is not the policy's stays. Without `write` everything is
    found and nothing is kept.

    The student and the submission are made where they are missing; a notebook without a result was not handed in
    and earns 0. Manual scores, extra credit and manual comments stay as they are. `timestamp` is in UTC without a
    timezone; None leaves the recorded one. Raises nbgrader's `MissingEntry` for an unknown assignment and
    `ValueError` for a result that does not have exactly the grade cells of its notebook.
    """
    with gradebook.engine.connect() as connection:
        score = _record(connection, assignment, student, timestamp, results, late_plugin, again)
        if write:
            connection.commit()
    # Objects that the caller holds are read anew.
    gradebook.db.expire_all()
    return score


def recorded(gradebook: Gradebook, assignment: str, student: str) -> tuple[Score, dict[tuple[str, str], float | None]]:
    """What the gradebook has of a submission, and the grader's points by notebook and grade_id.

    Raises nbgrader's `MissingEntry` where it has none.
    """
    with gradebook.engine.connect() as connection:
        notebooks, grades, _ = _rows_of(connection, assignment, student)
    return _score(notebooks, grades), {(row["notebook"], row["name"]): row["auto_score"] for row in grades}


@dataclass(frozen=True)
class Given:
    """What the gradebook has of one cell: points and comment. `unread` waits for a person; `by_hand` came from one."""

    points: float = 0.0
    possible: float = 0.0
    unread: bool = False
    by_hand: bool = False
    comment: str = ""


def given(connection: Connection, assignment: str, student: str, notebook: str) -> tuple[Score, dict[str, Given]]:
    """What the gradebook has of one notebook of a submission, and of its cells by grade_id.

    Raises nbgrader's `MissingEntry` where it has no such submission.
    """
    notebooks, grades, comments = (
        [row for row in rows if row["notebook"] == notebook] for rows in _rows_of(connection, assignment, student)
    )
    if not notebooks:
        raise MissingEntry(f"There is no notebook {notebook!r} of {student!r} in the gradebook.")
    said = {
        row["name"]: row["auto_comment"] if row["manual_comment"] is None else row["manual_comment"] for row in comments
    }
    cells = {name: Given(comment=comment or "") for name, comment in said.items()}
    for row in grades:
        cells[row["name"]] = Given(
            _points(row),
            row["max_score"],
            _is_unread(row),
            row["manual_score"] is not None,
            said.get(row["name"]) or "",
        )
    return _score(notebooks, grades), cells


def forget_time(gradebook: Gradebook, assignment: str, student: str) -> None:
    """Take the recorded time away from a submission, if there is one: it is not known when this one was handed in."""
    master = select(ASSIGNMENT.c.id).where(ASSIGNMENT.c.name == assignment).scalar_subquery()
    of_student = (SUBMISSION.c.assignment_id == master) & (SUBMISSION.c.student_id == student)
    with gradebook.engine.begin() as connection:
        connection.execute(update(SUBMISSION).where(of_student).values(timestamp=None))
    gradebook.db.expire_all()


def _record(
    connection: Connection,
    assignment: str,
    student: str,
    timestamp: datetime | None,
    results: Mapping[str, Result],
    late_plugin: LateSubmissionPlugin,
    again: bool,
) -> Score:
    submission, late = _submission(connection, assignment, student, timestamp)
    notebooks, grades, comments = _rows(connection, submission)
    there = {(row["notebook"], row["name"]) for row in grades}
    if any((notebook, name) not in there for notebook, result in results.items() for name in result.scores):
        _complete(connection, submission)
        notebooks, grades, comments = _rows(connection, submission)
    _refuse_other_cells(notebooks, grades, results)
    graded = [_graded(row, results, again) for row in grades]
    _update(connection, GRADE, ["auto_score", "needs_manual_grade"], grades, graded)
    commented = [_commented(row, results) for row in comments]
    _update(connection, COMMENT, ["auto_comment"], comments, commented)

    points, before = _points_of(notebooks, graded), _points_of(notebooks, grades)
    own, own_before = (_points_of(notebooks, _without_a_person(rows)) for rows in (graded, grades))
    penalised = []
    for row in notebooks:
        if (name := row["notebook"]) in results:
            policy = _Policy(late_plugin, student, late)
            kept = row["late_submission_penalty"]
            if not again or _same(kept, policy.of(before[name])):
                penalty = policy.of(points[name])
            elif _same(kept, policy.of(own_before[name])):
                # A person has read the answers since; nbgrader leaves the penalty as it was before.
                penalty = _bounded(policy.of(own[name]), points[name])
            else:
                penalty = _bounded(kept, points[name])
            row = row | {"late_submission_penalty": penalty}
        penalised.append(row)
    _update(connection, SUBMITTED, ["late_submission_penalty"], notebooks, penalised)
    return _score(penalised, graded)


def _score(notebooks: list[dict], grades: list[dict]) -> Score:
    penalty = sum(row["late_submission_penalty"] or 0.0 for row in notebooks)
    unread = sum(row["max_score"] for row in grades if _is_unread(row))
    possible = sum(row["max_score"] for row in grades) - unread
    return Score(max(0.0, sum(map(_points, grades)) - penalty), possible, unread, penalty)


def _is_unread(row: dict) -> bool:
    return row["auto_score"] is None and row["manual_score"] is None


def _points_of(notebooks: list[dict], grades: list[dict]) -> dict[str, float]:
    points = {row["notebook"]: 0.0 for row in notebooks}
    for row in grades:
        points[row["notebook"]] += _points(row)
    return points


def _without_a_person(grades: list[dict]) -> list[dict]:
    return [row | {"manual_score": None, "extra_credit": None} for row in grades]


@dataclass(frozen=True)
class _Policy:
    """What the course takes off a score that is so many seconds late."""

    plugin: LateSubmissionPlugin
    student: str
    late: float

    def of(self, score: float) -> float | None:
        if self.late <= 0:
            return None
        return _bounded(self.plugin.late_submission_penalty(self.student, score, self.late), score)


def _same(a: float | None, b: float | None) -> bool:
    return abs((a or 0.0) - (b or 0.0)) < 1e-9


def _submission(connection: Connection, assignment: str, student: str, timestamp: datetime | None) -> tuple[str, float]:
    """The id of the submission, made where it is missing, and how many seconds late it is."""
    master = connection.execute(
        select(ASSIGNMENT.c.id, ASSIGNMENT.c.duedate).where(ASSIGNMENT.c.name == assignment)
    ).one_or_none()
    if master is None:
        raise MissingEntry(f"There is no assignment {assignment!r} in the gradebook; release it first.")
    old = connection.execute(
        select(SUBMISSION.c.id, SUBMISSION.c.timestamp, SUBMISSION.c.extension)
        .where(SUBMISSION.c.assignment_id == master.id)
        .where(SUBMISSION.c.student_id == student)
    ).one_or_none()
    if old is None:
        id = new_uuid()
        _create(connection, id, master.id, student, timestamp)
    else:
        id = old.id
        if timestamp is not None and timestamp != old.timestamp:
            connection.execute(update(SUBMISSION).where(SUBMISSION.c.id == id).values(timestamp=timestamp))
        timestamp = timestamp or old.timestamp
    if timestamp is None or master.duedate is None:
        return id, 0.0
    due = master.duedate + (old.extension if old and old.extension else timedelta())
    return id, max(0.0, (timestamp - due).total_seconds())


def _create(connection: Connection, id: str, assignment: str, student: str, timestamp: datetime | None) -> None:
    """The rows of a new submission, with a grade or a comment for each cell of the assignment."""
    if connection.execute(select(STUDENT.c.id).where(STUDENT.c.id == student)).one_or_none() is None:
        connection.execute(insert(STUDENT).values(id=student))
    connection.execute(
        insert(SUBMISSION).values(id=id, assignment_id=assignment, student_id=student, timestamp=timestamp)
    )
    masters = connection.scalars(select(NOTEBOOK.c.id).where(NOTEBOOK.c.assignment_id == assignment)).all()
    notebooks = {master: new_uuid() for master in masters}
    cells = connection.execute(
        select(CELL.c.id, CELL.c.type, CELL.c.notebook_id).where(CELL.c.notebook_id.in_(masters))
    ).all()
    rows = [
        (SUBMITTED, [{"id": new, "notebook_id": old, "assignment_id": id} for old, new in notebooks.items()]),
        (GRADE, [_of(cell, notebooks) for cell in cells if cell.type != "SolutionCell"]),
        (COMMENT, [_of(cell, notebooks) for cell in cells if cell.type != "GradeCell"]),
    ]
    for table, new in rows:
        if new:
            connection.execute(insert(table), new)


def _complete(connection: Connection, submission: str) -> None:
    """Rows for the cells that the assignment has got since the submission was made, as a new one would have them."""
    notebooks = {
        row.notebook_id: row.id
        for row in connection.execute(
            select(SUBMITTED.c.notebook_id, SUBMITTED.c.id).where(SUBMITTED.c.assignment_id == submission)
        )
    }
    for table, other in ((GRADE, "SolutionCell"), (COMMENT, "GradeCell")):
        there = select(table.c.cell_id).where(table.c.notebook_id.in_(notebooks.values()))
        cells = connection.execute(
            select(CELL.c.id, CELL.c.notebook_id)
            .where(CELL.c.notebook_id.in_(notebooks))
            .where(CELL.c.type != other)
            .where(CELL.c.id.not_in(there))
        ).all()
        if cells:
            connection.execute(insert(table), [_of(cell, notebooks) for cell in cells])


def _of(cell: Row, notebooks: Mapping[str, str]) -> dict[str, str]:
    return {"cell_id": cell.id, "notebook_id": notebooks[cell.notebook_id]}


def _rows_of(connection: Connection, assignment: str, student: str) -> tuple[list[dict], list[dict], list[dict]]:
    """As `_rows`. Raises `MissingEntry` where the student has no submission."""
    joined = SUBMISSION.join(ASSIGNMENT, ASSIGNMENT.c.id == SUBMISSION.c.assignment_id)
    of_student = (ASSIGNMENT.c.name == assignment) & (SUBMISSION.c.student_id == student)
    submission = connection.scalar(select(SUBMISSION.c.id).select_from(joined).where(of_student))
    if submission is None:
        raise MissingEntry(f"The gradebook has no submission of {student!r} for {assignment!r}.")
    return _rows(connection, submission)


def _rows(connection: Connection, submission: str) -> tuple[list[dict], list[dict], list[dict]]:
    """What the gradebook has of a submission: its notebooks, its grades and its comments."""
    of_submission = SUBMITTED.c.assignment_id == submission
    name = NOTEBOOK.c.name.label("notebook")
    joined = SUBMITTED.join(NOTEBOOK, NOTEBOOK.c.id == SUBMITTED.c.notebook_id)
    queries = [select(SUBMITTED.c.id, name, SUBMITTED.c.late_submission_penalty).select_from(joined)]
    for table, columns in (
        (GRADE, ("auto_score", "manual_score", "extra_credit", "needs_manual_grade")),
        (COMMENT, ("auto_comment", "manual_comment")),
    ):
        cells = joined.join(table, table.c.notebook_id == SUBMITTED.c.id).join(CELL, CELL.c.id == table.c.cell_id)
        for kind in (GRADED, TASK):
            cells = cells.outerjoin(kind, kind.c.id == CELL.c.id)
        values = [table.c[column] for column in columns]
        values.append(func.coalesce(GRADED.c.max_score, TASK.c.max_score).label("max_score"))
        queries.append(select(table.c.id, name, CELL.c.name, CELL.c.type, *values).select_from(cells))
    notebooks, grades, comments = (
        [dict(row) for row in connection.execute(query.where(of_submission)).mappings()] for query in queries
    )
    return notebooks, grades, comments


def _refuse_other_cells(notebooks: list[dict], grades: list[dict], results: Mapping[str, Result]) -> None:
    expected: dict[str, set[str]] = {row["notebook"]: set() for row in notebooks}
    for row in grades:
        if row["type"] == "GradeCell":
            expected[row["notebook"]].add(row["name"])
    for notebook, result in results.items():
        if odd := result.scores.keys() ^ expected.get(notebook, set()):
            raise ValueError(
                f"Notebook {notebook}: the result and the gradebook differ in the grade cells "
                f"{', '.join(sorted(odd))}; release the assignment again."
            )


def _graded(row: dict, results: Mapping[str, Result], again: bool) -> dict:
    """A row of grades as it must be; those of tasks wait for a person from the beginning."""
    result = results.get(row["notebook"])
    if result is None:
        return row | {"auto_score": 0.0, "needs_manual_grade": False}
    if row["type"] != "GradeCell":
        return row
    score = result.scores[row["name"]]
    if again and score == row["auto_score"]:
        return row
    return row | {"auto_score": score, "needs_manual_grade": score is None or row["manual_score"] is not None}


def _commented(row: dict, results: Mapping[str, Result]) -> dict:
    result = results.get(row["notebook"])
    if result is None:
        return row
    unanswered = row["type"] == "SolutionCell" and row["name"] in result.unanswered
    return row | {"auto_comment": NO_RESPONSE if unanswered else None}


def _points(row: dict) -> float:
    """The score of a grade, as nbgrader counts it."""
    score = row["auto_score"] if row["manual_score"] is None else row["manual_score"]
    return 0.0 if score is None else score + (row["extra_credit"] or 0.0)


def _bounded(penalty: float | None, score: float) -> float | None:
    if penalty is None:
        return None
    return 0.0 if penalty < 0 else min(penalty, score)


def _update(connection: Connection, table: Table, columns: list[str], old: list[dict], new: list[dict]) -> None:
    """Write the `columns` of the rows that have changed."""
    changed = [
        {"row": after["id"]} | {f"new_{column}": after[column] for column in columns}
        for before, after in zip(old, new, strict=True)
        if after != before
    ]
    if changed:
        values = {column: bindparam(f"new_{column}") for column in columns}
        connection.execute(update(table).where(table.c.id == bindparam("row")).values(values), changed)
