"""The exported table is nbgrader's, and a spreadsheet computes nothing of what students choose."""

import csv
from datetime import datetime

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin
from traitlets.config import Config

from autograder.grading.export import SafeCsvExportPlugin

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1+1", "＝1+1", '=HYPERLINK("http://example.com";"x")']
MOVES = 'anna,,,,,100,0,100,100\n"x"'
PLAIN = ["anna", "b=c", "30131", "김하나", "o'neil", "x@example.com"]


@pytest.fixture
def gradebook(tmp_path):
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("activations", duedate="2030-01-31 12:00:00 UTC")
        gradebook.add_assignment("empty")
        yield gradebook


def exported(plugin, gradebook, path, **options):
    plugin(config=Config({"CsvExportPlugin": {"to": str(path), **options}})).export(gradebook)
    return path.read_text()


def test_it_is_nbgrader_s_table(gradebook, tmp_path):
    for name in PLAIN:
        gradebook.add_student(name, first_name="First", email=None)
    gradebook.add_submission("activations", "anna", timestamp=datetime(2030, 1, 31))
    for options in ({}, {"student": ["anna", "30131"]}, {"assignment": ["empty"]}):
        ours, theirs = (
            exported(plugin, gradebook, tmp_path / plugin.__name__, **options)
            for plugin in (SafeCsvExportPlugin, CsvExportPlugin)
        )
        assert ours == theirs


def test_names_are_no_formulas_and_move_no_columns(gradebook, tmp_path):
    for name in FORMULAS:
        gradebook.add_student(name, last_name=name, first_name=name, email=name)
    gradebook.add_student(MOVES)
    text = exported(SafeCsvExportPlugin, gradebook, tmp_path / "grades.csv")
    rows = [row for row in csv.DictReader(text.splitlines(True)) if row["assignment"] == "empty"]
    assert {row["student_id"] for row in rows} == {MOVES, *(f"'{name}" for name in FORMULAS)}
    for row in rows:
        assert row["score"] == "0.0"
        assert {row[column] for column in ("last_name", "first_name", "email")} <= {"", row["student_id"]}
