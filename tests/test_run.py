"""A run over a class: what it says of each student, and what it does when the gradebook or Dask does not answer.

Nothing is run in a sandbox here; test_grading.py does that.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
from dataclasses import replace
from datetime import datetime

import nbformat
import pytest
from distributed import Client, LocalCluster
from nbgrader.api import Gradebook

from autograder import cli
from autograder.course import ROOT, NoCourseError, nbgrader_at, nbgrader_here
from autograder.grading import run, workers
from autograder.grading.job import Graded
from autograder.grading.records import Result, Score
from autograder.grading.run import GradingError, Line, Options, grade_class


def cell(grade_id, kind="code", points=None, **flags):
    made = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[kind]("1", id=grade_id)
    flags = {"grade": points is not None, "solution": False, "locked": False, "task": False} | flags
    made.metadata["nbgrader"] = {"schema_version": 3, "grade_id": grade_id, **flags}
    if points is not None:
        made.metadata["nbgrader"]["points"] = points
    return made


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course with a small assignment."""
    root = tmp_path_factory.mktemp("course")
    cells = [
        cell("f", solution=True),
        cell("check_f", points=2, locked=True),
        cell("why", "markdown", points=3, solution=True),
    ]
    (root / "build" / "source" / "ps").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "build" / "source" / "ps" / "ps.ipynb")
    assert nbgrader_at(root).generate_assignment("ps")["success"]
    return root


@pytest.fixture
def course(released, tmp_path, monkeypatch):
    """The course with two students, and workers in this process that find everything right."""
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    for student in ("ann", "bob"):
        hand_in(tmp_path, student)
    monkeypatch.setattr(run, "grade", all_right)
    monkeypatch.setattr(run, "_cluster", cluster)
    return tmp_path


def hand_in(course, student, name="ps.ipynb"):
    folder = course / "submitted" / student / "ps"
    folder.mkdir(parents=True)
    shutil.copy(course / "build" / "release" / "ps" / "ps.ipynb", folder / name)
    return folder


def all_right(job):
    results = {
        name: Result({c.grade_id: None if c.solution else c.points for c in job.masters[name].cells if c.grade})
        for name in job.notebooks
    }
    return Graded(dict.fromkeys(job.notebooks, "{}"), results, ())


@contextlib.contextmanager
def cluster(options, workers):
    with (
        LocalCluster(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as made,
        Client(made, set_as_default=False) as client,
    ):
        yield client


def lines(course, **options):
    found = grade_class(nbgrader_at(course), "ps", Options(workers=1, sandbox=False, **options), lambda *_: None)
    return {line.student: line for line in found}


def test_no_worker_is_started_for_whom_there_is_no_submission(course, monkeypatch):
    started = []
    monkeypatch.setattr(run, "_cluster", lambda options, workers: started.append(workers) or cluster(options, workers))
    grade_class(nbgrader_at(course), "ps", Options(workers=8, sandbox=False), lambda *_: None)
    assert started == [2]


def gradebook(course):
    return Gradebook(f"sqlite:///{course}/gradebook.db")


def test_what_is_told_of_a_student_is_what_the_gradebook_has(course):
    assert lines(course)["ann"] == Line("ann", Score(points=2.0, possible=2.0, unread=3.0))
    with gradebook(course) as book:
        book.find_grade("why", "ps", "ps", "ann").manual_score = 1.5
        book.find_grade("check_f", "ps", "ps", "ann").extra_credit = 0.5
        book.db.commit()
    found = lines(course, force=True, students=("ann",))
    assert found["ann"].score == Score(points=4.0, possible=5.0)
    assert str(cli._line(found["ann"])) == "✓ ann: 4 of 5"


def test_late_points_are_taken_off_what_is_told(course):
    with gradebook(course) as book:
        book.update_or_create_assignment("ps", duedate=datetime(2030, 1, 1))
    (course / "submitted" / "ann" / "ps" / "timestamp.txt").write_text("2030-01-02 00:00:00 UTC")
    config = (ROOT / "nbgrader_config.py").read_text()
    (course / "nbgrader_config.py").write_text(f"{config}\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    found = lines(course)
    assert str(cli._line(found["ann"])) == "✓ ann: 0 of 2, 2 taken off for being late, 3 to be read"
    assert "median 1 points" in cli._summary(list(found.values()), 0)
    # A time that says nothing certain takes the earlier one away, and no points.
    (course / "submitted" / "ann" / "ps" / "timestamp.txt").write_text("2030-01-02 00:00:00 KST")
    line = lines(course, force=True)["ann"]
    assert line.score == Score(points=2.0, possible=2.0, unread=3.0)
    assert "timestamp.txt was left out" in line.remarks[0]


def test_a_notebook_of_another_name_is_graded_with_a_remark(course):
    hand_in(course, "eve", "Copy of ps.ipynb")
    line = lines(course)["eve"]
    assert line == Line("eve", Score(2.0, 2.0, 3.0), ("'Copy of ps.ipynb' was taken for 'ps.ipynb'.",))


def test_who_handed_in_no_notebook_is_not_graded(course, monkeypatch, capsys):
    (hand_in(course, "eve") / "ps.ipynb").write_text("{}")
    (course / "submitted" / "eve" / "ps" / "ps.ipynb").rename(course / "submitted" / "eve" / "ps" / "ps.py")
    monkeypatch.setattr("sys.argv", ["autograder", "grade", "ps", "--course", str(course), "--no-sandbox"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "✗ eve: not graded. No notebook of this assignment was handed in; expected ps.ipynb." in said
    assert "2 graded, median 2 points; 1 not graded." in said
    with gradebook(course) as book:
        assert "eve" not in {student.id for student in book.students}


def test_a_result_that_the_gradebook_has_no_place_for_costs_nobody_else_anything(course, monkeypatch):
    """As where the assignment was released anew while the class was graded."""

    def others(job):
        graded, odd = all_right(job), job.notebooks["ps"].endswith(b"}\n\n")
        return replace(graded, results={"ps": Result({"check_f": 2.0})}) if odd else graded

    path = course / "submitted" / "ann" / "ps" / "ps.ipynb"
    path.write_text(path.read_text().rstrip() + "\n\n")
    monkeypatch.setattr(run, "grade", others)
    found = lines(course)
    assert found["ann"].score is None
    assert "differ in the grade cells why; release the assignment again." in found["ann"].problem
    assert found["bob"].score == Score(points=2.0, possible=2.0, unread=3.0)


@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_name_that_macos_takes_apart_is_printed_and_found(course, typed):
    name = unicodedata.normalize("NFD", "김철수")
    hand_in(course, name)
    found = lines(course, students=(unicodedata.normalize(typed, name),))
    assert [str(cli._line(line)) for line in found.values()] == ["✓ 김철수: 2 of 2, 3 to be read"]


@contextlib.contextmanager
def locked(course):
    """Another program holds the gradebook; yields how it lets go."""
    config = (ROOT / "nbgrader_config.py").read_text()
    url = f"sqlite:///{course}/gradebook.db?timeout=0.1"
    (course / "nbgrader_config.py").write_text(f"{config}\nc.CourseDirectory.db_url = {url!r}\n")
    other = sqlite3.connect(course / "gradebook.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield other.close
    finally:
        other.close()


def test_a_gradebook_that_is_locked_when_grading_begins_is_waited_for(course, monkeypatch):
    with locked(course) as let_go:
        waits = []
        monkeypatch.setattr(run.time, "sleep", lambda seconds: waits.append(let_go()))
        assert lines(course)["ann"].score == Score(2.0, 2.0, 3.0)
        assert waits


def test_a_gradebook_that_stays_locked_gets_a_sentence(course, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", -1)
    with (
        locked(course),
        pytest.raises(GradingError, match=r"The gradebook does not answer .*database is locked") as error,
    ):
        lines(course)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("lost", "points"), [(1, 2.0), (2, 2.0), (3, None)])
def test_a_task_that_dask_loses_is_handed_out_again(course, monkeypatch, lost, points):
    submit, tries = Client.submit, []

    def forgetful(client, function, *arguments, **options):
        future = submit(client, function, *arguments, **options)
        tries.append(future)
        if len(tries) <= lost:
            future.cancel()
        return future

    monkeypatch.setattr(Client, "submit", forgetful)
    line = lines(course, students=("ann",))["ann"]
    assert (line.score.points if line.score else None) == points
    assert len(tries) == min(lost + 1, run.TRIES)
    if points is None:
        assert line.problem == "Dask lost it 3 times (it is cancelled); run the same command again."


def test_a_scheduler_that_goes_away_gets_a_sentence(course, monkeypatch):
    class Gone:
        status = "connecting"

    monkeypatch.setattr(run, "PATIENCE", -1)
    with pytest.raises(GradingError, match="The Dask scheduler no longer answers; what is graded stays graded"):
        run._wait_for_scheduler(Gone())


def test_the_course_is_that_of_the_folder_it_is_called_in(course, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(course)
    assert nbgrader_here().coursedir.root == str(course)
    # As for nbgrader, the configuration there may name another.
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n")
    monkeypatch.chdir(elsewhere)
    assert nbgrader_here().coursedir.root == str(course)
    nowhere = tmp_path_factory.mktemp("nowhere")
    monkeypatch.chdir(nowhere)
    with pytest.raises(NoCourseError, match=r"is no course: it has no nbgrader_config\.py"):
        nbgrader_here()
    assert list(nowhere.iterdir()) == []


@pytest.mark.parametrize(
    ("loaded", "left"),
    [
        # By then the workers have begun.
        ("autograder.cli, autograder.grading.workers", ("nbgrader", "distributed", "torch")),
        ("autograder.grading.run", ("torch",)),
        # What each worker would load for itself otherwise; threads do not survive a fork.
        (", ".join(workers.PRELOADED), ()),
    ],
)
def test_a_run_begins_with_what_it_needs_and_no_more(loaded, left):
    code = f"import os, sys, {loaded}\nprint(sorted(set({left}) & sys.modules.keys()), os.listdir('/proc/self/task'))"
    environment = os.environ | dict.fromkeys(workers.ONE_THREAD, "1")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\] \['\d+'\]\n", done.stdout)


def test_what_workers_are_given_is_not_left_in_the_environment(monkeypatch):
    given = {}
    monkeypatch.setattr(workers.launch, "share", lambda threads: f"{threads}:/somewhere")
    monkeypatch.setattr(workers.multiprocessing, "set_forkserver_preload", lambda modules: None)
    monkeypatch.setattr(workers.forkserver, "ensure_running", lambda: given.update(os.environ))
    monkeypatch.setattr(workers.gpus, "is_there", lambda: False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    for number, sandbox, shared in ((2, True, "3:/somewhere"), (None, True, "1:/somewhere"), (2, False, None)):
        given.clear()
        workers.prepare(number, sandbox)
        assert (given["OMP_NUM_THREADS"], given["MKL_NUM_THREADS"]) == ("3", "1")
        assert given.get(workers.launch.SHARED) == shared
        assert dict(os.environ) == before
