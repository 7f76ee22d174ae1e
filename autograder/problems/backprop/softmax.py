"""`softmax_forward` and `softmax_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, normal
from autograder.problems.forbidden import LOG_SUM_EXP, SOFTMAX
from autograder.problems.pairs import pair
from autograder.programs import slip
from autograder.references import backprop as reference


def _softmax(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, *shape, shift=0.0, **how):
            x = 2 * normal(generator, *shape) + torch.tensor(shift, dtype=torch.float64)
            return Case(name, criterion, {"x": x}, normal(generator, *shape) if gradient else None, **how)

        return [
            case("x (4, 5)", "values", 4, 5),
            case("x (6, 3)", "values", 6, 3),
            case("x (4, 4)", "values", 4, 4),
            case("images, x (2, 5, 4, 3)", "edge cases", 2, 5, 4, 3),
            case("one sample", "edge cases", 1, 5),
            case("one class", "edge cases", 4, 1),
            # One class is ahead of the others: of several that are alike and far from 0 the logarithm of the sum, taken
            # from x, keeps too few digits in float32, and is right all the same.
            case("x near 10,000", "edge cases", 4, 5, shift=[*[1e4 - 40] * 4, 1e4]),
            case("x near -10,000", "edge cases", 4, 5, shift=[-1e4 + 40, *[-1e4] * 4]),
            case(
                "samples of very different size",
                "edge cases",
                3,
                5,
                shift=[[*[1e4 - 40] * 3, 1e4, 1e4 - 40], [0.0] * 5, [-1e4, -1e4 + 40, *[-1e4] * 3]],
            ),
            case("one class far ahead", "edge cases", 4, 5, shift=[0.0, 0.0, 1e4, 0.0, 0.0]),
            case("float64", "contract", 4, 5, dtype=torch.float64),
            case("x with gaps in memory", "contract", 2, 5, 4, 3, layout="strided"),
            case("x transposed in memory", "contract", 4, 5, layout="transposed"),
            case(NEXT_CALL, "contract", 4, 5, another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "softmax",
    reference.softmax,
    _softmax,
    ({"values": 3, "edge cases": 2, "contract": 1}, {"values": 5, "edge cases": 2, "contract": 1}),
    __name__,
    forbidden=SOFTMAX | LOG_SUM_EXP,
    forbidden_backward=SOFTMAX | LOG_SUM_EXP,
)


def softmax_forward__keeps_output(x):
    e = torch.exp(x - x.amax(dim=1, keepdim=True))
    out = e / e.sum(dim=1, keepdim=True)
    return out, out


def softmax_forward__through_logarithms(x):
    shifted = x - x.max(dim=1, keepdim=True).values
    out = (shifted - shifted.exp().sum(1, keepdim=True).log()).exp()
    return out, out


def softmax_forward__row_by_row(x):
    rows = x.movedim(1, -1).reshape(-1, x.shape[1])
    out = torch.stack([(row - row.max()).exp() / (row - row.max()).exp().sum() for row in rows])
    out = out.reshape(x.movedim(1, -1).shape).movedim(-1, 1)
    return out, out


def softmax_forward__pairwise(x):
    differences = x.unsqueeze(1) - x.unsqueeze(2)
    out = 1 / differences.exp().sum(dim=2)
    return out, out


def softmax_forward__over_the_batch(x):
    """The results add up to 1 over the samples; they should do so over the classes of each sample."""
    e = torch.exp(x - x.amax(dim=0, keepdim=True))
    return e / e.sum(dim=0, keepdim=True), None


def softmax_forward__last_dimension(x):
    """For images the results add up to 1 over the last dimension; the classes are along dim 1."""
    e = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return e / e.sum(dim=-1, keepdim=True), None


def softmax_forward__over_everything(x):
    """The results add up to 1 over the whole batch; they should do so for each sample."""
    e = torch.exp(x - x.max())
    return e / e.sum(), None


def softmax_forward__one_sum_for_all(x):
    """The results add up to 1 over the whole batch; they should do so for each sample."""
    e = torch.exp(x - x.amax(dim=1, keepdim=True))
    return e / e.sum(), None


def softmax_forward__overflows(x):
    """Far from 0 the result is inf / inf or 0 / 0, which is NaN: the exponentials are too large, or all too small."""
    e = torch.exp(x)
    return e / e.sum(dim=1, keepdim=True), None


def softmax_forward__one_shift_for_all(x):
    """A sample far below the others is 0 / 0, which is NaN: each sample needs a shift of its own."""
    e = torch.exp(x - x.max())
    return e / e.sum(dim=1, keepdim=True), None


def softmax_forward__clipped(x):
    """Far from 0 all classes of a sample come out alike: x was clipped, and the differences were lost."""
    e = torch.exp(x.clamp(-50, 50))
    return e / e.sum(dim=1, keepdim=True), None


def softmax_forward__logarithm(x):
    """The results are negative: these are the logarithms of what is asked for."""
    shifted = x - x.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log(), None


def softmax_forward__divided_by_the_largest(x):
    """The largest result of each sample is 1: it is the sum that should be 1."""
    return torch.exp(x - x.amax(dim=1, keepdim=True)), None


def softmax_forward__without_exponential(x):
    """The numbers were divided by their sum as they are; they must be made positive first."""
    return x / x.sum(dim=1, keepdim=True), None


def softmax_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _, and -= on a tensor, work in place."""
    x -= x.amax(dim=1, keepdim=True)
    e = x.exp_()
    return e / e.sum(dim=1, keepdim=True), None


def softmax_backward__centered(dout, cache):
    return cache * (dout - (dout * cache).sum(dim=1, keepdim=True))


def softmax_backward__two_terms(dout, cache):
    part = dout * cache
    return part - cache * part.sum(1).unsqueeze(1)


def softmax_backward__jacobian(dout, cache):
    rows, drows = cache.movedim(1, -1), dout.movedim(1, -1)
    jacobian = torch.diag_embed(rows) - rows.unsqueeze(-1) * rows.unsqueeze(-2)
    return (jacobian @ drows.unsqueeze(-1)).squeeze(-1).movedim(-1, 1)


def softmax_backward__diagonal(dout, cache):
    """Each class was treated alone: every output depends on all classes of its sample."""
    return dout * cache * (1 - cache)


def softmax_backward__summed_over_the_batch(dout, cache):
    """The sum goes over the samples; it should go over the classes of each."""
    return cache * (dout - (dout * cache).sum(dim=0, keepdim=True))


def softmax_backward__last_dimension(dout, cache):
    """For images the sum goes over the last dimension; the classes are along dim 1."""
    return cache * (dout - (dout * cache).sum(dim=-1, keepdim=True))


def softmax_backward__summed_over_everything(dout, cache):
    """The sum goes over the whole batch; each sample has one of its own."""
    return cache * (dout - (dout * cache).sum())


def softmax_backward__not_weighted(dout, cache):
    """In the sum over the classes each entry of dout has a weight, which is missing."""
    return cache * (dout - dout.sum(dim=1, keepdim=True))


def softmax_backward__of_the_logarithm(dout, cache):
    """This is the gradient for the logarithm of the softmax."""
    return dout - cache * dout.sum(dim=1, keepdim=True)


def softmax_backward__mean(dout, cache):
    """The terms of the classes were averaged; the chain rule adds up."""
    return cache * (dout - (dout * cache).mean(dim=1, keepdim=True))


def softmax_backward__one_factor_missing(dout, cache):
    """Even a class of probability 0 gets a gradient: one factor is missing."""
    return dout - (dout * cache).sum(dim=1, keepdim=True)


def softmax_backward__sign(dout, cache):
    """The sign is reversed: a class that is wanted more must rise."""
    return cache * ((dout * cache).sum(dim=1, keepdim=True) - dout)


def softmax_backward__changes_dout(dout, cache):
    """dout itself was overwritten: operations whose name ends in _, and -= on a tensor, work in place."""
    dout -= (dout * cache).sum(dim=1, keepdim=True)
    return dout * cache


slip(
    softmax_backward__two_terms,
    "sum_without_its_factor",
    "Each class loses the same amount: the sum over the classes has a factor of its own for each class.",
    ("part - cache * part.sum(1).unsqueeze(1)", "part - part.sum(1).unsqueeze(1)"),
)


def softmax_backward__with_cross_entropy(dout, cache):
    """This is the gradient of softmax and cross-entropy together: here dout is a gradient, not the right classes."""
    return cache - dout
