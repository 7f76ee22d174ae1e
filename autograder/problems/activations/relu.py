"""`relu_forward` and `relu_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.activations.cases import AROUND_ZERO, FAR_LEFT, FAR_RIGHT, elementwise
from autograder.problems.forbidden import RELU
from autograder.problems.pairs import pair
from autograder.programs import follows
from autograder.references import activations as reference

PROBLEMS = pair(
    "relu",
    reference.relu,
    partial(elementwise, {"around 0": (AROUND_ZERO, {}), "far left": (FAR_LEFT, {}), "far right": (FAR_RIGHT, {})}),
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    __name__,
    forbidden=RELU,
)


def relu_forward__keeps_input(x):
    return x.clamp(min=0), x


def relu_forward__mask(x):
    return x * (x > 0), x


def relu_forward__where(x):
    return torch.where(x > 0, x, torch.zeros_like(x)), x


def relu_forward__mean_with_abs(x):
    return (x + x.abs()) / 2, x


def relu_forward__keeps_mask(x):
    positive = x > 0
    return x * positive, {"positive": positive}


def relu_forward__absolute_value(x):
    """Negative inputs come out as positive numbers."""
    return x.abs(), x


def relu_forward__negative_part(x):
    """The wrong side was set to zero."""
    return x.clamp(max=0), x


def relu_forward__step(x):
    """Positive inputs all come out as 1: this is where, not how much."""
    return (x > 0).to(x.dtype), x


def relu_forward__leaky(x):
    """Negative inputs still leak through: this is another member of the family."""
    return torch.where(x > 0, x, 0.01 * x), x


def relu_forward__capped(x):
    """The result has an upper limit; a ReLU has none."""
    return x.clamp(0, 1), x


def relu_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _, and assignments into x, work in place."""
    return x.clamp_(min=0), x


def relu_backward__masked(dout, cache):
    return dout * (cache > 0)


def relu_backward__written_into_zeros(dout, cache):
    dx = torch.zeros_like(dout)
    dx[cache > 0] = dout[cache > 0]
    return dx


@follows(relu_forward__keeps_mask)
def relu_backward__from_mask(dout, cache):
    return dout * cache["positive"]


def relu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    return (cache > 0).to(dout.dtype)


def relu_backward__mask_of_dout(dout, cache):
    """The sign of dout decided what passes; it should be the sign of something else."""
    return dout.clamp(min=0)


def relu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch lets no gradient through there."""
    return dout * (cache >= 0)


def relu_backward__unmasked(dout, cache):
    """Every gradient passes, also where the unit was off."""
    return dout.clone()


def relu_backward__times_input(dout, cache):
    """dout was multiplied by the output of the function; look again at the slope."""
    return dout * cache.clamp(min=0)


def relu_backward__changes_dout(dout, cache):
    """dout itself was overwritten: an assignment into dout works in place."""
    dout[cache <= 0] = 0
    return dout
