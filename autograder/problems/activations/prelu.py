"""`prelu_forward` and `prelu_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, wide_normal
from autograder.problems.forbidden import LEAKY, with_backward
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import activations as reference


def _prelu(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, weight, **how):
            dout = wide_normal(generator, *x.shape) if gradient else None
            return Case(name, criterion, {"x": x, "weight": weight}, dout, **how)

        def slopes(n):
            return torch.rand(n, generator=generator, dtype=torch.float64)

        # As many columns as channels: a weight laid along the wrong dimension must not raise but be found out.
        return [
            case("x (4, 3), weight (3,)", "values", wide_normal(generator, 4, 3), slopes(3)),
            case("x (2, 3, 4, 3), weight (3,)", "values", wide_normal(generator, 2, 3, 4, 3), slopes(3)),
            case("weight of size 1", "edge cases", wide_normal(generator, 2, 3, 4, 3), slopes(1)),
            case(
                "weights below 0 and above 1",
                "edge cases",
                wide_normal(generator, 20, 3),
                slopes(3) + torch.tensor([-1.5, 0.0, 1.5], dtype=torch.float64),
            ),
            case(
                "x = 0",
                "edge cases",
                torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64),
                slopes(2) + 0.1,
            ),
            case("x (2, 3, 3)", "edge cases", wide_normal(generator, 2, 3, 3), slopes(3)),
            case("x (4, 3), weight of size 1", "edge cases", wide_normal(generator, 4, 3), slopes(1)),
            case("one example", "edge cases", wide_normal(generator, 1, 3, 4, 3), slopes(3)),
            case("float64", "contract", wide_normal(generator, 4, 3), slopes(3), dtype=torch.float64),
            case(
                "inputs with gaps in memory",
                "contract",
                wide_normal(generator, 2, 3, 4, 3),
                slopes(3),
                layout="strided",
            ),
            case(
                "inputs transposed in memory",
                "contract",
                wide_normal(generator, 2, 3, 4, 3),
                slopes(3),
                layout="transposed",
            ),
            case(NEXT_CALL, "contract", wide_normal(generator, 4, 3), slopes(3), another_call=True),
        ]

    return cases


PRELU_OPERATIONS = with_backward(LEAKY)

PROBLEMS = pair(
    "prelu",
    reference.prelu,
    _prelu,
    ({"values": 3, "edge cases": 2, "contract": 1}, {"values": 5, "edge cases": 2, "contract": 1}),
    __name__,
    wrt=("x", "weight"),
    shares={"dx": 2, "dweight": 3},
    forbidden=PRELU_OPERATIONS,
    forbidden_backward=PRELU_OPERATIONS,
)


def prelu_forward__keeps_all(x, weight):
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, x, slope * x), (x, weight)


def prelu_forward__two_clamps(x, weight):
    slope = weight.view([-1] + [1] * (x.dim() - 2))
    return x.clamp(min=0) + slope * x.clamp(max=0), (x, weight)


def prelu_forward__keeps_output(x, weight):
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    out = torch.where(x > 0, x, slope * x)
    return out, (x, weight, out)


def prelu_forward__last_dimension(x, weight):
    """The weights were laid along the last dimension of x; they belong to the channels, dim 1."""
    return torch.where(x > 0, x, weight * x), (x, weight)


def prelu_forward__maximum(x, weight):
    """The larger of the two branches is right only while the slope is at most 1; this one is learned."""
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.maximum(x, slope * x), (x, weight)


def prelu_forward__first_weight(x, weight):
    """Every channel uses the first channel's weight."""
    return torch.where(x > 0, x, weight[0] * x), (x, weight)


def prelu_forward__both_sides(x, weight):
    """The weight multiplies the positive inputs as well."""
    return weight.reshape(1, -1, *[1] * (x.dim() - 2)) * x, (x, weight)


def prelu_forward__added_to_x(x, weight):
    """Negative inputs come out wrong by x: the negative branch was added to x, not put in its place."""
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return x + slope * x.clamp(max=0), (x, weight)


def prelu_forward__in_place(x, weight):
    """x itself was overwritten: an assignment into x works in place."""
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2)).expand_as(x)
    x[x < 0] *= slope[x < 0]
    return x, (x, weight)


def prelu_backward__sums_by_channel(dout, cache):
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dx = torch.where(x > 0, dout, slope * dout)
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)
    return dx, dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__loop_over_channels(dout, cache):
    x, weight = cache
    dx, dweight = dout.clone(), torch.zeros_like(weight)
    for c in range(x.shape[1]):
        k = c if weight.numel() > 1 else 0
        off = x[:, c] <= 0
        dx[:, c][off] *= weight[k]
        dweight[k] += (dout[:, c] * x[:, c])[off].sum()
    return [dx, dweight]


def prelu_backward__mean(dout, cache):
    """dweight was averaged; a weight used in many places collects the sum."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).mean(1)
    dslope = dslope if weight.numel() > 1 else dslope.mean().reshape(1)
    return torch.where(x > 0, dout, slope * dout), dslope


def prelu_backward__not_summed(dout, cache):
    """dweight must have the shape of weight: one weight serves many elements of x."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, slope * dout), dout * x.clamp(max=0)


def prelu_backward__summed_over_the_batch_only(dout, cache):
    """dweight was summed over the batch alone; the weight of a channel also serves its rows and columns."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, slope * dout), (dout * x.clamp(max=0)).sum(0)


def prelu_backward__never_shared(dout, cache):
    """A single weight serves all the channels: its gradient must have size 1."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, slope * dout), (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)


def prelu_backward__wrong_side(dout, cache):
    """dweight was collected from the wrong side: where does the weight enter the output?"""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x.clamp(min=0)).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__all_inputs(dout, cache):
    """dweight was collected from every element: where does the weight enter the output?"""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__dweight_without_upstream(dout, cache):
    """In dweight a factor of the chain rule is missing."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = x.clamp(max=0).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


slip(
    prelu_backward__sums_by_channel,
    "slope_at_zero",
    "Look at x = 0: torch counts it to the negative side.",
    (
        "slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))\n    dx = torch.where(x > 0, dout, slope * dout)",
        "slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))",
    ),
    (
        "return dx, dslope if weight.numel() > 1 else dslope.sum().reshape(1)",
        "return torch.where(x >= 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)",
    ),
)


def prelu_backward__blocked(dout, cache):
    """Nothing passes to dx on the negative side: this is the plain ReLU's."""
    x, weight = cache
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)
    return dout * (x > 0), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


@follows(prelu_forward__keeps_output)
def prelu_backward__sign_of_output(dout, cache):
    """The sign of the output chose the slope; with a negative weight it is not the sign of x."""
    x, weight, out = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = torch.where(out > 0, 0, dout * x).transpose(0, 1).flatten(1).sum(1)
    return torch.where(out > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


slip(
    prelu_backward__sums_by_channel,
    "one_sum_for_all",
    "dweight has the same number for all channels: each has the sum over its own elements.",
    ("dslope if weight.numel() > 1 else dslope.sum().reshape(1)", "dslope.sum().expand(weight.shape).clone()"),
)
