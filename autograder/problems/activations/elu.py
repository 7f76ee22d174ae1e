"""`elu_forward` and `elu_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.activations.cases import AROUND_ZERO, FAR_LEFT, FAR_RIGHT, elementwise
from autograder.problems.forbidden import ELU
from autograder.problems.pairs import pair
from autograder.references import activations as reference

PROBLEMS = pair(
    "elu",
    reference.elu,
    partial(
        elementwise,
        {
            "alpha 0.5": (None, {"alpha": 0.5}),
            "alpha 2 around 0": (AROUND_ZERO, {"alpha": 2.0}),
            "far left": (FAR_LEFT, {}),
            "far right": (FAR_RIGHT, {}),
        },
    ),
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 2, "contract": 1}),
    __name__,
    forbidden=ELU,
)


def elu_forward__keeps_all(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x)), (x, alpha)


def elu_forward__two_parts(x, alpha=1.0):
    return x.clamp(min=0) + alpha * (torch.exp(x.clamp(max=0)) - 1), (x, alpha)


def elu_forward__assigned(x, alpha=1.0):
    out = x.clone()
    off = x <= 0
    out[off] = alpha * (torch.exp(x[off]) - 1)
    return out, (x, alpha)


def elu_forward__fixed_alpha(x, alpha=1.0):
    """The argument alpha is not used."""
    return torch.where(x > 0, x, torch.expm1(x)), (x, alpha)


def elu_forward__not_shifted(x, alpha=1.0):
    """The curve jumps at 0: the negative branch must arrive at 0 there."""
    return torch.where(x > 0, x, alpha * torch.exp(x)), (x, alpha)


def elu_forward__one_outside(x, alpha=1.0):
    """With alpha other than 1 the curve jumps at 0: look at what alpha multiplies."""
    return torch.where(x > 0, x, alpha * torch.exp(x) - 1), (x, alpha)


def elu_forward__maximum(x, alpha=1.0):
    """The larger of the two branches is the wrong one for positive x."""
    return torch.maximum(x, alpha * torch.expm1(x)), (x, alpha)


def elu_forward__infinity_times_zero(x, alpha=1.0):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    return (x > 0) * x + (x <= 0) * alpha * (torch.exp(x) - 1), (x, alpha)


def elu_forward__in_place(x, alpha=1.0):
    """x itself was overwritten: an assignment into x works in place."""
    x[x < 0] = alpha * torch.expm1(x[x < 0])
    return x, (x, alpha)


def elu_backward__from_input(dout, cache):
    x, alpha = cache
    return torch.where(x > 0, dout, dout * alpha * torch.exp(x))


def elu_backward__clamped(dout, cache):
    x, alpha = cache
    return dout * ((x > 0) + (x <= 0) * torch.exp(x.clamp(max=0)) * alpha)


def elu_backward__fixed_alpha(dout, cache):
    """The alpha that the forward pass was given is not used."""
    x, _ = cache
    return torch.where(x > 0, dout, dout * torch.exp(x))


def elu_backward__output_plus_one(dout, cache):
    """Adding 1 to the output gives the slope only when alpha is 1."""
    x, alpha = cache
    return torch.where(x > 0, dout, dout * (alpha * torch.expm1(x) + 1))


def elu_backward__exponential_everywhere(dout, cache):
    """Positive inputs are not on the exponential branch: look at the slope there."""
    x, alpha = cache
    return dout * alpha * torch.exp(x)


def elu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    x, alpha = cache
    return torch.where(x > 0, torch.ones_like(x), alpha * torch.exp(x))


def elu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    x, alpha = cache
    return torch.where(x >= 0, dout, dout * alpha * torch.exp(x))


def elu_backward__infinity_times_zero(dout, cache):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    x, alpha = cache
    return dout * ((x > 0) + (x <= 0) * torch.exp(x) * alpha)


def elu_backward__shifted(dout, cache):
    """The negative branch has the function's value where its slope is wanted."""
    x, alpha = cache
    return torch.where(x > 0, dout, dout * alpha * torch.expm1(x))


def elu_backward__single_precision(dout, cache):
    """In float64 alpha is rounded: somewhere a tensor is made in float32, whatever the dtype of x."""
    x, alpha = cache
    return dout * ((x > 0) + (x <= 0) * alpha * torch.exp(x.clamp(max=0)))
