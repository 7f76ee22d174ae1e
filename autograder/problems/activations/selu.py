"""`selu_forward` and `selu_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.activations.cases import AROUND_ZERO, FAR_LEFT, FAR_RIGHT, elementwise
from autograder.problems.forbidden import ELU
from autograder.problems.pairs import pair
from autograder.references import activations as reference

PROBLEMS = pair(
    "selu",
    reference.selu,
    partial(elementwise, {"around 0": (AROUND_ZERO, {}), "far left": (FAR_LEFT, {}), "far right": (FAR_RIGHT, {})}),
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 2, "contract": 1}),
    __name__,
    forbidden=ELU,
)


def selu_forward__keeps_input(x):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * torch.where(x > 0, x, alpha * torch.expm1(x)), x


def selu_forward__two_parts(x):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * x.clamp(min=0) + scale * alpha * (torch.exp(x.clamp(max=0)) - 1), x


def selu_forward__no_scale(x):
    """This is ELU with SELU's alpha: the other constant is missing."""
    return torch.where(x > 0, x, 1.6732632423543772 * torch.expm1(x)), x


def selu_forward__scale_on_the_left_only(x):
    """The positive side lacks one of the constants."""
    return torch.where(x > 0, x, 1.0507009873554805 * 1.6732632423543772 * torch.expm1(x)), x


def selu_forward__scale_on_the_right_only(x):
    """The negative side lacks one of the constants."""
    return torch.where(x > 0, 1.0507009873554805 * x, 1.6732632423543772 * torch.expm1(x)), x


def selu_forward__constants_swapped(x):
    """The two constants are swapped."""
    return 1.6732632423543772 * torch.where(x > 0, x, 1.0507009873554805 * torch.expm1(x)), x


def selu_forward__constants_rounded(x):
    """The constants are rounded too far: use all the digits that the text gives."""
    return 1.05 * torch.where(x > 0, x, 1.67 * torch.expm1(x)), x


def selu_forward__constants_of_five_digits(x):
    """The constants are rounded too far: use all the digits that the text gives."""
    return 1.0507 * torch.where(x > 0, x, 1.6733 * torch.expm1(x)), x


def selu_forward__constants_of_seven_digits(x):
    """The constants have the digits of float32; with a float64 input the error shows."""
    return 1.050701 * torch.where(x > 0, x, 1.673263 * torch.expm1(x)), x


def selu_forward__infinity_times_zero(x):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    return 1.0507009873554805 * ((x > 0) * x + (x <= 0) * 1.6732632423543772 * (torch.exp(x) - 1)), x


def selu_backward__from_input(dout, cache):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * dout * torch.where(cache > 0, 1, alpha * torch.exp(cache))


def selu_backward__clamped(dout, cache):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return dout * torch.where(cache > 0, scale, scale * alpha * torch.exp(cache.clamp(max=0)))


def selu_backward__no_scale(dout, cache):
    """One of the two constants is missing on both sides."""
    return dout * torch.where(cache > 0, 1, 1.6732632423543772 * torch.exp(cache))


def selu_backward__no_alpha(dout, cache):
    """The negative side lacks a constant: at the left of 0 the slope is larger than at the right."""
    return dout * torch.where(cache > 0, 1.0507009873554805, 1.0507009873554805 * torch.exp(cache))


def selu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    return torch.where(cache > 0, 1.0507009873554805, 1.758099340847376 * torch.exp(cache))


def selu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    return dout * torch.where(cache >= 0, 1.0507009873554805, 1.758099340847376 * torch.exp(cache))


def selu_backward__infinity_times_zero(dout, cache):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    slope = (cache > 0) + (cache <= 0) * torch.exp(cache) * 1.6732632423543772
    return 1.0507009873554805 * dout * slope


def selu_backward__shifted(dout, cache):
    """The negative branch has the function's value where its slope is wanted."""
    return dout * torch.where(cache > 0, 1.0507009873554805, 1.758099340847376 * torch.expm1(cache))
