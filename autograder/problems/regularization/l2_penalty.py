"""`l2_penalty`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.regularization.l1_penalty import cases
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of

PROBLEMS = (
    Problem(
        name="l2_penalty",
        call=function,
        returns=("penalty", "dweight"),
        cases=cases,
        expected=values_of(reference.l2_penalty),
        points={"values": 2, "edge cases": 1, "contract": 1},
        shares={"penalty": 1, "dweight": 1},
        modules=(__name__,),
    ),
)


def l2_penalty__squares(weight, strength):
    return strength * weight.square().sum(), 2 * strength * weight


def l2_penalty__product(weight, strength):
    numbers = weight.flatten()
    return strength * (numbers @ numbers), strength * (weight + weight)


def l2_penalty__norm(weight, strength):
    return strength * torch.linalg.vector_norm(weight) ** 2, weight * (2 * strength)


slip(l2_penalty__squares, "factor_forgotten", "dweight is half as large as it must be.", ("2 * strength", "strength"))
slip(
    l2_penalty__squares,
    "half_the_sum",
    "The penalty is half as large as it is asked for; some texts put one half in front, this one does not.",
    ("return strength", "return 0.5 * strength"),
)
slip(
    l2_penalty__squares,
    "half_everywhere",
    "Penalty and gradient are those of half the sum of squares; here there is no half.",
    ("return strength", "return 0.5 * strength"),
    ("2 * strength", "strength"),
)
slip(
    l2_penalty__squares,
    "norm",
    "This is the length of the weight: its square is asked for.",
    ("weight.square().sum(), 2 * strength * weight", "weight.square().sum().sqrt(), strength * weight / weight.norm()"),
)
slip(
    l2_penalty__squares,
    "norm_as_penalty",
    "The penalty is the length of the weight: its square is asked for.",
    ("weight.square().sum()", "weight.square().sum().sqrt()"),
)
slip(l2_penalty__squares, "absolute_values", "The absolute values were summed: L2 sums squares.", ("square()", "abs()"))
slip(l2_penalty__squares, "mean", "The penalty is a sum over all weights, not their mean.", (".sum()", ".mean()"))
slip(
    l2_penalty__squares,
    "mean_everywhere",
    "Penalty and gradient are those of a mean over the weights: a sum is asked for.",
    (".sum()", ".mean()"),
    ("2 * strength * weight", "2 * strength * weight / weight.numel()"),
)
slip(
    l2_penalty__squares,
    "strength_forgotten",
    "The strength is missing in dweight.",
    ("2 * strength * weight", "2 * weight"),
)
slip(
    l2_penalty__squares,
    "strength_squared",
    "The strength was squared too.",
    ("strength * weight.square()", "(strength * weight).square()"),
)
slip(
    l2_penalty__squares,
    "sign_of_gradient",
    "dweight has the wrong sign.",
    ("2 * strength * weight", "-2 * strength * weight"),
)
