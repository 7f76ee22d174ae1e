"""`adam_step`: cases, reference, right and wrong programs."""

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


def _adam(generator: torch.Generator) -> list[Case]:
    def arguments(shapes, step=3, lr=0.25, **options):
        return {
            "params": normals(generator, shapes),
            "grads": normals(generator, shapes),
            "exp_avgs": normals(generator, shapes),
            "exp_avg_sqs": squares(generator, shapes),
            "step": step,
            "lr": lr,
            **options,
        }

    def first(shapes, **options):
        return arguments(shapes, 1, **options) | {"exp_avgs": zeros(shapes), "exp_avg_sqs": zeros(shapes)}

    def small(shapes, factor, **options):
        """Gradients so small that eps is no longer small beside their root mean square."""
        made = arguments(shapes, **options)
        for name, power in (("grads", 1), ("exp_avgs", 1), ("exp_avg_sqs", 2)):
            made[name] = scaled(made[name], factor**power)
        return made

    at_rest = first(ORDINARY[0]) | {"grads": zeros(ORDINARY[0])}
    return [
        Case("params (3, 4) and (5,), step 3, betas left out", "values", arguments(ORDINARY[0])),
        Case(
            "params (4, 4) and (2, 3), step 2, betas 0.5 and 0.75, eps 0.125",
            "values",
            arguments(ORDINARY[1], 2, 0.5, betas=(0.5, 0.75), eps=0.125),
        ),
        Case("the first step, averages 0", "edge cases", first(ORDINARY[0])),
        Case("the first step, all grads 0", "edge cases", at_rest),
        Case("step 1,000", "edge cases", arguments(ORDINARY[0], 1000)),
        Case("gradients of size 1e-8, eps left out", "edge cases", small(ORDINARY[0], 1e-8)),
        Case("one number each, step 5", "edge cases", arguments(ONE_NUMBER, 5, betas=(0.75, 0.875))),
        Case("filters and their bias, lr 2", "edge cases", arguments(FILTERS, 2, 2.0)),
        *contract(arguments, lr=0.1, betas=(0.8, 0.95), eps=1e-3),
        Case("float64, small gradients", "contract", small(ORDINARY[0], 1e-7), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="adam_step",
        call=function,
        returns=(
            ("params[0]", "params[1]"),
            ("exp_avgs[0]", "exp_avgs[1]"),
            ("exp_avg_sqs[0]", "exp_avg_sqs[1]"),
        ),
        cases=_adam,
        expected=values_of(reference.adam_step),
        points={"values": 12, "edge cases": 4, "contract": 2},
        shares={
            "params[0]": 3,
            "params[1]": 3,
            "exp_avgs[0]": 1.5,
            "exp_avgs[1]": 1.5,
            "exp_avg_sqs[0]": 1.5,
            "exp_avg_sqs[1]": 1.5,
        },
        forbidden=OPTIMIZERS,
        modules=(__name__,),
    ),
)


def adam_step__two_lists(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    beta1, beta2 = betas
    means = [beta1 * m + (1 - beta1) * g for m, g in zip(exp_avgs, grads, strict=True)]
    sqs = [beta2 * s + (1 - beta2) * g * g for s, g in zip(exp_avg_sqs, grads, strict=True)]
    moved = []
    for p, m, s in zip(params, means, sqs, strict=True):
        mean = m / (1 - beta1**step)
        square = s / (1 - beta2**step)
        moved.append(p - lr * mean / (square.sqrt() + eps))
    return moved, means, sqs


def adam_step__correction_in_the_rate(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    root = (1 - betas[1] ** step) ** 0.5
    rate = lr * root / (1 - betas[0] ** step)
    results = [], [], []
    for p, g, m, s in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        for result, new in zip(results, (p - rate * m / (s**0.5 + root * eps), m, s), strict=True):
            result.append(new)
    return results


def adam_step__fused_operations(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    means = [torch.lerp(m, g, 1 - betas[0]) for m, g in zip(exp_avgs, grads, strict=True)]
    sqs = [torch.addcmul(betas[1] * s, g, g, value=1 - betas[1]) for s, g in zip(exp_avg_sqs, grads, strict=True)]
    rate, second = lr / (1 - betas[0] ** step), 1 - betas[1] ** step
    moved = [
        torch.addcdiv(p, m, (s / second).sqrt() + eps, value=-rate) for p, m, s in zip(params, means, sqs, strict=True)
    ]
    return tuple(moved), tuple(means), tuple(sqs)


slip(
    adam_step__two_lists,
    "not_squared",
    "The second average is one of gradients: what is asked for is the average of their squares.",
    ("(1 - beta2) * g * g", "(1 - beta2) * g"),
)

slip(
    adam_step__two_lists,
    "uphill",
    "The step goes uphill: the averaged gradient points to where the loss grows.",
    ("p - lr * mean", "p + lr * mean"),
)

slip(
    adam_step__two_lists,
    "no_correction",
    "The averages are not corrected: they start at 0 and are too small at first, not both by the same factor.",
    ("m / (1 - beta1**step)", "m"),
    ("s / (1 - beta2**step)", "s"),
)

slip(
    adam_step__two_lists,
    "correction_without_power",
    "The correction is the same in every step: it must fade as the steps go on.",
    ("m / (1 - beta1**step)", "m / (1 - beta1)"),
    ("s / (1 - beta2**step)", "s / (1 - beta2)"),
)

slip(
    adam_step__two_lists,
    "step_from_zero",
    "The correction lags by one step: `step` is 1 in the first one already.",
    ("1 - beta1**step", "1 - beta1 ** max(step - 1, 0.5)"),
    ("1 - beta2**step", "1 - beta2 ** max(step - 1, 0.5)"),
)

slip(
    adam_step__two_lists,
    "step_too_late",
    "The correction is one step ahead: `step` counts this step already.",
    ("1 - beta1**step", "1 - beta1 ** (step + 1)"),
    ("1 - beta2**step", "1 - beta2 ** (step + 1)"),
)

slip(
    adam_step__two_lists,
    "only_the_mean_corrected",
    "The average of the squares is not corrected.",
    ("s / (1 - beta2**step)", "s"),
)

slip(
    adam_step__two_lists,
    "only_the_square_corrected",
    "The average of the gradients is not corrected.",
    ("m / (1 - beta1**step)", "m"),
)

slip(
    adam_step__two_lists,
    "corrected_by_the_other",
    "The average of the squares is corrected by the other one's beta.",
    ("s / (1 - beta2**step)", "s / (1 - beta1**step)"),
)

slip(
    adam_step__two_lists,
    "betas_exchanged",
    "The two betas are exchanged: the first one is for the gradients, the second for their squares.",
    ("beta1, beta2 = betas", "beta2, beta1 = betas"),
)

slip(
    adam_step__two_lists,
    "eps_in_the_root",
    "eps is added inside the root; torch adds it to the root.",
    ("(square.sqrt() + eps)", "(square + eps).sqrt()"),
)

slip(
    adam_step__two_lists,
    "no_eps",
    "eps is not used: where no gradient has ever been, 0 is divided by 0.",
    ("(square.sqrt() + eps)", "square.sqrt()"),
)

slip(
    adam_step__two_lists,
    "no_root",
    "The step is divided by the mean square itself, not by its root.",
    ("square.sqrt()", "square"),
)

slip(
    adam_step__two_lists,
    "gradient_not_averaged",
    "The step goes along this gradient alone: the average of the gradients is computed and not used.",
    (
        "for p, m, s in zip(params, means, sqs, strict=True):\n        mean = m / (1 - beta1**step)",
        "for p, mean, s in zip(params, grads, sqs, strict=True):",
    ),
)

slip(
    adam_step__two_lists,
    "square_of_the_average",
    "The second average is one of squared averages: square each gradient, then average.",
    (
        "(1 - beta2) * g * g for s, g in zip(exp_avg_sqs, grads,",
        "(1 - beta2) * g * g for s, g in zip(exp_avg_sqs, means,",
    ),
)

slip(
    adam_step__two_lists,
    "weights_exchanged",
    "The betas multiply the new values: they are the shares of the old averages that are kept.",
    ("beta1 * m + (1 - beta1) * g", "(1 - beta1) * m + beta1 * g"),
    ("beta2 * s + (1 - beta2) * g * g", "(1 - beta2) * s + beta2 * g * g"),
)

slip(
    adam_step__two_lists,
    "averages_summed",
    "The new gradient and its square are added as a whole: an average takes a share of them.",
    ("(1 - beta1) * g for", "g for"),
    ("(1 - beta2) * g * g", "g * g"),
)


def adam_step__corrected_returned(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """The averages that are returned are the corrected ones: the next step would correct them once more."""
    beta1, beta2 = betas
    means = [(beta1 * m + (1 - beta1) * g) / (1 - beta1**step) for m, g in zip(exp_avgs, grads, strict=True)]
    sqs = [(beta2 * s + (1 - beta2) * g * g) / (1 - beta2**step) for s, g in zip(exp_avg_sqs, grads, strict=True)]
    return [p - lr * m / (s.sqrt() + eps) for p, m, s in zip(params, means, sqs, strict=True)], means, sqs


def adam_step__old_averages(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """The averages that are returned are the old ones: the next step would forget this one."""
    moved = []
    for p, g, m, s in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        mean = (betas[0] * m + (1 - betas[0]) * g) / (1 - betas[0] ** step)
        square = (betas[1] * s + (1 - betas[1]) * g * g) / (1 - betas[1] ** step)
        moved.append(p - lr * mean / (square.sqrt() + eps))
    return moved, exp_avgs, exp_avg_sqs


def adam_step__in_place(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """The averages that were given are changed: methods that end in an underscore work in place."""
    moved = []
    for p, g, m, s in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        m.mul_(betas[0]).add_(g, alpha=1 - betas[0])
        s.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
        mean, square = m / (1 - betas[0] ** step), s / (1 - betas[1] ** step)
        moved.append(p - lr * mean / (square.sqrt() + eps))
    return moved, exp_avgs, exp_avg_sqs


slip(
    adam_step__two_lists,
    "correction_by_a_product",
    "The correction is nan or has a wrong size: beta is raised to the power of the step, not multiplied by it.",
    ("1 - beta1**step", "1 - beta1 * step"),
    ("1 - beta2**step", "1 - beta2 * step"),
)
