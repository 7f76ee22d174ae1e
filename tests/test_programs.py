"""Programs that a grader could easily get wrong, of every chapter: the tables of tests/programs."""

import importlib

import pytest
import torch
from exams import CPU, exam, findings, lost
from sets import rule_broken

from autograder.calls.kinds import backward, forward, function
from autograder.course import words
from autograder.judge import Exam
from autograder.problems import problem_sets, problems

TABLES = {word: importlib.import_module(f"programs.{word}") for word in words()}


def rows_of(table):
    """(chapter, what, row) of a table in all chapters; a row begins with its problem in place of the name."""
    for chapter in TABLES.values():
        for what, (name, *row) in getattr(chapter, table, {}).items():
            yield chapter, what, (problems()[name], *row)


def each(table):
    return [pytest.param(*row, id=f"{row[0].name}-{what}") for _, what, row in rows_of(table)]


def with_seeds(table):
    """Each row with every seed of its chapter."""
    return [
        pytest.param(*row, seed, id=f"{row[0].name}-{what}-{seed}")
        for chapter, what, row in rows_of(table)
        for seed in chapter.SEEDS
    ]


def verdict_on(problem, functions, seed):
    """The first function under the problem's name, a second one as its forward."""
    return exam(problem.name, seed).grade(dict(zip([problem.name, problem.forward], functions, strict=False)))


@pytest.fixture(autouse=True)
def one_thread():
    """Times of many threads on a busy machine say little."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("problem", "functions", "criteria", "seed"), with_seeds("WRONG"))
def test_a_wrong_program_loses_its_points(problem, functions, criteria, seed):
    assert criteria <= lost(verdict_on(problem, functions, seed))


@pytest.mark.parametrize(("problem", "functions", "criteria"), each("PARTLY_RIGHT"))
def test_a_partly_right_program_loses_these_points_and_no_others(problem, functions, criteria):
    verdict = verdict_on(problem, functions, 0)
    assert lost(verdict) == criteria
    assert verdict.score == verdict.maximum - sum(problem.points[name] for name in criteria)
    if criteria == {"speed"}:
        assert verdict.hint is None, "what is slow and right is no mistake"


@pytest.mark.parametrize(("problem", "functions", "criteria"), [row for row in each("PARTLY_RIGHT") if "eps" in row.id])
def test_a_program_without_eps_loses_the_same_points_with_every_seed(problem, functions, criteria):
    for seed in range(20):
        assert lost(verdict_on(problem, functions, seed)) == criteria, seed


@pytest.mark.parametrize(("problem", "functions", "seed"), with_seeds("RIGHT"))
def test_a_right_program_earns_everything(problem, functions, seed):
    verdict = verdict_on(problem, functions, seed)
    assert verdict.score == verdict.maximum, findings(verdict)


@pytest.mark.parametrize(("problem", "functions", "operation"), each("STOPPED"))
def test_torch_s_own_operation_is_stopped_where_it_runs(problem, functions, operation):
    verdict = verdict_on(problem, functions, 0)
    assert verdict.score == 0
    said = f"torch's own {operation}, which is the exercise itself: use simpler operations"
    assert said in findings(verdict)[0]


@pytest.mark.parametrize(("problem", "cells", "said"), each("REFUSED"))
def test_torch_s_own_operation_is_read_in_the_source(problem, cells, said):
    assert said in rule_broken(problem, cells)


@pytest.mark.parametrize(("problem", "cells"), each("ALLOWED"))
def test_building_blocks_are_allowed(problem, cells):
    assert rule_broken(problem, cells) is None


@pytest.mark.parametrize(("problem", "functions", "words"), each("NAMED"))
def test_a_posted_program_is_told_its_mistake(problem, functions, words):
    verdict = verdict_on(problem, functions, 0)
    assert verdict.score < verdict.maximum
    assert words in (verdict.hint or ""), findings(verdict)[:1]


def test_a_cache_that_is_none_in_evaluation_is_told():
    chapter = TABLES["normalization"]
    functions = [chapter.graph_backward(), chapter.forgets_in_evaluation]
    said = findings(verdict_on(problems()["batch_norm_backward"], functions, 0))
    assert any("The cache is None: batch_norm_forward keeps nothing in this case." in finding for finding in said)


ODD = {
    "scaled": lambda t: t * 1.37,
    "shifted": lambda t: t + 0.37,
    "wavy": lambda t: t + 0.1 * torch.arange(t.numel(), dtype=t.dtype).mul(7.1).sin().reshape(t.shape),
    "nothing": lambda t: t * 0,
    "nan": lambda t: t * float("nan"),
    "squared": lambda t: t * t,
}
PLAIN = [problem for problem in problems().values() if problem.call in (forward, backward, function)]


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("problem", PLAIN, ids=lambda p: p.name)
def test_what_is_wrong_in_no_known_way_is_given_no_hint(problem, change):
    functions = problem.functions_of(problem.alternatives[0])
    right = functions[problem.name]

    def wrong(*arguments):
        returned = right(*arguments)
        if problem.call is forward:
            return changed(returned[0]), *returned[1:]
        return changed(returned)

    def changed(value):
        if isinstance(value, torch.Tensor):
            return change(value)
        if isinstance(value, dict):
            return {name: changed(item) for name, item in value.items()}
        return tuple(map(changed, value))

    assert exam(problem.name, 0).grade(functions | {problem.name: wrong}).hint is None


def test_a_timed_problem_has_a_program_that_is_only_slow():
    for word, chapter in TABLES.items():
        timed = {problem.name for problem in problem_sets()[word] if problem.speed}
        slow = {name for name, _, criteria in getattr(chapter, "PARTLY_RIGHT", {}).values() if criteria == {"speed"}}
        assert timed == slow
        assert all(any(case.timed for case in exam(name, 0).cases) for name in timed)


@pytest.mark.parametrize("problem", [problems()["xavier_normal"], problems()["kaiming_normal"]], ids=lambda p: p.name)
def test_random_weights_keep_clear_of_the_tolerances(problem):
    """Of hundreds of measurements the furthest lies within five of the seven standard errors that are allowed."""
    for seed in range(30):
        drawn = Exam(problem, seed, CPU)
        for case, expected in zip(drawn.cases, drawn.expected, strict=True):
            quantities = problem.measured.of(case, tuple(output.double() for output in expected.outputs))
            for label, got, target in zip(problem.measured.labels, quantities, expected.measured, strict=True):
                assert ((got - target.value).abs() <= target.tolerance * 5 / 7).all(), (seed, case.name, label)
