"""The table of what each check catches, names and accepts."""

import sys
from dataclasses import replace

import pytest

from autograder import cli
from autograder.coverage import coverage
from autograder.problems import problem_sets, problems

RELU = problems()["relu_forward"]


def test_a_problem_that_judges_every_known_program_rightly_is_complete():
    found = coverage(RELU)
    assert found.complete
    assert (found.mistakes, found.alternatives) == (len(RELU.mistakes), len(RELU.alternatives))
    assert found.seconds > 0


def test_every_misjudged_program_is_told():
    right, wrong = RELU.alternatives[0], RELU.mistakes[0]
    found = coverage(replace(RELU, mistakes=(right, wrong), alternatives=(wrong,)))
    assert (found.uncaught, found.refused) == ((right.name,), (wrong.name,))
    assert not found.complete
    said = list(found.misjudged())
    assert f"relu_forward__{right.name} is wrong and earns every point." in said
    assert f"relu_forward__{wrong.name} is right and loses points." in said


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_prints_every_problem_and_fails_if_one_is_misjudged(monkeypatch, capsys, broken):
    two = [problems()["relu_forward"], problems()["tanh_backward"]]
    if broken:
        two[1] = replace(two[1], alternatives=two[1].mistakes[:1])
    monkeypatch.setitem(problem_sets(), "activations", tuple(two))
    monkeypatch.setattr(sys, "argv", ["autograder", "coverage", "activations"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr().out
    assert end.value.code == broken
    assert "relu_forward" in printed
    assert f"{len(two[1].mistakes)}/{len(two[1].mistakes)}" in printed
    assert ("is right and loses points" in " ".join(printed.split())) == broken
