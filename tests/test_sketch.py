"""The sketch of a wrong result: alike for programs that are wrong in the same way, and plain data in every case."""

import json
import math

import pytest
import torch

from autograder.judge import grade
from autograder.problems import problems
from autograder.report.measure import alike
from autograder.table import Report

RELU = problems()["relu_forward"]
CPU = torch.device("cpu")


def verdict(function):
    return grade(RELU, {"relu_forward": function}, 5, CPU)


def raises(x):
    raise ValueError(f"no {len(x)}")


def raises_elsewhere(x):
    y = x + 1
    raise ValueError(f"no {len(y)}")


PROGRAMS = {
    "scaled": lambda x: (x.clamp(min=0) * 0.7 + 0.1, x),
    "scaled in other words": lambda x: (0.1 + 0.7 * torch.where(x > 0, x, 0 * x), x),
    "scaled by a little more": lambda x: (x.clamp(min=0) * 0.71 + 0.1, x),
    "scaled, and flat": lambda x: ((x.clamp(min=0) * 0.7 + 0.1).flatten(), x),
    "raises": raises,
    "raises elsewhere": raises_elsewhere,
    "float64": lambda x: (x.clamp(min=0).double(), x),
}
SAME = {("scaled", "scaled in other words"), ("raises", "raises elsewhere")}


@pytest.fixture(scope="module")
def sketches():
    return {name: verdict(program).sketch for name, program in PROGRAMS.items()}


@pytest.mark.parametrize("one", PROGRAMS)
def test_what_is_wrong_in_the_same_way_looks_alike(sketches, one):
    for other in PROGRAMS:
        same = one == other or (one, other) in SAME or (other, one) in SAME
        assert alike(sketches[one], sketches[other]) is same, other


@pytest.mark.parametrize(
    "program",
    [
        lambda x: (x * math.nan, x),
        lambda x: (x * math.inf, x),
        lambda x: (torch.full_like(x, 3e38), x),
        lambda x: (x.double() * 1e308, x),
        lambda x: (x.to(torch.complex64) * 1j, x),
        lambda x: (x[:0], x),
        lambda x: ((x > 0), x),
        lambda x: (x.sum(), x),
    ],
)
def test_it_is_plain_data_whatever_is_returned(program):
    found = verdict(program)
    assert found.score < found.maximum
    again = json.loads(json.dumps(found.sketch, allow_nan=False))
    assert alike(again, found.sketch)


@pytest.mark.parametrize("program", [lambda x: (x.clamp(min=0), x), lambda x: (x.abs(), x)], ids=["right", "known"])
def test_what_is_right_or_known_has_none(program):
    assert verdict(program).sketch == {}


def test_of_what_is_drawn_the_numbers_are_left_out():
    drawn = problems()["dropout_forward"]
    functions = {"dropout_forward": lambda *arguments, **named: (torch.zeros(3), None)}
    found = grade(drawn, functions, 5, CPU)
    assert all(isinstance(said, str) for case in found.sketch.values() for said in case)


def test_the_record_of_a_grading_says_what_the_table_says():
    found = verdict(PROGRAMS["scaled"])
    record = Report.of_grading(found, "It took too long.").record
    assert (record["score"], record["maximum"], record["limit"]) == (0.0, 4.0, "It took too long.")
    assert [c["name"] for c in record["criteria"]] == list(RELU.points)
    assert record["criteria"][0]["message"] in str(Report.of_verdict(found))
    assert record["sketch"] == found.sketch
    # A student's own check keeps what it kept.
    assert set(Report.of_verdict(found).record) == {"problem", "score", "mistake", "criteria", "hint"}
