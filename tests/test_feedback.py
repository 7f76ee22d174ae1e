"""The page that a student gets back, from nbgrader's own command."""

import re
import time

import nbformat
import pytest
from marked import make_course, mark
from nbgrader.api import Gradebook
from nbgrader.converters import BaseConverter
from nbgrader.utils import is_solution

from autograder.course import nbgrader_at
from autograder.demo import Student
from autograder.grading.feedback import _last_heading

WORD = "activations"
QUESTION = "explain_vanishing"

# A negative number as it is, and an answer in words that has a heading of its own.
WRONG = {
    "relu_forward": "def relu_forward(x):\n    return x.abs(), x > 0",
    QUESTION: "# Mine\n\nThe <b onclick=x>sigmoid</b>.",
}


def pages_of(course):
    made = nbgrader_at(course).generate_feedback(WORD)
    assert made["success"], made.get("log")
    return {path.parents[1].name: path.read_text() for path in course.glob(f"feedback/*/{WORD}/*.html")}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Three students: one is right but for a function, one has handed in nothing, one is right."""
    course = make_course(tmp_path_factory.mktemp("course"), WORD)
    mark(course, WORD, Student("wrong", WRONG))
    mark(course, WORD, Student("stub", None))
    mark(course, WORD, Student("right", {}))
    return course


@pytest.fixture(scope="module")
def pages(course):
    return pages_of(course)


def lines_of(page):
    """The exercises at the head of a page, each as its text."""
    head = page[page.index('<ol class="exercises">') : page.index("</ol>")]
    items = re.findall(r"<li>(.*?)</li>", head, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in items]


def test_the_points_come_first_by_function(pages):
    lines = lines_of(pages["wrong"])
    assert len(lines) == 17
    assert lines[0] == "✓ sigmoid_forward 5 / 5"
    assert lines[4] == (
        "✗ relu_forward 0 / 4 Hint: Negative inputs come out as positive numbers. "
        "✗ values 0 / 2 ✗ edge cases 0 / 1 ✗ contract 0 / 1"
    )
    assert "Test cell" not in pages["wrong"]
    assert '<p class="total">86 of 90 points</p>' in pages["wrong"]


def test_a_question_in_words_waits_to_be_read(pages):
    question = "Question: which of them vanish, and why?"
    assert f"… {question} waits to be read, 10 points" in lines_of(pages["wrong"])
    assert "<p>10 more points wait to be read by your instructor.</p>" in pages["wrong"]
    assert f"✗ {question} 0 / 10 No response." in lines_of(pages["stub"])
    assert "wait to be read" not in pages["stub"]
    assert "0.0 / 10" not in pages["wrong"] + pages["stub"]


@pytest.mark.parametrize(
    ("source", "heading"),
    [
        ("Text.", None),
        ("## 3. ReLU (4 points)\n\nText.", "ReLU"),
        ("# One\n### A question (7.5 points) ##", "A question"),
        ("# (3 points)", "(3 points)"),
        ("#    ", " "),
    ],
)
def test_a_heading_is_read_without_its_number_and_its_points(source, heading):
    assert _last_heading(source) == heading


@pytest.mark.parametrize(("piece", "end"), [(" ", "y"), ("( ", ""), ("\n# x", "")], ids=["spaces", "brackets", "many"])
def test_a_heading_without_end_takes_no_time(piece, end):
    """Students write some, and a page has no limit of time."""
    source = "# x" + 300_000 // len(piece) * piece + end
    start = time.process_time()
    assert _last_heading(source).startswith("x")
    assert time.process_time() - start < 1, "by going back over the line it takes half an hour"


def test_a_function_without_a_hint_says_where_it_goes_wrong(pages):
    assert "✗ relu_forward 0 / 4 relu_forward is not written yet" in " ".join(lines_of(pages["stub"]))


def test_what_a_person_has_given_since_is_on_the_page(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_grade(QUESTION, WORD, WORD, "wrong").manual_score = 7
        gradebook.find_grade("check_relu_forward", WORD, WORD, "wrong").manual_score = 1
        gradebook.find_comment(QUESTION, WORD, WORD, "wrong").manual_comment = "Well <argued> in $x$."
        gradebook.find_submission(WORD, "wrong").notebooks[0].late_submission_penalty = 3
        gradebook.db.commit()
    page = pages_of(course)["wrong"]
    lines = lines_of(page)
    assert lines[6].startswith("✗ Question: which of them vanish, and why? 7 / 10 Well &lt;argued&gt; in x")
    assert lines[4].startswith("✗ relu_forward 1 / 4")
    assert lines[4].endswith("Your instructor gave these points.")
    assert '<p class="total">91 of 100 points</p>' in page
    assert "<p>3 points were taken off for being late.</p>" in page
    assert page.count("Well &lt;argued&gt; in <math><mi>x</mi></math>.") == 2


@pytest.mark.parametrize("student", ["wrong", "stub", "right"])
def test_a_page_needs_no_other_host_and_is_light(pages, student):
    page = pages[student]
    assert len(page.encode()) < 300_000
    assert '<html lang="en">' in page
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!#|data:|https://)", page)
    assert not re.findall(r"<(?:link|iframe|object|embed)\b|@import|url\(", page)
    assert page.count("<math") > 100
    assert "\\frac" not in page


def test_a_page_allows_no_program_and_no_other_host(pages):
    """Should anything of a student's ever reach it as more than text."""
    for page in pages.values():
        # Before anything that it could forbid.
        head = page[: page.index("<title>")]
        (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', head)
        rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
        assert rules == {
            "default-src": "'none'",
            "img-src": "data:",
            "style-src": "'unsafe-inline'",
            "base-uri": "'none'",
            "form-action": "'none'",
        }


def test_every_link_of_a_page_leads_somewhere(pages):
    for page in pages.values():
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_what_a_student_writes_cannot_act(course):
    def attack(notebook):
        for cell in notebook.cells:
            if is_solution(cell) and cell.cell_type == "markdown":
                cell.source = "# <script>alert(1)</script>\n<img src=http://example.org/x onerror=alert(2)>"
        heading = "## <script>alert(3)</script> {{ 7 * 191 }} <style>*{display:none}</style>"
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(heading))
        notebook.cells.append(nbformat.v4.new_code_cell("'</pre><script>alert(4)</script>'"))

    notebook = mark(course, WORD, Student("eve", {}), attack)
    notebook.cells[-1].outputs = [
        nbformat.v4.new_output("display_data", {"text/html": "<script>alert(5)</script>", "text/plain": "<i>6</i>"}),
        nbformat.v4.new_output("stream", text="<script>alert(7)</script>\x1b[31mred\x1b[0m"),
        nbformat.v4.new_output("error", ename="<b>", evalue="<b>", traceback=["<script>alert(8)</script>"]),
        nbformat.v4.new_output("display_data", {"image/png": '"><script>alert(9)</script>'}),
    ]
    nbformat.write(notebook, course / "autograded" / "eve" / WORD / f"{WORD}.ipynb")
    page = pages_of(course)["eve"]
    assert "<script" not in page
    assert "1337" not in page
    assert page.count("<style") == 1
    assert "example.org" not in page
    assert "&lt;i&gt;6&lt;/i&gt;" in page
    assert '<span class="ansi-red-fg">red</span>' in page
    assert not re.findall(r"<[^>]*\son\w+=", page)


def test_a_page_is_written_in_a_tenth_of_a_second(course, monkeypatch):
    """Of computing. The first page of a run reads the template, and the course's own prose."""
    taken = []
    convert = BaseConverter.convert_single_notebook

    def timed(*arguments):
        start = time.process_time()
        convert(*arguments)
        taken.append(time.process_time() - start)

    monkeypatch.setattr(BaseConverter, "convert_single_notebook", timed)
    pages_of(course)
    assert min(taken[1:]) < 0.1, "it takes 0.03 s"
