"""The table of what each check catches, names and accepts."""

import sys
from dataclasses import replace

import pytest

from autograder import cli
from autograder.coverage import coverage
from autograder.problems import problem_sets, problems

RELU = problems()["relu_forward"]


# Known programs that are misjudged: a right one with a hint, and wrong ones without.
def relu_forward__as_it_should_be(x):
    """This is not wrong."""
    return x.clamp(min=0), x


def relu_forward__absolute_value(x):
    """Negative inputs come out as positive numbers."""
    return x.abs(), x


def relu_forward__unmasked(x):
    return x.clone(), x


def tanh_backward__unmasked(dout, cache):
    return dout.clone()


def test_a_problem_that_judges_every_known_program_rightly_is_complete():
    found = coverage(RELU)
    assert found.complete
    assert (found.mistakes, found.alternatives) == (len(RELU.mistakes), len(RELU.alternatives))
    assert found.seconds > 0


def test_every_misjudged_program_is_told():
    found = coverage(replace(RELU, modules=(__name__,)))
    assert (found.mistakes, found.alternatives) == (2, 1)
    assert (found.uncaught, found.refused) == (("as_it_should_be",), ("unmasked",))
    assert not found.complete
    said = list(found.misjudged())
    assert "relu_forward__as_it_should_be is wrong and earns every point." in said
    assert "relu_forward__unmasked is right and loses points." in said


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_prints_every_problem_and_fails_if_one_is_misjudged(monkeypatch, capsys, broken):
    two = [problems()["relu_forward"], problems()["tanh_backward"]]
    if broken:
        two[1] = replace(two[1], modules=(*two[1].modules, __name__))
    monkeypatch.setitem(problem_sets(), "activations", tuple(two))
    monkeypatch.setattr(sys, "argv", ["autograder", "coverage", "activations"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr().out
    assert end.value.code == broken
    assert "relu_forward" in printed
    assert f"{len(two[1].mistakes)}/{len(two[1].mistakes)}" in printed
    assert ("is right and loses points" in " ".join(printed.split())) == broken
