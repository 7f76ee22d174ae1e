"""`early_stopping`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import numbers
from autograder.problem import Problem
from autograder.problems.drawing import RAISES
from autograder.programs import slip
from autograder.references import numbers_of
from autograder.references import regularization as reference


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, losses, patience):
        # The same order with other numbers for every seed; float32 holds no part in this.
        scale = 0.5 + float(torch.rand((), generator=generator, dtype=torch.float64))
        return Case(name, criterion, {"losses": [scale * loss for loss in losses], "patience": patience})

    return [
        case("patience 2, a best in between", "values", [9, 7, 8, 6, 7, 8, 5, 4], 2),
        case("patience 3", "values", [5, 3, 4, 4, 2, 6, 3, 4, 5, 1], 3),
        case("patience 1", "values", [5, 4, 3, 6, 2], 1),
        case("losses fall to the end", "edge cases", [5, 4, 3, 2, 1], 2),
        case("the patience is not used up at the end", "edge cases", [5, 2, 3, 4, 6], 5),
        case("the patience is used up at the last epoch", "edge cases", [5, 2, 3, 4], 2),
        case("the first epoch is the best", "edge cases", [1, 2, 3, 4, 5], 3),
        case("an equal loss is no improvement", "edge cases", [3, 2, 2, 2, 2, 1], 3),
        case("falls again, but not below the best", "edge cases", [9, 5, 8, 7, 6, 5.5, 4], 4),
        case("one epoch", "edge cases", [3], 2),
        case("negative losses", "edge cases", [-1, -3, -2, -4, -3, -2, -1], 3),
        case("very small improvements", "edge cases", [1, 0.9999999, 0.9999998, 0.9999997, 2, 3], 2),
    ]


PROBLEMS = (
    Problem(
        name="early_stopping",
        call=numbers,
        returns=(RAISES, "stop_epoch", "best_epoch"),
        cases=_cases,
        expected=numbers_of(reference.early_stopping, 2),
        points={"values": 2, "edge cases": 3},
        shares={"stop_epoch": 1, "best_epoch": 1},
        modules=(__name__,),
    ),
)


def early_stopping__best_so_far(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == patience:
            return epoch, best
    return len(losses) - 1, best


def early_stopping__counter(losses, patience):
    best, least, bad = 0, float("inf"), 0
    for epoch, loss in enumerate(losses):
        if loss < least:
            best, least, bad = epoch, loss, 0
        else:
            bad += 1
            if bad >= patience:
                break
    return epoch, best


def early_stopping__cumulative_minimum(losses, patience):
    values = torch.tensor(losses, dtype=torch.float64)
    best = [int((values[: n + 1] == values[: n + 1].min()).nonzero()[0]) for n in range(len(losses))]
    stops = [n for n in range(len(losses)) if n - best[n] >= patience]
    stop = stops[0] if stops else len(losses) - 1
    return stop, best[stop]


_COUNTER = early_stopping__counter
_BEST = early_stopping__best_so_far
slip(
    _COUNTER,
    "against_the_epoch_before",
    "Each loss was compared with the one before it: what counts is the best so far.",
    ("        if loss < least:\n", "        if not epoch or loss < losses[epoch - 1]:\n"),
)
slip(
    _COUNTER,
    "never_reset",
    "The epochs without improvement were counted from the start: an improvement starts the count again.",
    ("epoch, loss, 0\n", "epoch, loss, bad\n"),
)
slip(
    _COUNTER,
    "first_epoch_counted",
    "Epoch 0 was counted as one without improvement: there is no loss before it, so it is the first best.",
    ('float("inf")', "losses[0]"),
)
slip(_BEST, "one_epoch_late", "The training stopped one epoch too late.", ("== patience", "> patience"))
slip(_BEST, "one_epoch_early", "The training stopped one epoch too early.", ("== patience", "== max(patience - 1, 1)"))
slip(
    _BEST,
    "equal_is_better",
    "A loss that equals the best so far was taken for an improvement.",
    ("loss < losses[best]", "loss <= losses[best]"),
)
slip(
    _BEST,
    "stop_as_best",
    "The epoch to go back to is the best one, not the one of the stop.",
    ("return epoch, best", "return epoch, epoch"),
)
slip(
    _BEST,
    "best_of_all",
    "The best epoch comes after the stop: nobody has seen it.",
    ("return epoch, best", "return epoch, losses.index(min(losses))"),
)
slip(
    _BEST,
    "from_one",
    "Epochs are counted from 0.",
    ("return epoch, best", "return epoch + 1, best + 1"),
    ("len(losses) - 1, best", "len(losses), best + 1"),
)
slip(
    _BEST,
    "number_of_epochs",
    "Without a stop the last epoch is asked for, counted from 0.",
    ("len(losses) - 1", "len(losses)"),
)
slip(
    _BEST,
    "exchanged",
    "The two epochs were exchanged.",
    ("return epoch, best", "return best, epoch"),
    ("return len(losses) - 1, best", "return best, len(losses) - 1"),
)
slip(_BEST, "highest", "The best loss is the lowest, not the highest.", ("loss < losses", "loss > losses"))
slip(
    _BEST,
    "small_improvement_ignored",
    "A small improvement is one, too.",
    ("loss < losses[best]", "loss < losses[best] - 1e-4"),
)
slip(
    _COUNTER,
    "from_zero",
    "Negative losses were never better than the start of the search.",
    ("if loss < least", "if 0 <= loss < least or not epoch"),
)
