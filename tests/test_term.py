"""The guide's way from the roster to the feedback, run as it stands on the page."""

import contextlib
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import nbformat
import pytest
from classes import Postgres, grade, jupyterlab, make_course, needs_bubblewrap
from nbgrader.api import Gradebook
from test_nbgrader import command

from autograder.course import ROOT
from autograder.demo import Student, filled_in
from autograder.release import register

pytestmark = [pytest.mark.slow, needs_bubblewrap]

WORD = "activations"
GUIDE = (ROOT / "book" / "grading.md").read_text()


def blocks(first, last):
    """Of each block between two lines of the guide: where it is run, or the file's name; the language; the text."""
    (section,) = re.findall(f"{re.escape(first)}\n(.*?)\n{re.escape(last)}", GUIDE, re.DOTALL)
    return re.findall(r"^`?(In [^\n]*|[\w.]+)`?:\n\n```(\w+)\n(.*?)```", section, re.DOTALL | re.MULTILINE)


BLOCKS = blocks("(class-term)=", "(class-graders)=")


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


def test_the_guide_s_graders_read_a_class_at_once_and_need_only_read_its_folder(tmp_path):
    (_, _, config), (_, _, script), (_, _, deal), (where, _, lab) = blocks("(class-graders)=", "## Points for speed")
    assert where == "In the course's folder, each grader"
    (deal,), (lab,) = (re.findall(r"^\$ (.*)$", text, re.MULTILINE) for text in (deal, lab))
    server = Postgres()
    try:
        address = "postgresql+psycopg://course@db.example/course"
        course = make_course(tmp_path / "a course", students=5, config=config.replace(address, server.url))
        assert grade(course)[0] == 0
        (course / "deal.py").write_text(script.replace(address, server.url))
        dealt = [line.split() for line in command(course, "bash", "-c", deal).splitlines()]
        assert sorted(grader for grader, _ in dealt) == ["kim", "kim", "kim", "lee", "lee"]
        read_only = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", course, course, "--"]
        with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:
            pages = {name: stack.enter_context(jupyterlab(course, lab, read_only)) for name in ("kim", "lee")}
            list(pool.map(lambda grader, answer: read(pages[grader], answer), *zip(*dealt, strict=True)))
        assert command(course, "bash", "-c", deal) == ""
        with Gradebook(server.url) as gradebook:
            answers = [submission.notebooks[0].grades for submission in gradebook.assignment_submissions(WORD)]
            assert [[g.manual_score for g in grades if g.manual_score is not None] for grades in answers] == [[7]] * 5
    finally:
        server.stop()


def read(page, address):
    """What a grader does with one answer."""
    path = urlsplit(address).path
    assert "explain_vanishing" in page(path.removeprefix("/"))
    (id,) = re.findall(r"submissions/(\w+)/$", path)
    (unread,) = [g for g in json.loads(page(f"formgrader/api/grades?submission_id={id}")) if g["needs_manual_grade"]]
    page(f"formgrader/api/grade/{unread['id']}", "PUT", {"manual_score": 7, "extra_credit": None})
