"""`linear_forward` and `linear_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, normal
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import backprop as reference


def _linear(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, n, d, m, **how):
            arguments = {
                "x": normal(generator, n, d),
                "weight": normal(generator, m, d),
                "bias": 2 * normal(generator, m),
            }
            return Case(name, criterion, arguments, normal(generator, n, m) if gradient else None, **how)

        return [
            case("x (5, 4), weight (3, 4)", "values", 5, 4, 3),
            case("x (3, 2), weight (6, 2)", "values", 3, 2, 6),
            case("x (4, 4), weight (4, 4)", "values", 4, 4, 4),
            case("one sample", "edge cases", 1, 4, 3),
            case("one feature", "edge cases", 5, 1, 3),
            case("one output", "edge cases", 5, 4, 1),
            case("float64", "contract", 5, 4, 3, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 5, 4, 3, layout="strided"),
            case("inputs transposed in memory", "contract", 5, 4, 3, layout="transposed"),
            case(NEXT_CALL, "contract", 5, 4, 3, another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "linear",
    reference.linear,
    _linear,
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 6, "edge cases": 1, "contract": 1}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 2, "dweight": 2, "dbias": 2},
    forbidden=frozenset({"linear"}),
    forbidden_backward=frozenset(),
)


def linear_forward__keeps_x_and_weight(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_forward__einsum(x, weight, bias):
    return torch.einsum("nd,md->nm", x, weight).add(bias), (x, weight)


def linear_forward__broadcast(x, weight, bias):
    return (x[:, None, :] * weight).sum(2) + bias, [x, weight]


def linear_forward__loops(x, weight, bias):
    out = torch.zeros(len(x), len(weight), dtype=x.dtype, device=x.device)
    for n in range(len(x)):
        for m in range(len(weight)):
            out[n, m] = torch.dot(x[n], weight[m]) + bias[m]
    return out, (x, weight)


def linear_forward__closure(x, weight, bias):
    def gradients(dout):
        return [dout.matmul(weight), (x.T @ dout).T, torch.ones(len(x), dtype=x.dtype, device=x.device) @ dout]

    return torch.addmm(bias, x, weight.T), gradients


def linear_forward__no_bias(x, weight, bias):
    """The bias is not added."""
    return x @ weight.T, None


def linear_forward__reshaped(x, weight, bias):
    """The weight was reshaped where it had to be transposed: its numbers lie in other places then."""
    return x @ weight.reshape(x.shape[1], -1) + bias, None


def linear_forward__out_transposed(x, weight, bias):
    """out is transposed: the samples must stay along the first dimension."""
    return weight @ x.T + bias[:, None], None


def linear_forward__sum_of_biases(x, weight, bias):
    """Every output got the sum of all biases; each has one of its own."""
    return x @ weight.T + bias.sum(), None


def linear_forward__bias_multiplied(x, weight, bias):
    """The outputs were multiplied by the bias."""
    return x @ weight.T * bias, None


def linear_forward__mean(x, weight, bias):
    """The products were averaged over the features; they are added up."""
    return x @ weight.T / x.shape[1] + bias, None


def linear_forward__bias_in_place(x, weight, bias):
    """bias itself was overwritten: operations whose name ends in _, and += on a tensor, work in place."""
    out = x @ weight.T + bias
    return out, bias.copy_(out[0])


def linear_backward__products(dout, cache):
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(dim=0)


def linear_backward__einsum(dout, cache):
    x, weight = cache
    return (
        torch.einsum("nm,md->nd", dout, weight),
        torch.einsum("nm,nd->md", dout, x),
        torch.einsum("nm->m", dout),
    )


def linear_backward__sample_by_sample(dout, cache):
    x, weight = cache
    dx, dweight, dbias = torch.zeros_like(x), torch.zeros_like(weight), torch.zeros_like(weight[:, 0])
    for n in range(len(x)):
        dx[n] = weight.T @ dout[n]
        dweight += torch.outer(dout[n], x[n])
        dbias += dout[n]
    return dx, dweight, dbias


@follows(linear_forward__closure)
def linear_backward__closure(dout, cache):
    return cache(dout)


def linear_backward__weight_reshaped(dout, cache):
    """dx was computed with a reshaped weight: its numbers lie in other places then."""
    x, weight = cache
    return dout @ weight.T.reshape(weight.shape), dout.T @ x, dout.sum(dim=0)


def linear_backward__dweight_transposed(dout, cache):
    """dweight is transposed: a gradient has the shape of what it belongs to."""
    x, weight = cache
    return dout @ weight, x.T @ dout, dout.sum(dim=0)


def linear_backward__mean_over_the_batch(dout, cache):
    """dweight and dbias were averaged over the batch; the chain rule adds up."""
    x, weight = cache
    return dout @ weight, dout.T @ x / len(x), dout.mean(dim=0)


def linear_backward__dbias_averaged(dout, cache):
    """dbias was averaged over the batch; the chain rule adds up."""
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.mean(dim=0)


def linear_backward__dbias_over_outputs(dout, cache):
    """dbias was summed over the outputs; it has one entry for each of them."""
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(dim=1)


def linear_backward__dbias_of_ones(dout, cache):
    """dbias is the local derivative; the chain rule has one more factor."""
    x, weight = cache
    return dout @ weight, dout.T @ x, torch.full_like(weight[:, 0], len(x))


def linear_backward__without_upstream(dout, cache):
    """These are the local derivatives; the chain rule has one more factor."""
    x, weight = cache
    ones = torch.ones_like(dout)
    return ones @ weight, ones.T @ x, ones.sum(dim=0)


def linear_backward__dbias_two_dimensional(dout, cache):
    """dbias has one dimension too many: a gradient has the shape of what it belongs to."""
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(dim=0, keepdim=True)


def linear_backward__order(dout, cache):
    """The gradients are in the wrong order: they follow the arguments of the forward pass."""
    x, weight = cache
    return dout.T @ x, dout.sum(dim=0), dout @ weight


def linear_backward__weight_changed(dout, cache):
    """The weight itself was overwritten, which the caller still needs."""
    x, weight = cache
    dx = dout @ weight
    return dx, weight.copy_(dout.T @ x), dout.sum(dim=0)


slip(
    linear_backward__products,
    "dweight_averaged",
    "dweight was averaged over the batch; the chain rule adds up.",
    ("dout.T @ x,", "dout.T @ x / len(x),"),
)

slip(
    linear_backward__products,
    "dweight_first",
    "The gradients come in the wrong order: first dx, then dweight, then dbias.",
    ("dout @ weight, dout.T @ x,", "dout.T @ x, dout @ weight,"),
)


slip(
    linear_backward__products,
    "one_sum_for_all",
    "dbias has the same number for all outputs: each has the sum over the samples of its own.",
    ("dout.sum(dim=0)", "dout.sum().expand(dout.shape[1]).clone()"),
)
