"""A class graded at once: what the instructor gets, and that nothing that dies on the way loses anything."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import nbformat
import psutil
import pytest
from classes import (
    BIN,
    WORD,
    Postgres,
    dask_cluster,
    grade,
    grade_on,
    gradebook,
    graded,
    grading,
    hand_in,
    make_course,
    needs_bubblewrap,
    scores,
)
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade
from processes import sandboxes, wait_until, wait_until_ended, workers

from autograder.course import nbgrader_at
from autograder.grading.run import Options, grade_class
from autograder.names import MIME
from autograder.sandbox import bubblewrap

pytestmark = [pytest.mark.slow, needs_bubblewrap]

RIGHT = 90.0
# Overwriting the input costs the contract of relu_forward; tanh_forward does not parse, and its backward needs it.
WRONG = RIGHT - 1 - 4 - 5


def url(course):
    return f"sqlite:///{course}/gradebook.db"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The gradebook of a class of six that nothing happened to."""
    course = make_course(tmp_path_factory.mktemp("undisturbed") / "a course")
    code, said = grade(course)
    assert code == 0, said
    return course


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a cluster that grades for several tests, and sees none of their courses."""
    with (
        tempfile.TemporaryDirectory(prefix="dask-") as folder,
        dask_cluster(Path(folder), hidden=tmp_path_factory.getbasetemp()) as address,
    ):
        yield address


def test_every_student_gets_a_line_and_the_right_score(undisturbed):
    said = (undisturbed / "grading.log").read_text()
    assert "✓ student0: 90 of 90, 10 to be read" in said
    assert "6 graded, median 90 points." in said
    assert scores(url(undisturbed)) == {f"student{n}": WRONG if n % 3 == 1 else RIGHT for n in range(6)}


def test_the_executed_notebook_shows_the_table_and_the_hint(undisturbed):
    notebook = nbformat.read(undisturbed / "autograded" / "student1" / WORD / f"{WORD}.ipynb", as_version=4)
    outputs = {c.metadata.nbgrader.grade_id: c.outputs for c in notebook.cells if is_grade(c) and c.cell_type == "code"}
    (shown,) = outputs["check_relu_forward"]
    assert "the call changed its input x; work on a copy." in shown.data["text/html"]
    assert shown.data[MIME]["mistake"] == "in_place"
    assert "tanh_forward is not defined" in str(outputs["check_tanh_forward"])


def test_what_is_graded_is_not_graded_again(undisturbed):
    before = {path: path.stat().st_mtime_ns for path in undisturbed.glob(f"autograded/*/{WORD}/*")}
    code, said = grade(undisturbed)
    assert code == 0
    assert "Everybody is graded already" in said
    assert before == {path: path.stat().st_mtime_ns for path in undisturbed.glob(f"autograded/*/{WORD}/*")}


def test_a_newer_submission_is_graded_again(cluster, tmp_path):
    course = make_course(tmp_path, students=1)
    stamp = course / "submitted" / "student0" / WORD / "timestamp.txt"
    stamp.write_text("2030-01-01 10:00:00 UTC")
    assert grade_on(cluster, course)[0] == 0
    assert "Everybody is graded already" in grade_on(cluster, course)[1]
    stamp.write_text("2030-01-01 11:00:00 UTC")
    assert "1 graded" in grade_on(cluster, course)[1]


def test_nbgrader_s_own_command_gives_the_same_scores(undisturbed, tmp_path):
    course = make_course(tmp_path / "the same course", students=3)
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([BIN / "nbgrader", "autograde", WORD], cwd=course, env=environment, check=True, timeout=300)
    ours = gradebook(url(undisturbed))
    assert gradebook(url(course)) == {student: ours[student] for student in ("student0", "student1", "student2")}
    for name in ("student0", "student1"):
        path = f"autograded/{name}/{WORD}/{WORD}.ipynb"
        assert outputs_of(undisturbed / path) == outputs_of(course / path)


def outputs_of(path):
    return [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells]


def test_a_regrade_repeats_itself_and_keeps_what_a_person_wrote(cluster, tmp_path):
    course = make_course(tmp_path, students=2)
    grade_on(cluster, course)
    with Gradebook(url(course)) as book:
        grade_of = {g.name: g for g in book.find_submission(WORD, "student1").notebooks[0].grades}
        grade_of["explain_vanishing"].manual_score = 7
        grade_of["check_relu_forward"].manual_score = 4
        book.find_submission(WORD, "student1").notebooks[0].comments[0].manual_comment = "Well argued."
        book.db.commit()
    before = gradebook(url(course))
    notebook = course / "autograded" / "student1" / WORD / f"{WORD}.ipynb"
    executed = notebook.read_bytes()
    code, said = grade_on(cluster, course, "--force", "--student", "student1")
    assert code == 0
    assert "student0" not in said
    after = gradebook(url(course))
    assert notebook.read_bytes() == executed
    assert scores(url(course))["student1"] == WRONG + 1 + 7
    # nbgrader asks for another look at what a person graded before.
    asked_again = [(n, a, m, m is not None or a is None) for n, a, m, _ in before["student1"][3]]
    assert after["student1"][3] == asked_again
    assert after["student1"][4] == before["student1"][4]


def test_a_mended_problem_is_regraded_and_says_who_changes_before_it_writes(cluster, tmp_path):
    course = make_course(tmp_path, students=2)
    grade_on(cluster, course)
    with Gradebook(url(course)) as book:
        notebook = book.find_submission(WORD, "student0").notebooks[0]
        grade_of = {g.name: g for g in notebook.grades}
        # As if the check had been wrong, and a person had read the answer since.
        grade_of["check_relu_forward"].auto_score = 1
        grade_of["explain_vanishing"].manual_score, grade_of["explain_vanishing"].needs_manual_grade = 7, False
        notebook.comments[0].manual_comment = "Well argued."
        notebook.late_submission_penalty = 2
        book.db.commit()
    path = course / "autograded" / "student0" / WORD / f"{WORD}.ipynb"
    path.write_text(path.read_text().replace('"score": 4.0', '"score": 1.0').replace('"earned": 1.0', '"earned": 0.0'))
    before, executed = gradebook(url(course)), path.read_bytes()
    code, said = grade_on(cluster, course, command="regrade")
    assert code == 0
    assert "student0: 92 → 95 points\n    check_relu_forward: 1 → 4. " in said
    assert "contract 0 → 1" in said
    assert "student1" not in said
    assert "2 graded again: 1 gain points, 0 lose points. Nothing is written; --write writes it." in said
    assert (gradebook(url(course)), path.read_bytes()) == (before, executed)
    assert not (course / "build" / "grading" / WORD).exists()
    code, said = grade_on(cluster, course, "--write", command="regrade")
    assert "Written." in said
    after = gradebook(url(course))
    assert after["student1"] == before["student1"]
    changed = [(b, a) for b, a in zip(before["student0"][3], after["student0"][3], strict=True) if a != b]
    assert changed == [(("check_relu_forward", 1, None, False), ("check_relu_forward", 4, None, False))]
    # The penalty that a person has set, and the comment.
    assert (after["student0"][2], after["student0"][4]) == (2, before["student0"][4])
    assert path.read_bytes() != executed


def test_what_is_handed_in_anew_is_not_regraded(cluster, tmp_path):
    course = make_course(tmp_path, students=1)
    code, said = grade_on(cluster, course, command="regrade")
    assert code == 1
    assert "run `autograder grade activations` first" in said


def test_a_killed_worker_costs_nothing(undisturbed, tmp_path):
    course = make_course(tmp_path)
    run = grading(course)
    wait_until(lambda: graded(course))
    workers(psutil.Process(run.pid))[0].kill()
    assert run.wait(timeout=300) == 0, (course / "grading.log").read_text()
    assert gradebook(url(course)) == gradebook(url(undisturbed))


def test_a_killed_sandbox_costs_nothing(undisturbed, tmp_path):
    """All workers share it; each has one of its own then."""
    course = make_course(tmp_path)
    run = grading(course)
    wait_until(lambda: graded(course))
    (shared,) = sandboxes(psutil.Process(run.pid))
    shared.kill()
    assert run.wait(timeout=300) == 0, (course / "grading.log").read_text()
    assert gradebook(url(course)) == gradebook(url(undisturbed))


def test_a_killed_run_goes_on_where_it_was(undisturbed, tmp_path):
    course = make_course(tmp_path)
    run = grading(course, "--workers", "1")
    wait_until(lambda: len(graded(course)) >= 2)
    below = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    # Workers and sandboxes end with it.
    wait_until_ended(below)
    done = graded(course)
    code, said = grade(course)
    assert code == 0
    assert 0 < len(done) < 6
    assert not [student for student in done if f"{student}:" in said]
    assert gradebook(url(course)) == gradebook(url(undisturbed))


@pytest.mark.parametrize("moment", ["before the gradebook", "after the gradebook", "while the old one is replaced"])
def test_a_run_that_dies_while_it_writes_is_repaired_by_the_next(cluster, undisturbed, tmp_path, monkeypatch, moment):
    """The moments that a kill from outside hardly ever meets."""
    from autograder.grading import run

    course = make_course(tmp_path, students=1)
    if moment == "while the old one is replaced":
        grade_on(cluster, course)
        final = course / "autograded" / "student0" / WORD
        place, name, survives = run.Path, "rename", lambda self, target: self == final
    elif moment == "after the gradebook":
        place, name, survives = run.Path, "rename", lambda self, target: False
    else:
        place, name, survives = run, "record", lambda *arguments: False
    real = getattr(place, name)

    class Power(BaseException):
        pass

    def cut(*arguments):
        if survives(*arguments):
            return real(*arguments)
        raise Power

    with monkeypatch.context() as patch:
        patch.setattr(place, name, cut)
        with pytest.raises(Power):
            grade_class(nbgrader_at(course), WORD, Options(scheduler=cluster, force=True), lambda *_: None)
    assert graded(course) == []
    assert grade_on(cluster, course)[0] == 0
    assert graded(course) == ["student0"]
    assert gradebook(url(course))["student0"] == gradebook(url(undisturbed))["student0"]


def test_postgres_keeps_the_gradebook_though_it_is_killed(undisturbed, tmp_path_factory):
    server = Postgres()
    try:
        course = make_course(
            tmp_path_factory.mktemp("with postgres"), config=f"c.CourseDirectory.db_url = {server.url!r}"
        )
        run = grading(course, "--workers", "1")
        wait_until(lambda: graded(course))
        server.kill()
        server.start()
        assert run.wait(timeout=300) == 0, (course / "grading.log").read_text()
        assert gradebook(server.url) == gradebook(url(undisturbed))
    finally:
        server.stop()


def test_workers_elsewhere_need_no_course_folder(cluster, undisturbed, tmp_path):
    course = make_course(tmp_path)
    code, said = grade(course, "--scheduler", cluster)
    assert code == 0, said
    assert gradebook(url(course)) == gradebook(url(undisturbed))


def test_a_scheduler_that_is_not_there_is_named(tmp_path):
    course = make_course(tmp_path, students=1)
    code, said = grade(course, "--scheduler", "tcp://127.0.0.1:9")
    assert code == 1
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in said


def test_two_runs_do_not_grade_one_course_at_once(tmp_path):
    course = make_course(tmp_path, students=2)
    first = grading(course)
    wait_until(lambda: (course / ".grading.lock").exists() and psutil.Process(first.pid).children())
    done = subprocess.run(
        [BIN / "autograder", "grade", WORD, "--course", course], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1
    assert "Another run is grading" in done.stdout
    assert first.wait(timeout=300) == 0


@pytest.fixture
def _interruptible():
    """A program that is started here can be interrupted, also where these tests run in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_from_the_keyboard_keeps_what_is_graded(tmp_path):
    # So many that the run does not end first.
    course = make_course(tmp_path, students=15)
    run = grading(course, "--workers", "1")
    wait_until(lambda: graded(course))
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 1
    assert "What is graded stays graded" in (course / "grading.log").read_text()
    assert scores(url(course))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--student", "nobody"], "Nothing was handed in for activations by nobody."),
        (["--workers", "0"], "expected a whole number from 1"),
    ],
)
def test_bad_options_get_one_sentence(undisturbed, options, sentence):
    code, said = grade(undisturbed, *options)
    assert code != 0
    assert sentence in " ".join(said.split())
    assert "Traceback" not in said


def test_what_is_missing_is_named(cluster, tmp_path):
    course = make_course(tmp_path, students=0)
    assert "Nobody has handed in activations" in grade_on(cluster, course)[1]
    hand_in(course, "sun")
    (course / "grading-seed.txt").write_text("a secret")
    code, said = grade_on(cluster, course)
    assert code == 1
    assert "holds 'a secret'; expected one whole number" in " ".join(said.split())


@pytest.mark.skipif(bubblewrap.COPY.exists(), reason="scripts/apparmor has made a copy, which is found without a PATH")
def test_without_bubblewrap_nothing_is_graded(tmp_path):
    course = make_course(tmp_path, students=1)
    command = [BIN / "autograder", "grade", WORD, "--course", course]
    environment = {**os.environ, "PATH": str(BIN)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "bubblewrap, which makes it, is not installed: sudo apt-get install bubblewrap" in " ".join(
        done.stdout.split()
    )
    assert scores(url(course)) == {}
    done = subprocess.run([*command, "--no-sandbox"], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0
    assert "submissions run with your rights" in " ".join(done.stdout.split())
    assert scores(url(course)) == {"student0": RIGHT}
