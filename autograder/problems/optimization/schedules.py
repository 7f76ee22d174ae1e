"""`step_decay`, `cosine_decay`, `warmup` and `linear_scaling`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import real
from autograder.problem import Problem
from autograder.problems.drawing import uniform, whole
from autograder.problems.forbidden import OPTIMIZERS
from autograder.programs import slip
from autograder.references import optimization as reference
from autograder.references.optimization import real_of


def _rate(generator: torch.Generator) -> float:
    """A learning rate with two digits, so that the case's name can say it."""
    return round(float(uniform(generator, 0.2, 0.9)), 2)


def _step_decay(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, epoch, step_size, gamma):
        arguments = {"lr": _rate(generator), "epoch": epoch, "step_size": step_size, "gamma": gamma}
        return Case(name, criterion, arguments)

    size = whole(generator, 7, 12)
    return [
        case("in the second stretch", "values", 2 * size - 2, size, 0.5),
        case("in the fourth stretch", "values", 3 * size + 3, size, 0.7),
        case("epoch 0", "edge cases", 0, 30, 0.1),
        case("the last epoch of the first stretch", "edge cases", size - 1, size, 0.3),
        case("the first epoch of the second stretch", "edge cases", size, size, 0.3),
        case("the last epoch of the third stretch", "edge cases", 3 * size - 1, size, 0.6),
        case("step_size 1, epoch 5", "edge cases", 5, 1, 0.9),
    ]


def _cosine_decay(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, epoch, total_epochs, *min_lr):
        arguments = {"lr": _rate(generator), "epoch": epoch, "total_epochs": total_epochs}
        return Case(name, criterion, arguments | dict(zip(("min_lr",), min_lr, strict=False)))

    total = whole(generator, 14, 25)
    return [
        case("a quarter of the way, min_lr left out", "values", 5, 20),
        case("late, min_lr 0.05", "values", total - 3, total, 0.05),
        case("early, min_lr 0.1", "values", 3, total, 0.1),
        case("epoch 0, min_lr 0.1", "edge cases", 0, total, 0.1),
        case("the last epoch, min_lr 0.1", "edge cases", total, total, 0.1),
        case("half of the way, min_lr left out", "edge cases", 8, 16),
        case("the last but one, min_lr 0.02", "edge cases", total - 1, total, 0.02),
    ]


def _warmup(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, step, warmup_steps):
        return Case(name, criterion, {"lr": _rate(generator), "step": step, "warmup_steps": warmup_steps})

    steps = whole(generator, 40, 90)
    return [
        case("early", "values", 7, steps),
        case("later", "values", 3 * steps // 4, steps),
        case("long after it", "values", 5 * steps + 3, steps),
        case("step 0", "edge cases", 0, steps),
        case("step 1", "edge cases", 1, steps),
        case("the last step before the full rate", "edge cases", steps - 1, steps),
        case("the first step with the full rate", "edge cases", steps, steps),
        case("the step after that", "edge cases", steps + 1, steps),
        case("warmup_steps 1", "edge cases", 1, 1),
    ]


def _linear_scaling(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, batch_size, base_batch_size):
        arguments = {"lr": _rate(generator), "batch_size": batch_size, "base_batch_size": base_batch_size}
        return Case(name, criterion, arguments)

    return [
        case("a larger batch", "values", 32 * whole(generator, 9, 40), 256),
        case("a smaller batch", "values", whole(generator, 20, 90), 128),
        case("the same batch", "edge cases", 64, 64),
        case("batch_size 1", "edge cases", 1, 256),
    ]


def _problem(name, cases, operation, **points) -> Problem:
    return Problem(
        name=name,
        call=real,
        returns=("the learning rate",),
        cases=cases,
        expected=real_of(operation),
        points={"values": points["values"], "edge cases": points["edges"]},
        forbidden=OPTIMIZERS,
        modules=(__name__,),
    )


PROBLEMS = (
    _problem("step_decay", _step_decay, reference.step_decay, values=3, edges=2),
    _problem("cosine_decay", _cosine_decay, reference.cosine_decay, values=4, edges=3),
    _problem("warmup", _warmup, reference.warmup, values=3, edges=2),
    _problem("linear_scaling", _linear_scaling, reference.linear_scaling, values=3, edges=1),
)


def step_decay__power(lr, epoch, step_size, gamma):
    return lr * gamma ** (epoch // step_size)


def step_decay__walks(lr, epoch, step_size, gamma):
    for _ in range(step_size, epoch + 1, step_size):
        lr = lr * gamma
    return lr


def step_decay__as_tensor(lr, epoch, step_size, gamma):
    return torch.tensor(lr, dtype=torch.float64) * torch.tensor(gamma, dtype=torch.float64) ** (epoch // step_size)


slip(
    step_decay__power,
    "every_epoch",
    "The rate falls in every epoch: it is to stay for step_size of them.",
    ("(epoch // step_size)", "epoch"),
)

slip(
    step_decay__power,
    "no_steps",
    "The rate falls a little in every epoch: between two steps it is to stay as it is.",
    ("epoch // step_size", "epoch / step_size"),
)

slip(
    step_decay__power,
    "one_epoch_early",
    "The rate falls one epoch too early: look at the epochs in which the first stretch ends and the second begins.",
    ("(epoch // step_size)", "((epoch + 1) // step_size)"),
)

slip(
    step_decay__power,
    "one_epoch_late",
    "The rate falls one epoch too late: look at the epochs in which the first stretch ends and the second begins.",
    ("(epoch // step_size)", "((epoch - 1) // step_size if epoch else 0)"),
)

slip(
    step_decay__power,
    "rounded",
    "The rate falls in the middle of each stretch: the division was rounded to the nearest number, not down.",
    ("epoch // step_size", "round(epoch / step_size)"),
)

slip(
    step_decay__power,
    "one_step_ahead",
    "The first stretch has the rate of the second one already.",
    ("(epoch // step_size)", "(1 + epoch // step_size)"),
)

slip(
    step_decay__power,
    "multiplied_by_the_count",
    "gamma is multiplied by the number of steps: each step multiplies the rate by gamma once more.",
    ("gamma ** (epoch // step_size)", "gamma * max(1, epoch // step_size) if epoch >= step_size else lr"),
)

slip(
    step_decay__power,
    "back_again",
    "The rate is lower in single epochs and then back where it was: all stretches that lie behind count in each epoch.",
    ("gamma ** (epoch // step_size)", "(1 if epoch % step_size else gamma)"),
)

slip(
    step_decay__power,
    "falls_once",
    "The rate falls once and never again.",
    ("gamma ** (epoch // step_size)", "(gamma if epoch >= step_size else 1)"),
)

slip(
    step_decay__power,
    "divided",
    "The rate was divided by gamma: so it grows.",
    ("lr * gamma", "lr / gamma"),
)


def cosine_decay__half_wave(lr, epoch, total_epochs, min_lr=0.0):
    import math

    return min_lr + (lr - min_lr) * (1 + math.cos(math.pi * epoch / total_epochs)) / 2


def cosine_decay__square(lr, epoch, total_epochs, min_lr=0.0):
    import math

    share = math.cos(math.pi * epoch / total_epochs / 2) ** 2
    return lr * share + min_lr * (1 - share)


def cosine_decay__as_tensor(lr, epoch, total_epochs, min_lr=0.0):
    share = 0.5 + 0.5 * torch.cos(torch.tensor(torch.pi * epoch / total_epochs, dtype=torch.float64))
    return min_lr + share * (lr - min_lr)


slip(
    cosine_decay__half_wave,
    "min_lr_added",
    "min_lr is added to a wave from lr to 0: the rate begins above lr.",
    ("(lr - min_lr) *", "lr *"),
)

slip(
    cosine_decay__half_wave,
    "no_min_lr",
    "min_lr is not used: the rate is to end there, not at 0.",
    ("min_lr + (lr - min_lr) *", "lr *"),
)

slip(
    cosine_decay__half_wave,
    "cut_off",
    "The wave goes down to 0 and is cut off at min_lr: it is to reach min_lr in the last epoch, not before.",
    (
        "min_lr + (lr - min_lr) * (1 + math.cos(math.pi * epoch / total_epochs)) / 2",
        "max(min_lr, lr * (1 + math.cos(math.pi * epoch / total_epochs)) / 2)",
    ),
)

slip(
    cosine_decay__half_wave,
    "last_epoch_early",
    "The wave ends one epoch too early: min_lr is for the epoch number total_epochs.",
    ("/ total_epochs)", "/ max(1, total_epochs - 1))"),
)

slip(
    cosine_decay__half_wave,
    "one_epoch_ahead",
    "The wave is one epoch ahead: in epoch 0 the rate is lr.",
    ("math.pi * epoch /", "math.pi * (epoch + 1) /"),
)

slip(
    cosine_decay__half_wave,
    "quarter_wave",
    "From lr to min_lr the cosine goes from 1 to -1: only half of that way is used.",
    ("(1 + math.cos(math.pi * epoch / total_epochs)) / 2", "math.cos(math.pi * epoch / total_epochs / 2)"),
)

slip(
    cosine_decay__half_wave,
    "whole_wave",
    "The cosine makes a whole wave: in the last epoch the rate is lr again.",
    ("math.pi * epoch", "2 * math.pi * epoch"),
)

slip(
    cosine_decay__half_wave,
    "not_halved",
    "The rate begins too high: 1 plus a cosine goes from 2 to 0.",
    (") / 2", ")"),
)

slip(
    cosine_decay__half_wave,
    "linear",
    "The rate falls along a straight line.",
    ("(1 + math.cos(math.pi * epoch / total_epochs)) / 2", "(1 - epoch / total_epochs)"),
)


def warmup__share(lr, step, warmup_steps):
    return lr * min(1, step / warmup_steps)


def warmup__branches(lr, step, warmup_steps):
    if step >= warmup_steps:
        return lr
    return lr / warmup_steps * step


def warmup__as_tensor(lr, step, warmup_steps):
    return lr * torch.tensor(step / warmup_steps, dtype=torch.float64).clamp(max=1)


slip(
    warmup__share,
    "counts_from_one",
    "The rate is one step ahead: in step 0 it is 0.",
    ("step / warmup_steps", "(step + 1) / warmup_steps"),
)

slip(
    warmup__share,
    "one_step_late",
    "The full rate comes one step too late: it is for the step number warmup_steps.",
    ("step / warmup_steps", "step / (warmup_steps + 1)"),
)

slip(
    warmup__share,
    "goes_on_growing",
    "After the warm-up the rate goes on growing: from then on it is to stay at lr.",
    ("min(1, step / warmup_steps)", "step / warmup_steps"),
)

slip(
    warmup__share,
    "whole_division",
    "The share is rounded down, so the rate is 0 until the warm-up ends.",
    ("step / warmup_steps", "step // warmup_steps"),
)

slip(
    warmup__share,
    "falls",
    "The rate falls during the warm-up: it is to grow.",
    ("min(1, step / warmup_steps)", "max(0, 1 - step / warmup_steps)"),
)

slip(
    warmup__share,
    "cut_at_the_wrong_side",
    "The rate is lr from the start: of 1 and the share, take the smaller one.",
    ("min(1,", "max(1,"),
)

slip(
    warmup__share,
    "zero_after_it",
    "After the warm-up the rate is 0: from then on it is to stay at lr.",
    ("min(1, step / warmup_steps)", "(step / warmup_steps if step <= warmup_steps else 0)"),
)

slip(
    warmup__share,
    "share_not_multiplied",
    "The rate climbs to 1: it is to climb to lr.",
    ("lr * min", "min"),
)


def linear_scaling__ratio(lr, batch_size, base_batch_size):
    return lr * batch_size / base_batch_size


def linear_scaling__per_sample(lr, batch_size, base_batch_size):
    per_sample = lr / base_batch_size
    return per_sample * batch_size


slip(
    linear_scaling__ratio,
    "inverted",
    "A larger batch gets a smaller rate: it is the other way round.",
    ("lr * batch_size / base_batch_size", "lr * base_batch_size / batch_size"),
)

slip(
    linear_scaling__ratio,
    "square_root",
    "The rate grows with the root of the batch: that is another rule.",
    ("lr * batch_size / base_batch_size", "lr * (batch_size / base_batch_size) ** 0.5"),
)

slip(
    linear_scaling__ratio,
    "whole_division",
    "The ratio of the batches is rounded down: the smaller batch gets a rate of 0.",
    ("lr * batch_size / base_batch_size", "lr * (batch_size // base_batch_size)"),
)

slip(
    linear_scaling__ratio,
    "base_ignored",
    "The rate is multiplied by the size of the batch itself; lr belongs to batches of base_batch_size.",
    ("lr * batch_size / base_batch_size", "lr * batch_size"),
)

slip(
    linear_scaling__ratio,
    "only_upward",
    "A batch smaller than base_batch_size keeps the rate: the rule holds for it, too.",
    ("batch_size / base_batch_size", "max(1, batch_size / base_batch_size)"),
)


slip(
    cosine_decay__half_wave,
    "degrees",
    "The cosine takes an angle in radians: half a turn is pi there, not 180.",
    ("math.cos(math.pi * epoch", "math.cos(180 * epoch"),
)
