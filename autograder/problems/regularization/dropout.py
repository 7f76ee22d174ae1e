"""`dropout_forward` and `dropout_backward`: cases, reference, right and wrong programs."""

from math import prod

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import backward_draws, forward_draws
from autograder.measures.regularization import dropout_agreement, of_dropout, rounding
from autograder.problem import Measure, Problem, Target
from autograder.problems.drawing import NEXT_CALL
from autograder.problems.forbidden import DROPOUT, with_backward
from autograder.problems.regularization.cases import (
    away_from_zero,
    exactly,
    neighbours_target,
    seeded,
    share_of,
    spread_target,
    transposed_too,
)
from autograder.programs import follows, slip
from autograder.references import regularization as reference
from autograder.references import values_of


def _arguments(generator, x, p, training=True):
    return {"x": x, "p": p, "training": training, "generator": seeded(generator)}


def _rectified(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Half of the numbers are 0, as behind a ReLU."""
    return _coarse(away_from_zero(generator, *shape).clamp(min=0))


def _coarse(values: torch.Tensor) -> torch.Tensor:
    """Multiples of 1/256, which take little room in a handout; what is not 0 stays so, for a 0 is taken for dropped."""
    rounded = (256 * values).round()
    return torch.where(rounded == 0, values.sign(), rounded) / 256


def _distinct(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Numbers up to 4 to 8 in size, no two of them equal and none 0; with few digits, for a handout."""
    count = prod(shape)
    odd = 4 * torch.randperm(count, generator=generator).double() - 2 * count + 1
    return (odd * 4 / 2 ** count.bit_length()).reshape(shape)


def _forward(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, p, count=1, training=True, **how):
        return Case(name, criterion, {**_arguments(generator, x, p, training), "count": count}, **how)

    def x(*shape):
        return _coarse(away_from_zero(generator, *shape))

    return transposed_too(
        [
            case("training, x (50, 90)", "values", x(50, 90), 0.25, 4),
            case("training, x (12, 6, 9, 10)", "values", x(12, 6, 9, 10), 0.6, 3),
            case("300 draws, x (6, 5)", "values", x(6, 5), 0.3, 300),
            case("evaluation, x (6, 4)", "edge cases", x(6, 4), 0.3, 2, training=False),
            case("evaluation, x (2, 3, 4, 5)", "edge cases", x(2, 3, 4, 5), 0.6, 2, training=False),
            case("training, p 0", "edge cases", x(6, 4), 0.0, 2),
            case("training, p 0.9", "edge cases", x(50, 90), 0.9, 4),
            case("training, one sample", "edge cases", x(1, 4000), 0.25, 2),
            case("training, one dimension", "edge cases", x(4000), 0.25, 2),
            case("training, half of x is 0", "edge cases", _rectified(generator, 50, 90), 0.25, 4),
            case("float64", "contract", x(50, 90), 0.3, 4, dtype=torch.float64),
            case("x with gaps in memory", "contract", x(50, 90), 0.3, 4, layout="strided"),
        ]
    )


def _wanted(case: Case):
    x, training, count = case.arguments["x"], case.arguments["training"], case.arguments["count"]
    p = case.arguments["p"] if training else 0.0
    factor = exactly(1 / (1 - p), rounding(case, 32) / (1 - p))
    zeros = bool((x == 0).any())
    return (
        factor,
        factor,
        share_of(p, count * int((x != 0).sum())),
        Target(torch.zeros(0, dtype=torch.float64)) if zeros else neighbours_target((count, *x.shape)),
        spread_target(count, x.numel(), p),
        exactly(1.0),
    )


def _backward(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, p, training=True, **how):
        arguments = _arguments(generator, x, p, training)
        return Case(name, criterion, arguments, _distinct(generator, *x.shape), **how)

    def x(*shape):
        return _coarse(away_from_zero(generator, *shape))

    return transposed_too(
        [
            case("training, x (50, 90)", "values", x(50, 90), 0.25),
            case("training, x (12, 6, 9, 10)", "values", x(12, 6, 9, 10), 0.6),
            case("evaluation, x (6, 4)", "edge cases", x(6, 4), 0.3, training=False),
            case("evaluation, x (2, 3, 4, 5)", "edge cases", x(2, 3, 4, 5), 0.6, training=False),
            case("training, p 0", "edge cases", x(6, 4), 0.0),
            case("training, p 0.9", "edge cases", x(50, 90), 0.9),
            case("training, one dimension", "edge cases", x(4000), 0.25),
            case("training, half of x is 0", "edge cases", _rectified(generator, 50, 90), 0.25),
            case("evaluation, half of x is 0", "edge cases", _rectified(generator, 50, 90), 0.25, training=False),
            case("float64", "contract", x(50, 90), 0.3, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", x(50, 90), 0.3, layout="strided"),
            case(f"{NEXT_CALL}, training", "contract", x(50, 90), 0.25, another_call=True),
            case(f"{NEXT_CALL}, evaluation", "contract", x(6, 4), 0.25, training=False, another_call=True),
        ]
    )


def _agreeing(case: Case):
    x, p = case.arguments["x"], case.arguments["p"] if case.arguments["training"] else 0.0
    zeros = int((x == 0).sum())
    return exactly(1.0, rounding(case)), share_of(p, zeros or x.numel())


MEASURED = (
    "the smallest factor between out and x where out is not 0",
    "the largest factor between out and x where out is not 0",
    "the share of entries that are dropped",
    "the correlation of dropped neighbours along (draws, *dimensions of x)",
    "the variance of the number dropped, as a share of what independent entries have",
    "whether the same seed gives the same result (1 if so)",
)
AGREED = (
    "dx as a multiple of what the out of the forward pass asks for (0 if it is none)",
    "the share of entries of dx that are 0",
)

PROBLEMS = (
    Problem(
        name="dropout_forward",
        call=forward_draws,
        returns=("out", "out of the same seed"),
        cases=_forward,
        expected=values_of(reference.dropout),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=DROPOUT,
        measured=Measure(MEASURED, of_dropout, _wanted),
        modules=(__name__,),
    ),
    Problem(
        name="dropout_backward",
        call=backward_draws,
        returns=("out", "dx"),
        cases=_backward,
        expected=reference.dropout_gradient,
        points={"values": 4, "edge cases": 2, "contract": 1},
        forbidden=with_backward(DROPOUT),
        measured=Measure(AGREED, dropout_agreement, _agreeing),
        modules=(__name__,),
    ),
)


def dropout_forward__scaled_mask(x, p, training, generator):
    if not training:
        return x, torch.ones_like(x)
    kept = torch.rand(x.shape, generator=generator) >= p
    scaled = (kept.to(x.dtype) / (1 - p)).to(x.device)
    return x * scaled, scaled


def dropout_forward__bernoulli(x, p, training, generator):
    if not training:
        return x, torch.ones_like(x)
    chances = torch.full(x.shape, 1.0 - p)
    kept = torch.bernoulli(chances, generator=generator).to(x)
    return x * kept / (1 - p), kept / (1 - p)


def dropout_forward__where(x, p, training, generator):
    q = 1 - p if training else 1.0
    dropped = (torch.rand(x.shape, generator=generator, dtype=torch.float64) > q).to(x.device)
    return torch.where(dropped, 0, x / q), torch.where(dropped, 0, torch.full_like(x, 1 / q))


slip(
    dropout_forward__scaled_mask,
    "unscaled",
    "What is kept must grow in training, so that the mean of the out stays the x.",
    ("kept.to(x.dtype) / (1 - p)", "kept.to(x.dtype)"),
)
slip(
    dropout_forward__scaled_mask,
    "scaled_by_p",
    "The factor of what is kept is made of the wrong probability: it belongs to what is kept, not to what is dropped.",
    ("kept.to(x.dtype) / (1 - p)", "kept.to(x.dtype) / p if p else kept.to(x.dtype)"),
)
slip(
    dropout_forward__scaled_mask,
    "scaled_twice",
    "What is kept was scaled twice.",
    ("return x * scaled, scaled", "return x * scaled / (1 - p), scaled"),
)
slip(
    dropout_forward__scaled_mask,
    "multiplied",
    "What is kept became smaller: in training it must grow.",
    ("kept.to(x.dtype) / (1 - p)", "kept.to(x.dtype) * (1 - p)"),
)
slip(
    dropout_forward__scaled_mask,
    "p_keeps",
    "p is the probability of dropping; here it is that of keeping.",
    ("(1 - p)", "p if p else kept.to(x.dtype)"),
    (">= p", "< p"),
)
slip(
    dropout_forward__scaled_mask,
    "keeps_the_share_p",
    "The share of what is dropped is that of what should be kept.",
    (">= p", "< p"),
)
slip(
    dropout_forward__scaled_mask,
    "drops_in_evaluation",
    "In evaluation nothing is dropped: out is x.",
    ("    if not training:\n        return x, torch.ones_like(x)\n", ""),
)
slip(
    dropout_forward__scaled_mask,
    "scales_in_evaluation",
    "In evaluation out is x: the scaling was done in training already.",
    ("return x, torch.ones_like(x)", "return x * (1 - p), torch.ones_like(x)"),
)
slip(
    dropout_forward__scaled_mask,
    "grows_in_evaluation",
    "In evaluation out is x: the scaling was done in training already.",
    ("return x, torch.ones_like(x)", "return x / (1 - p), torch.ones_like(x)"),
)
slip(
    dropout_forward__scaled_mask,
    "one_mask_for_the_batch",
    "All samples lost the same entries: every entry of x is drawn by itself.",
    ("torch.rand(x.shape, generator=generator)", "torch.rand((1, *x.shape[1:]), generator=generator).expand(x.shape)"),
)
slip(
    dropout_forward__scaled_mask,
    "one_mask_for_all_rows",
    "All rows lost the same entries: every entry of x is drawn by itself.",
    ("torch.rand(x.shape, generator=generator)", "torch.rand(x.shape[-1:], generator=generator).expand(x.shape)"),
)
slip(
    dropout_forward__scaled_mask,
    "whole_samples",
    "A sample is dropped or kept as a whole: every entry of x is drawn by itself.",
    (
        "torch.rand(x.shape, generator=generator)",
        "torch.rand(x.shape[:1], generator=generator).reshape(-1, *[1] * (x.dim() - 1)).expand(x.shape)",
    ),
)
slip(
    dropout_forward__scaled_mask,
    "global_state",
    "The generator is not used: the same seed gives another result.",
    ("torch.rand(x.shape, generator=generator)", "torch.rand(x.shape)"),
)
slip(
    dropout_forward__scaled_mask,
    "same_every_time",
    "Two calls in a row dropped the same entries: the seed was set anew inside the function.",
    (
        "torch.rand(x.shape, generator=generator)",
        "torch.rand(x.shape, generator=torch.Generator().manual_seed(generator.initial_seed()))",
    ),
)


def dropout_forward__exact_number(x, p, training, generator):
    """In each call the same number of entries is dropped: each must be drawn by itself."""
    if not training:
        return x, torch.ones_like(x)
    order = torch.randperm(x.numel(), generator=generator).reshape(x.shape)
    scaled = ((order >= round(p * x.numel())).to(x.dtype) / (1 - p)).to(x.device)
    return x * scaled, scaled


def dropout_forward__in_place(x, p, training, generator):
    """x was overwritten: work on a copy."""
    scaled = torch.ones_like(x)
    if training:
        scaled = ((torch.rand(x.shape, generator=generator) >= p).to(x.dtype) / (1 - p)).to(x.device)
    x *= scaled
    return x, scaled


def dropout_forward__single_precision(x, p, training, generator):
    """The result is always float32; it must have the dtype of x."""
    if not training:
        return x.float(), torch.ones_like(x)
    scaled = ((torch.rand(x.shape, generator=generator) >= p).float() / (1 - p)).to(x.device)
    return x.float() * scaled, scaled


def dropout_backward__scaled_mask(dout, cache):
    return dout * cache


@follows(dropout_forward__where)
def dropout_backward__masked_fill(dout, cache):
    return dout.mul(cache)


def dropout_forward__closure(x, p, training, generator):
    if not training or p == 0:
        return x.clone(), lambda dout: dout
    dropped = (torch.rand(x.shape, generator=generator) < p).to(x.device)
    return (x / (1 - p)).masked_fill(dropped, 0), lambda dout: dout.masked_fill(dropped, 0) / (1 - p)


@follows(dropout_forward__closure)
def dropout_backward__closure(dout, cache):
    return cache(dout)


def dropout_forward__keeps_all(x, p, training, generator):
    mask = torch.ones(x.shape)
    if training:
        mask = (torch.rand(x.shape, generator=generator) >= p).float()
    mask = mask.to(x)
    out = x * mask / (1 - p) if training else x
    return out, (mask, p, training, generator, out)


@follows(dropout_forward__keeps_all)
def dropout_backward__mask_and_p(dout, cache):
    mask, p, training = cache[:3]
    return dout * mask / (1 - p) if training else dout


slip(
    dropout_backward__mask_and_p,
    "unscaled",
    "The factor of the forward pass is missing on the way back: it is a factor of x.",
    ("dout * mask / (1 - p)", "dout * mask"),
)
slip(
    dropout_backward__mask_and_p,
    "scaled_twice",
    "On the way back the factor is there twice.",
    ("dout * mask / (1 - p)", "dout * mask / (1 - p) / (1 - p)"),
)
slip(
    dropout_backward__mask_and_p,
    "mask_forgotten",
    "dx is not 0 where x was dropped.",
    ("dout * mask / (1 - p)", "dout / (1 - p)"),
)
slip(
    dropout_backward__mask_and_p,
    "drawn_anew",
    "dx is 0 in other places than out: the mask of the forward pass is needed again, not a new one.",
    ("dout * mask", "dout * (torch.rand(dout.shape, generator=cache[3]) >= p).to(dout)"),
)
slip(
    dropout_backward__mask_and_p,
    "mask_turned",
    "dx is 0 where x was kept, and the other way round.",
    ("dout * mask", "dout * (1 - mask)"),
)
slip(
    dropout_backward__mask_and_p,
    "scaled_in_evaluation",
    "In evaluation out is x, so dx is dout.",
    ("else dout", "else dout / (1 - p)"),
)
slip(
    dropout_backward__mask_and_p,
    "zeros_of_out",
    "Where x itself is 0, out is 0 although nothing was dropped: the mask cannot be read from out.",
    ("dout * mask / (1 - p) if training else dout", "dout * (cache[4] != 0) / (1 - p) if training else dout"),
)
slip(
    dropout_backward__mask_and_p,
    "in_place",
    "dout was overwritten: work on a copy.",
    ("dout * mask / (1 - p)", "dout.mul_(mask) / (1 - p)"),
)
slip(
    dropout_backward__mask_and_p,
    "multiplied",
    "dx became smaller by the factor by which out became larger.",
    ("dout * mask / (1 - p)", "dout * mask * (1 - p)"),
)
