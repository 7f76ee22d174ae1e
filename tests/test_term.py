"""The guide's way from the roster to the feedback, run as it stands on the page."""

import re
import shutil

import nbformat
import pytest
from classes import needs_bubblewrap
from nbgrader.api import Gradebook
from test_nbgrader import command

from autograder.course import ROOT
from autograder.demo import Student, filled_in
from autograder.release import register

pytestmark = [pytest.mark.slow, needs_bubblewrap]

WORD = "activations"
SECTION = re.search(r"\(class-term\)=\n(.*?)\n## Points", (ROOT / "book" / "grading.md").read_text(), re.DOTALL)[1]
# Where it is run, or the file's name; the language; the text.
BLOCKS = re.findall(r"^`?(In [^\n]*|[\w.]+)`?:\n\n```(\w+)\n(.*?)```", SECTION, re.DOTALL | re.MULTILINE)


def test_the_guide_s_commands_lead_from_the_roster_to_the_feedback(tmp_path):
    course, student, exchange = (tmp_path / name for name in ("a course", "student", "exchange"))
    for folder in (course, student, exchange):
        folder.mkdir()
    exchange.chmod(0o777)
    tmp_path.chmod(0o755)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    (course / "grading-seed.txt").write_text("20300101\n")
    places = {"In the course's folder": course, "In a student's folder": student}
    said = {}
    assert len(BLOCKS) == 7
    for where, kind, text in BLOCKS:
        text = text.replace("/srv/nbgrader/exchange", str(exchange))
        if kind != "console":
            with (course / where).open("a", encoding="utf-8") as file:
                file.write("\n" * (where == "nbgrader_config.py") + text)
            continue
        for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
            # The set is the repository's: in a course of its own it is registered, not released again.
            if line == f"autograder release {WORD}":
                register(WORD, course)
                continue
            if line.startswith("nbgrader submit"):
                solve(student / WORD / f"{WORD}.ipynb")
            said[line] = command(places[where], "bash", "-c", line)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        assert {"anna", "minsu"} <= {s.id for s in gradebook.students}
        assert gradebook.find_assignment(WORD).duedate.isoformat() == "2030-01-31T12:00:00"
        assert gradebook.find_submission(WORD, "anna").extension.days == 2
        (mine,) = [s for s in gradebook.assignment_submissions(WORD) if s.student.id != "anna"]
        assert mine.score == 90
        assert mine.timestamp is not None
    assert "Müller, Anna" in (course / "canvas.csv").read_text()
    assert (course / "report" / "index.html").is_file()
    assert list(student.rglob(f"feedback/**/{WORD}.html"))


def solve(path):
    """What the student does between fetching and submitting."""
    notebook = filled_in(WORD, nbformat.read(path, as_version=4), Student("a student", {}))
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    ("hours", "penalty"), [(1, 9), (24, 9), (25, 18), (24 * 20, 90)], ids=["an hour", "a day", "two days", "too late"]
)
def test_the_guide_s_policy_takes_a_tenth_for_each_day(hours, penalty):
    (source,) = [text for where, _, text in BLOCKS if where == "nbgrader_config.py"]
    found = {"get_config": lambda: __import__("traitlets.config").config.Config()}
    exec(source, found)
    assert found["TenthPerDay"]().late_submission_penalty("anna", 90, hours * 3600) == pytest.approx(penalty)
