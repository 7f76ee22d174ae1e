"""The report of a class: what it counts, whom it names, and that nothing a student writes does anything in it."""

import csv
import json
import re
import time
from html.parser import HTMLParser

import pytest
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin
from traitlets.config import Config

from autograder.grading import records
from autograder.grading.graded import read_class
from autograder.grading.records import Result
from autograder.names import MIME, PREFIX
from autograder.report import command
from autograder.report.book import section_of
from autograder.report.measure import alike, pictures
from autograder.report.page import write_report

WORD = "activations"
HOSTILE = '<img src=x onerror="alert(1)">'
TASKS = {"relu_forward": 4.0, "sigmoid_forward": 5.0}
HINT = "Negative inputs come out as positive numbers."


def record(problem, score, mistake=None, hint=None, sketch=None, limit=None, message="It is wrong."):
    criteria = [{"name": "values", "points": TASKS[problem], "earned": score, "message": message}]
    return {"problem": problem, "score": score, "maximum": TASKS[problem], "mistake": mistake, "hint": hint,
            "criteria": criteria, "limit": limit, "sketch": sketch or {}}  # fmt: skip


def near(number):
    return {"x (4, 5)": [[[4, 5], 0, 10.0, number, 1.0, 2.0]]}


# (points and record of relu_forward, of sigmoid_forward, points for the question), or None: nothing was handed in.
RIGHT = (4.0, {}), (5.0, {})
CLASS = {
    **{f"right{n}": (*RIGHT, 10.0) for n in range(6)},
    "abs1": ((0.0, record("relu_forward", 0.0, "absolute_value", HINT)), (0.0, {}), 2.0),
    "abs2": ((0.0, record("relu_forward", 0.0, "absolute_value", HINT)), (1.0, {}), 2.0),
    "same1": ((0.0, record("relu_forward", 0.0, sketch=near(3.0), message="same1 is wrong.")), RIGHT[1], None),
    "same2": ((0.0, record("relu_forward", 0.0, sketch=near(3.001), message=HOSTILE)), RIGHT[1], None),
    "zed": ((0.0, record("relu_forward", 0.0, sketch=near(4.0))), RIGHT[1], 10.0),
    HOSTILE: ((0.0, record("relu_forward", 0.0, limit=f"It took {HOSTILE} long.")), RIGHT[1], 10.0),
    "=1+1": ("blank", RIGHT[1], 10.0),
    "김하나": (*RIGHT, 10.0),
    "absent": None,
}
SOURCE = f"def relu_forward(x):\n    # written by same2 {HOSTILE}\n    return '</pre><script>'\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with a gradebook and graded notebooks, as grading leaves them."""
    root = tmp_path_factory.mktemp("course")
    (root / "nbgrader_config.py").write_text("")
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        make(book, root, CLASS)
    return root


def make(book, root, members):
    book.add_assignment(WORD)
    book.add_notebook(WORD, WORD)
    for name, points in TASKS.items():
        book.add_solution_cell(name, WORD, WORD)
        book.add_grade_cell(PREFIX + name, WORD, WORD, max_score=points, cell_type="code")
    book.add_grade_cell("explain", WORD, WORD, max_score=10, cell_type="markdown")
    book.add_solution_cell("explain", WORD, WORD)
    for id, answers in members.items():
        book.add_student(id, first_name="Ann" if id == "abs1" else None, last_name="Miller" if id == "abs1" else None)
        if answers is None:
            continue
        *checks, read = answers
        scores, blank, cells = {"explain": None}, set(), []
        for (name, points), check in zip(TASKS.items(), checks, strict=True):
            if check == "blank":
                check = 0.0, {}
                blank.add(name)
            scores[PREFIX + name], verdict = check
            cells.append(cell(name, solution=True, source=SOURCE if id == "same2" else f"def {name}(x): ..."))
            cells.append(cell(PREFIX + name, grade=True, points=points, verdict=verdict))
        # What a student shows is never taken for a verdict.
        cells.append(cell("x", solution=True, verdict=record("relu_forward", 4.0, "forged")))
        results = {WORD: Result(scores, frozenset(blank))}
        records.record(book, WORD, id, None, results, LateSubmissionPlugin())
        if read is not None:
            book.find_grade("explain", WORD, WORD, id).manual_score = read
        folder = root / "autograded" / id / WORD
        folder.mkdir(parents=True)
        (folder / f"{WORD}.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    book.db.commit()


def cell(grade_id, verdict=None, source="", **marks):
    output = {"output_type": "execute_result", "data": {"text/plain": "0", MIME: verdict}}
    marked = {"nbgrader": {"grade_id": grade_id, **marks}}
    return {"cell_type": "code", "metadata": marked, "source": source, "outputs": [output] if verdict else []}


def coursedir(root):
    return CourseDirectory(config=Config({"CourseDirectory": {"root": str(root)}}))


@pytest.fixture(scope="module")
def found(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        return read_class(book, coursedir(course), WORD)


@pytest.fixture(scope="module")
def relu(found):
    return next(picture for picture in pictures(found) if picture.task.name == "relu_forward")


def ids(members):
    return {member.id for member in members}


def test_it_counts_who_stands_where(relu, found):
    assert relu.stands == {"everything": 7, "nothing": 6, "not begun": 1}
    (explain,) = [picture for picture in pictures(found) if picture.task.name == "explain"]
    assert explain.stands == {"everything": 10, "a part": 2, "to be read": 2}
    assert len(found.handed_in) == len(CLASS) - 1


def test_points_are_those_of_the_gradebook(course, found):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        theirs = {s.student.id: s.score for s in book.assignment_submissions(WORD)}
    assert {member.id: member.points for member in found.handed_in} == theirs


def test_known_mistakes_have_their_hint_and_their_students(relu):
    (known,) = relu.misconceptions
    assert (known.name, known.hint, ids(known.members)) == ("absolute_value", HINT, {"abs1", "abs2"})


def test_wrong_results_that_look_alike_are_one_group(relu):
    (group,) = relu.alike
    assert ids(group.members) == {"same1", "same2"}
    assert ids(relu.alone) == {"zed"}


def test_a_limit_is_told(relu):
    assert [(member.id, said) for member, said in relu.limits] == [(HOSTILE, f"It took {HOSTILE} long.")]


def test_who_solves_this_solves_the_rest(found):
    relu, sigmoid, _ = pictures(found)
    assert 0 < relu.discrimination < 1
    assert 0 < sigmoid.discrimination < 1


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (near(3.0), near(3.005), True),
        (near(3.0), near(3.02), False),
        (near(3.0), {"x (4, 5)": [[[20], 0, 10.0, 3.0, 1.0, 2.0]]}, False),
        (near(3.0), {"x (4, 5)": [[[4, 5], 1, 10.0, 3.0, 1.0, 2.0]]}, False),
        (near(3.0), {"far left": near(3.0)["x (4, 5)"]}, False),
        (near(3.0), {"x (4, 5)": ["it raised ValueError"]}, False),
        ({"a": ["it raised ValueError"]}, {"a": ["it raised ValueError"]}, True),
        ({"a": ["it raised ValueError"]}, {"a": ["it raised TypeError"]}, False),
    ],
)
def test_what_looks_alike(a, b, same):
    assert alike(a, b) is alike(b, a) is same


class Page(HTMLParser):
    """The elements of a page, and the text in it."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.links, self.anchors, self.text = [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        values = dict(attributes)
        assert not [name for name in values if name.startswith("on")]
        self.anchors += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" else []

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def pages(found, course, tmp_path_factory):
    """The folder of a report, by whether the names are left out."""
    folders = {anonymous: tmp_path_factory.mktemp("report") for anonymous in (False, True)}
    for anonymous, folder in folders.items():
        write_report([found], course, folder, "https://example.org/book", anonymous, tables=True)
    return folders


@pytest.mark.parametrize("anonymous", [False, True])
def test_nothing_that_a_student_wrote_does_anything(pages, anonymous):
    for path in pages[anonymous].rglob("*.html"):
        page = Page(path)
        assert not {"script", "img", "iframe", "object", "form"} & set(page.elements)
        assert "default-src 'none'" in path.read_text()
    shown = Page(pages[False] / "index.html").text
    assert HOSTILE in shown
    assert "'</pre><script>'" in shown


def test_every_link_leads_somewhere(pages):
    folder = pages[False]
    for path in folder.rglob("*.html"):
        page = Page(path)
        assert len(set(page.anchors)) == len(page.anchors)
        for link in page.links:
            file, _, anchor = link.partition("#")
            if not link.startswith("https://example.org/book/"):
                assert not anchor or anchor in page.anchors
                assert not file or (path.parent / file).is_file()


def test_a_student_has_a_page_of_what_to_repeat(pages):
    folder = pages[False]
    names = {
        re.search(r"<bdi>(.*?)</bdi>", path.read_text())[1]: Page(path) for path in (folder / "students").iterdir()
    }
    mine = names["Miller, Ann (abs1)"]
    assert HINT in mine.text
    assert f"https://example.org/book/{section_of('relu_forward').path}" in mine.links
    assert "Nothing: no points were lost." in names["right0"].text
    assert "Nothing was handed in." in names["absent"].text
    assert "not begun" in names["=1+1"].text
    assert "abs2" not in mine.text


def test_names_can_be_left_out(pages):
    folder = pages[True]
    told = "\n".join(path.read_text(encoding="utf-8-sig") for path in folder.rglob("*") if path.is_file())
    for name in [*CLASS, "Miller", "Ann"]:
        assert name not in told
    assert "written by" not in told
    assert "return &#39;&lt;/pre&gt;&lt;script&gt;&#39;" in told
    assert "student 15" in told


def test_where_names_are_left_out_the_order_tells_none(pages):
    """That of the roster would: whoever knows it could count."""
    with (pages[True] / "students.csv").open(encoding="utf-8-sig", newline="") as file:
        numbers = [int(row["student"].removeprefix("student ")) for row in csv.DictReader(file)]
    assert len(set(numbers)) == len(CLASS) - 1
    assert numbers == sorted(numbers)


def test_the_tables_hold_the_numbers_and_no_formula(pages, found):
    tables = {}
    for path in pages[False].glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    (relu,) = [row for row in tables["problems"] if row["problem"] == "relu_forward"]
    assert (relu["everything"], relu["nothing"], relu["not_begun"]) == ("7", "6", "1")
    assert ("known", "absolute_value", "2") in [(r["kind"], r["mistake"], r["students"]) for r in tables["mistakes"]]
    assert len(tables["students"]) == len(found.handed_in) * len(found.tasks)
    assert "'=1+1" in {row["student"] for row in tables["students"]}
    assert "=1+1" not in {row["student"] for row in tables["students"]}


def test_an_older_report_leaves_nothing_behind(found, course, tmp_path):
    write_report([found], course, tmp_path, None, False, tables=True)
    (tmp_path / "students" / "99.html").write_text("gone")
    for own in (tmp_path / "roster.csv", tmp_path / "students" / "notes.html"):
        own.write_text("stays")
    write_report([found], course, tmp_path, None, True, tables=False)
    assert [path.name for path in tmp_path.glob("*.csv")] == ["roster.csv"]
    assert not (tmp_path / "students" / "99.html").exists()
    assert len(list((tmp_path / "students").iterdir())) == len(CLASS) + 1


def test_the_command_says_where_the_page_is(course, capsys):
    command.main([WORD, "--course", str(course), "--to", str(course / "here")])
    assert capsys.readouterr().out == f"{len(CLASS) - 1} submissions: {course / 'here' / 'index.html'}\n"
    with pytest.raises(SystemExit, match=r"no assignment 'acts'.*There are: activations"):
        command.main(["acts", "--course", str(course)])


def test_the_time_of_a_report_grows_with_the_class_and_not_with_its_square(course, tmp_path):
    # Those that are read by a person take longer to make.
    handed_in = {name: (*answers[:2], None) for name, answers in CLASS.items() if answers}
    members = {f"{name} {n}": answers for n in range(29) for name, answers in handed_in.items()}
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        make(book, tmp_path, members)
        start = time.process_time()
        found = read_class(book, coursedir(tmp_path), WORD)
        write_report([found], tmp_path, tmp_path / "report", None, False, tables=True)
    assert len(found.handed_in) >= 400
    # Of computing: it takes 3 to 4 s, and the square of the class would take minutes.
    assert time.process_time() - start < 20
