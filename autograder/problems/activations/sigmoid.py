"""`sigmoid_forward` and `sigmoid_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.activations.cases import AROUND_ZERO, SATURATED, elementwise
from autograder.problems.forbidden import SIGMOID
from autograder.problems.pairs import pair
from autograder.programs import follows
from autograder.references import activations as reference

PROBLEMS = pair(
    "sigmoid",
    reference.sigmoid,
    partial(
        elementwise,
        {
            "large |x|": (SATURATED, {}),
            "large |x|, float64": (SATURATED, {}, torch.float64),
            "around 0": (AROUND_ZERO, {}),
        },
    ),
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    __name__,
    forbidden=SIGMOID,
)


def sigmoid_forward__keeps_input(x):
    return torch.where(x < 0, torch.exp(x.clamp(max=0)), 1) / (1 + torch.exp(-x.abs())), x


def sigmoid_forward__one_line(x):
    return 1 / (1 + torch.exp(-x)), x


def sigmoid_forward__by_tanh(x):
    return (torch.tanh(x / 2) + 1) / 2, x


def sigmoid_forward__closure(x):
    out = 1 / (1 + torch.exp(-x))
    return out, lambda dout: dout * (out - out**2)


def sigmoid_forward__overflows(x):
    """For large x the result is inf / inf, which is NaN: look at which exponential overflows."""
    return torch.exp(x) / (1 + torch.exp(x)), x


def sigmoid_forward__sign_of_exponent(x):
    """The curve falls where it should rise: look at the sign of the exponent."""
    return 1 / (1 + torch.exp(x)), x


def sigmoid_forward__missing_parentheses(x):
    """Python divides before it adds: look at what the 1 is divided by."""
    return 1 / 1 + torch.exp(-x), x


def sigmoid_forward__clipped(x):
    """The result stops changing too early: x was clipped to a range that is too narrow."""
    return 1 / (1 + torch.exp(-x.clamp(-10, 10))), x


def sigmoid_forward__zero_centred(x):
    """The results lie between -1 and 1; the sigmoid's lie between 0 and 1."""
    return 2 / (1 + torch.exp(-x)) - 1, x


def sigmoid_forward__single_precision(x):
    """The result is computed in float32 whatever the dtype of x is."""
    return 1 / (1 + torch.exp(-x.float())), x


def sigmoid_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _ work in place."""
    return x.neg_().exp_().add_(1).reciprocal_(), x


def sigmoid_backward__from_output(dout, cache):
    out = 1 / (1 + torch.exp(-cache))
    return dout * out * (1 - out)


def sigmoid_backward__symmetric(dout, cache):
    small = torch.exp(-cache.abs())
    return dout * small / (1 + small) ** 2


@follows(sigmoid_forward__closure)
def sigmoid_backward__closure(dout, cache):
    return cache(dout)


def sigmoid_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    out = 1 / (1 + torch.exp(-cache))
    return out * (1 - out)


def sigmoid_backward__input_as_output(dout, cache):
    """The formula is in terms of the sigmoid's output, but was given its input."""
    return dout * cache * (1 - cache)


def sigmoid_backward__missing_factor(dout, cache):
    """One factor of the derivative is missing: at x = 0 the slope should be a quarter of dout."""
    return dout / (1 + torch.exp(-cache))


def sigmoid_backward__overflows(dout, cache):
    """For very negative x the result is inf / inf, which is NaN: an exponential overflows."""
    return dout * torch.exp(-cache) / (1 + torch.exp(-cache)) ** 2


def sigmoid_backward__sign(dout, cache):
    """The sign is reversed: the sigmoid rises everywhere."""
    out = 1 / (1 + torch.exp(-cache))
    return dout * out * (out - 1)


def sigmoid_backward__changes_dout(dout, cache):
    """dout itself was overwritten: operations whose name ends in _ work in place."""
    out = 1 / (1 + torch.exp(-cache))
    return dout.mul_(out).mul_(1 - out)


def sigmoid_backward__sigmoid_of_the_output(dout, cache):
    """The sigmoid was applied to what had been through it already."""
    out = 1 / (1 + torch.exp(-1 / (1 + torch.exp(-cache))))
    return dout * out * (1 - out)
