"""Functions that draw, of the problem set `regularization`: how seldom a right program is refused, and by what."""

import pytest
import torch
from exams import CPU
from scipy import stats

from autograder.expected import draw
from autograder.judge import Exam
from autograder.problems import problems
from autograder.problems.regularization.cases import MANY, STANDARD_ERRORS, share_of, spread_target

DRAWN = [
    problems()[name]
    for name in (
        "dropout_forward",
        "dropout_backward",
        "drop_connect_forward",
        "drop_connect_backward",
        "random_crop",
        "bagging_indices",
    )
]
every_drawn = pytest.mark.parametrize("problem", DRAWN, ids=lambda problem: problem.name)


def shares(problem):
    """(n, chance, how many of them are looked at) of every share that is measured in a check: each is a binomial's."""
    for case in draw(problem, 0):
        given = case.arguments
        count = given.get("count", 1)
        if "p" in given:
            entries = given["weight"] if "weight" in given else given["x"]
            zeros = int((entries == 0).sum())
            n = (zeros if zeros and case.dout is not None else entries.numel() - zeros) * count
            yield n, given["p"] if given["training"] else 0.0, 1
        elif "size" in given:
            height, width = (side + 2 * given["padding"] - given["size"] + 1 for side in given["images"].shape[2:])
            places, n = height * width, len(given["images"])
            yield n * count, 1 / places, places
            yield (n - 1) * count, 1 / places, 1
            yield n * (count - 1), 1 / places, 1
        else:
            n, models = given["n"], given["models"]
            yield n * models * count, 1 / n, n
            yield n * (models - 1) * count, 1 / n, 1
            yield n * models * (count - 1), 1 / n, 1


def refused(n, chance):
    """The exact probability that a binomial share is further off than its tolerance."""
    if not n or not 0 < chance < 1:
        return 0.0
    off = share_of(chance, n).tolerance
    return stats.binom.cdf(n * (chance - off) - 1e-9, n, chance) + stats.binom.sf(n * (chance + off) + 1e-9, n, chance)


@every_drawn
def test_the_shares_of_a_right_program_are_refused_less_than_once_in_a_million(problem):
    assert sum(many * refused(n, chance) for n, chance, many in shares(problem)) < 2e-7


def test_the_variance_of_the_numbers_dropped_is_refused_less_than_once_in_a_million():
    """It is that of MANY nearly normal numbers: a chi-squared variable with one degree of freedom less."""
    off = spread_target(MANY, 30, 0.3).tolerance
    degrees = MANY - 1
    assert 0 < off < 1
    assert stats.chi2.sf(degrees * (1 + off), degrees) + stats.chi2.cdf(degrees * (1 - off), degrees) < 2e-7


@every_drawn
def test_right_draws_keep_clear_of_the_tolerances(problem):
    """What is left, correlations above all: of hundreds of measurements the furthest is within five standard errors."""
    for seed in range(12):
        exam = Exam(problem, seed, CPU)
        for case, expected in zip(exam.cases, exam.expected, strict=True):
            quantities = problem.measured.of(case, tuple(output.double() for output in expected.outputs))
            for label, got, target in zip(problem.measured.labels, quantities, expected.measured, strict=True):
                room = 5.5 / STANDARD_ERRORS * target.tolerance
                assert ((got - target.value).abs() <= room).all(), (seed, case.name, label, got)


def test_a_tolerance_is_as_small_as_what_it_must_tell():
    """A mask with p and 1 - p exchanged, or with a corner missing, is far beyond it."""
    assert share_of(0.25, 18_000).tolerance < 0.03
    assert all(share_of(1 / 12, n).tolerance < 1 / 12 for n in (24 * 32,))
    assert torch.equal(share_of(0.25, 100).value, torch.tensor(0.25, dtype=torch.float64))
