"""`sigmoid_neuron`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.measures.backprop import and_its_complement
from autograder.problem import Measure, Problem
from autograder.problems.drawing import sized
from autograder.programs import slip
from autograder.references import backprop as reference
from autograder.references import values_of


def _sigmoid_neuron(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, count, total, **how):
        """`count` inputs; the bias makes the sum what it has to be."""
        signs = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)[:count]
        weight, x = signs * sized(generator, count), 1 + sized(generator, count)
        w = torch.cat([weight, (total - weight @ x).reshape(1)])
        # What is measured in float64 is compared with the reference on numbers that float32 holds.
        return Case(name, criterion, {"w": w.float().double(), "x": x.float().double()}, **how)

    return [
        case("two inputs, sum 1", "values", 2, 1.0),
        case("four inputs, sum -0.8", "values", 4, -0.8),
        case("three inputs, sum 1.7", "values", 3, 1.7),
        case("one input", "edge cases", 1, -1.2),
        case("sum 0", "edge cases", 2, 0.0),
        case("sum 200", "edge cases", 3, 200.0),
        case("sum -200", "edge cases", 3, -200.0),
        case("sum 10,000", "edge cases", 3, 1e4),
        case("sum -10,000", "edge cases", 3, -1e4),
        case("float64", "contract", 3, 1.1, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", 4, -0.6, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="sigmoid_neuron",
        call=function,
        returns=("f", ("dw", "dx")),
        cases=_sigmoid_neuron,
        expected=values_of(reference.sigmoid_neuron),
        points={"values": 6, "edge cases": 3, "contract": 1},
        shares={"f": 1, "1 - f": 1, "dw": 2, "dx": 2},
        # Where the sum is very negative everything is close to 0.
        measured=Measure(("f", "dw", "dx", "1 - f"), and_its_complement),
        modules=(__name__,),
    ),
)


def sigmoid_neuron__from_output(w, x):
    f = 1 / (1 + torch.exp(-((w[:-1] * x).sum() + w[-1])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__symmetric(w, x):
    s = w[:-1].dot(x) + w[-1]
    small = torch.exp(-s.abs())
    f = torch.where(s > 0, 1, small) / (1 + small)
    ds = small / (1 + small) ** 2
    dw = torch.empty_like(w)
    dw[:-1], dw[-1] = ds * x, ds
    return f, (dw, w[:-1] * ds)


def sigmoid_neuron__loops(w, x):
    s = w[-1]
    for weight, value in zip(w[:-1], x, strict=True):
        s = s + weight * value
    f = torch.sigmoid(s)
    slope = f - f**2
    return f, (torch.stack([slope * v for v in x] + [slope]), torch.stack([slope * v for v in w[:-1]]))


def sigmoid_neuron__sign_of_exponent(w, x):
    """f falls where it should rise: look at the sign of the exponent."""
    f = 1 / (1 + torch.exp(w[:-1] @ x + w[-1]))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__no_bias(w, x):
    """The bias is not in the sum."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x)))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__bias_first(w, x):
    """The first entry of w was taken for the bias."""
    f = 1 / (1 + torch.exp(-(w[1:] @ x + w[0])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([torch.ones_like(x[:1]), x]), ds * w[1:])


def sigmoid_neuron__sum_alone(w, x):
    """The gradients are those of the weighted sum: the chain rule goes on through the sigmoid."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    return f, (torch.cat([x, torch.ones_like(x[:1])]), w[:-1].clone())


def sigmoid_neuron__square_forgotten(w, x):
    """The slope of the sigmoid is too large by one factor: look at the slope of 1/u, and at its power of u."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = 1 - f
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__sign(w, x):
    """All gradients have the wrong sign: two of the steps have a negative slope, not one."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (f - 1)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__sum_as_output(w, x):
    """The slope of the sigmoid is written in terms of its output, but was given its input."""
    s = w[:-1] @ x + w[-1]
    ds = s * (1 - s)
    return 1 / (1 + torch.exp(-s)), (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__bias_gets_nothing(w, x):
    """The last entry of dw is 0: the bias moves the sum too."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.zeros_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__bias_not_in_dw(w, x):
    """dw has no entry for the bias."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (1 - f)
    return f, (ds * x, ds * w[:-1])


def sigmoid_neuron__dx_with_bias(w, x):
    """dx has an entry for the bias; there is no input to it."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w)


def sigmoid_neuron__overflows_on_the_left(w, x):
    """For a very negative sum a gradient is NaN: an exponential overflows, above and below the line."""
    e = torch.exp(-(w[:-1] @ x + w[-1]))
    ds = e / (1 + e) ** 2
    return 1 / (1 + e), (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


slip(
    sigmoid_neuron__from_output,
    "overflows_on_the_right",
    "For a large sum f is inf / inf, which is NaN: look at which exponential overflows.",
    (
        "f = 1 / (1 + torch.exp(-((w[:-1] * x).sum() + w[-1])))",
        "e = torch.exp(w[:-1] @ x + w[-1])\n    f = e / (1 + e)",
    ),
)


slip(
    sigmoid_neuron__from_output,
    "bias_without_upstream",
    "The last entry of dw is 1: that is the local derivative of the sum, and the chain rule has one more factor.",
    ("ds * torch.cat([x, torch.ones_like(x[:1])])", "torch.cat([ds * x, torch.ones_like(x[:1])])"),
)
