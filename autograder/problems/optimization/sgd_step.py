"""`sgd_step`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.forbidden import OPTIMIZERS
from autograder.problems.optimization.cases import FILTERS, ONE_NUMBER, ORDINARY, contract, normals, zeros
from autograder.programs import slip
from autograder.references import optimization as reference
from autograder.references import values_of


def _sgd(generator: torch.Generator) -> list[Case]:
    def arguments(shapes, lr=0.25, **options):
        return {"params": normals(generator, shapes), "grads": normals(generator, shapes), "lr": lr, **options}

    no_slope = arguments(ORDINARY[0], weight_decay=0.5)
    no_slope["grads"] = zeros(ORDINARY[0])
    return [
        Case("params (3, 4) and (5,)", "values", arguments(ORDINARY[0])),
        Case("params (4, 4) and (2, 3), weight_decay 0.25", "values", arguments(ORDINARY[1], 0.5, weight_decay=0.25)),
        Case("one number each, weight_decay 0.5", "edge cases", arguments(ONE_NUMBER, 0.125, weight_decay=0.5)),
        Case("filters and their bias, lr 2", "edge cases", arguments(FILTERS, 2.0)),
        Case("all grads 0, weight_decay 0.5", "edge cases", no_slope),
        *contract(arguments, lr=0.1, weight_decay=0.3),
    ]


PROBLEMS = (
    Problem(
        name="sgd_step",
        call=function,
        returns=(("params[0]", "params[1]"),),
        cases=_sgd,
        expected=values_of(reference.sgd_step),
        points={"values": 6, "edge cases": 2, "contract": 1},
        shares={"params[0]": 3, "params[1]": 3},
        forbidden=OPTIMIZERS,
        modules=(__name__,),
    ),
)


def sgd_step__one_line(params, grads, lr, weight_decay=0.0):
    return [p - lr * (g + weight_decay * p) for p, g in zip(params, grads, strict=True)]


def sgd_step__shrinks_first(params, grads, lr, weight_decay=0.0):
    new = []
    for i in range(len(params)):
        new.append(params[i] * (1 - lr * weight_decay) - lr * grads[i])
    return tuple(new)


def sgd_step__on_copies(params, grads, lr, weight_decay=0.0):
    new = [p.clone() for p in params]
    for p, g in zip(new, grads, strict=True):
        p.sub_(torch.add(g, p, alpha=weight_decay), alpha=lr)
    return new


slip(
    sgd_step__one_line,
    "uphill",
    "The step goes uphill: the gradient points to where the loss grows.",
    ("p - lr * (", "p + lr * ("),
)

slip(
    sgd_step__one_line,
    "decay_grows",
    "The weight decay has the wrong sign: with a gradient of 0 the parameters grow.",
    ("g + weight_decay", "g - weight_decay"),
)

slip(
    sgd_step__one_line,
    "decay_outside",
    "The weight decay is added to the parameters: it belongs to the gradient, with its sign and its rate.",
    ("p - lr * (g + weight_decay * p)", "p - lr * g + weight_decay * p"),
)

slip(
    sgd_step__one_line,
    "no_decay",
    "weight_decay is not used.",
    ("(g + weight_decay * p)", "g"),
)

slip(
    sgd_step__shrinks_first,
    "decay_without_rate",
    "The weight decay is not multiplied by the learning rate: here it is a part of the gradient.",
    ("1 - lr * weight_decay", "1 - weight_decay"),
)

slip(
    sgd_step__one_line,
    "decay_of_the_gradient",
    "The gradient was shrunk by the weight decay: it is the parameter that decays.",
    ("weight_decay * p", "weight_decay * g"),
)

slip(
    sgd_step__one_line,
    "decay_by_sign",
    "Every parameter decays by the same amount, whatever its size: that is the gradient of another penalty.",
    ("weight_decay * p", "weight_decay * p.sign()"),
)

slip(
    sgd_step__one_line,
    "decay_twice",
    "The weight decay is twice as strong: torch adds weight_decay times the parameter itself.",
    ("weight_decay * p", "2 * weight_decay * p"),
)


def sgd_step__decay_after(params, grads, lr, weight_decay=0.0):
    """The decay is taken from the parameters after the step; both parts look at the parameters before it."""
    stepped = [p - lr * g for p, g in zip(params, grads, strict=True)]
    return [p - lr * weight_decay * p for p in stepped]


def sgd_step__updates_only(params, grads, lr, weight_decay=0.0):
    """What is returned is the change alone: add it to the parameters."""
    return [-lr * (g + weight_decay * p) for p, g in zip(params, grads, strict=True)]


def sgd_step__in_place(params, grads, lr, weight_decay=0.0):
    """The parameters that were given are changed: -= works in place."""
    for p, g in zip(params, grads, strict=True):
        p -= lr * (g + weight_decay * p)
    return params
