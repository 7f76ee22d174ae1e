"""`rmsprop_step`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.forbidden import OPTIMIZERS
from autograder.problems.optimization.cases import (
    FILTERS,
    ONE_NUMBER,
    ORDINARY,
    contract,
    normals,
    scaled,
    squares,
    zeros,
)
from autograder.programs import slip
from autograder.references import optimization as reference
from autograder.references import values_of


def _rmsprop(generator: torch.Generator) -> list[Case]:
    def arguments(shapes, lr=0.25, **options):
        return {
            "params": normals(generator, shapes),
            "grads": normals(generator, shapes),
            "square_avgs": squares(generator, shapes),
            "lr": lr,
            **options,
        }

    def small(shapes, factor, **options):
        """Gradients so small that eps is no longer small beside their root mean square."""
        made = arguments(shapes, **options)
        made["grads"] = scaled(made["grads"], factor)
        made["square_avgs"] = scaled(made["square_avgs"], factor**2)
        return made

    first = arguments(ORDINARY[0]) | {"square_avgs": zeros(ORDINARY[0])}
    at_rest = arguments(ORDINARY[0]) | {"grads": zeros(ORDINARY[0]), "square_avgs": zeros(ORDINARY[0])}
    return [
        Case("params (3, 4) and (5,), alpha 0.75", "values", arguments(ORDINARY[0], alpha=0.75)),
        Case(
            "params (4, 4) and (2, 3), alpha 0.5, eps 0.125",
            "values",
            arguments(ORDINARY[1], 0.5, alpha=0.5, eps=0.125),
        ),
        Case("the first step, averages 0", "edge cases", first),
        Case("all grads and averages 0", "edge cases", at_rest),
        Case("gradients of size 1e-8, eps left out", "edge cases", small(ORDINARY[0], 1e-8)),
        Case("one number each, alpha 0.875", "edge cases", arguments(ONE_NUMBER, 0.125, alpha=0.875)),
        Case("filters and their bias, lr 2", "edge cases", arguments(FILTERS, 2.0, alpha=0.75)),
        *contract(arguments, lr=0.1, alpha=0.9, eps=1e-3),
        Case("float64, small gradients", "contract", small(ORDINARY[0], 1e-7), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="rmsprop_step",
        call=function,
        returns=(("params[0]", "params[1]"), ("square_avgs[0]", "square_avgs[1]")),
        cases=_rmsprop,
        expected=values_of(reference.rmsprop_step),
        points={"values": 8, "edge cases": 2, "contract": 1},
        shares={"params[0]": 2, "params[1]": 2, "square_avgs[0]": 2, "square_avgs[1]": 2},
        forbidden=OPTIMIZERS,
        modules=(__name__,),
    ),
)


def rmsprop_step__two_lists(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    new = [alpha * s + (1 - alpha) * g * g for s, g in zip(square_avgs, grads, strict=True)]
    return [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, new, strict=True)], new


def rmsprop_step__one_loop(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    moved, new = [], []
    for p, g, s in zip(params, grads, square_avgs, strict=True):
        s = s * alpha + g.square() * (1 - alpha)
        new.append(s)
        moved.append(p - g * (lr / (s**0.5 + eps)))
    return moved, new


def rmsprop_step__fused_operations(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    new = [torch.addcmul(alpha * s, g, g, value=1 - alpha) for s, g in zip(square_avgs, grads, strict=True)]
    moved = [torch.addcdiv(p, g, s.sqrt() + eps, value=-lr) for p, g, s in zip(params, grads, new, strict=True)]
    return tuple(moved), tuple(new)


slip(
    rmsprop_step__two_lists,
    "uphill",
    "The step goes uphill: the gradient points to where the loss grows.",
    ("p - lr * g", "p + lr * g"),
)

slip(
    rmsprop_step__two_lists,
    "not_squared",
    "The average is one of gradients: these have both signs, and what is asked for is the average of their squares.",
    ("(1 - alpha) * g * g", "(1 - alpha) * g"),
    ("s.sqrt()", "s.abs().sqrt()"),
)

slip(
    rmsprop_step__two_lists,
    "no_root",
    "The step is divided by the mean square itself; a gradient ten times as large makes it ten times as small then.",
    ("s.sqrt()", "s"),
)

slip(
    rmsprop_step__two_lists,
    "eps_in_the_root",
    "eps is added inside the root; torch adds it to the root.",
    ("(s.sqrt() + eps)", "(s + eps).sqrt()"),
)

slip(
    rmsprop_step__two_lists,
    "eps_outside",
    "eps is added to the parameters: a division comes before a sum, so the root and eps need a bracket.",
    ("lr * g / (s.sqrt() + eps)", "lr * g / s.sqrt() + eps"),
)

slip(
    rmsprop_step__two_lists,
    "no_eps",
    "eps is not used: where no gradient has ever been, 0 is divided by 0.",
    ("(s.sqrt() + eps)", "s.sqrt()"),
)

slip(
    rmsprop_step__two_lists,
    "weights_exchanged",
    "alpha multiplies the new square: it is the share of the old average that is kept.",
    ("alpha * s + (1 - alpha) * g * g", "(1 - alpha) * s + alpha * g * g"),
)

slip(
    rmsprop_step__two_lists,
    "summed",
    "The new square is added as a whole: an average keeps alpha of the old and takes the rest from the new.",
    ("(1 - alpha) * g * g", "g * g"),
)

slip(
    rmsprop_step__two_lists,
    "squares_only_added",
    "All squares are added up, none is forgotten: that makes every step smaller than the one before.",
    ("alpha * s + (1 - alpha) * g * g", "s + g * g"),
)


def rmsprop_step__old_average(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    """The step is divided by the root of the old average: the new gradient counts in it already."""
    new = [alpha * s + (1 - alpha) * g * g for s, g in zip(square_avgs, grads, strict=True)]
    return [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, square_avgs, strict=True)], new


def rmsprop_step__one_average(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    """All entries of a parameter are divided by one number: each has an average of its own."""
    new = [alpha * s + (1 - alpha) * (g * g).mean() for s, g in zip(square_avgs, grads, strict=True)]
    return [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, new, strict=True)], new


def rmsprop_step__roots_returned(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    """What is returned beside the parameters are roots: the next step needs the mean squares."""
    new = [alpha * s + (1 - alpha) * g * g for s, g in zip(square_avgs, grads, strict=True)]
    moved = [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, new, strict=True)]
    return moved, [s.sqrt() for s in new]


def rmsprop_step__in_place(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    """The averages that were given are changed: methods that end in an underscore work in place."""
    for g, s in zip(grads, square_avgs, strict=True):
        s.mul_(alpha).addcmul_(g, g, value=1 - alpha)
    return [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, square_avgs, strict=True)], square_avgs
