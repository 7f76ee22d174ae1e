"""Every problem of every set: right programs earn everything, wrong ones lose points and are called by their names."""

import inspect

import pytest
import torch
from exams import CPU, exam, findings, lost, verdict_on
from sets import solutions_of, stubs_of

from autograder.calls import exchange
from autograder.calls.kinds import backward, forward, function, training
from autograder.expected import draw
from autograder.problems import problem_sets, problems
from autograder.programs import Program, slip, source_of

SEEDS = (0, 1, 2)
EVERY_PROBLEM = [pytest.param(word, p, id=p.name) for word, chapter in problem_sets().items() for p in chapter]
ALTERNATIVES = [pytest.param(p, a, id=f"{p.name}-{a.name}") for p in problems().values() for a in p.alternatives]
MISTAKES = [pytest.param(p, m, id=f"{p.name}-{m.name}") for p in problems().values() for m in p.mistakes]
DTYPES = [pytest.param(None, id="as drawn"), torch.float32, torch.float64]
# A training takes seconds: fewer seeds must do.
SEEDS_OF = {problem.name: SEEDS[:1] if problem.call is training else SEEDS for problem in problems().values()}
QUICK = [problem for problem in problems().values() if problem.call is not training]

# An instructor's seed is not known here. Each block of seeds is for one process.
BLOCKS = [range(5), range(5, 10), range(10, 15), range(15, 20)]
SEED_BLOCKS = [pytest.param(p, block, id=f"{p.name}-{block[0]}") for p in QUICK for block in BLOCKS]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_the_solution_earns_everything(word, problem, any_device, dtype):
    verdict = exam(problem.name, SEEDS[0], any_device, dtype).grade(solutions_of(word))
    assert verdict.score == verdict.maximum, findings(verdict)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("problem", "alternative"), ALTERNATIVES)
def test_an_alternative_earns_everything(problem, alternative, any_device, dtype):
    verdict = exam(problem.name, SEEDS[0], any_device, dtype).grade(problem.functions_of(alternative))
    assert verdict.score == verdict.maximum, findings(verdict)


@pytest.mark.parametrize(("problem", "seeds"), SEED_BLOCKS)
def test_no_seed_makes_a_right_program_wrong_or_hides_a_mistake(problem, seeds):
    misjudged = []
    for seed in seeds:
        shared = exam(problem.name, seed)
        for alternative in problem.alternatives:
            verdict = verdict_on(shared, alternative)
            if verdict.score != verdict.maximum:
                misjudged.append(f"seed {seed}: {alternative.name} is right and loses points: {findings(verdict)[0]}")
        # Three seeds of these are looked at below.
        for mistake in problem.mistakes if seed in range(3, 15) else ():
            verdict = verdict_on(shared, mistake)
            if verdict.mistake != mistake.name or verdict.score >= verdict.maximum:
                misjudged.append(f"seed {seed}: {mistake.name} earns {verdict.score}, called {verdict.mistake}")
    # pytest would leave out what is far down in a list.
    assert not misjudged, "\n".join(misjudged)


@pytest.mark.parametrize(("problem", "seeds"), SEED_BLOCKS)
def test_right_programs_stay_within_half_of_the_tolerance(problem, seeds):
    beyond = []
    for seed in seeds:
        shared = exam(problem.name, seed)
        for i, (case, expected) in enumerate(zip(shared.cases, shared.expected, strict=True)):
            for alternative in problem.alternatives:
                rows = errors(problem, case, shared.outcome_of(alternative, i), expected)
                if not all(error <= tolerance / 2 for error, tolerance in rows):
                    beyond.append(f"seed {seed}, {case.name}: {alternative.name}")
    assert not beyond, "\n".join(beyond)


def errors(problem, case, outcome, expected):
    """How far each output, or each quantity measured on them, is from what it must be, and how far it may be."""
    values = tuple(output.values.double() for output in outcome.outputs)
    if problem.measured is None:
        rows = zip(values, expected.outputs, expected.tolerances, strict=True)
    elif problem.measured.targets is None:
        quantities = problem.measured.of(case, values)
        rows = ((q, t.value, t.tolerance) for q, t in zip(quantities, expected.measured, strict=True))
    else:
        return
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
    asked = [exchange.ask(problem, draw(problem, seed)) for seed in (0, 0, 1)]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


@pytest.mark.parametrize("problem", problems().values(), ids=lambda p: p.name)
def test_upstream_gradients_are_random(problem):
    for case in draw(problem, SEEDS[0]):
        if case.dout is not None:
            assert case.dout.unique().numel() == case.dout.numel()
            assert (case.dout != 1).all()
