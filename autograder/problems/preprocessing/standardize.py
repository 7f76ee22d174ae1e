"""`standardize`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal, uniform
from autograder.problems.forbidden import BATCH_NORM, STANDARDIZERS
from autograder.problems.preprocessing.cases import contract
from autograder.programs import slip
from autograder.references import preprocessing as reference
from autograder.references import value_of


def _standardizing(generator: torch.Generator) -> list[Case]:
    def arguments(n, d, smallest=2.0):
        # Not the mean and the std of this x: they come from other samples. The std differ by little: of a number that
        # is added to them float32 shows in each of these cases, or in none, whatever the seed.
        mean, std = uniform(generator, -3, 3, d), smallest * uniform(generator, 1, 1.5, d)
        return {"x": mean + 1 + 2 * std * normal(generator, n, d), "mean": mean, "std": std}

    return [
        Case("x (5, 3)", "values", arguments(5, 3)),
        Case("x (4, 4)", "values", arguments(4, 4)),
        Case("features of small scale", "edge cases", arguments(6, 3, smallest=1e-3)),
        Case("one sample", "edge cases", arguments(1, 4)),
        *contract(lambda: arguments(6, 4)),
    ]


PROBLEMS = (
    Problem(
        name="standardize",
        call=function,
        returns=("out",),
        cases=_standardizing,
        expected=value_of(reference.standardize),
        points={"values": 4, "edge cases": 1, "contract": 1},
        forbidden=BATCH_NORM | STANDARDIZERS,
        modules=(__name__,),
    ),
)


def standardize__two_steps(x, mean, std):
    centred = x - mean
    return centred / std


def standardize__reciprocal(x, mean, std):
    return x * (1 / std).expand_as(x) - mean / std


def standardize__loop_over_features(x, mean, std):
    return torch.stack([(x[:, j] - mean[j]) / std[j] for j in range(x.shape[1])], dim=1)


def standardize__own_statistics(x, mean, std):
    """The mean and the std of this x were used; those that are given come from the training data."""
    spread = x.std(dim=0, correction=0)
    return (x - x.mean(dim=0)) / torch.where(spread == 0, 1, spread)


def standardize__own_statistics_unbiased(x, mean, std):
    """The mean and the std of this x were used; those that are given come from the training data."""
    return (x - x.mean(dim=0)) / x.std(dim=0)


def standardize__squared(x, mean, std):
    """What is given is the std already, not the variance: no root and no square of it is needed."""
    return (x - mean) / std**2


def standardize__order(x, mean, std):
    """The mean was subtracted after the division: look at what the parentheses hold."""
    return x / std - mean


def standardize__parentheses(x, mean, std):
    """Python divides before it subtracts: only the mean was divided by the std."""
    return x - mean / std


def standardize__not_centred(x, mean, std):
    """The mean was not subtracted."""
    return x / std


def standardize__not_scaled(x, mean, std):
    """The mean was subtracted, but the std is not used."""
    return x - mean


def standardize__multiplied(x, mean, std):
    """The std was multiplied by: a feature with a large scale gets an even larger one."""
    return (x - mean) * std


def standardize__variance(x, mean, std):
    """What is given is the std already, not the variance: no root and no square of it is needed."""
    return (x - mean) / std.sqrt()


def standardize__epsilon(x, mean, std):
    """A small number was added to the std: for features of small scale it shows."""
    return (x - mean) / (std + 1e-5)


def standardize__in_place(x, mean, std):
    """x itself was changed: operations such as -= and /= work in place."""
    x -= mean
    x /= std
    return x


for digits in (3, 6, 7, 8, 9, 10, 12):
    slip(standardize__epsilon, f"epsilon_{digits}", standardize__epsilon.__doc__, ("1e-5", f"1e-{digits}"))
