"""Mutants of right programs: what is made, what a check catches, and what is said of the rest."""

import sys
from dataclasses import replace

import pytest
import torch

from autograder import cli, mutate
from autograder.calls.case import Case
from autograder.mutants import Mutant, mutants
from autograder.mutate import Mutated, Original, Survivor, mutated, originals
from autograder.problems import problems
from autograder.wide import wide_cases

RELU = problems()["relu_forward"]


def made_of(source):
    return {mutant.source for mutant in mutants(source)}


@pytest.mark.parametrize(
    ("source", "some"),
    [
        ("a + b", {"a - b", "a * b", "a", "b"}),
        ("x > 0", {"x >= 0", "x < 0", "x > 1", "x > -1"}),
        ("grad += slope", {"grad = slope", "grad -= slope", "pass"}),
        ("x.sum(dim=0, keepdim=True)", {"x.sum(dim=0)", "x.mean(dim=0, keepdim=True)", "x.sum(dim=0, keepdim=False)"}),
        ("x[p:-p]", {"x[p:]", "x[:-p]", "x[p:p]"}),
        ("f(a, b)", {"f(b, a)"}),
        ("if a and b:\n    c()", {"if a or b:\n    c()", "if True:\n    c()", "if a and b:\n    pass"}),
        ("eps = 1e-05", {"eps = 2e-05"}),
    ],
)
def test_a_mutant_has_one_small_thing_changed(source, some):
    assert some <= made_of(source)
    assert source not in made_of(source)


def test_a_mutant_says_what_was_changed():
    assert "line 2: x + 1  ->  x - 1" in {str(mutant) for mutant in mutants("y = 0\nx + 1")}


def on(*numbers):
    """The problem, with a case of these numbers as its only one."""
    x = torch.tensor(numbers, dtype=torch.float64)
    return replace(RELU, cases=lambda generator: [Case("numbers", "values", {"x": x})])


def test_a_mutant_that_the_cases_cannot_tell_is_found_wrong_on_wide_inputs():
    alternatives = originals("activations", RELU)
    found = mutated(on(1.0, 2.0), alternatives)
    assert found.wrong
    assert {survivor.program for survivor in found.wrong} <= {original.name for original in alternatives}
    assert all("expected" in survivor.wrong and "x (" in survivor.wrong for survivor in found.wrong)


def test_a_mutant_that_is_right_is_not_called_wrong():
    found = mutated(RELU, originals("activations", RELU))
    assert found.survivors
    assert not found.wrong
    assert len(found.survivors) < found.mutants / 4


def test_a_sample_is_no_larger_than_asked():
    assert mutated(RELU, originals("activations", RELU), sample=5).mutants == 5


def test_a_mutant_that_never_ends_is_interrupted(monkeypatch):
    monkeypatch.setattr(mutate, "PATIENCE", 0.2)
    source = "def relu_forward(x):\n    i = 0\n    while i < 1:\n        i += 1\n    return (x.clamp(min=0), x)"

    def functions(text):
        namespace = {}
        exec(text, namespace)
        return namespace

    found = mutated(on(-1.0, 0.0, 2.0), [Original("loop", source, functions)])
    assert "i -= 1" not in {survivor.mutant.new for survivor in found.survivors}


@pytest.mark.parametrize(
    "name",
    [
        *("conv2d_backward", "Value", "conv_output_size", "group_norm_forward", "two_layer_net"),
        *("cost_table", "occlusion_map"),
    ],
)
def test_wide_inputs_are_others_than_those_of_the_cases(name):
    problem = problems()[name]
    inputs = wide_cases(problem, 20)
    assert len(inputs) == 20
    usual = {str(sizes_of(case)) for case in problem.cases(torch.Generator().manual_seed(0))}
    assert sum(str(sizes_of(case)) not in usual for case, _ in inputs) >= 8
    assert all(torch.isfinite(output).all() for _, expected in inputs for output in expected.outputs)


def sizes_of(case):
    plain = {name: value for name, value in case.arguments.items() if not isinstance(value, torch.Tensor)}
    return {n: v.shape for n, v in case.arguments.items() if isinstance(v, torch.Tensor)}, plain


@pytest.mark.parametrize(("wrong", "code"), [(None, 0), ("out is 1; expected 2.", 1)])
def test_the_command_names_what_survives(monkeypatch, capsys, wrong, code):
    survivor = Survivor("the solution", Mutant("", 3, "a", "b"), wrong)
    found = Mutated("relu_forward", 7, (survivor,))
    monkeypatch.setattr("autograder.mutate.mutate", lambda word, sample: iter([found]))
    monkeypatch.setattr(sys, "argv", ["autograder", "mutate", "activations", "--sample", "9"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().out
    assert ended.value.code == code
    assert f"relu_forward: 7 mutants, 1 earn every point, {code} of them wrongly" in said
    assert "the solution, line 3: a  ->  b" in said
    assert wrong is None or wrong in said
