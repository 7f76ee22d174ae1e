"""What the judge accepts, what it rejects, and how it says so."""

import math
from dataclasses import replace

import pytest
import torch

from autograder.calls import exchange
from autograder.calls.case import Case, prepare, tensors_in
from autograder.calls.run import run
from autograder.compare import find
from autograder.expected import draw, expect, generator_of
from autograder.grading.settings import SEED, Settings, secret_seed
from autograder.judge import grade, with_forward
from autograder.problems import problems
from autograder.problems.drawing import wide_normal
from autograder.table import Report

CPU = torch.device("cpu")
RELU = problems()["relu_forward"]


def right(x):
    return x.clamp(min=0)


def verdict_on(out_of):
    """The verdict on a ReLU whose output is changed by `out_of(x, out)`."""
    return grade(RELU, {"relu_forward": lambda x: (out_of(x, right(x)), x)}, 0, CPU)


def first_finding(verdict):
    return next(f for c in verdict.criteria for f in c.findings)


def test_float32_in_the_middle_of_float64_is_asked_about():
    def forward(x, negative_slope=0.01):
        return torch.where(x > 0, x, torch.tensor(negative_slope) * x), (x, negative_slope)

    verdict = grade(problems()["leaky_relu_forward"], {"leaky_relu_forward": forward}, 0, CPU)
    assert [c.name for c in verdict.criteria if c.earned < c.points] == ["contract"]
    assert first_finding(verdict).endswith("is a part of it computed in float32?")
    verdict = verdict_on(lambda x, out: out * (1 + 1e-12))
    assert verdict.score == verdict.maximum - 1
    assert first_finding(verdict).endswith("is a part of it computed in float32?")
    assert "computed in float32" not in first_finding(verdict_on(lambda x, out: out * 1.1))


WRONG = {
    "one value": lambda x, out: out.index_fill(-1, torch.tensor([0]), 7.0),
    "nan": lambda x, out: out * math.nan,
    "infinite": lambda x, out: out + math.inf,
    "broadcastable": lambda x, out: out.amax(dim=-1, keepdim=True),
    "a number": lambda x, out: out.sum(),
    "transposed": lambda x, out: out.transpose(0, 1),
    "flat": lambda x, out: out.flatten(),
    "complex": lambda x, out: out.to(torch.complex64),
    "empty": lambda x, out: out[:0],
    "slightly off": lambda x, out: out + 1e-4,
    "tiny relative error": lambda x, out: out * (1 + 1e-4),
}


@pytest.mark.parametrize("out_of", WRONG.values(), ids=WRONG.keys())
def test_wrong_values_earn_nothing_at_all(out_of):
    verdict = verdict_on(out_of)
    assert verdict.score == 0
    assert verdict.criteria[0].findings


RIGHT = {
    "the input itself where nothing changes": lambda x, out: x if bool((x >= 0).all()) else out,
    "a non-contiguous view": lambda x, out: torch.stack([out, out], dim=-1)[..., 1],
    "negative zeros": lambda x, out: torch.where(out == 0, -0.0, out),
    "a parameter": lambda x, out: torch.nn.Parameter(out),
    "the last bit": lambda x, out: torch.nextafter(out, torch.full_like(out, math.inf)),
}


@pytest.mark.parametrize("out_of", RIGHT.values(), ids=RIGHT.keys())
def test_right_values_earn_everything(out_of):
    verdict = verdict_on(out_of)
    assert verdict.score == verdict.maximum, first_finding(verdict)


CONTRACT = {
    "another dtype": (lambda x, out: out.double(), "out has dtype float64; expected float32"),
    "single precision inside": (lambda x, out: out.float().to(out.dtype), "values are wrong"),
    "changed input": (lambda x, out: x.copy_(out), "the call changed its input x; work on a copy."),
}


@pytest.mark.parametrize(("out_of", "sentence"), CONTRACT.values(), ids=CONTRACT.keys())
def test_a_broken_contract_costs_the_contract_alone(out_of, sentence):
    verdict = verdict_on(out_of)
    assert [c.name for c in verdict.criteria if c.earned == 0] == ["contract"]
    assert sentence in first_finding(verdict)


def test_a_type_that_no_input_has_is_not_called_that_of_the_inputs():
    problem = problems()["markov_fit"]
    (right,) = problem.functions_of(problem.alternatives[0]).values()
    verdict = grade(problem, {"markov_fit": lambda *arguments: right(*arguments).double()}, 0, CPU)
    assert "transition has dtype float64; expected float32." in first_finding(verdict)


def test_a_wrong_device_costs_the_contract(any_device):
    verdict = grade(RELU, {"relu_forward": lambda x: (right(x).cpu(), x)}, 0, any_device)
    moved = any_device.type != "cpu"
    assert verdict.criteria[-1].earned == (0 if moved else RELU.points["contract"])
    assert verdict.criteria[0].earned == RELU.points["values"]
    if moved:
        assert "out is on cpu; expected simgpu:0, where the inputs are." in first_finding(verdict)


def test_a_tensor_made_on_the_wrong_device_is_found(any_device):
    verdict = grade(RELU, {"relu_forward": lambda x: (torch.maximum(x, torch.zeros(x.shape)), x)}, 0, any_device)
    assert verdict.score == (verdict.maximum if any_device.type == "cpu" else 0)


def test_a_default_device_set_by_the_student_changes_nothing():
    torch.set_default_device("meta")
    try:
        for name in ("relu_forward", "maxout_backward"):
            problem = problems()[name]
            verdict = grade(problem, problem.functions_of(problem.alternatives[0]), 0, CPU)
            assert verdict.score == verdict.maximum, first_finding(verdict)
    finally:
        torch.set_default_device(None)


def relu_with(forward):
    functions = {"relu_forward": forward, "relu_backward": lambda dout, cache: dout * (cache > 0) + 0 * dout}
    backward = problems()["relu_backward"]
    return with_forward(grade(backward, functions, 0, CPU), grade(RELU, functions, 0, CPU))


def test_a_backward_without_a_hint_gets_one_about_its_wrong_forward():
    verdict = relu_with(lambda x: (right(x), x + 1))
    assert verdict.hint is None, "the forward is right, whatever it keeps"
    verdict = relu_with(lambda x: (right(x + 1), x + 1))
    assert verdict.hint.startswith("relu_forward is not right yet, and relu_backward works from its cache")
    assert relu_with(lambda x: (right(x), x)).hint is None, "everything is right"
    stub = problems()["relu_backward"]
    unwritten = grade(stub, {"relu_forward": lambda x: (2 * x, x), "relu_backward": _stub}, 0, CPU)
    wrong = grade(RELU, {"relu_forward": lambda x: (2 * x, x)}, 0, CPU)
    assert with_forward(unwritten, wrong).hint is None, "nothing is written yet"


def _stub(dout, cache):
    raise NotImplementedError


def test_a_wrong_dtype_is_told_before_its_last_digits():
    functions = {"relu_forward": lambda x: ((x.float() * 1.1 / 1.1).clamp(min=0), x)}
    verdict = grade(RELU, functions, 0, CPU)
    assert any("out has dtype float32; expected float64" in f for c in verdict.criteria for f in c.findings)


def test_edge_cases_cost_their_own_points():
    def relu_forward(x):
        return torch.where(x.abs() > 1e3, 0.0, right(x)), x

    verdict = grade(RELU, {"relu_forward": relu_forward}, 0, CPU)
    assert [c.name for c in verdict.criteria if c.earned == 0] == ["edge cases"]


def test_a_difference_names_the_place_and_both_errors():
    def out_of(x, out):
        out = out.clone()
        out.view(-1)[7] = 100.0
        return out

    said = first_finding(verdict_on(out_of))
    assert said.startswith("x (4, 5): out[1, 2] is 100; expected ")
    assert "Largest absolute error" in said
    assert said.endswith("1 of 20 values are wrong.")


def test_a_wrong_shape_names_both():
    assert "out has shape (20,); expected (4, 5)." in first_finding(verdict_on(lambda x, out: out.flatten()))


def test_two_mistakes_at_once_look_like_none():
    verdict = verdict_on(lambda x, out: 3 * out - 1)
    assert verdict.mistake is None
    assert verdict.hint is None


def test_a_mistake_with_a_slip_of_contract_is_still_recognised():
    """Its contract differs from the known mistake's in no case whose values failed."""
    verdict = verdict_on(lambda x, out: x.abs())
    assert verdict.mistake == "absolute_value"


def test_a_right_program_is_told_nothing():
    verdict = verdict_on(lambda x, out: out)
    assert (verdict.score, verdict.hint, verdict.mistake) == (verdict.maximum, None, None)


def batch_norm_with(change):
    """The verdict on a right backward function whose gradients are changed by ``change(dout, dx, dweight, dbias)``."""
    problem = problems()["batch_norm_backward"]
    functions = problem.functions_of(problem.alternatives[0])
    right = functions["batch_norm_backward"]
    functions["batch_norm_backward"] = lambda dout, cache: change(dout, *right(dout, cache))
    return grade(problem, functions, 0, CPU)


PARTS = {
    "dx wrong": (lambda dout, dx, dweight, dbias: (dout, dweight, dbias), 4, "dweight and dbias are right."),
    "only dx right": (lambda dout, dx, dweight, dbias: (dx, dbias, dweight), 6, "dx is right."),
    "nothing right": (lambda dout, dx, dweight, dbias: (dout, dbias, dweight), 0, "values are wrong."),
    "no images": (lambda dout, *right: right if dout.dim() == 2 else None, 5, "Right for 2-D inputs: everything."),
    "no rows": (lambda dout, *right: right if dout.dim() == 4 else None, 5, "Right for 4-D inputs: everything."),
    "dx of images wrong": (
        lambda dout, dx, dweight, dbias: (dx if dout.dim() == 2 else dout, dweight, dbias),
        7,
        "Right for 2-D inputs: everything. Right for 4-D inputs: dweight, dbias.",
    ),
}


@pytest.mark.parametrize(("change", "points", "sentence"), PARTS.values(), ids=PARTS.keys())
def test_what_is_right_earns_its_share_and_is_named(change, points, sentence):
    verdict = batch_norm_with(change)
    assert [c.earned for c in verdict.criteria] == [points, 0, 0], "without all values nothing else counts"
    assert sentence in str(Report.of_verdict(verdict))


@pytest.mark.parametrize("name", ["sigmoid_forward", "relu_backward", "layer_norm_forward", "batch_norm_backward"])
def test_what_is_right_the_first_time_alone_earns_nothing(name):
    """The only plain case of matrices comes first; what is right for matrices is right for others, too."""
    problem, calls = problems()[name], []
    functions = dict(problem.functions_of(problem.alternatives[0]))
    right = functions[name]

    def once(*arguments):
        calls.append(arguments)
        result = right(*arguments)
        if len(calls) == 1:
            return result
        if isinstance(result, torch.Tensor):
            return result + 1
        return tuple(part + 1 if isinstance(part, torch.Tensor) else part for part in result)

    verdict = grade(problem, functions | {name: once}, 0, CPU)
    assert (verdict.score, verdict.criteria[0].note) == (0, "")


def test_the_case_of_a_failed_criterion_names_what_is_right():
    verdict = batch_norm_with(lambda dout, dx, *others: (dx * (dout.shape[0] != 7), *others))
    assert [c.name for c in verdict.criteria if c.earned < c.points] == ["edge cases"]
    assert first_finding(verdict).endswith("28 of 28 values are wrong. dweight and dbias are right.")


def test_numbers_that_come_in_place_of_an_error_are_not_called_right():
    problem = problems()["conv_cost"]
    right = problem.functions_of(problem.alternatives[0])["conv_cost"]

    def conv_cost(*arguments):
        try:
            return right(*arguments)
        except ValueError:
            return (1, 1, 1), 1, 1

    verdict = grade(problem, {"conv_cost": conv_cost}, 0, CPU)
    assert first_finding(verdict).endswith("a ValueError is raised is False; expected True.")
    verdict = grade(problem, {"conv_cost": lambda *a: (*right(*a)[:2], 0)}, 0, CPU)
    assert [c.earned for c in verdict.criteria] == [2, 0]
    assert "output_shape and parameters are right." in first_finding(verdict)


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_tolerances_come_from_the_reference_s_own_error(problem):
    """In float32 at most some roundings of the largest number in the call; in float64 in the same proportion.

    An ill-conditioned case, such as a constant channel that is divided by a tiny deviation, has the most of them. What
    cancels exactly for the reference need not in another order of the steps.
    """
    for dtype in (torch.float32, torch.float64):
        eps = torch.finfo(dtype).eps
        for case in draw(problem, 0, dtype):
            expected = expect(problem, case, CPU)
            given = [t for _, t in tensors_in({**case.arguments, "dout": case.dout}) if t.is_floating_point()]
            for output, tolerance in zip(expected.outputs, expected.tolerances, strict=True):
                largest = max([1.0, *(float(t.double().abs().max()) for t in (output, *given) if t.numel())])
                assert tolerance <= 1024 * eps * largest, case.name
                if output.is_floating_point() and problem.measured is None:
                    assert tolerance > 0, case.name


def small_batch(shape, weight, seed, **fields):
    """A case of a normalization's backward function, with one weight for all channels."""
    generator = torch.Generator().manual_seed(seed)
    channel = torch.ones(shape[1], dtype=torch.float64)
    arguments = {"x": wide_normal(generator, *shape), "weight": weight * channel, "bias": 0 * channel}
    return Case(f"x {shape}, weight {weight}", "values", arguments, wide_normal(generator, *shape), **fields)


@pytest.mark.parametrize("shape", [(2, 1), (2, 3), (6, 4)])
def test_a_right_gradient_that_cancels_stays_within_half_of_the_tolerance(shape):
    """Of two samples all of dx cancels, whatever dout is."""
    problem = problems()["batch_norm_backward"]
    for seed in range(40):
        case = small_batch(shape, 15.6, seed)
        running = {"running_mean": case.arguments["bias"], "running_var": case.arguments["weight"], "training": True}
        case = replace(case, arguments={**case.arguments, **running})
        expected = expect(problem, case, CPU)
        for alternative in problem.alternatives:
            outcome = run(problem, case, problem.functions_of(alternative), CPU)
            for output, right, tolerance in zip(outcome.outputs, expected.outputs, expected.tolerances, strict=True):
                assert float((output.values - right).abs().max()) <= tolerance / 2, (seed, alternative.name)


def test_the_reference_is_right_where_torch_is_not():
    """For these, torch's own gradient of an input that is transposed in memory is another one (torch 2.13)."""
    problem = problems()["instance_norm_backward"]
    for seed in range(3):
        case = small_batch((2, 1, 1, 3), 1.0, seed, layout="transposed")
        expected = expect(problem, case, CPU)
        outcome = run(problem, case, problem.functions_of(problem.alternatives[0]), CPU)
        assert find(problem, case, outcome, expected) is None


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_the_reference_does_not_see_the_layout(problem):
    for case in draw(problem, 0):
        if case.layout != "contiguous":
            found, plain = (
                expect(problem, replace(case, layout=layout), CPU) for layout in (case.layout, "contiguous")
            )
            assert all(map(torch.equal, found.outputs, plain.outputs)), case.name
            assert found.tolerances == plain.tolerances, case.name


def test_contiguous_means_contiguous():
    x = torch.arange(6.0).reshape(2, 3).T
    assert prepare(Case("a case", "values", {"x": x}), CPU)["x"].is_contiguous()


def numbers(seed):
    return torch.randint(2**31, (1500,), generator=generator_of(seed)).tolist()


def test_every_bit_of_a_seed_counts():
    """torch's own generator takes 32 of them, and all of its answers could be searched through."""
    own = torch.Generator().manual_seed(7)
    assert numbers(7) == torch.randint(2**31, (1500,), generator=own).tolist(), "short seeds are torch's own"
    seeds = [2**32 - 1, 2**63 - 1, *(7 + 2**bit for bit in range(32, 64)), 7 + 2**100]
    drawn = [numbers(seed) for seed in (7, *seeds)]
    assert drawn == [numbers(seed) for seed in (7, *seeds)]
    for i in range(1500):
        assert len({one[i] for one in drawn}) > len(drawn) - 3, "no place in the sequence is left alone"
    assert abs(torch.tensor(numbers(2**63 - 1)).double().mean() / 2**30 - 1) < 0.1


@pytest.mark.parametrize("name", ["relu_forward", "conv_output_size", "batch_norm_backward"])
def test_cases_of_seeds_that_differ_above_their_low_32_bits_differ(name):
    asked = [exchange.ask(problems()[name], draw(problems()[name], seed), CPU) for seed in (5, 5 + 2**40, 5 + 2**40)]
    assert asked[0] != asked[1]
    assert asked[1] == asked[2]


def test_a_new_seed_is_drawn_when_the_old_one_is_moved_away(tmp_path):
    old = secret_seed(tmp_path)
    assert secret_seed(tmp_path) == old
    (tmp_path / SEED).rename(tmp_path / "grading-seed.1.txt")
    new = secret_seed(tmp_path)
    assert new != old
    assert Settings(new).seed_of("relu_forward") != Settings(old).seed_of("relu_forward")
    assert Settings(old).seed_of("relu_forward").bit_length() > 32
