"""`fit_standardizer`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal
from autograder.problems.forbidden import STANDARDIZERS
from autograder.problems.preprocessing.cases import constant_in, contract, features
from autograder.references import preprocessing as reference
from autograder.references import values_of


def _fitting(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, **how):
        return Case(name, criterion, {"x": x}, **how)

    far = 150 + 4 * normal(generator, 11, 8)
    small, tiny = (
        features(generator, 9, 4) * torch.tensor([1.0, scale, 1.0, 1.0], dtype=torch.float64) for scale in (1e-3, 1e-7)
    )
    # Float32 rounds the mean of seven of these, whatever the order of the sum: the last one's distances are 1e-6.
    rounded = constant_in(features(generator, 7, 5), {0: 0.1, 2: 2.7, 3: 13.3})
    return [
        case("x (7, 3)", "values", features(generator, 7, 3)),
        case("x (4, 6)", "values", features(generator, 4, 6)),
        # Sums of few powers of two, and 8 samples: mean and deviations are exact in any order.
        case("constant features", "edge cases", constant_in(features(generator, 8, 5), {0: 0.0, 1: 2.5, 3: -0.75})),
        case("a feature of small scale", "edge cases", small),
        case("features far from 0", "edge cases", far),
        case("one sample", "edge cases", features(generator, 1, 4)),
        *contract(lambda: {"x": features(generator, 6, 4)}),
        case("constant features of 0.1, 2.7 and 13.3", "contract", rounded),
        case("one feature, 13.3 seven times", "contract", rounded[:, 3:4]),
        case("a feature with a standard deviation of 1e-7", "contract", tiny),
    ]


PROBLEMS = (
    Problem(
        name="fit_standardizer",
        call=function,
        returns=("mean", "std"),
        cases=_fitting,
        expected=values_of(reference.fit_standardizer),
        points={"values": 5, "edge cases": 4, "contract": 1},
        shares={"mean": 1, "std": 4},
        forbidden=STANDARDIZERS,
        modules=(__name__,),
    ),
)


def fit_standardizer__from_variance(x):
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    return mean, torch.where((x == x[0]).all(dim=0), torch.ones_like(variance), variance.sqrt())


def fit_standardizer__loops(x):
    n, d = x.shape
    mean, std = torch.zeros_like(x[0]), torch.ones_like(x[0])
    for j in range(d):
        column = [float(value) for value in x[:, j]]
        center = sum(column) / n
        mean[j] = center
        if min(column) < max(column):
            std[j] = (sum((value - center) ** 2 for value in column) / n) ** 0.5
    return mean, std


def fit_standardizer__by_matrix_product(x):
    weights = torch.full((1, len(x)), 1 / len(x), dtype=x.dtype, device=x.device)
    mean = (weights @ x)[0]
    std = (weights @ (x - mean) ** 2)[0].sqrt()
    std[(x == x[0]).all(dim=0)] = 1
    return mean, std


def fit_standardizer__looks_at_the_deviation(x):
    """The std of a constant feature comes out as almost 0: the numbers themselves say whether they are all equal."""
    mean = x.mean(dim=0)
    std = ((x - mean) ** 2).mean(dim=0).sqrt()
    return mean, torch.where(std == 0, 1, std)


def fit_standardizer__small_deviation(x):
    """A std as small as that of a rounded constant was taken for none: it may be a feature of small numbers."""
    mean = x.mean(dim=0)
    std = ((x - mean) ** 2).mean(dim=0).sqrt()
    return mean, torch.where(std < 1e-4, 1, std)


def fit_standardizer__unbiased(x):
    """The squares were divided by one less than the number of samples: that is the sample's standard deviation."""
    std = x.std(dim=0) if len(x) > 1 else torch.zeros_like(x[0])
    return x.mean(dim=0), torch.where(std == 0, 1, std)


def fit_standardizer__unbiased_and_constant_feature(x):
    """The squares were divided by one less than the number of samples; and look at what a constant feature gets."""
    mean = x.mean(dim=0)
    return mean, (((x - mean) ** 2).sum(dim=0) / (len(x) - 1)).sqrt()


def fit_standardizer__over_the_features(x):
    """There is one number for each sample: mean and std belong to each feature."""
    std = x.std(dim=1, correction=0)
    return x.mean(dim=1), torch.where(std == 0, 1, std)


def fit_standardizer__over_everything(x):
    """All features got the same mean and the same std; each has its own."""
    mean, std = x.mean(), x.std(correction=0)
    return mean.expand(x.shape[1]), std.expand(x.shape[1])


def fit_standardizer__constant_feature(x):
    """The std of a constant feature is 0 or almost 0: the text says what stands in its place."""
    return x.mean(dim=0), x.std(dim=0, correction=0)


def fit_standardizer__at_least_one(x):
    """Features of small scale got a std of 1 although they are not constant."""
    return x.mean(dim=0), x.std(dim=0, correction=0).clamp(min=1)


def fit_standardizer__variance(x):
    """The second result is the variance; its root is missing."""
    variance = x.var(dim=0, correction=0)
    return x.mean(dim=0), torch.where(variance == 0, 1, variance)


def fit_standardizer__absolute_deviation(x):
    """The second result is the mean distance from the mean: the distances were not squared."""
    mean = x.mean(dim=0)
    std = (x - mean).abs().mean(dim=0)
    return mean, torch.where(std == 0, 1, std)


def fit_standardizer__digits_lost(x):
    """For features far from 0 two large, almost equal numbers are subtracted, and few right digits are left."""
    mean = x.mean(dim=0)
    variance = ((x * x).mean(dim=0) - mean * mean).clamp(min=0)
    constant = x.amax(dim=0) == x.amin(dim=0)
    return mean, torch.where(constant, 1, variance.sqrt())


def fit_standardizer__in_place(x):
    """x itself was changed: operations such as -= work in place."""
    mean = x.mean(dim=0)
    x -= mean
    std = (x * x).mean(dim=0).sqrt()
    return mean, torch.where(std == 0, 1, std)
