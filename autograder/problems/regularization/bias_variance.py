"""`bias_variance`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal, wide_normal
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, models, n, offset=1.0, spread=1.0, **how):
        truth = wide_normal(generator, n)
        predictions = truth + offset * wide_normal(generator, n) + spread * normal(generator, models, n)
        return Case(name, criterion, {"predictions": predictions, "truth": truth}, **how)

    return [
        case("predictions (5, 8)", "values", 5, 8),
        case("predictions (3, 4)", "values", 3, 4),
        case("predictions (6, 6)", "values", 6, 6),
        case("one model", "edge cases", 1, 6),
        case("one point", "edge cases", 5, 1),
        case("models that agree", "edge cases", 4, 6, spread=0.0),
        case("models without a common error", "edge cases", 4, 6, offset=0.0),
        case("float64", "contract", 5, 8, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", 5, 8, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="bias_variance",
        call=function,
        returns=("squared bias", "variance"),
        cases=_cases,
        expected=values_of(reference.bias_variance),
        points={"values": 2, "edge cases": 1, "contract": 1},
        shares={"squared bias": 1, "variance": 1},
        modules=(__name__,),
    ),
)


def bias_variance__moments(predictions, truth):
    mean = predictions.mean(dim=0)
    return (mean - truth).square().mean(), predictions.var(dim=0, correction=0).mean()


def bias_variance__distances(predictions, truth):
    mean = predictions.sum(0) / len(predictions)
    return ((mean - truth) ** 2).sum() / len(truth), ((predictions - mean) ** 2).mean()


def bias_variance__point_by_point(predictions, truth):
    biases, variances = [], []
    for column, right in zip(predictions.T, truth, strict=True):
        mean = column.sum() / len(column)
        biases.append((mean - right) ** 2)
        variances.append(((column - mean) ** 2).sum() / len(column))
    return torch.stack(biases).mean(), torch.stack(variances).mean()


_MOMENTS = bias_variance__moments
slip(
    _MOMENTS,
    "error_for_bias",
    "The first result is the whole error of the models: the bias is that of their mean prediction.",
    ("(mean - truth)", "(predictions - truth)"),
)
slip(
    _MOMENTS,
    "variance_over_points",
    "The variance was taken over the points: it goes over the models.",
    ("var(dim=0", "var(dim=1"),
)
slip(
    _MOMENTS,
    "variance_of_everything",
    "The variance was taken over models and points together: it goes over the models, at each point.",
    ("var(dim=0, correction=0).mean()", "var(correction=0)"),
)
slip(
    _MOMENTS,
    "variance_about_the_truth",
    "The variance was taken about the truth: it is about the mean prediction.",
    ("predictions.var(dim=0, correction=0).mean()", "(predictions - truth).square().mean()"),
)
slip(
    _MOMENTS,
    "unbiased",
    "The variance is divided by one less than the number of models; the population variance is asked for.",
    ("predictions.var(dim=0, correction=0)", "predictions.var(dim=0, correction=int(len(predictions) > 1))"),
)
slip(
    _MOMENTS,
    "bias_not_squared",
    "The bias is not squared: errors of opposite sign cancel.",
    ("(mean - truth).square()", "(mean - truth)"),
)
slip(
    _MOMENTS,
    "square_of_the_mean",
    "The biases of the points were averaged before they were squared: they cancel.",
    ("(mean - truth).square().mean()", "(mean - truth).mean().square()"),
)
slip(_MOMENTS, "absolute_bias", "The bias is an absolute value: its square is asked for.", ("square()", "abs()"))
slip(
    _MOMENTS,
    "deviation",
    "The second result is a standard deviation: the variance is asked for.",
    ("predictions.var(", "predictions.std("),
)
slip(
    _MOMENTS,
    "exchanged",
    "Squared bias and variance were exchanged.",
    (
        "return (mean - truth).square().mean(), predictions.var(dim=0, correction=0).mean()",
        "return predictions.var(dim=0, correction=0).mean(), (mean - truth).square().mean()",
    ),
)
slip(
    _MOMENTS,
    "summed",
    "Both were summed over the points: the mean is asked for.",
    ("square().mean()", "square().sum()"),
    ("correction=0).mean()", "correction=0).sum()"),
)
