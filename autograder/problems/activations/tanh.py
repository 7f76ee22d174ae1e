"""`tanh_forward` and `tanh_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.activations.cases import AROUND_ZERO, SATURATED, elementwise
from autograder.problems.forbidden import TANH
from autograder.problems.pairs import pair
from autograder.programs import follows
from autograder.references import activations as reference

PROBLEMS = pair(
    "tanh",
    reference.tanh,
    partial(
        elementwise,
        {
            "large |x|": (SATURATED, {}),
            "large |x|, float64": (SATURATED, {}, torch.float64),
            "around 0": (AROUND_ZERO, {}),
        },
    ),
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    __name__,
    forbidden=TANH,
)


def tanh_forward__keeps_input(x):
    small = torch.exp(-2 * x.abs())
    return torch.sign(x) * (1 - small) / (1 + small), x


def tanh_forward__by_sigmoid(x):
    return 2 / (1 + torch.exp(-2 * x)) - 1, x


def tanh_forward__expm1(x):
    shrunk = torch.expm1(-2 * x.abs())
    return torch.copysign(shrunk / (shrunk + 2), x), x


def tanh_forward__keeps_output(x):
    out = 2 / (1 + torch.exp(-2 * x)) - 1
    return out, [out]


def tanh_forward__overflows(x):
    """For large |x| the result is inf / inf, which is NaN: an exponential overflows on either side."""
    return (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)), x


def tanh_forward__overflows_on_the_right(x):
    """For large positive x the result is inf / inf, which is NaN: look at which exponential overflows."""
    return (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1), x


def tanh_forward__overflows_on_the_left(x):
    """For very negative x the result is inf / inf, which is NaN: look at which exponential overflows."""
    return (1 - torch.exp(-2 * x)) / (1 + torch.exp(-2 * x)), x


def tanh_forward__too_flat(x):
    """The curve has the right limits but is half as steep at 0: compare the exponents."""
    return 2 / (1 + torch.exp(-x)) - 1, x


def tanh_forward__not_shifted(x):
    """The results lie between 0 and 1; those of tanh lie between -1 and 1."""
    return 1 / (1 + torch.exp(-2 * x)), x


def tanh_forward__sign(x):
    """The curve falls where it should rise: look at the sign of the exponent."""
    return 2 / (1 + torch.exp(2 * x)) - 1, x


def tanh_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _ work in place."""
    return x.mul_(-2).exp_().add_(1).reciprocal_().mul_(2).sub_(1), x


def tanh_backward__from_input(dout, cache):
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return dout * (1 - out * out)


def tanh_backward__by_cosh(dout, cache):
    return dout / torch.cosh(cache) ** 2


@follows(tanh_forward__keeps_output)
def tanh_backward__from_output(dout, cache):
    (out,) = cache
    return dout - dout * out * out


def tanh_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return 1 - out**2


def tanh_backward__not_squared(dout, cache):
    """The derivative must be the same at x and -x; one operation on tanh(x) is missing."""
    return dout * (2 - 2 / (1 + torch.exp(-2 * cache)))


def tanh_backward__input_as_output(dout, cache):
    """The formula is in terms of the output of tanh, but was given its input."""
    return dout * (1 - cache**2)


def tanh_backward__derivative_of_sigmoid(dout, cache):
    """This is the formula of the sigmoid's derivative."""
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return dout * out * (1 - out)


def tanh_backward__overflows(dout, cache):
    """For large |x| the result is NaN: an exponential overflows."""
    e, inverse = torch.exp(cache), torch.exp(-cache)
    return dout * (1 - ((e - inverse) / (e + inverse)) ** 2)


def tanh_backward__changes_dout(dout, cache):
    """dout itself was overwritten: operations whose name ends in _ work in place."""
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return dout.mul_(1 - out**2)


def tanh_backward__tanh_of_the_output(dout, cache):
    """tanh was applied to what had been through it already."""
    out = 2 / (1 + torch.exp(-2 * (2 / (1 + torch.exp(-2 * cache)) - 1))) - 1
    return dout * (1 - out * out)
