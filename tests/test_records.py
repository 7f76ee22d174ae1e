"""One transaction leaves the rows that nbgrader's own autograding leaves."""

import os
import shutil
import statistics
import sys
import time
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Comment, Grade, Gradebook, MissingEntry, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution
from sqlalchemy import event
from traitlets.config import Config

from autograder.grading.records import Result, Score, forget_time, record, recorded

DUE = datetime(2030, 1, 1)
BOB = "bob"


class OnePointAnHour(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return {"eve": -5.0, "max": 1000.0}.get(student_id, total_seconds_late / 3600)


def cell(grade_id, source, kind="code", points=None, **flags):
    made = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[kind](source)
    flags = {"grade": False, "solution": False, "locked": False, "task": False} | flags
    made.metadata["nbgrader"] = {"schema_version": 3, "grade_id": grade_id, **flags}
    if points is not None:
        made.metadata["nbgrader"]["points"] = points
    return made


def notebook(first, second, answer="YOUR ANSWER HERE"):
    return nbformat.v4.new_notebook(
        cells=[
            cell("first", first, solution=True),
            cell("check_first", "assert first() == 1", points=3, grade=True, locked=True),
            cell("second", second, solution=True),
            cell("check_second", "second()", points=4, grade=True, locked=True),
            cell("answer", answer, "markdown", points=5, grade=True, solution=True),
            cell("task", "Draw a picture.", "markdown", points=2, task=True, locked=True),
        ],
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    )


STUB = "raise NotImplementedError()"


class Course:
    """A small course, and a second gradebook beside nbgrader's that only `record` writes."""

    def __init__(self, root):
        self.root = root
        config = Config()
        config.CourseDirectory.root = str(root)
        config.AssignLatePenalties.plugin_class = OnePointAnHour
        config.ClearSolutions.code_stub = {"python": STUB}
        self.nbgrader = NbGraderAPI(coursedir=CourseDirectory(config=config), config=config, log_level="ERROR")
        for name in ("one", "two"):
            folder = root / "source" / "ps"
            folder.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook(STUB, STUB), folder / f"{name}.ipynb")
        assert self.nbgrader.generate_assignment("ps")["success"]
        with Gradebook(self.theirs) as gradebook:
            gradebook.update_or_create_assignment("ps", duedate=DUE)
        shutil.copy(root / "gradebook.db", root / "ours.db")

    @property
    def theirs(self):
        return f"sqlite:///{self.root}/gradebook.db"

    @property
    def ours(self):
        return f"sqlite:///{self.root}/ours.db"

    def hand_in(self, student, notebooks, timestamp=None):
        """Answers by notebook: (first, second, answer); None hands in what was released."""
        folder = self.root / "submitted" / student / "ps"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, answers in notebooks.items():
            released = nbformat.read(self.root / "release" / "ps" / f"{name}.ipynb", as_version=4)
            for made, source in zip(filter(is_solution, released.cells), answers, strict=True):
                made.source = made.source if source is None else source
            nbformat.write(released, folder / f"{name}.ipynb")
        if timestamp:
            (folder / "timestamp.txt").write_text(f"{timestamp} UTC")

    def grade(self, student, timestamp=None):
        """Both ways; returns the points, which nbgrader's own count must agree with."""
        graded = self.nbgrader.autograde("ps", student, force=True)
        assert graded["success"], graded["log"]
        results = {
            path.stem: result(nbformat.read(path, as_version=4))
            for path in (self.root / "autograded" / student / "ps").glob("*.ipynb")
        }
        with Gradebook(self.ours) as gradebook:
            score = record(gradebook, "ps", student, timestamp, results, OnePointAnHour())
            assert score.points == exported(gradebook, student)
        return score.points

    def in_both(self, change):
        for url in (self.theirs, self.ours):
            with Gradebook(url) as gradebook:
                change(gradebook)
                gradebook.db.commit()


def exported(gradebook, student):
    """What nbgrader writes into grades.csv."""
    submission = gradebook.find_submission("ps", student)
    return max(0.0, submission.score - (submission.late_submission_penalty or 0.0))


def result(graded):
    """What nbgrader reads from an executed notebook."""
    return Result(
        {c.metadata.nbgrader.grade_id: determine_grade(c)[0] for c in graded.cells if is_grade(c)},
        frozenset(
            c.metadata.nbgrader.grade_id
            for c in graded.cells
            if is_solution(c) and c.metadata.nbgrader.checksum == compute_checksum(c)
        ),
    )


def tables(url):
    """Every row that grading writes, without the random ids."""
    with Gradebook(url) as gradebook:
        cells = [
            sorted((r.student.id, r.notebook.name, type(r.cell).__name__, r.name, *values(r)) for r in rows)
            for rows, values in (
                (
                    gradebook.db.query(Grade),
                    attrgetter("auto_score", "manual_score", "extra_credit", "needs_manual_grade", "score"),
                ),
                (gradebook.db.query(Comment), attrgetter("auto_comment", "manual_comment", "comment")),
            )
        ]
        return {
            "students": sorted((s.id, s.first_name, s.email) for s in gradebook.db.query(Student)),
            "submissions": sorted(
                (s.student_id, s.name, str(s.timestamp), str(s.extension), s.needs_manual_grade, s.score)
                for s in gradebook.db.query(SubmittedAssignment)
            ),
            "notebooks": sorted(
                (n.student.id, n.name, n.flagged, str(n.late_submission_penalty), n.score)
                for n in gradebook.db.query(SubmittedNotebook)
            ),
            "grades": cells[0],
            "comments": cells[1],
        }


GOOD = ("def first():\n    return 1", "def second():\n    return 2.5", "Because.")


@pytest.fixture(scope="module", autouse=True)
def alembic():
    """nbgrader runs this command when it creates a gradebook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("course"))


@pytest.mark.slow
def test_the_same_rows_as_nbgrader_writes(course):
    """One story, in the order in which a course goes; after each step, every table is compared."""

    def same():
        ours, theirs = tables(course.ours), tables(course.theirs)
        for table, rows in theirs.items():
            assert ours[table] == rows, table
        return ours

    # A first submission in time, the second notebook missing.
    course.hand_in(BOB, {"one": (GOOD[0], None, GOOD[2])}, DUE)
    assert course.grade(BOB, DUE) == 3.0
    rows = same()
    assert (BOB, "two", "GradeCell", "answer", 0.0, None, None, False, 0.0) in rows["grades"]
    assert (BOB, "one", "SolutionCell", "second", "No response.", None, "No response.") in rows["comments"]
    assert (BOB, "one", "GradeCell", "answer", None, None, None, True, 0.0) in rows["grades"]

    # A person grades; then the student hands in again, two hours late, with everything.
    def by_hand(gradebook):
        grade = gradebook.find_grade("answer", "one", "ps", BOB)
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 4.0, 0.5, False
        gradebook.find_grade("check_first", "one", "ps", BOB).extra_credit = 0.25
        gradebook.find_grade("check_second", "one", "ps", BOB).manual_score = 1.5
        grade = gradebook.find_grade("task", "one", "ps", BOB)
        grade.manual_score, grade.needs_manual_grade = 1.0, False
        for name in ("answer", "second", "task"):
            gradebook.find_comment(name, "one", "ps", BOB).manual_comment = f"About {name}."

    course.in_both(by_hand)
    late = DUE + timedelta(hours=2)
    course.hand_in(BOB, {"one": GOOD, "two": (None, None, None)}, late)
    # One: 3 + 0.25 + 1.5 + 4.5 + 1 less 2 hours. Two: everything untouched, so that nothing can be taken off.
    assert course.grade(BOB, late) == 8.25
    rows = same()
    assert (BOB, "one", False, "2.0", 10.25) in rows["notebooks"]
    assert (BOB, "one", "GradeCell", "answer", None, 4.0, 0.5, True, 4.5) in rows["grades"]

    assert (BOB, "one", "GradeCell", "check_second", 2.5, 1.5, None, True, 1.5) in rows["grades"]

    # Graded once more without its timestamp, it is as late as before.
    course.hand_in(BOB, {"one": GOOD, "two": (None, None, None)})
    assert course.grade(BOB) == 8.25
    same()

    # An extension makes it early again; the notebook is handed in worse, without a timestamp.
    course.in_both(lambda gradebook: gradebook.grant_extension("ps", BOB, hours=3))
    course.hand_in(BOB, {"two": GOOD})
    course.grade(BOB)
    rows = same()
    assert any(row[:3] == (BOB, "ps", str(late)) for row in rows["submissions"])
    # nbgrader leaves the penalty of a notebook that is no longer there.
    assert (BOB, "one", False, "2.0", 7.25) in rows["notebooks"]

    # Penalties that a plugin gets wrong.
    for student, score in (("eve", 5.5), ("max", 0.0)):
        course.hand_in(student, {"one": GOOD}, late)
        assert course.grade(student, late) == score
        same()


@pytest.fixture
def gradebook(course, tmp_path):
    shutil.copy(course.root / "ours.db", tmp_path)
    with Gradebook(f"sqlite:///{tmp_path}/ours.db") as gradebook:
        yield gradebook


class HalfOfIt(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score / 2


@pytest.mark.slow
def test_a_regrade_keeps_what_a_person_has_set(gradebook):
    def results(first):
        return {"one": Result({"check_first": first, "check_second": 4.0, "answer": None})}

    def of(name):
        grade = gradebook.find_grade(name, "one", "ps", "ann")
        return grade.auto_score, grade.manual_score, grade.needs_manual_grade

    def again(first, **options):
        return record(gradebook, "ps", "ann", None, results(first), HalfOfIt(), again=True, **options)

    record(gradebook, "ps", "ann", DUE + timedelta(hours=1), results(1.0), HalfOfIt())
    for name, points in (("answer", 5.0), ("check_first", 2.0), ("check_second", 3.0)):
        grade = gradebook.find_grade(name, "one", "ps", "ann")
        grade.manual_score, grade.needs_manual_grade = points, False
    notebook = gradebook.find_submission_notebook("one", "ps", "ann")
    assert notebook.late_submission_penalty == 2.5
    # As the policy has it of what a person has given since.
    notebook.late_submission_penalty = 5.0
    gradebook.db.commit()
    before, points = recorded(gradebook, "ps", "ann")
    assert (before.points, before.penalty, points["one", "check_first"]) == (5.0, 5.0, 1.0)

    # Without a person's word the points are the grader's, and half of them are gone.
    gradebook.find_grade("check_first", "one", "ps", "ann").manual_score = None
    gradebook.db.commit()
    gradebook.find_submission_notebook("one", "ps", "ann").late_submission_penalty = 4.5
    gradebook.db.commit()
    assert again(3.0, write=False).points == 5.5
    assert (recorded(gradebook, "ps", "ann")[0].points, of("check_first")) == (4.5, (1.0, None, False))
    assert again(3.0).penalty == 5.5
    # Only what has changed is to be looked at again, and of a person's own answers nothing is.
    assert (of("check_first"), of("check_second"), of("answer")) == (
        (3.0, None, False), (4.0, 3.0, False), (None, 5.0, False),
    )  # fmt: skip

    # A penalty that is not the policy's stays.
    gradebook.find_submission_notebook("one", "ps", "ann").late_submission_penalty = 1.0
    gradebook.db.commit()
    assert again(0.0).penalty == 1.0
    with pytest.raises(MissingEntry):
        recorded(gradebook, "ps", "nobody")


@pytest.mark.slow
def test_a_late_penalty_from_before_the_answers_were_read_is_the_policy_s_all_the_same(gradebook):
    def graded(first, **options):
        results = {"one": Result({"check_first": first, "check_second": 4.0, "answer": None})}
        return record(gradebook, "ps", "ann", DUE + timedelta(hours=1), results, HalfOfIt(), **options)

    assert graded(1.0).penalty == 2.5
    grade = gradebook.find_grade("answer", "one", "ps", "ann")
    grade.manual_score, grade.needs_manual_grade = 5.0, False
    gradebook.db.commit()
    # Nothing that the grader gave has changed, and so nothing changes.
    same = graded(1.0, again=True)
    assert (same.points, same.penalty) == (7.5, 2.5)
    assert graded(3.0, again=True).penalty == 3.5


@pytest.mark.slow
def test_nothing_is_written_when_something_fails(gradebook):
    class Fails(LateSubmissionPlugin):
        def late_submission_penalty(self, student_id, score, total_seconds_late):
            raise ZeroDivisionError

    results = {"one": Result({"check_first": 3.0, "check_second": 4.0, "answer": None})}
    with pytest.raises(ZeroDivisionError):
        record(gradebook, "ps", "ann", DUE + timedelta(hours=1), results, Fails())
    with pytest.raises(MissingEntry):
        gradebook.find_student("ann")
    assert record(gradebook, "ps", "ann", DUE, results, Fails()).points == 7.0


@pytest.mark.slow
def test_what_is_told_is_what_the_gradebook_has(gradebook):
    """Manual points, extra credit and penalties count; what waits for a person is no lost point."""

    def recorded(timestamp=None):
        results = {"one": Result({"check_first": 3.0, "check_second": 4.0, "answer": None})}
        score = record(gradebook, "ps", "ann", timestamp, results, OnePointAnHour())
        assert score.points == exported(gradebook, "ann")
        return score

    # The notebook that was not handed in is worth 14 points, too, and nobody reads it.
    assert recorded() == Score(points=7.0, possible=7.0 + 14.0, unread=5.0 + 2.0)
    gradebook.find_grade("answer", "one", "ps", "ann").manual_score = 4.0
    gradebook.find_grade("check_second", "one", "ps", "ann").manual_score = 1.0
    gradebook.find_grade("check_first", "one", "ps", "ann").extra_credit = 0.5
    gradebook.db.commit()
    assert recorded() == Score(points=8.5, possible=12.0 + 14.0, unread=2.0)
    assert recorded(DUE + timedelta(hours=3)) == Score(points=5.5, possible=12.0 + 14.0, unread=2.0, penalty=3.0)


@pytest.mark.slow
def test_a_time_that_is_forgotten_is_no_late_time(gradebook):
    results = {"one": Result({"check_first": 3.0, "check_second": 4.0, "answer": None})}
    late = DUE + timedelta(hours=3)
    assert record(gradebook, "ps", "ann", late, results, OnePointAnHour()).points == 4.0
    assert record(gradebook, "ps", "bea", late, results, OnePointAnHour()).points == 4.0
    forget_time(gradebook, "ps", "ann")
    assert gradebook.find_submission("ps", "ann").timestamp is None
    assert record(gradebook, "ps", "ann", None, results, OnePointAnHour()).points == 7.0
    assert record(gradebook, "ps", "bea", None, results, OnePointAnHour()).points == 4.0


@pytest.mark.slow
def test_a_result_for_other_cells_is_refused(gradebook):
    few = {"one": Result({"check_first": 3.0})}
    unknown = {"three": Result({"check_first": 3.0})}
    for results, odd in ((few, "answer, check_second"), (unknown, "check_first")):
        with pytest.raises(ValueError, match=f"differ in the grade cells {odd};"):
            record(gradebook, "ps", "ann", None, results, OnePointAnHour())
    with pytest.raises(MissingEntry, match="no assignment 'other'"):
        record(gradebook, "other", "ann", None, {}, OnePointAnHour())


@pytest.mark.slow
def test_a_check_that_was_added_since_a_submission_was_made_has_its_points(gradebook):
    scores = {"check_first": 3.0, "check_second": 4.0, "answer": None}
    assert record(gradebook, "ps", "ann", None, {"one": Result(scores)}, OnePointAnHour()).points == 7.0
    gradebook.find_grade("answer", "one", "ps", "ann").manual_score = 2.0
    gradebook.db.commit()
    gradebook.add_grade_cell("check_third", "one", "ps", max_score=6, cell_type="code")
    gradebook.add_solution_cell("third", "one", "ps")
    results = {"one": Result(scores | {"check_third": 6.0}, frozenset({"third"}))}
    for student, points in (("ann", 15.0), ("bea", 13.0), ("ann", 15.0)):
        assert record(gradebook, "ps", student, None, results, OnePointAnHour()).points == points
        assert exported(gradebook, student) == points
        assert gradebook.find_grade("check_third", "one", "ps", student).auto_score == 6.0
        assert gradebook.find_comment("third", "one", "ps", student).auto_comment == "No response."
        # The cells of the notebook that was not handed in are as they were.
        assert len(gradebook.find_submission_notebook("two", "ps", student).grades) == 4


@pytest.mark.slow
def test_the_caller_s_objects_are_read_anew(gradebook):
    def results(points):
        return {"one": Result({"check_first": points, "check_second": 0.0, "answer": 0.0})}

    record(gradebook, "ps", "ann", None, results(1.0), OnePointAnHour())
    grade = gradebook.find_grade("check_first", "one", "ps", "ann")
    assert grade.auto_score == 1.0
    record(gradebook, "ps", "ann", None, results(2.0), OnePointAnHour())
    assert grade.auto_score == 2.0


def test_it_takes_few_statements_and_milliseconds(tmp_path):
    """With 33 cells, like the course's own assignment; nbgrader needs some hundred statements."""
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("ps")
        gradebook.add_notebook("one", "ps")
        names = [f"check_{number}" for number in range(17)]
        for name in names:
            gradebook.add_grade_cell(name, "one", "ps", max_score=3, cell_type="code")
            gradebook.add_solution_cell(name.removeprefix("check_"), "one", "ps")
        seconds = {"first": [], "again": []}
        statements = []
        event.listen(gradebook.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        for points, step in enumerate(seconds):
            results = {"one": Result(dict.fromkeys(names, float(points)))}
            for student in range(20):
                statements.clear()
                start = time.process_time()
                record(gradebook, "ps", f"student{student}", None, results, LateSubmissionPlugin())
                seconds[step].append(time.process_time() - start)
                assert len(statements) <= {"first": 15, "again": 7}[step], statements
    # Of this process alone, and several times what it takes: other load and a slow disk do not count.
    assert statistics.median(seconds["first"]) < 0.04
    assert statistics.median(seconds["again"]) < 0.04
