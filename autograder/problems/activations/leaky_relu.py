"""`leaky_relu_forward` and `leaky_relu_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.activations.cases import AROUND_ZERO, elementwise
from autograder.problems.forbidden import LEAKY_AND_RANDOM
from autograder.problems.pairs import pair
from autograder.references import activations as reference

PROBLEMS = pair(
    "leaky_relu",
    reference.leaky_relu,
    partial(
        elementwise,
        {
            "negative_slope 0.2": (None, {"negative_slope": 0.2}),
            "negative_slope 0": (None, {"negative_slope": 0.0}),
            "negative_slope 1.5": (None, {"negative_slope": 1.5}),
            "around 0": (AROUND_ZERO, {}),
        },
    ),
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    __name__,
    forbidden=LEAKY_AND_RANDOM,
)


def leaky_relu_forward__keeps_all(x, negative_slope=0.01):
    return torch.where(x > 0, x, negative_slope * x), (x, negative_slope)


def leaky_relu_forward__two_clamps(x, negative_slope=0.01):
    return x.clamp(min=0) + negative_slope * x.clamp(max=0), (x, negative_slope)


def leaky_relu_forward__slope_tensor(x, negative_slope=0.01):
    slope = torch.ones_like(x)
    slope[x <= 0] = negative_slope
    return slope * x, (x, negative_slope)


def leaky_relu_forward__fixed_slope(x, negative_slope=0.01):
    """The argument negative_slope is not used."""
    return torch.where(x > 0, x, 0.01 * x), (x, negative_slope)


def leaky_relu_forward__maximum(x, negative_slope=0.01):
    """The larger of the two branches is right only while the slope is at most 1."""
    return torch.maximum(x, negative_slope * x), (x, negative_slope)


def leaky_relu_forward__other_default(x, negative_slope=0.1):
    """Called without a slope, the function uses another one than the 0.01 it was given as default."""
    return torch.where(x > 0, x, negative_slope * x), (x, negative_slope)


def leaky_relu_forward__added_to_x(x, negative_slope=0.01):
    """Negative inputs come out too large in size: the negative branch was added to x, not put in its place."""
    return x + negative_slope * x.clamp(max=0), (x, negative_slope)


def leaky_relu_forward__sides_swapped(x, negative_slope=0.01):
    """The two sides are swapped."""
    return torch.where(x > 0, negative_slope * x, x), (x, negative_slope)


def leaky_relu_forward__in_place(x, negative_slope=0.01):
    """x itself was overwritten: an assignment into x works in place."""
    x[x < 0] *= negative_slope
    return x, (x, negative_slope)


def leaky_relu_backward__where(dout, cache):
    x, negative_slope = cache
    return torch.where(x > 0, dout, negative_slope * dout)


def leaky_relu_backward__two_masks(dout, cache):
    x, negative_slope = cache
    return dout * (x > 0) + negative_slope * (dout * (x <= 0))


def leaky_relu_backward__fixed_slope(dout, cache):
    """The slope that the forward pass was given is not used."""
    x, _ = cache
    return torch.where(x > 0, dout, 0.01 * dout)


def leaky_relu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    x, negative_slope = cache
    return torch.where(x > 0, torch.ones_like(x), negative_slope)


def leaky_relu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    x, negative_slope = cache
    return torch.where(x >= 0, dout, negative_slope * dout)


def leaky_relu_backward__mask_of_dout(dout, cache):
    """The sign of dout chose the slope; it should be the sign of something else."""
    _, negative_slope = cache
    return torch.where(dout > 0, dout, negative_slope * dout)


def leaky_relu_backward__blocked(dout, cache):
    """Nothing passes on the negative side: this is the plain ReLU's."""
    x, _ = cache
    return dout * (x > 0)


def leaky_relu_backward__single_precision(dout, cache):
    """In float64 the slope is rounded: somewhere a tensor is made in float32, whatever the dtype of x."""
    x, negative_slope = cache
    return dout * ((x > 0) + (x <= 0) * negative_slope)


def leaky_relu_backward__changes_dout(dout, cache):
    """dout itself was overwritten: an assignment into dout works in place."""
    x, negative_slope = cache
    dout[x <= 0] *= negative_slope
    return dout
