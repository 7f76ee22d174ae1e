"""nbgrader works as its users know it, from the root of a course."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from classes import jupyterlab
from nbgrader.api import Gradebook
from nbgrader.utils import is_solution

from autograder.course import ROOT
from autograder.release import register, solution_notebook

pytestmark = pytest.mark.slow

WORD = "activations"
BIN = Path(sys.executable).parent
OWN_ASSERTS = {
    "type_of_the_answer": ("assert isinstance(relu_forward(torch.ones(2))[0], torch.Tensor)", 3),
    "always_fails": ("assert False, 'not this time'", 2),
}


def command(course, *arguments, check=True):
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        arguments,
        cwd=course,
        env=environment,
        check=False,
        timeout=300,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0 or not check, done.stdout
    return done.stdout


def hand_in(course, student, sources):
    """A submission whose solution cells are `sources` by grade_id; the others stay stubs."""
    notebook = nbformat.read(course / "exercises" / WORD / f"{WORD}.ipynb", as_version=4)
    for cell in filter(is_solution, notebook.cells):
        cell.source = sources.get(cell.metadata.nbgrader.grade_id, cell.source)
    folder = course / "submitted" / student / WORD
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{WORD}.ipynb")
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder with nbgrader's configuration, the assignment released, and three submissions graded."""
    course = tmp_path_factory.mktemp("a course")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    register(WORD, course)
    solution = {c.metadata.nbgrader.grade_id: c.source for c in solution_notebook(WORD).cells if is_solution(c)}
    hand_in(course, "sun", solution)
    hand_in(course, "stub", {})
    # Its input is overwritten, which costs the contract of the forward pass and nothing of the backward pass.
    partly = {
        "relu_forward": "def relu_forward(x):\n    return x.clamp_(min=0), x > 0",
        "tanh_forward": "def tanh_forward(x:",
    }
    hand_in(course, "partly", {**solution, **partly})
    command(course, "nbgrader", "autograde", WORD)
    return course


def scores(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        return {s.student.id: s.score for s in gradebook.assignment_submissions(WORD)}


def test_autograde_fills_the_gradebook(course):
    assert scores(course) == {"sun": 90.0, "stub": 0.0, "partly": 90.0 - 1 - 4 - 5}


def test_the_free_text_waits_for_a_person(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        waiting = {
            s.student.id: [g.name for n in s.notebooks for g in n.grades if g.needs_manual_grade]
            for s in gradebook.assignment_submissions(WORD)
        }
    assert waiting == {"sun": ["explain_vanishing"], "stub": [], "partly": ["explain_vanishing"]}


def test_feedback_shows_the_table(course):
    command(course, "nbgrader", "generate_feedback", WORD)
    page = (course / "feedback" / "partly" / WORD / f"{WORD}.html").read_text()
    assert "relu_forward: 3 of 4 points" in page
    assert "the call changed its input x; work on a copy." in page


def test_feedback_is_never_stale(course):
    """What a person has given since is on the page, without an option."""
    command(course, "nbgrader", "generate_feedback", WORD, "--student", "partly")
    page = course / "feedback" / "partly" / WORD / f"{WORD}.html"
    assert "80 of 90 points" in page.read_text()
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_grade("explain_vanishing", WORD, WORD, "partly").manual_score = 7
        gradebook.db.commit()
    command(course, "nbgrader", "generate_feedback", WORD, "--student", "partly")
    assert "87 of 100 points" in page.read_text()
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_grade("explain_vanishing", WORD, WORD, "partly").manual_score = None
        gradebook.db.commit()


def test_export_writes_the_scores(course):
    command(course, "nbgrader", "export")
    rows = (course / "grades.csv").read_text().splitlines()
    assert len(rows) == 4
    assert any("sun" in row and "90.0" in row for row in rows)


def test_validate_tells_a_student_what_would_fail(course, tmp_path):
    # Sixteen checks and the question in words.
    stub = command(course, "nbgrader", "validate", f"exercises/{WORD}/{WORD}.ipynb", check=False)
    assert "VALIDATION FAILED ON 17 CELL(S)" in stub
    mine = tmp_path / f"{WORD}.ipynb"
    shutil.copy(course / "submitted" / "sun" / WORD / mine.name, mine)
    assert "Success! Your notebook passes all the tests." in command(course, "nbgrader", "validate", str(mine))


def test_a_deleted_check_still_counts(course):
    solution = {c.metadata.nbgrader.grade_id: c.source for c in solution_notebook(WORD).cells if is_solution(c)}
    notebook = hand_in(course, "without_checks", solution)
    notebook.cells = [
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "check_elu_forward"
    ]
    nbformat.write(notebook, course / "submitted" / "without_checks" / WORD / f"{WORD}.ipynb")
    command(course, "nbgrader", "autograde", WORD, "--student", "without_checks")
    assert scores(course)["without_checks"] == 90


def test_a_doubtful_time_is_no_late_time(course):
    """nbgrader's own command says so, and forgets the time of an earlier submission."""
    late = "\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    config = course / "nbgrader_config.py"
    before = config.read_text()
    config.write_text(before + late)
    command(course, "nbgrader", "db", "assignment", "add", WORD, "--duedate", "2030-01-01 00:00:00 UTC")
    hand_in(course, "late", {"relu_forward": "def relu_forward(x):\n    return x.clamp(min=0), x"})
    time = course / "submitted" / "late" / WORD / "timestamp.txt"
    penalties = {}
    for text in ("2030-01-02 00:00:00 UTC", "2030-01-02 00:00:00 KST"):
        time.write_text(text)
        said = command(course, "nbgrader", "autograde", WORD, "--student", "late", "--force")
        with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
            penalties[text] = gradebook.find_submission(WORD, "late").late_submission_penalty
    config.write_text(before)
    assert penalties == {"2030-01-02 00:00:00 UTC": 4.0, "2030-01-02 00:00:00 KST": 0.0}
    assert "timestamp.txt was left out: it says '2030-01-02 00:00:00 KST'" in said


def test_an_instructor_s_own_asserts_go_on_working(tmp_path):
    """Grade cells that are not checks: full points without an error, none with one."""
    notebook = solution_notebook(WORD)
    for grade_id, (source, points) in OWN_ASSERTS.items():
        cell = nbformat.v4.new_code_cell(source, id=grade_id)
        cell.metadata["nbgrader"] = {
            "schema_version": 3, "grade_id": grade_id, "grade": True, "solution": False, "locked": True, "task": False,
            "points": points,
        }  # fmt: skip
        notebook.cells.append(cell)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    folder = tmp_path / "build" / "source" / WORD
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{WORD}.ipynb")
    command(tmp_path, "nbgrader", "generate_assignment", WORD)
    shutil.copytree(tmp_path / "build" / "release" / WORD, tmp_path / "exercises" / WORD)
    hand_in(tmp_path, "sun", {"relu_forward": "def relu_forward(x):\n    return x.clamp(min=0), x"})
    command(tmp_path, "nbgrader", "autograde", WORD)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        grades = gradebook.find_submission(WORD, "sun").notebooks[0].grades
        found = {g.name: g.auto_score for g in grades if g.name in OWN_ASSERTS or g.name == "check_relu_forward"}
    assert found == {"type_of_the_answer": 3, "always_fails": 0, "check_relu_forward": 4}


def test_formgrader_opens_in_jupyterlab(course):
    """The pages that an instructor clicks through, from a server started in the course folder."""
    with jupyterlab(course) as page:
        assert "Formgrader" in page("formgrader/manage_assignments") or "formgrader" in page(
            "formgrader/manage_assignments"
        )
        assert f'"name": "{WORD}"' in page("formgrader/api/assignments")
        submissions = page(f"formgrader/api/submissions/{WORD}")
        assert '"student": "sun"' in submissions
        # The button that grades one student; sun has answered no differently since.
        answer = page(f"formgrader/api/submission/{WORD}/sun/autograde", "POST")
        assert '"success": true' in answer, answer
        assert scores(course)["sun"] == 90
