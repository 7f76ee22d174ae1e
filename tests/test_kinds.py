"""The kinds of call beside forward and backward, what is measured, and time, each on a small problem of its own."""

import contextlib
import itertools
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy
import pytest
import torch

from autograder import judge
from autograder.calls import exchange
from autograder.calls.case import FUNCTIONS, Case, Inputs, NamedFunction
from autograder.calls.kinds import (
    KINDS,
    backward,
    backward_draws,
    batches,
    draws,
    fitting,
    forward,
    forward_draws,
    function,
    graph,
    numbers,
    real,
    training,
)
from autograder.calls.models import build
from autograder.calls.run import run_all
from autograder.calls.spaces import combinations
from autograder.course import ROOT
from autograder.expected import baseline, waited
from autograder.judge import Exam, grade
from autograder.problem import Measure, Problem, Target
from autograder.problems import problems
from autograder.references import gradients_of, graph_of, numbers_of, value_of, values_of

CPU = torch.device("cpu")


def problem(call, returns, arguments, expected, name="f", points=None, **more):
    """A problem of the cases in `arguments`, each under its own criterion."""
    case_fields = more.pop("case", {})
    cases = [Case(name, name, values, **case_fields) for name, values in arguments.items()]
    points = dict.fromkeys(arguments, 1)
    return Problem(
        name=name, call=call, returns=returns, cases=lambda generator: cases, expected=expected, points=points, **more
    )


def verdict(problem, f, name="f"):
    """The verdict, which must be the same here and over the boundary."""
    exam = Exam(problem, 0, CPU)

    def ask(cases):
        answer = exchange.serve(exchange.ask(problem, cases, CPU), {name: f})
        return exchange.read_answer(answer, problem, cases)

    here, there = grade(problem, {name: f}, 0, CPU), exam.judge(exam.outcomes(ask))
    assert [(c.name, c.earned) for c in here.criteria] == [(c.name, c.earned) for c in there.criteria]
    return here


def said(problem, f, name="f"):
    found = verdict(problem, f, name)
    assert found.score < found.maximum
    return next(finding for c in found.criteria for finding in c.findings)


def earned(problem, f, name="f"):
    found = verdict(problem, f, name)
    assert found.score == found.maximum, [finding for c in found.criteria for finding in c.findings]


X = torch.tensor([[1.0, -2.0], [3.0, 0.5]])

NESTED = problem(
    function,
    ("total", ("low", "high"), {"W1": "grads['W1']"}),
    {"a case": {"params": {"W1": X}, "x": X}},
    lambda arguments, dout: (
        arguments["x"].sum(),
        arguments["x"].min(),
        arguments["x"].max(),
        arguments["params"]["W1"],
    ),
)


def test_what_is_returned_may_be_nested():
    earned(NESTED, lambda params, x: (x.sum(), (x.min(), x.max()), {"W1": params["W1"]}))
    earned(NESTED, lambda params, x: [x.sum(), [x.min(), x.max()], {"W1": params["W1"]}])


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (lambda x: x.sum(), "f returned a Tensor; expected a tuple (total, (low, high), {W1})."),
        (lambda x: (x.sum(), x.min(), x), "f returned a Tensor where (low, high) was expected; in all (total, (low,"),
        (lambda x: (x.sum(), (x.min(), x.max()), x), "f returned a Tensor; expected a dict with the keys W1."),
        (
            lambda x: (x.sum(), (x.min(), x.max()), {"w1": x}),
            "f returned a dict with the keys w1; expected a dict with the keys W1.",
        ),
        (lambda x: (x.sum(), (x.min(), x.max()), {"W1": 2 * x}), "grads['W1'][1, 0] is 6; expected 3."),
    ],
)
def test_what_is_returned_must_have_the_form(returned, sentence):
    assert sentence in said(NESTED, lambda params, x: returned(x))


def test_a_changed_tensor_in_a_dict_is_found():
    contract = problem(function, ("out",), {"contract": {"params": {"W1": X}}}, lambda a, dout: (a["params"]["W1"],))

    def in_place(params):
        out = params["W1"].clone()
        params["W1"] += 1
        return out

    def another_entry(params):
        out = params["W1"]
        params["W1"] = out + 1
        return out

    for f in (in_place, another_entry):
        assert "the call changed its input params['W1']; work on a copy." in said(contract, f)


RUNNING = problem(
    forward,
    ("out", ("mean", "var")),
    {"a case": {"x": X}},
    lambda arguments, dout: (arguments["x"] + 1, arguments["x"].mean(0), arguments["x"].var(0)),
)


def test_a_forward_function_may_return_more_than_out_and_cache():
    earned(RUNNING, lambda x: (x + 1, (x.mean(0), x.var(0)), None))
    assert "expected a tuple (out, (mean, var), cache)" in said(RUNNING, lambda x: (x + 1, None))
    assert "mean has shape (2, 2)" in said(RUNNING, lambda x: (x + 1, (x, x), None))


TWO_OUTPUTS = problem(
    backward,
    ("dx",),
    {"values": {"x": X}, "contract": {"x": X}},
    gradients_of(lambda x: torch.stack((x * x, 3 * x))),
    name="two_backward",
    upstream=("dh", "dc"),
    case={"dout": torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])},
)


def overwriting(kept):
    """A backward function that writes into what `kept` takes from its arguments."""

    def two_backward(dh, dc, cache):
        dx = 2 * cache[0] * dh + 3 * dc
        kept(dh, dc, cache).zero_()
        return dx

    return two_backward


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda dh, dc, cache: 2 * cache[0] * dh + 3 * dc, None),
        (lambda dh, dc, cache: 2 * cache[0] * dh, "dx[1, 1] is"),
        (lambda dout, cache: dout, "takes 2 positional arguments but 3 were given"),
        (overwriting(lambda dh, dc, cache: dc), "the call changed its input dc; work on a copy."),
        (overwriting(lambda dh, dc, cache: cache[1][1]), "the call changed the forward's out[1]; work on a copy."),
    ],
)
def test_a_backward_function_gets_a_gradient_for_each_output(function, sentence):
    def two_forward(x):
        out = x * x, 3 * x
        return out, (x, out)

    functions = {"two_forward": two_forward, "two_backward": function}
    exam = Exam(TWO_OUTPUTS, 0, CPU)

    def ask(cases):
        answer = exchange.serve(exchange.ask(TWO_OUTPUTS, cases, CPU), functions)
        return exchange.read_answer(answer, TWO_OUTPUTS, cases)

    here, there = exam.grade(functions), exam.judge(exam.outcomes(ask))
    assert here == there
    found = [finding for criterion in here.criteria for finding in criterion.findings]
    assert found if sentence else not found
    assert sentence is None or sentence in found[0]


SIZES = problem(
    numbers,
    ("a ValueError is raised", "size", "shape"),
    {"fits": {"size": 7}, "does not fit": {"size": 0}},
    numbers_of(lambda size: (size // 2, (size, size)) if size else [][0] if size is None else _refuse(), 2),
)


def _refuse():
    raise ValueError("nothing fits")


def sizes(size):
    if size < 1:
        raise ValueError(f"size is {size}; expected a positive one")
    return size // 2, (size, size)


def test_whole_numbers_and_a_value_error():
    earned(SIZES, sizes)
    earned(SIZES, lambda size: (torch.tensor(size // 2), [size, torch.tensor(size)]) if size else sizes(size))


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (
            lambda size: (size / 2, (size, size)),
            "f gave 3.5 (a float) for size; expected whole numbers, of the type int.",
        ),
        (lambda size: (float(size // 2), (size, size)), "f gave 3.0 (a float) for size; expected whole numbers, of"),
        (
            lambda size: (size // 2, (float(size), size)),
            "f gave (7.0 (a float), 7) for shape; expected whole numbers, of",
        ),
        (lambda size: (torch.tensor(3.0), (size, size)), "f gave a Tensor of dtype float32 for size; expected whole"),
        (lambda size: (numpy.float64(3), (size, size)), "f gave np.float64(3.0) (a float64) for size; expected whole"),
        (lambda size: (True, (size, size)), "f gave True (a bool) for size; expected whole numbers, of the type int."),
        (lambda size: (10**30, (size, size)), f"f gave {10**30} for size; expected whole numbers, of the type int."),
        (lambda size: (size // 2, size), "shape has shape (); expected (2,)."),
        (lambda size: (size, (size, size)), "size is 7; expected 3."),
        (lambda size: (size // 2, (size, size)), "does not fit: a ValueError is raised is False; expected True."),
        (lambda size: sizes(size) if size else _wordless(), "raised ValueError without a message"),
        (lambda size: sizes(size) if size else 1 // size, "raised ZeroDivisionError"),
        (lambda size: _refuse(), "fits: a ValueError is raised is True; expected False."),
    ],
)
def test_what_is_no_right_number(f, sentence):
    assert any(sentence in finding for c in verdict(SIZES, f).criteria for finding in c.findings)


def _wordless():
    raise ValueError


def spread(case, outputs):
    sample, again = outputs
    return sample.std(), (sample[0] - again).abs().max(), (sample[0] - sample[1]).abs().min()


NORMALS = problem(
    draws,
    ("draws", "the first draw again"),
    {
        "a case": {
            "shape": (200, 200),
            "generator": torch.Generator().manual_seed(5),
            "count": 3,
        }
    },
    lambda arguments, dout: (
        torch.zeros(arguments["count"], *arguments["shape"]),
        torch.zeros(arguments["shape"]),
    ),
    measured=Measure(
        ("standard deviation", "difference of two calls with one seed", "difference of two draws"),
        spread,
        lambda case: (
            Target(torch.tensor(2.0), 0.03),
            Target(torch.tensor(0.0)),
            Target(torch.tensor(1e-12), at_least=True),
        ),
    ),
)


def masked(x, generator):
    kept = (torch.rand(x.shape, generator=generator) < 0.5).to(x)
    return x * kept, kept


def masked_backward(dout, cache):
    return dout * cache


def test_forward_draws_are_made_on_copies_and_repeated():
    def expected(arguments, dout):
        return torch.ones(arguments["count"], 50), torch.ones(50)

    def same(case, outputs):
        drawn, again = outputs
        return (drawn[0] - again).abs().max(), (drawn[0] - drawn[1]).abs().max()

    asked = {"x": torch.ones(50), "generator": torch.Generator().manual_seed(5), "count": 3}
    masks = problem(
        forward_draws,
        ("out", "out again"),
        {"a case": asked},
        expected,
        name="masked_forward",
        measured=Measure(
            ("difference", "change"),
            same,
            lambda case: (Target(torch.tensor(0.0)), Target(torch.tensor(0.5), at_least=True)),
        ),
    )
    earned(masks, masked, "masked_forward")
    earned(masks, lambda x, g: (x.mul_(masked(x, g)[1]), None), "masked_forward")
    assert "difference is 1" in said(masks, lambda x, g: masked(x, None), "masked_forward")
    assert "change is 0" in said(masks, lambda x, g: (x, None), "masked_forward")
    assert "returned a Tensor; expected a tuple" in said(masks, lambda x, g: x, "masked_forward")


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ((masked, masked_backward), None),
        ((lambda x, g: (x, torch.ones_like(x)), masked_backward), "share of zeros is 0"),
        ((masked, lambda dout, cache: dout * (1 - cache)), "disagreement is "),
        ((lambda x, g: ("out", torch.ones(50)), masked_backward), "masked_forward gave no tensor for out."),
        ((lambda x, g: 3, masked_backward), "masked_forward returned an int; expected a tuple"),
    ],
)
def test_a_gradient_is_measured_beside_what_was_drawn(pair, sentence):
    def agree(case, outputs):
        out, dx = outputs
        return (dx - case.dout * (out != 0)).abs().max(), (out == 0).double().mean()

    masks = problem(
        backward_draws,
        ("out", "dx"),
        {"a case": {"x": torch.ones(50), "generator": torch.Generator().manual_seed(5)}},
        lambda arguments, dout: (torch.ones(50), torch.ones(50)),
        name="masked_backward",
        case={"dout": torch.arange(1.0, 51)},
        measured=Measure(
            ("disagreement", "share of zeros"),
            agree,
            lambda case: (Target(torch.tensor(0.0)), Target(torch.tensor(0.5), 0.3)),
        ),
    )
    forward_function, backward_function = pair
    functions = {"masked_forward": forward_function, "masked_backward": backward_function}
    found = grade(masks, functions, 0, CPU)
    findings = [finding for criterion in found.criteria for finding in criterion.findings]
    assert (findings == []) if sentence is None else sentence in findings[0]


def test_draws_are_measured():
    earned(NORMALS, lambda shape, generator: 2 * torch.randn(shape, generator=generator))
    earned(NORMALS, lambda shape, generator: torch.empty(shape).normal_(0, 2, generator=generator))


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda shape, g: torch.randn(shape, generator=g), "standard deviation is "),
        (lambda shape, g: 2 * torch.randn(shape), "difference of two calls with one seed is "),
        (
            lambda shape, g: 2 * torch.randn(shape, generator=torch.Generator().manual_seed(g.initial_seed())),
            "difference of two draws is 0; expected at least 1e-12.",
        ),
        (lambda shape, g: 2 * torch.randn(shape, generator=g)[1:], "draws has shape (3, 199, 200)"),
        (lambda shape, g: torch.full(shape, math.nan), "draws has values that are not finite."),
        (lambda shape, g: 0.1, "gave a float for draws; expected a tensor."),
    ],
)
def test_draws_that_are_wrong(f, sentence):
    assert sentence in said(NORMALS, f)


def test_a_draw_without_an_input_tensor_belongs_on_the_cpu(any_device):
    contract = problem(
        draws,
        ("draws", "again"),
        {"contract": {"shape": (2,), "generator": torch.Generator(), "count": 2}},
        lambda arguments, dout: (torch.zeros(2, 2), torch.zeros(2)),
        measured=Measure(("number of values",), lambda case, outputs: (torch.tensor(outputs[0].numel()),)),
    )
    exam = Exam(contract, 0, any_device)
    found = exam.judge(run_all(contract, exam.cases, {"f": lambda shape, generator: torch.ones(shape)}, any_device))
    assert found.score == 1


def accuracy(case, outputs):
    logits, repeated = outputs
    return (logits.argmax(1) == case.kept["truth"]).double().mean(), (logits - repeated).abs().max()


NEAREST = problem(
    training,
    ("logits", "the same logits again"),
    {
        "a case": {
            "x": torch.tensor([[0.0], [1.0], [10.0], [11.0]]),
            "target": torch.tensor([0, 0, 1, 1]),
            "generator": torch.Generator().manual_seed(1),
            "test": torch.tensor([[0.5], [10.5], [0.2], [9.0]]),
        }
    },
    lambda arguments, dout: (torch.zeros(4, 2),) * 2,
    measured=Measure(
        ("held-out accuracy", "difference of two trainings with one seed"),
        accuracy,
        lambda case: (Target(torch.tensor(0.9), at_least=True), Target(torch.tensor(0.0), 1e-6)),
    ),
    case={"kept": {"truth": torch.tensor([0, 1, 0, 1])}, "another_call": True},
)


def train(x, target, generator):
    weights = torch.rand(2, generator=generator) + 1
    means = torch.stack([x[target == label].mean() for label in (0, 1)])
    return lambda images: -weights.mean() * (images - means).abs()


def test_a_training_is_judged_by_what_it_predicts():
    earned(NEAREST, train)
    assert "held-out accuracy is 0; expected at least 0.9." in said(NEAREST, lambda *a: lambda i: -train(*a)(i))
    unseeded = lambda x, target, generator: train(x, target, torch.Generator().manual_seed(time.time_ns()))  # noqa: E731
    assert "difference of two trainings with one seed is" in said(NEAREST, unseeded)
    assert "f returned None (is a `return` missing?); expected a function" in said(NEAREST, lambda *a: None)
    assert "logits has shape (4,); expected (4, 2)." in said(NEAREST, lambda *a: lambda i: i[:, 0])
    assert b"truth" not in b"".join(exchange.ask(NEAREST, Exam(NEAREST, 0, CPU).cases, CPU))


HALF = problem(real, ("half",), {"a case": {"x": 3}}, lambda arguments, dout: (torch.tensor(arguments["x"] / 2),))


@pytest.mark.parametrize("f", [lambda x: x / 2, lambda x: torch.tensor([x]) / 2, lambda x: numpy.float32(x / 2)])
def test_one_number_in_any_form(f):
    earned(HALF, f)


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda x: x, "half is 3; expected 1.5."),
        (lambda x: math.nan, "half is nan; expected 1.5."),
        (lambda x: "1.5", "f gave a str for half; expected a number."),
        (lambda x: True, "f gave a bool for half; expected a number."),
        (lambda x: None, "f gave None (is a `return` missing?) for half; expected a number."),
        (lambda x: torch.ones(2), "f gave a Tensor for half; expected a number."),
    ],
)
def test_what_is_no_right_real_number(f, sentence):
    assert sentence in said(HALF, f)


def deal(n, batch_size, generator):
    return torch.randperm(n, generator=generator).split(batch_size)


DEALT = problem(
    batches,
    ("sizes", "indices", "a second epoch", "the first again"),
    {"contract": {"n": 90, "batch_size": 40, "generator": torch.Generator().manual_seed(3)}},
    lambda arguments, dout: (torch.tensor([40, 40, 10]), *[torch.arange(90)] * 3),
    measured=Measure(
        ("sizes", "sums", "differences from the first again", "differences of two epochs"),
        lambda case, out: (out[0], out[1].sum(), (out[1] != out[3]).sum(), (out[1] != out[2]).sum().clamp(max=1)),
        lambda case: (
            Target(torch.tensor([40.0, 40, 10])),
            Target(torch.tensor(4005.0)),
            Target(torch.tensor(0)),
            Target(torch.tensor(1)),
        ),
    ),
)


def test_batches_are_dealt_twice_and_once_again():
    earned(DEALT, deal)
    earned(DEALT, lambda *arguments: list(deal(*arguments)))


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda n, size, g: torch.randperm(n, generator=g), "f returned a Tensor; expected a list of tensors."),
        (lambda n, size, g: [], "sizes has shape (0,); expected (3,)."),
        (
            lambda n, size, g: [b.tolist() for b in deal(n, size, g)],
            "f gave a list of 40 for batch 0; expected a tensor.",
        ),
        (lambda n, size, g: [b[None] for b in deal(n, size, g)], "f gave a batch with 2 dimensions; expected one."),
        (lambda n, size, g: deal(n, 30, g), "sizes[2] is 30; expected 10."),
        (lambda n, size, g: deal(n, size, g)[:2], "sizes has shape (2,); expected (3,)."),
        (lambda n, size, g: [b.int() for b in deal(n, size, g)], "indices has dtype int32; expected int64."),
        (lambda n, size, g: torch.randperm(n).split(size), "differences from the first again is "),
        (
            lambda n, size, g: deal(n, size, torch.Generator().manual_seed(g.initial_seed())),
            "differences of two epochs is 0; expected 1.",
        ),
    ],
)
def test_batches_that_are_wrong(f, sentence):
    assert sentence in said(DEALT, f)


FITTED = problem(
    fitting,
    ("weight", "bias", "losses", "the weight again", "the bias again", "the weight of another seed"),
    {"a case": {"x": X, "epochs": 2, "generator": torch.Generator().manual_seed(1)}},
    lambda arguments, dout: (X, X[0], torch.zeros(2), X, X[0], X),
    measured=Measure(
        ("largest loss", "difference of two trainings", "difference of two seeds"),
        lambda case, out: (
            out[2].max(),
            (out[0] - out[3]).abs().max(),
            (out[0] - out[5]).abs().max(),
        ),
        lambda case: (
            Target(torch.tensor(0.5), 1e-6),
            Target(torch.tensor(0.0)),
            Target(torch.tensor(1e-9), at_least=True),
        ),
    ),
    case={"another_call": True},
)


def fit(x, epochs, generator):
    return x * torch.rand((), generator=generator), x[0], [0.5] * epochs


def test_a_classifier_that_is_fitted_returns_its_losses_as_numbers():
    earned(FITTED, fit)
    earned(FITTED, lambda *a: [*fit(*a)[:2], torch.tensor(fit(*a)[2])] if a[1] else None)


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda x, epochs, g: x, "f returned a Tensor; expected a tuple (weight, bias, losses)."),
        (lambda x, epochs, g: (x, x[0], 0.5), "f gave a float for losses; expected a list of numbers."),
        (lambda x, epochs, g: (x, x[0], ["low"]), "f gave a str for one of the losses; expected a number."),
        (lambda x, epochs, g: (x, x[0], []), "losses has shape (0,); expected (2,)."),
        (lambda x, epochs, g: (x, x[0], [0.5] * 3), "losses has shape (3,); expected (2,)."),
        (lambda x, epochs, g: (x * torch.rand(()), x[0], [0.5] * 2), "difference of two trainings is "),
        (lambda x, epochs, g: (x, x[0], [0.5] * 2), "difference of two seeds is 0; expected at least 1e-09."),
    ],
)
def test_a_classifier_that_is_fitted_wrongly(f, sentence):
    assert sentence in said(FITTED, f)


def numerical_gradient(f, x, eps):
    grad = torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x).view(-1)
        step[i] = eps
        grad.view(-1)[i] = (f(x + step.view_as(x)) - f(x - step.view_as(x))) / (2 * eps)
    return grad


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_an_argument_by_its_name(name):
    central = problem(
        function,
        ("grad",),
        {"a case": {"f": NamedFunction(name), "x": X, "eps": 0.1}},
        value_of(numerical_gradient),
        case={"dtype": torch.float64},
    )
    earned(central, numerical_gradient)
    said(central, lambda f, x, eps: (f(x + eps) - f(x - eps)) / (2 * eps) * torch.ones_like(x))


def test_the_reference_of_a_graph_follows_its_steps():
    steps = (("**", 0, 1), ("*", 2, 2.0), ("exp", 1), ("-", 3, 4), ("tanh", 5))
    values = torch.tensor([1.5, 0.5], dtype=torch.float64)
    found = graph_of()({"values": values, "steps": steps}, None)
    x, y = values.requires_grad_().unbind()
    out = torch.tanh(2 * x**y - torch.exp(y))
    (right,) = torch.autograd.grad(out, values)
    assert torch.allclose(found[0], out)
    assert torch.allclose(found[1], right)
    assert graph in KINDS.values()


def test_several_tensors_and_chosen_gradients():
    assert len(values_of(lambda x: [x, x])({"x": X}, None)) == 2
    found = gradients_of(lambda x, mean: x * mean, wrt=("x",))({"x": X, "mean": X}, torch.ones(2, 2))
    assert len(found) == 1
    assert torch.equal(found[0], X)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test itself moves on, so that a busy machine changes nothing: ``clock(seconds)``."""
    now = [0.0]

    class Clock:
        @staticmethod
        def perf_counter():
            return now[0]

        def __call__(self, seconds):
            now[0] += seconds

    monkeypatch.setattr(judge, "time", Clock())
    monkeypatch.setattr(judge, "waited", lambda: 0.0)
    return judge.time


def slow_square(x):
    time.sleep(0.05)
    return x * x


TIMED = problem(function, ("out",), {"values": {"x": X}}, value_of(lambda x: x * x), case={"timed": True}, speed=20.0)


DRAWN = replace(
    TIMED, cases=lambda generator: [Case("a", "values", {"x": torch.randn(2, 2, generator=generator)}, timed=True)]
)


def findings(problem, f):
    """What is found wrong with `f`, which may count its calls: it is judged once."""
    return [finding for c in grade(problem, {"f": f}, 0, CPU).criteria for finding in c.findings]


def test_a_slow_call_is_told_how_slow_it_is():
    finding = said(TIMED, slow_square)
    assert finding.startswith("values: right, but it took ")
    assert finding.endswith(" times as long as torch; at most 20.")
    earned(TIMED, lambda x: x * x)


def test_a_wrong_result_is_told_before_its_time():
    assert "out[0, 0] is" in said(TIMED, lambda x: slow_square(x) + 1)


def test_a_function_that_is_slow_now_and_then_is_fast(clock):
    waits = iter([0.05, 0.05, 0])

    def busy(x):
        clock(next(waits))
        return x * x

    assert not findings(DRAWN, busy)


def test_what_a_call_waits_for_a_processor_does_not_count(clock):
    """On a busy machine the clock runs on; who counts a kernel's own time says it."""
    square = {"f": lambda x: clock(0.5) or x * x}
    drawn = Exam(DRAWN, 0, CPU)

    def ask(seconds):
        return lambda cases: [replace(o, seconds=seconds) for o in run_all(DRAWN, cases, square, CPU)]

    for seconds, score in ((0.001, 1), (0.4, 0), (None, 0)):
        assert drawn.judge(drawn.outcomes(ask(seconds))).score == score


def test_what_this_process_waits_for_a_processor_does_not_count(clock, monkeypatch):
    """In a notebook nobody else counts the kernel's time."""
    waiting = [0.0]

    def square(x):
        clock(0.5)
        waiting[0] += 0.4999
        return x * x

    monkeypatch.setattr(judge, "waited", lambda: waiting[0])
    assert not findings(DRAWN, square)
    monkeypatch.setattr(judge, "waited", lambda: 0.0)
    assert "right, but it took" in findings(DRAWN, square)[0]


def test_a_call_is_not_fast_that_was_put_aside_while_its_time_was_read(clock, monkeypatch):
    """After the call, between a look at the clock and at what the thread has waited, the thread waits."""
    looks, waiting = itertools.count(1), [0.0]

    def look():
        if next(looks) % 2 == 0:
            clock(0.04)
            waiting[0] += 0.04
        return waiting[0]

    def slow(x):
        clock(0.05)
        return x * x

    monkeypatch.setattr(judge, "waited", look)
    assert "right, but it took" in findings(DRAWN, slow)[0]


def test_the_system_tells_what_a_thread_waits_for_a_processor():
    """Two loops on one processor: each waits for half of the time. It is not less than that on a busy machine."""
    places = os.sched_getaffinity(0)
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        for process in (0, other.pid):
            os.sched_setaffinity(process, {min(places)})
        began, computed = waited(), time.thread_time()
        while time.thread_time() < computed + 0.2:
            pass
        assert waited() - began > 0.05
    finally:
        os.sched_setaffinity(0, places)
        other.kill()
        other.wait()


def test_a_function_that_remembers_its_last_answer_is_slow(clock):
    remembered = []

    def square(x):
        clock(0.05)
        return x * x

    def once(x):
        remembered[:] = remembered or [square(x)]
        return remembered[0]

    def by_value(x):
        key = x.flatten().tolist()
        if key not in [k for k, _ in remembered]:
            remembered.append((key, square(x)))
        return next(value for k, value in remembered if k == key)

    for remembers in (once, by_value):
        remembered.clear()
        (found,) = findings(DRAWN, remembers)
        assert "right, but it took 50 times as long as torch" in found


def test_a_slow_function_is_not_called_for_ever(clock):
    called = []

    def slow(x):
        called.append(x)
        clock(0.4)
        return x * x

    assert "right, but it took" in findings(DRAWN, slow)[0]
    assert len(called) == 3


def test_a_wrong_or_interrupted_call_is_not_repeated():
    called = []

    def wrong(x):
        called.append(x)
        raise ValueError

    def stopped(x):
        called.append(x)
        raise KeyboardInterrupt

    assert "ValueError" in findings(DRAWN, wrong)[0]
    assert "KeyboardInterrupt" in findings(DRAWN, stopped)[0]
    assert len(called) == 2


def test_a_timed_call_has_one_thread_and_gives_the_others_back(clock):
    used = []
    before = torch.get_num_threads()

    def square(x):
        used.append(torch.get_num_threads())
        return x * x

    torch.set_num_threads(2)
    try:
        assert not findings(DRAWN, square)
        assert (used, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_a_call_that_is_clearly_too_slow_is_stopped():
    started = time.process_time()

    def endless(x):
        while time.process_time() < started + 60:
            with contextlib.suppress(Exception):
                x = x + 1
        return x

    (found,) = findings(TIMED, endless)
    assert re.fullmatch(r"f was stopped after 0.5 s of computing, [\d,]+ times as long as torch; at most 20\.", found)
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL


def trained(times):
    """`train_softmax_classifier`, which trains so many times and keeps the last one."""
    train = problems()["train_softmax_classifier"].alternatives[0].functions[0]

    def train_softmax_classifier(x, target, epochs, batch_size, lr, generator):
        for _ in range(times):
            again = torch.Generator().manual_seed(generator.initial_seed())
            found = train(x, target, epochs, batch_size, lr, again)
        return found

    return {"train_softmax_classifier": train_softmax_classifier}


def limited():
    exam = Exam(problems()["train_softmax_classifier"], 0, CPU)
    exam.limit_trainings()
    return exam


def test_a_training_may_take_a_multiple_of_what_a_right_program_takes(monkeypatch):
    clock = itertools.accumulate(itertools.cycle([1.0, 0.25, 1.0, 2.0]))
    monkeypatch.setattr(judge.time, "thread_time", lambda: next(clock))
    assert [case.limit for case in limited().cases][:3] == [judge.LEAST, 2 * judge.TRAINING, judge.LEAST]
    others = Exam(problems()["sgd_step"], 0, CPU)
    others.limit_trainings()
    assert {case.limit for case in others.cases} == {None}


def test_a_right_training_that_takes_three_times_as_long_loses_nothing(monkeypatch):
    monkeypatch.setattr(judge, "LEAST", 1.0)
    verdict = limited().grade(trained(3))
    assert verdict.score == verdict.maximum


def test_a_training_without_an_end_is_stopped_once_and_told_what_it_may_take(monkeypatch):
    monkeypatch.setattr(judge, "LEAST", 0.3)
    monkeypatch.setattr(judge, "TRAINING", 1)
    called = []

    def train_softmax_classifier(x, *others):
        called.append(x)
        while True:
            with contextlib.suppress(Exception):
                x = x + 1

    verdict = limited().grade({"train_softmax_classifier": train_softmax_classifier})
    assert (verdict.score, len(called)) == (0, 1)
    (said,) = {finding for criterion in verdict.criteria for finding in criterion.findings}
    assert re.fullmatch(
        r"train_softmax_classifier was stopped after 0\.3 s of computing, [\d,]+ times as long as a program of the "
        r"course takes, and may not take longer: make fewer passes over the data, or compute a batch at once .*\.",
        said,
    )


def test_the_guide_says_what_a_training_may_take():
    guide = (ROOT / "book" / "grading.md").read_text()
    assert f"{judge.TRAINING} times as long" in guide
    assert f"{judge.LEAST:g} seconds" in guide


def test_the_dispatcher_is_asked_in_every_call_that_is_not_timed():
    asked = []

    def square(x):
        asked.append((torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()))
        return x * x

    cases = [Case("plain", "values", {"x": X}), Case("timed", "values", {"x": X}, timed=True)]
    assert not findings(replace(TIMED, cases=lambda generator: cases), square)
    # On a busy machine a timed call is made again.
    assert asked[0] == (1, 1)
    assert set(asked[1:]) == {(0, 1)}


def test_a_forbidden_function_is_found_in_a_timed_call():
    only = replace(TIMED, forbidden=frozenset({"square"}))
    assert "torch's own square" in findings(only, lambda x: torch.square(x))[0]


def test_the_reference_is_timed_too():
    assert 0 < baseline(TIMED, Exam(TIMED, 0, CPU).cases[0], CPU) < 0.05


def test_a_dict_or_list_that_is_changed_is_a_changed_input():
    inputs = Inputs({"space": {"lr": [0.1, 0.2]}, "layers": [1, 2], "n": 3})
    assert inputs.modified() == ()
    inputs["space"]["lr"].append(0.3)
    inputs["layers"].reverse()
    assert inputs.modified() == ("space", "layers")


COMBINED = {"values": {"space": {"a": [1, True], "b": ["x", None]}}}


@pytest.mark.parametrize(
    ("settings", "score"),
    [
        ([{"b": b, "a": a} for b in (None, "x") for a in (True, 1)], 1),
        ([{"a": a, "b": b} for a in (1, 1) for b in ("x", None)], 0),
        ([{"a": 1, "b": "x"}], 0),
        ([{"a": 1}], 0),
        ("no list", 0),
        (None, 0),
    ],
)
def test_settings_come_in_any_order_and_count_by_value_and_type(settings, score):
    rows = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    asked = problem(combinations, ("settings",), COMBINED, value_of(lambda space: rows))
    assert verdict(asked, lambda space: settings).score == score


def test_a_network_is_built_on_the_given_tensors():
    state = {"a.b.weight": torch.ones(2, 3), "a.b.bias": torch.zeros(2)}
    net = build((("a.b", "linear", 3, 2), ("relu", "relu")), state)
    assert net.get_parameter("a.b.weight").data_ptr() == state["a.b.weight"].data_ptr()
    assert net(torch.ones(1, 3)).tolist() == [[3.0, 3.0]]
    assert all(parameter.requires_grad for parameter in net.parameters())
