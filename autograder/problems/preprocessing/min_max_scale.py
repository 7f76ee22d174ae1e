"""`min_max_scale`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.forbidden import MIN_MAX
from autograder.problems.preprocessing.cases import constant_in, contract, features
from autograder.references import preprocessing as reference
from autograder.references import value_of


def _scaling(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, low, high, **how):
        return Case(name, criterion, {"x": x, "low": low, "high": high}, **how)

    constant = constant_in(features(generator, 5, 4), {0: 0.1, 2: -3.0})
    positive = features(generator, 6, 3).abs() + 1
    return [
        case("x (6, 3), from -1 to 1", "values", features(generator, 6, 3), -1.0, 1.0),
        case("x (4, 5), from 0.5 to 3", "values", features(generator, 4, 5), 0.5, 3.0),
        case("from 0 to 1", "edge cases", features(generator, 5, 3), 0.0, 1.0),
        case("constant features, from -1 to 2", "edge cases", constant, -1.0, 2.0),
        case("one sample, from 0.25 to 2", "edge cases", features(generator, 1, 3), 0.25, 2.0),
        case("all numbers positive, from -2 to -1", "edge cases", positive, -2.0, -1.0),
        case("all numbers negative, from 3 to 7", "edge cases", -positive, 3.0, 7.0),
        case("features of small scale, from 0 to 4", "edge cases", 1e-3 * features(generator, 6, 3), 0.0, 4.0),
        *contract(lambda: {"x": features(generator, 6, 4), "low": -0.3, "high": 0.9}),
        case("features of scale 1e-7, from 0 to 4", "contract", 1e-7 * features(generator, 6, 3), 0.0, 4.0),
    ]


PROBLEMS = (
    Problem(
        name="min_max_scale",
        call=function,
        returns=("out",),
        cases=_scaling,
        expected=value_of(reference.min_max_scale),
        points={"values": 5, "edge cases": 3, "contract": 1},
        forbidden=MIN_MAX,
        modules=(__name__,),
    ),
)


def min_max_scale__by_amin(x, low, high):
    smallest = x.amin(dim=0, keepdim=True)
    span = x.amax(dim=0, keepdim=True) - smallest
    return low + (high - low) * (x - smallest) / torch.where(span > 0, span, torch.ones_like(span))


def min_max_scale__not_a_number(x, low, high):
    smallest, largest = x.min(dim=0).values, x.max(dim=0).values
    return torch.nan_to_num((x - smallest) / (largest - smallest), nan=0.0) * (high - low) + low


def min_max_scale__two_weights(x, low, high):
    columns = []
    for column in x.T:
        smallest, largest = column.min(), column.max()
        if smallest == largest:
            columns.append(torch.full_like(column, low))
        else:
            columns.append((low * (largest - column) + high * (column - smallest)) / (largest - smallest))
    return torch.stack(columns, dim=1)


def min_max_scale__over_everything(x, low, high):
    """The smallest and the largest number of all features were taken; each feature has its own."""
    return low + (high - low) * (x - x.min()) / (x.max() - x.min())


def min_max_scale__of_each_sample(x, low, high):
    """Each sample was scaled by itself: the samples are the rows, the features the columns."""
    smallest = x.amin(dim=1, keepdim=True)
    span = x.amax(dim=1, keepdim=True) - smallest
    return low + (high - low) * (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__to_one(x, low, high):
    """The results go from 0 to 1 whatever low and high are."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__times_high(x, low, high):
    """The length of the range from low to high is not high, unless low is 0."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return low + high * (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__starts_at_zero(x, low, high):
    """The range has the right length, but starts at 0."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return (high - low) * (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__by_the_largest(x, low, high):
    """The distance from the smallest number was divided by the largest one, not by the feature's range."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    return low + (high - low) * (x - smallest) / torch.where(largest == 0, 1, largest)


def min_max_scale__constant_feature(x, low, high):
    """A constant feature gives 0 / 0, which is NaN: the text says what it becomes."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    return low + (high - low) * (x - smallest) / (largest - smallest)


def min_max_scale__constant_feature_kept(x, low, high):
    """A constant feature was left as it is: the text says what it becomes."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return torch.where(span == 0, x, low + (high - low) * (x - smallest) / span)


def min_max_scale__constant_feature_at_zero(x, low, high):
    """A constant feature became 0: the text says what it becomes."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    return torch.nan_to_num(low + (high - low) * (x - smallest) / (largest - smallest), nan=0.0)


def min_max_scale__constant_feature_in_the_middle(x, low, high):
    """A constant feature was put in the middle of the range: the text says what it becomes."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return torch.where(span == 0, (low + high) / 2, low + (high - low) * (x - smallest) / span)


def min_max_scale__clipped(x, low, high):
    """Numbers outside the range were cut off: all have to be moved and stretched."""
    return x.clamp(low, high)


def min_max_scale__epsilon(x, low, high):
    """A small number was added to the range that is divided by: in float64 it shows."""
    smallest = x.amin(dim=0)
    return low + (high - low) * (x - smallest) / (x.amax(dim=0) - smallest + 1e-12)
