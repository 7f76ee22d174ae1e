"""Every problem of every set: right programs earn everything, wrong ones lose points and are called by their names."""

import functools
import inspect
import math
from dataclasses import replace

import pytest
import torch
from exams import CPU, exam, findings, lost, points, verdict_on
from sets import solutions_of, stubs_of

from autograder.calls import exchange
from autograder.calls.case import tensors_in
from autograder.calls.kinds import TRAININGS, backward, forward, function
from autograder.calls.outcome import Output
from autograder.compare import compared
from autograder.course import ROOT
from autograder.expected import draw
from autograder.judge import Exam
from autograder.problem import CONTRACT
from autograder.problems import problem_sets, problems
from autograder.programs import Program, slip, source_of
from autograder.table import Report

SEEDS = (0, 1, 2)
EVERY_PROBLEM = [pytest.param(word, p, id=p.name) for word, chapter in problem_sets().items() for p in chapter]
ALTERNATIVES = [pytest.param(p, a, id=f"{p.name}-{a.name}") for p in problems().values() for a in p.alternatives]
MISTAKES = [pytest.param(p, m, id=f"{p.name}-{m.name}") for p in problems().values() for m in p.mistakes]
# A training takes seconds: fewer seeds must do.
SEEDS_OF = {problem.name: SEEDS[:1] if problem.call in TRAININGS else SEEDS for problem in problems().values()}
QUICK = [problem for problem in problems().values() if problem.call not in TRAININGS]
# An instructor's seed is not known here.
MANY_SEEDS = range(20)


def verdicts_in_all_dtypes(problem, device, functions):
    """The verdicts on a student's functions, on the cases as they are drawn and on those that a dtype changes."""
    for dtype in (None, torch.float32, torch.float64):
        shared = exam(problem.name, SEEDS[0], device, dtype)
        if shared.cases:
            yield dtype or "as drawn", shared.grade(functions)


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_the_solution_earns_everything(word, problem, any_device):
    for dtype, verdict in verdicts_in_all_dtypes(problem, any_device, solutions_of(word)):
        assert verdict.score == verdict.maximum, (dtype, findings(verdict))


@pytest.mark.parametrize(("problem", "alternative"), ALTERNATIVES)
def test_an_alternative_earns_everything(problem, alternative, any_device):
    for dtype, verdict in verdicts_in_all_dtypes(problem, any_device, problem.functions_of(alternative)):
        assert verdict.score == verdict.maximum, (dtype, findings(verdict))


@pytest.mark.parametrize("problem", QUICK, ids=lambda p: p.name)
def test_no_seed_makes_a_right_program_wrong_or_hides_a_mistake(problem):
    """Nor does a mistake earn other points: a notebook's check and the gradebook agree about it."""
    usual = {mistake.name: points(verdict_on(exam(problem.name, SEEDS[0]), mistake)) for mistake in problem.mistakes}
    misjudged = []
    for seed in MANY_SEEDS:
        shared = exam(problem.name, seed)
        for alternative in problem.alternatives:
            verdict = verdict_on(shared, alternative)
            if verdict.score != verdict.maximum:
                misjudged.append(f"seed {seed}: {alternative.name} is right and loses points: {findings(verdict)[0]}")
        for mistake in problem.mistakes:
            verdict = verdict_on(shared, mistake)
            if verdict.mistake != mistake.name or verdict.score >= verdict.maximum:
                misjudged.append(f"seed {seed}: {mistake.name} earns {verdict.score}, called {verdict.mistake}")
            if points(verdict) != usual[mistake.name]:
                misjudged.append(f"seed {seed}: {mistake.name} earns {points(verdict)}, not {usual[mistake.name]}")
    # pytest would leave out what is far down in a list.
    assert not misjudged, "\n".join(misjudged)


# Seeds with which a mistake once earned more than it usually does; the first of them everything.
ONCE_HIDDEN = [
    ("two_layer_net", "slope_at_zero", 97),
    ("cross_entropy", "small_number_added_15", 75),
    ("batch_norm_forward", "eps_outside_root", 307),
]


@pytest.mark.parametrize(("name", "mistake", "seed"), ONCE_HIDDEN)
def test_a_seed_that_hid_a_mistake_hides_it_no_more(name, mistake, seed):
    program = next(m for m in problems()[name].mistakes if m.name == mistake)
    usual, verdict = (verdict_on(exam(name, each), program) for each in (SEEDS[0], seed))
    assert verdict.mistake == mistake
    assert points(verdict) == points(usual)


@pytest.mark.parametrize("problem", QUICK, ids=lambda p: p.name)
def test_right_programs_stay_within_half_of_the_tolerance(problem):
    beyond = []
    for seed in MANY_SEEDS:
        shared = exam(problem.name, seed)
        for i, (case, expected) in enumerate(zip(shared.cases, shared.expected, strict=True)):
            for alternative in problem.alternatives:
                rows = errors(problem, case, functools.partial(shared.outcome_of, alternative, i), expected)
                if not all(error <= tolerance / 2 for error, tolerance in rows):
                    beyond.append(f"seed {seed}, {case.name}: {alternative.name}")
    assert not beyond, "\n".join(beyond)


def errors(problem, case, outcome, expected):
    """How far each output, or each quantity measured on them, is from what it must be, and how far it may be.

    `outcome` gives the outcome. Where a quantity is a statistic, its tolerance is none of rounding.
    """
    if problem.measured is not None and problem.measured.targets is not None:
        return
    values = tuple(output.values.double() for output in outcome().outputs)
    if problem.measured is None:
        rows = zip(values, expected.outputs, expected.tolerances, strict=True)
    else:
        quantities = problem.measured.of(case, values)
        rows = ((q, t.value, t.tolerance) for q, t in zip(quantities, expected.measured, strict=True))
    for got, right, tolerance in rows:
        difference = (got - right.double()).abs()
        yield difference.where(got != right, 0.0).nan_to_num(nan=0.0).max() if difference.numel() else 0.0, tolerance


@pytest.mark.parametrize(("problem", "mistake"), MISTAKES)
def test_a_mistake_loses_points_and_is_recognised(problem, mistake, any_device):
    # The cases are the same on every device, and a device that is simulated is slow.
    for seed in SEEDS_OF[problem.name] if any_device.type == "cpu" else SEEDS[:1]:
        shared = exam(problem.name, seed, any_device)
        # Once as a student's, run beside the known one.
        alone = shared.device == CPU and seed == SEEDS[0]
        verdict = shared.grade(problem.functions_of(mistake)) if alone else verdict_on(shared, mistake)
        assert verdict.score < verdict.maximum
        assert verdict.mistake == mistake.name, findings(verdict)
        assert verdict.hint == mistake.hint


# Of right results, in float64, what no function should give.
STRANGE = {
    "huge": lambda right: torch.full_like(right, 1e200),
    "huge, of both signs": lambda right: -1e200 * right.sign(),
    "huge, in float32": lambda right: torch.full_like(right, 3e38, dtype=torch.float32),
    "tiny": lambda right: torch.full_like(right, 1e-310),
    "zero": torch.zeros_like,
    "one": torch.ones_like,
    "random": lambda right: torch.rand(right.shape, generator=torch.Generator().manual_seed(1)).double(),
    "nan": lambda right: torch.full_like(right, math.nan),
    "one nan": lambda right: right.where(torch.arange(right.numel()).reshape(right.shape) > 0, math.nan),
    "inf": lambda right: torch.full_like(right, math.inf),
    "-inf": lambda right: torch.full_like(right, -math.inf),
    "empty": lambda right: right.new_empty(0),
    "empty along every dimension": lambda right: right.new_zeros([0] * right.dim()),
    "one dimension more": lambda right: right[None],
    "a single number": lambda right: right.new_tensor(0.5),
    "bool": lambda right: right == right.round(),
    "the least whole number": lambda right: torch.full_like(right, -(2**63), dtype=torch.int64),
    "bytes": lambda right: torch.full_like(right, 255, dtype=torch.uint8),
    "half": lambda right: (3 * right + 1).half(),
    "complex": lambda right: right.to(torch.complex128),
}


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_whatever_comes_back_is_judged(problem):
    """A result that cannot even be measured is a finding about its case, not the end of a submission."""
    shared = exam(problem.name, SEEDS[0])
    right = [shared.outcome_of(problem.alternatives[0], i) for i in range(len(shared.cases))]
    for what, strange in STRANGE.items():
        verdict = shared.judge(
            [replace(r, outputs=tuple(Output(strange(o.values.double()), o.device) for o in r.outputs)) for r in right]
        )
        # Of what is trained the share of right answers is measured, and that does not depend on the type.
        assert verdict.score == 0 or (problem.call in TRAININGS and lost(verdict) == {CONTRACT}), what
        assert findings(verdict), what
        assert str(Report.of_verdict(verdict)), what


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_the_stub_earns_nothing_and_is_told_so(word, problem):
    verdict = exam(problem.name, SEEDS[0]).grade(stubs_of(word))
    assert verdict.score == 0
    assert "is not written yet" in findings(verdict)[0]


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_a_problem_is_whole(problem):
    assert len(problem.mistakes) >= 4
    assert problem.alternatives
    assert next(iter(problem.points)) == "values"
    cases = draw(problem, SEEDS[0])
    assert {case.criterion for case in cases} == set(problem.points), "points without cases, or cases without points"
    assert len({case.name for case in cases}) == len(cases)
    names = [program.name for program in (*problem.mistakes, *problem.alternatives)]
    assert len(set(names)) == len(names)
    assert all(mistake.hint for mistake in problem.mistakes)
    assert not any(alternative.functions[0].__doc__ for alternative in problem.alternatives)


@pytest.mark.parametrize("problem", [p for p in problems().values() if CONTRACT in p.points], ids=lambda p: p.name)
def test_the_contract_holds_in_every_case(problem):
    shared = exam(problem.name, SEEDS[0])
    right = [shared.outcome_of(problem.alternatives[0], i) for i in range(len(shared.cases))]
    # Without known mistakes, which would be compared with every one of these.
    bare = Exam(replace(problem, modules=()), SEEDS[0], CPU)
    for i, case in enumerate(bare.cases):
        outcomes = [replace(r, modified=("x",)) if j == i else r for j, r in enumerate(right)]
        assert lost(bare.judge(outcomes)) == (set() if case.timed else {CONTRACT}), case.name


@pytest.mark.parametrize("problem", [p for p in QUICK if CONTRACT in p.points], ids=lambda p: p.name)
def test_a_layout_is_tried_in_every_ordinary_shape(problem):
    shapes = {"contiguous": set(), "transposed": set(), "strided": set()}
    for case in draw(problem, SEEDS[0]):
        tensors = {"dout": case.dout, **case.arguments}
        shape = tuple((name, t.shape) for name, t in tensors_in(tensors) if t.dim() > 1)
        if shape and (case.criterion == "values" or (case.criterion == CONTRACT and case.layout != "contiguous")):
            shapes[case.layout].add(shape)
    assert shapes["contiguous"] <= shapes["transposed"] | shapes["strided"]


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_several_outputs_share_the_points_of_their_values(problem):
    shared = exam(problem.name, SEEDS[0])
    # What is drawn or trained is judged as a whole, by statistics.
    if problem.measured is not None and problem.measured.targets is not None:
        assert not problem.shares
        return
    outcome = shared.outcome_of(problem.alternatives[0], 0)
    labels = compared(problem, shared.cases[0], outcome, shared.expected[0]).keys()
    several = problem.measured is None or len(problem.labels) > 1
    assert problem.shares.keys() == (labels if len(labels) > 1 and several else set())
    assert not problem.shares or sum(problem.shares.values()) == problem.points["values"]
    assert all(share > 0 for share in problem.shares.values())


# What the text of every set says about what a function is given; where lists of boxes may be empty, it says so.
PROMISE = "Every number that you are given is finite, and no dimension has size 0"
A_SAMPLE = f"{PROMISE}: a batch has at least one sample."
A_LIST = f"{PROMISE}, but that of a list: there may be no boxes, no scores and no regions."


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_the_inputs_are_what_the_text_promises(word, problem):
    text = " ".join((ROOT / "solutions" / f"{word}.py").read_text().replace("\n#", " ").split())
    assert (A_SAMPLE in text) != (A_LIST in text)
    for seed in SEEDS:
        for case in draw(problem, seed):
            for name, tensor in tensors_in({**case.arguments, "dout": case.dout}):
                assert tensor.numel() or (A_LIST in text and 0 not in tensor.shape[1:]), (case.name, name)
                assert torch.isfinite(tensor).all(), (case.name, name)


def single(number):
    return torch.tensor(number, dtype=torch.float32).item()


def numbers_of(problem):
    """(a parameter that is a number, whether it is given) of the function that a call of `problem` begins with."""
    parameters = inspect.signature(problem.functions_of(problem.alternatives[0])[problem.forward]).parameters
    cases = draw(problem, SEEDS[0])
    for name, parameter in parameters.items():
        if any(isinstance(case.arguments.get(name), float) for case in cases):
            yield name, True
        if isinstance(parameter.default, float) and parameter.default != single(parameter.default):
            yield name, False


def rounding(function, name, given):
    """`function` with one of its numbers rounded to float32, where it is given, or where it is left out."""
    signature = inspect.signature(function)

    def program(*arguments):
        call = signature.bind(*arguments)
        if (name in call.arguments) == given:
            call.apply_defaults()
            call.arguments[name] = single(call.arguments[name])
        return function(*call.args)

    return program


@pytest.mark.parametrize(
    ("problem", "name", "given"),
    [
        pytest.param(problem, *number, id=f"{problem.name}-{number[0]}-{'given' if number[1] else 'left out'}")
        for problem in problems().values()
        if problem.call in (forward, backward, function)
        for number in numbers_of(problem)
        # The momentum is for the running statistics, which have no gradient.
        if (problem.name, number[0]) != ("batch_norm_backward", "momentum")
    ],
)
def test_a_number_that_is_rounded_to_float32_loses_the_contract(problem, name, given):
    """A case in float64 gives one that float32 does not hold, and another leaves it out."""
    functions = problem.functions_of(problem.alternatives[0])
    functions[problem.forward] = rounding(functions[problem.forward], name, given)
    assert "contract" in lost(exam(problem.name, SEEDS[0]).grade(functions))


def double__by_sum(x):
    return x + x


def test_a_slip_is_its_source_with_one_text_changed():
    wrong = slip(double__by_sum, "by_product", "It is squared.", ("x + x", "x * x"))
    assert (wrong.__name__, wrong(3)) == ("double__by_product", 9)
    assert source_of(wrong) == "def double__by_product(x):\n    return x * x\n"
    assert slip(wrong, "cubed", "It is cubed.", ("x * x", "x**3"))(3) == 27
    assert Program((wrong,)).hint == "It is squared."


@pytest.mark.parametrize("old", ["x", "y + y"])
def test_a_slip_needs_a_text_that_is_there_once(old):
    with pytest.raises(ValueError, match="not once"):
        slip(double__by_sum, "wrong", "Wrong.", (old, "0"))


def test_names_are_unique_over_all_sets():
    names = [problem.name for chapter in problem_sets().values() for problem in chapter]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_equal_seeds_draw_equal_cases_and_others_do_not(problem):
    asked = [exchange.ask(problem, draw(problem, seed), CPU) for seed in (0, 0, 1)]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_upstream_gradients_are_random(problem):
    for case in draw(problem, SEEDS[0]):
        if case.dout is not None:
            assert case.dout.unique().numel() == case.dout.numel()
            assert (case.dout != 1).all()
