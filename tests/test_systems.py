"""Exports for other systems: each form as its reader reads it, and nothing in it that a student could act with."""

import csv
import json
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from test_report import CLASS, HINT, HOSTILE, TASKS, WORD, make
from traitlets import Instance
from traitlets.config import Config, Configurable

from autograder.grading.systems import (
    CanvasExportPlugin,
    GradescopeExportPlugin,
    MoodleExportPlugin,
    PrairieLearnExportPlugin,
    folder_name,
)

MEMBERS = {name: CLASS[name] for name in ("right0", "abs1", "same2", "=1+1", HOSTILE, "김하나", "absent")}
LATE = {"right0": 3.0}


class App(Configurable):
    """What an exporter has of the command that runs it."""

    coursedir = Instance(CourseDirectory)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        make(book, root, MEMBERS)
        book.find_submission(WORD, "right0").notebooks[0].late_submission_penalty = LATE["right0"]
        book.update_or_create_student("abs1", lms_user_id="4711", email="ann@example.org")
        book.add_student("Points", first_name="possible", last_name="POINTS")
        book.db.commit()
        yield root, book


def exported(course, plugin, to, **options):
    root, book = course
    config = Config({"CourseDirectory": {"root": str(root)}, plugin.__name__: {"to": str(to), **options}})
    app = App(config=config, coursedir=CourseDirectory(config=config))
    plugin(parent=app).export(book)
    return to


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_canvas_finds_its_header_its_maxima_and_its_students(course, tmp_path):
    names = {WORD: "Problem set 1 (99)"}
    header, maxima, *rows = table(exported(course, CanvasExportPlugin, tmp_path / "canvas.csv", columns=names))
    # As in GradebookImporter: the columns before the first assignment, of which the last is the section.
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Problem set 1 (99)"]
    assert "Points Possible" in maxima[0]
    assert float(maxima[-1]) == sum(TASKS.values()) + 10
    found = {row[3]: row for row in rows}
    assert found["right0"][-1] == "16"
    assert found["abs1"][:2] == ["Miller, Ann", "4711"]
    assert found["absent"][-1] == ""
    assert "'=1+1" in found
    assert not [row for row in rows if "points possible" in row[0].lower()]


def test_moodle_finds_a_name_in_every_row_and_numbers(course, tmp_path):
    header, *rows = table(exported(course, MoodleExportPlugin, tmp_path / "moodle.csv"))
    assert header == ["Username", "First name", "Last name", WORD, f"{WORD} (feedback)"]
    found = {row[0]: row for row in rows}
    assert "" not in found
    # A row that a spreadsheet would compute, or that Moodle does not know, would stop the whole import.
    assert "=1+1" not in found
    assert "'=1+1" not in found
    # Moodle's word for no grade, beside a dash, which a spreadsheet might compute.
    assert found["absent"][3] == ""
    assert all(float(row[3]) >= 0 for row in rows if row[3])
    assert HINT in found["abs1"][4]
    assert "<img" not in found["same2"][4]
    assert "&lt;img" in found["same2"][4]


def test_moodle_by_address_leaves_out_who_has_none(course, tmp_path):
    options = {"id_column": "Email address", "feedback": False}
    header, *rows = table(exported(course, MoodleExportPlugin, tmp_path / "moodle.csv", **options))
    assert header == ["Email address", "First name", "Last name", WORD]
    assert [row[0] for row in rows] == ["ann@example.org"]


def results(course, plugin, to):
    exported(course, plugin, to)
    return {path.parent.name: json.loads(path.read_text()) for path in to.glob("*/*/results.json")}


def test_gradescope_reads_points_messages_and_hints(course, tmp_path):
    found = results(course, GradescopeExportPlugin, tmp_path)
    assert len(found) == len(MEMBERS) - 1
    seen = {"visible", "hidden", "after_due_date", "after_published"}
    for result in found.values():
        assert isinstance(result["score"], float)
        assert {result["visibility"], result["stdout_visibility"]} <= seen
        for test in result["tests"]:
            assert test["visibility"] in seen
            assert test["status"] in {"passed", "failed"}
            # Never HTML or Markdown: what a student wrote is in it.
            assert test["output_format"] == "text"
            assert isinstance(test["number"], str)
    ann = {test["name"]: test for test in found["abs1"]["tests"]}
    assert (ann["relu_forward"]["score"], ann["relu_forward"]["max_score"]) == (0.0, 4.0)
    assert ann["relu_forward"]["output"] == f"It is wrong.\nHint: {HINT}"
    late = found["right0"]
    assert late["score"] == sum(test["score"] for test in late["tests"]) - LATE["right0"]
    assert "3 points were taken off" in late["output"]


def test_prairielearn_reads_a_share_and_its_tests(course, tmp_path):
    found = results(course, PrairieLearnExportPlugin, tmp_path)
    for result in found.values():
        assert result["gradable"] is True
        assert 0 <= result["score"] <= 1
        assert {key for test in result["tests"] for key in test} == {"name", "points", "max_points", "message"}
    assert found[folder_name("김하나")]["score"] == 1
    (relu,) = [test for test in found["abs1"]["tests"] if test["name"] == "relu_forward"]
    assert relu["message"].endswith(f"Hint: {HINT}")


@pytest.mark.parametrize("id", ["..", ".", "../../etc", "a/b", "a\\b", "a\0b", HOSTILE, "con:", "ann"])
def test_an_id_is_one_folder(id, tmp_path):
    name = folder_name(id)
    assert (tmp_path / name).parent == tmp_path
    assert name not in {".", ".."}
    assert not set(name) & set('/\\:*?"<>|\0')
    assert Path(name).parts == (name,)


def test_no_two_ids_share_a_folder():
    assert len({folder_name(id) for id in ("a/b", "a%2Fb", "a b", "a_b", "..", "%2E%2E")}) == 6
