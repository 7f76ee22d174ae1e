"""`momentum_step`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.forbidden import OPTIMIZERS
from autograder.problems.optimization.cases import FILTERS, ONE_NUMBER, ORDINARY, contract, normals, zeros
from autograder.programs import slip
from autograder.references import optimization as reference
from autograder.references import values_of


def _momentum(generator: torch.Generator) -> list[Case]:
    def arguments(shapes, lr=0.25, momentum=0.75, **options):
        params, grads, velocities = (normals(generator, shapes) for _ in range(3))
        return {
            "params": params,
            "grads": grads,
            "velocities": velocities,
            "lr": lr,
            "momentum": momentum,
            **options,
        }

    first = arguments(ORDINARY[0]) | {"velocities": zeros(ORDINARY[0])}
    first_ahead = arguments(ORDINARY[0], 0.5, nesterov=True) | {"velocities": zeros(ORDINARY[0])}
    coasting = arguments(ORDINARY[0], momentum=0.5) | {"grads": zeros(ORDINARY[0])}
    return [
        Case("params (3, 4) and (5,)", "values", arguments(ORDINARY[0])),
        Case("params (4, 4) and (2, 3), nesterov", "values", arguments(ORDINARY[1], 0.5, 0.625, nesterov=True)),
        Case("the first step, velocities 0", "edge cases", first),
        Case("the first step, velocities 0, nesterov", "edge cases", first_ahead),
        Case("all grads 0", "edge cases", coasting),
        Case("one number each, nesterov", "edge cases", arguments(ONE_NUMBER, 0.125, 0.875, nesterov=True)),
        Case("filters and their bias, lr 2", "edge cases", arguments(FILTERS, 2.0)),
        *contract(arguments, lr=0.1, momentum=0.9),
        Case("float64, nesterov", "contract", arguments(ORDINARY[0], 0.1, 0.9, nesterov=True), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="momentum_step",
        call=function,
        returns=(("params[0]", "params[1]"), ("velocities[0]", "velocities[1]")),
        cases=_momentum,
        expected=values_of(reference.momentum_step),
        points={"values": 8, "edge cases": 4, "contract": 2},
        shares={"params[0]": 2, "params[1]": 2, "velocities[0]": 2, "velocities[1]": 2},
        forbidden=OPTIMIZERS,
        modules=(__name__,),
    ),
)


def momentum_step__two_lists(params, grads, velocities, lr, momentum, nesterov=False):
    velocities = [momentum * v + g for v, g in zip(velocities, grads, strict=True)]
    steps = [g + momentum * v for v, g in zip(velocities, grads, strict=True)] if nesterov else velocities
    return [p - lr * s for p, s in zip(params, steps, strict=True)], velocities


def momentum_step__one_loop(params, grads, velocities, lr, momentum, nesterov=False):
    new_params, new_velocities = [], []
    for p, g, v in zip(params, grads, velocities, strict=True):
        v = torch.add(g, v, alpha=momentum)
        new_velocities.append(v)
        step = torch.add(g, v, alpha=momentum) if nesterov else v
        new_params.append(torch.sub(p, step, alpha=lr))
    return new_params, new_velocities


def momentum_step__written_out(params, grads, velocities, lr, momentum, nesterov=False):
    new_params, new_velocities = [], []
    for p, g, v in zip(params, grads, velocities, strict=True):
        new_velocities.append(v * momentum + g)
        step = g + momentum * (g + v * momentum) if nesterov else g + v * momentum
        new_params.append(p - step * lr)
    return tuple(new_params), tuple(new_velocities)


slip(
    momentum_step__two_lists,
    "uphill",
    "The step goes uphill: the velocity is a sum of gradients, and these point to where the loss grows.",
    ("p - lr * s", "p + lr * s"),
)

slip(
    momentum_step__two_lists,
    "averaged",
    "The gradient was multiplied by 1 - momentum: torch adds it to the velocity as it is.",
    ("momentum * v + g for", "momentum * v + (1 - momentum) * g for"),
)

slip(
    momentum_step__two_lists,
    "gradient_slowed",
    "The momentum multiplies the gradient: it is the old velocity that loses a part of itself.",
    ("momentum * v + g for", "v + momentum * g for"),
)

slip(
    momentum_step__two_lists,
    "friction",
    "Of the old velocity, 1 - momentum is kept: with a momentum near 1 it is to keep nearly all.",
    ("momentum * v + g for", "(1 - momentum) * v + g for"),
)

slip(
    momentum_step__two_lists,
    "gradient_subtracted",
    "The gradient is subtracted from the velocity and the velocity from the parameters: two signs too many.",
    ("momentum * v + g for", "momentum * v - g for"),
)

slip(
    momentum_step__two_lists,
    "no_nesterov",
    "nesterov makes no difference. It looks ahead along the new velocity.",
    ("[g + momentum * v for v, g in zip(velocities, grads, strict=True)] if nesterov else velocities", "velocities"),
)

slip(
    momentum_step__two_lists,
    "nesterov_without_gradient",
    "With nesterov the step is the velocity once more slowed; the gradient itself is missing in it.",
    ("[g + momentum * v for v, g in", "[momentum * v for v, g in"),
)

slip(
    momentum_step__two_lists,
    "nesterov_not_slowed",
    "With nesterov the new velocity is to be slowed by the momentum before the gradient is added.",
    ("[g + momentum * v for v, g in", "[g + v for v, g in"),
)

slip(
    momentum_step__one_loop,
    "nesterov_kept",
    "What nesterov adds is for the step alone: the velocity that is returned is the plain one.",
    ("        new_velocities.append(v)\n", ""),
    ("        new_params", "        new_velocities.append(step)\n        new_params"),
)


def momentum_step__velocity_after_the_step(params, grads, velocities, lr, momentum, nesterov=False):
    """The parameters move with the old velocity: the new one comes first, then the step."""
    moved = [p - lr * v for p, v in zip(params, velocities, strict=True)]
    return moved, [momentum * v + g for v, g in zip(velocities, grads, strict=True)]


def momentum_step__steps_before_the_velocity(params, grads, velocities, lr, momentum, nesterov=False):
    """The parameters move with the old velocity: the new one comes first, then the step."""
    steps = [g + momentum * v if nesterov else v for g, v in zip(grads, velocities, strict=True)]
    moved = [p - lr * s for p, s in zip(params, steps, strict=True)]
    return moved, [momentum * v + g for v, g in zip(velocities, grads, strict=True)]


def momentum_step__rate_in_the_velocity(params, grads, velocities, lr, momentum, nesterov=False):
    """The learning rate is in the velocity: torch multiplies by it when the parameters move."""
    new = [momentum * v + lr * g for v, g in zip(velocities, grads, strict=True)]
    steps = [lr * g + momentum * v for g, v in zip(grads, new, strict=True)] if nesterov else new
    return [p - s for p, s in zip(params, steps, strict=True)], new


def momentum_step__plain(params, grads, velocities, lr, momentum, nesterov=False):
    """The parameters move by the gradient alone: the velocity is computed and not used."""
    new = [momentum * v + g for v, g in zip(velocities, grads, strict=True)]
    return [p - lr * g for p, g in zip(params, grads, strict=True)], new


def momentum_step__old_velocities(params, grads, velocities, lr, momentum, nesterov=False):
    """The velocities that are returned are the old ones: the next step would forget this one."""
    new = [momentum * v + g for v, g in zip(velocities, grads, strict=True)]
    steps = [g + momentum * v for g, v in zip(grads, new, strict=True)] if nesterov else new
    return [p - lr * s for p, s in zip(params, steps, strict=True)], velocities


def momentum_step__in_place(params, grads, velocities, lr, momentum, nesterov=False):
    """The velocities that were given are changed: methods that end in an underscore work in place."""
    for g, v in zip(grads, velocities, strict=True):
        v.mul_(momentum).add_(g)
    steps = [g + momentum * v for g, v in zip(grads, velocities, strict=True)] if nesterov else velocities
    return [p - lr * s for p, s in zip(params, steps, strict=True)], velocities


def momentum_step__downhill_velocity(params, grads, velocities, lr, momentum, nesterov=False):
    """The velocity holds the step itself, minus the rate times the gradient: in torch's the gradients are added up."""
    new = [momentum * v - lr * g for v, g in zip(velocities, grads, strict=True)]
    steps = [momentum * v - lr * g for v, g in zip(new, grads, strict=True)] if nesterov else new
    return [p + s for p, s in zip(params, steps, strict=True)], new
