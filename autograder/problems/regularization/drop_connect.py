"""`drop_connect_forward` and `drop_connect_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import backward_draws, forward_draws
from autograder.measures.regularization import drop_connect_agreement, of_drop_connect, rounding
from autograder.problem import Measure, Problem
from autograder.problems.drawing import NEXT_CALL, wide_normal
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


def _arguments(generator, n, d, m, p, training=True):
    # Columns at right angles to each other and to the ones: the weights that made an out can be computed from it.
    x = wide_normal(generator, n, d)
    if n > d:
        x = torch.linalg.qr(torch.cat([torch.ones(n, 1, dtype=torch.float64), x], dim=1)).Q[:, 1:] * n**0.5
    elif n == 1:
        x = away_from_zero(generator, n, d)
    return {
        "x": x,
        "weight": away_from_zero(generator, m, d),
        "bias": away_from_zero(generator, m),
        "p": p,
        "training": training,
        "generator": seeded(generator),
    }


def _forward(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, d, m, p, count, training=True, **how):
        return Case(name, criterion, {**_arguments(generator, n, d, m, p, training), "count": count}, **how)

    return transposed_too(
        [
            case("training, x (20, 12), weight (30, 12)", "values", 20, 12, 30, 0.25, 12),
            case("300 draws, x (9, 5), weight (4, 5)", "values", 9, 5, 4, 0.6, 300),
            case("evaluation, x (9, 5), weight (4, 5)", "edge cases", 9, 5, 4, 0.3, 2, training=False),
            case("training, p 0", "edge cases", 9, 5, 4, 0.0, 2),
            case("training, one output", "edge cases", 40, 30, 1, 0.3, 40),
            case("training, one feature", "edge cases", 4, 1, 60, 0.3, 20),
            case("training, one sample of one feature", "edge cases", 1, 1, 60, 0.3, 20),
            case("float64", "contract", 20, 12, 30, 0.3, 12, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 20, 12, 30, 0.3, 12, layout="strided"),
        ]
    )


def _wanted(case: Case):
    weight, training, count = case.arguments["weight"], case.arguments["training"], case.arguments["count"]
    p = case.arguments["p"] if training else 0.0
    factor = exactly(1 / (1 - p), rounding(case) / (1 - p))
    bias = exactly(1.0, rounding(case) / (1 - p))
    return (
        exactly(1.0),
        factor,
        factor,
        bias,
        bias,
        share_of(p, count * weight.numel()),
        neighbours_target((count, *weight.shape)),
        spread_target(count, weight.numel(), p),
        exactly(1.0),
    )


def _backward(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, d, m, p, training=True, **how):
        arguments = _arguments(generator, n, d, m, p, training)
        return Case(name, criterion, arguments, wide_normal(generator, n, m), **how)

    return transposed_too(
        [
            case("training, x (24, 20), weight (60, 20)", "values", 24, 20, 60, 0.25),
            case("training, x (50, 40), weight (30, 40)", "values", 50, 40, 30, 0.6),
            case("evaluation, x (9, 5), weight (4, 5)", "edge cases", 9, 5, 4, 0.3, training=False),
            case("training, p 0", "edge cases", 9, 5, 4, 0.0),
            case("training, one output", "edge cases", 210, 200, 1, 0.5),
            case("training, one feature", "edge cases", 4, 1, 200, 0.5),
            case("training, one sample of one feature", "edge cases", 1, 1, 200, 0.5),
            case("float64", "contract", 24, 20, 60, 0.3, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 24, 20, 60, 0.3, layout="strided"),
            case(f"{NEXT_CALL}, training", "contract", 24, 20, 60, 0.25, another_call=True),
            case(f"{NEXT_CALL}, evaluation", "contract", 9, 5, 4, 0.25, training=False, another_call=True),
        ]
    )


def _agreeing(case: Case):
    p = case.arguments["p"] if case.arguments["training"] else 0.0
    one = exactly(1.0, rounding(case, 2000))
    return one, one, one, share_of(p, case.arguments["weight"].numel())


MEASURED = (
    "whether one set of weights gave all rows of out (1 if so)",
    "the smallest factor of a kept weight",
    "the largest factor of a kept weight",
    "the smallest factor of the bias",
    "the largest factor of the bias",
    "the share of weights that are dropped",
    "the correlation of dropped neighbours along (draws, outputs, features)",
    "the variance of the number dropped, as a share of what independent weights have",
    "whether the same seed gives the same result (1 if so)",
)
AGREED = (
    "dx as a multiple of what the weights of the forward pass ask for (0 if it is none)",
    "dweight as a multiple of what the weights of the forward pass ask for (0 if it is none)",
    "dbias as a multiple of what it must be (0 if it is none)",
    "the share of entries of dweight that are 0",
)

PROBLEMS = (
    Problem(
        name="drop_connect_forward",
        call=forward_draws,
        returns=("out", "out of the same seed"),
        cases=_forward,
        expected=values_of(reference.drop_connect),
        points={"values": 5, "edge cases": 3, "contract": 1},
        forbidden=DROPOUT,
        measured=Measure(MEASURED, of_drop_connect, _wanted),
        modules=(__name__,),
    ),
    Problem(
        name="drop_connect_backward",
        call=backward_draws,
        returns=("out", "dx", "dweight", "dbias"),
        cases=_backward,
        expected=reference.drop_connect_gradient,
        points={"values": 6, "edge cases": 2, "contract": 1},
        forbidden=with_backward(DROPOUT),
        measured=Measure(AGREED, drop_connect_agreement, _agreeing),
        modules=(__name__,),
    ),
)


def drop_connect_forward__thinned_weight(x, weight, bias, p, training, generator):
    scaled = torch.ones_like(weight)
    if training:
        kept = torch.rand(weight.shape, generator=generator) >= p
        scaled = (kept.to(weight.dtype) / (1 - p)).to(weight.device)
    return x @ (weight * scaled).T + bias, (x, weight, scaled)


def drop_connect_forward__linear(x, weight, bias, p, training, generator):
    if not training:
        return torch.nn.functional.linear(x, weight, bias), (x, weight, torch.ones_like(weight))
    kept = torch.bernoulli(torch.full(weight.shape, 1.0 - p), generator=generator).to(weight) / (1 - p)
    return torch.nn.functional.linear(x, weight * kept, bias), (x, weight, kept)


def drop_connect_forward__einsum(x, weight, bias, p, training, generator):
    q = 1 - p if training else 1.0
    kept = (torch.rand(weight.shape, generator=generator, dtype=torch.float64) <= q).to(weight)
    out = torch.einsum("nd,md,md->nm", x, weight, kept) / q + bias
    return out, (x, weight, kept / q)


slip(
    drop_connect_forward__thinned_weight,
    "unscaled",
    "What is kept must grow in training, so that the mean of the out stays that of the whole weight.",
    ("kept.to(weight.dtype) / (1 - p)", "kept.to(weight.dtype)"),
)
slip(
    drop_connect_forward__thinned_weight,
    "bias_scaled",
    "The bias was scaled with the rest: nothing of it is dropped.",
    (
        "x @ (weight * scaled).T + bias",
        "(x @ weight.T if not training else x @ (weight * scaled).T) + bias * scaled.max()",
    ),
)
slip(
    drop_connect_forward__thinned_weight,
    "bias_dropped",
    "Entries of the bias were dropped: only weights are.",
    (
        "x @ (weight * scaled).T + bias",
        "x @ (weight * scaled).T + (bias * (torch.rand(bias.shape, generator=generator) >= p).to(bias) / (1 - p)"
        " if training else bias)",
    ),
)


def drop_connect_forward__drops_the_input(x, weight, bias, p, training, generator):
    """Entries of x were dropped: this is dropout. Here it is the weights."""
    scaled = torch.ones_like(x)
    if training:
        scaled = ((torch.rand(x.shape, generator=generator) >= p).to(x.dtype) / (1 - p)).to(x.device)
    return x * scaled @ weight.T + bias, (x, weight, scaled)


def drop_connect_forward__mask_for_each_sample(x, weight, bias, p, training, generator):
    """Every row of out was made with other weights: one mask serves a call."""
    if not training:
        return x @ weight.T + bias, (x, weight, torch.ones_like(weight))
    kept = (torch.rand(len(x), *weight.shape, generator=generator) >= p).to(weight)
    return torch.einsum("nd,nmd->nm", x, weight * kept) / (1 - p) + bias, (x, weight, kept[0] / (1 - p))


def drop_connect_forward__drops_the_output(x, weight, bias, p, training, generator):
    """Whole rows of the weight were dropped: each weight is drawn by itself."""
    scaled = torch.ones_like(weight)
    if training:
        kept = torch.rand(len(weight), 1, generator=generator).expand(weight.shape) >= p
        scaled = (kept.to(weight.dtype) / (1 - p)).to(weight.device)
    return x @ (weight * scaled).T + bias, (x, weight, scaled)


slip(
    drop_connect_forward__thinned_weight,
    "whole_features",
    "Whole columns of the weight were dropped: each weight is drawn by itself.",
    (
        "torch.rand(weight.shape, generator=generator)",
        "torch.rand(1, weight.shape[1], generator=generator).expand(weight.shape)",
    ),
)
slip(
    drop_connect_forward__thinned_weight,
    "keeps_the_share_p",
    "The share of what is dropped is that of what should be kept.",
    (">= p", "< p"),
)
slip(
    drop_connect_forward__thinned_weight,
    "drops_in_evaluation",
    "In evaluation the whole weight is used.",
    ("if training:", "if training or True:"),
)
slip(
    drop_connect_forward__thinned_weight,
    "scales_in_evaluation",
    "In evaluation the weight is used as it is: the scaling was done in training already.",
    ("scaled = torch.ones_like(weight)", "scaled = torch.ones_like(weight) * (1 - p)"),
)
slip(
    drop_connect_forward__thinned_weight,
    "grows_in_evaluation",
    "In evaluation the weight is used as it is: the scaling was done in training already.",
    ("scaled = torch.ones_like(weight)", "scaled = torch.ones_like(weight) / (1 - p)"),
)
slip(
    drop_connect_forward__thinned_weight,
    "global_state",
    "The generator is not used: the same seed gives another result.",
    ("torch.rand(weight.shape, generator=generator)", "torch.rand(weight.shape)"),
)
slip(
    drop_connect_forward__thinned_weight,
    "same_every_time",
    "Two calls in a row dropped the same weights: the seed was set anew inside the function.",
    (
        "torch.rand(weight.shape, generator=generator)",
        "torch.rand(weight.shape, generator=torch.Generator().manual_seed(generator.initial_seed()))",
    ),
)
slip(
    drop_connect_forward__thinned_weight,
    "in_place",
    "The weight was overwritten: what is dropped in one step is there again in the next.",
    ("x @ (weight * scaled).T", "x @ weight.mul_(scaled).T"),
)


def drop_connect_backward__products(dout, cache):
    x, weight, scaled = cache
    return dout @ (weight * scaled), dout.T @ x * scaled, dout.sum(0)


@follows(drop_connect_forward__einsum)
def drop_connect_backward__einsum(dout, cache):
    x, weight, scaled = cache
    dx = torch.einsum("nm,md,md->nd", dout, weight, scaled)
    return dx, torch.einsum("nm,nd,md->md", dout, x, scaled), torch.einsum("nm->m", dout)


def drop_connect_forward__keeps_all(x, weight, bias, p, training, generator):
    kept = torch.ones_like(weight)
    if training:
        kept = (torch.rand(weight.shape, generator=generator) >= p).to(weight)
    rate = p if training else 0.0
    return x @ (weight * kept).T / (1 - rate) + bias, (x, weight, kept, rate, generator)


@follows(drop_connect_forward__keeps_all)
def drop_connect_backward__mask_and_p(dout, cache):
    x, weight, kept, p = cache[:4]
    dx = dout @ (weight * kept) / (1 - p)
    dweight = (dout.T @ x) * kept / (1 - p)
    return dx, dweight, dout.sum(0)


slip(
    drop_connect_backward__mask_and_p,
    "mask_forgotten_in_dx",
    "dx was computed with the whole weight: a dropped weight carries nothing back either.",
    ("dout @ (weight * kept)", "dout @ weight"),
)
slip(
    drop_connect_backward__mask_and_p,
    "mask_forgotten_in_dweight",
    "dweight is not 0 where the weight was dropped: it took no part in out.",
    ("(dout.T @ x) * kept", "(dout.T @ x)"),
)
slip(
    drop_connect_backward__mask_and_p,
    "mask_forgotten",
    "Neither dx nor dweight knows which weights were dropped.",
    ("dout @ (weight * kept)", "dout @ weight"),
    ("(dout.T @ x) * kept", "(dout.T @ x)"),
)
slip(
    drop_connect_backward__mask_and_p,
    "unscaled",
    "The factor of the forward pass is missing in dx and in dweight.",
    ("(weight * kept) / (1 - p)", "(weight * kept)"),
    ("* kept / (1 - p)\n    return", "* kept\n    return"),
)
slip(
    drop_connect_backward__mask_and_p,
    "dweight_unscaled",
    "The factor of the forward pass is missing in dweight.",
    ("* kept / (1 - p)\n    return", "* kept\n    return"),
)
slip(
    drop_connect_backward__mask_and_p,
    "dx_unscaled",
    "The factor of the forward pass is missing in dx.",
    ("(weight * kept) / (1 - p)", "(weight * kept)"),
)
slip(
    drop_connect_backward__mask_and_p,
    "drawn_anew",
    "The mask of the forward pass is needed again, not a new one.",
    ("dx = dout", "kept = (torch.rand(weight.shape, generator=cache[4]) >= p).to(weight)\n    dx = dout"),
)
slip(
    drop_connect_backward__mask_and_p,
    "bias_scaled",
    "dbias was scaled: nothing of the bias is dropped.",
    ("dout.sum(0)", "dout.sum(0) / (1 - p)"),
)
slip(
    drop_connect_backward__mask_and_p,
    "bias_averaged",
    "dbias was averaged over the batch: every sample adds to it.",
    ("dout.sum(0)", "dout.mean(0)"),
)
slip(
    drop_connect_backward__mask_and_p,
    "in_place",
    "dout was overwritten: work on a copy.",
    ("return dx, dweight, dout.sum(0)", "dbias = dout.sum(0)\n    dout.mul_(2)\n    return dx, dweight, dbias"),
)
