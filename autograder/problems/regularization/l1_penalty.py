"""`l1_penalty`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import wide_normal
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def cases(generator: torch.Generator) -> list[Case]:
    """Weights of linear and of convolution layers, some of them 0."""

    def case(name, criterion, shape, strength=0.3, zeros=False, **how):
        weight = wide_normal(generator, *shape)
        if zeros:
            weight.flatten()[::2] = 0
        return Case(name, criterion, {"weight": weight, "strength": strength}, **how)

    return [
        case("weight (4, 5)", "values", (4, 5)),
        case("weight (3, 2, 3, 5)", "values", (3, 2, 3, 5), 1.7),
        case("strength 0", "edge cases", (4, 5), 0.0),
        case("half of the weights are 0", "edge cases", (4, 5), 1.7, zeros=True),
        case("one weight", "edge cases", (1,), 1.7),
        case("a single number", "edge cases", (), 1.7),
        case("float64, strength 1/7", "contract", (4, 5), 1 / 7, dtype=torch.float64),
        case("weight with gaps in memory", "contract", (4, 5), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="l1_penalty",
        call=function,
        returns=("penalty", "dweight"),
        cases=cases,
        expected=values_of(reference.l1_penalty),
        points={"values": 2, "edge cases": 1, "contract": 1},
        shares={"penalty": 1, "dweight": 1},
        modules=(__name__,),
    ),
)


def l1_penalty__sign(weight, strength):
    return strength * weight.abs().sum(), strength * weight.sign()


def l1_penalty__norm(weight, strength):
    return strength * torch.linalg.vector_norm(weight, ord=1), strength * torch.sgn(weight)


def l1_penalty__comparisons(weight, strength):
    sign = (weight > 0).to(weight.dtype) - (weight < 0).to(weight.dtype)
    return strength * (weight * sign).sum(), strength * sign


slip(
    l1_penalty__sign,
    "squares",
    "The squares were summed: L1 sums absolute values.",
    ("weight.abs()", "weight.square()"),
)
slip(
    l1_penalty__sign,
    "gradient_of_the_square",
    "dweight grows with the weight: the slope of an absolute value has the same size everywhere.",
    ("weight.sign()", "2 * weight"),
)
slip(
    l1_penalty__sign,
    "gradient_proportional",
    "dweight is proportional to the weight: the slope of an absolute value has the same size everywhere.",
    ("weight.sign()", "weight"),
)
slip(
    l1_penalty__sign,
    "gradient_of_the_size",
    "dweight has no signs: a negative weight must be pushed up.",
    ("weight.sign()", "torch.ones_like(weight)"),
)
slip(
    l1_penalty__sign,
    "strength_forgotten",
    "The strength is missing in dweight.",
    ("strength * weight.sign()", "weight.sign()"),
)
slip(l1_penalty__sign, "mean", "The penalty is a sum over all weights, not their mean.", (".sum()", ".mean()"))
slip(
    l1_penalty__sign,
    "mean_everywhere",
    "Penalty and gradient are those of a mean over the weights: a sum is asked for.",
    (".sum()", ".mean()"),
    ("weight.sign()", "weight.sign() / weight.numel()"),
)
slip(l1_penalty__sign, "sum_of_the_weights", "Positive and negative weights cancel in the penalty.", (".abs()", ""))
slip(
    l1_penalty__sign,
    "one_at_zero",
    "At a weight of 0 dweight must be 0, as torch takes it.",
    ("weight.sign()", "torch.where(weight >= 0, 1, -1).to(weight.dtype)"),
)
slip(
    l1_penalty__sign,
    "divided_by_the_size",
    "At a weight of 0 dweight is NaN: 0 is divided by 0.",
    ("weight.sign()", "(weight / weight.abs())"),
)
slip(
    l1_penalty__sign,
    "sign_of_gradient",
    "dweight has the wrong sign.",
    ("strength * weight.sign()", "-strength * weight.sign()"),
)
