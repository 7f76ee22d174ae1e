"""`choose_strategy`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import numbers
from autograder.problem import Problem
from autograder.problems.drawing import RAISES, whole
from autograder.programs import slip
from autograder.references import numbers_of
from autograder.references import transfer as reference


def _tasks(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n_samples, similar):
        arguments = {"n_samples": n_samples, "similar": similar}
        return Case(f"{name}, {'similar' if similar else 'different'}", criterion, arguments)

    few, many = whole(generator, 10, 900), whole(generator, 1100, 100_000)
    both = (True, False)
    return [
        *(case("few samples", "values", few, similar) for similar in both),
        *(case("many samples", "values", many, similar) for similar in both),
        *(case("1000 samples", "edge cases", 1000, similar) for similar in both),
        *(case("999 samples", "edge cases", 999, similar) for similar in both),
        *(case("1 sample", "edge cases", 1, similar) for similar in both),
        *(case("0 samples", "edge cases", 0, similar) for similar in both),
        case("less than no samples", "edge cases", -whole(generator, 1, 9), True),
    ]


PROBLEMS = (
    Problem(
        name="choose_strategy",
        call=numbers,
        returns=(RAISES, "scenario"),
        cases=_tasks,
        expected=numbers_of(reference.choose_strategy),
        points={"values": 4, "edge cases": 2},
        modules=(__name__,),
    ),
)


def choose_strategy__by_branches(n_samples, similar):
    if n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; expected at least 1.")
    if similar:
        return 1 if n_samples < 1000 else 2
    return 3 if n_samples < 1000 else 4


def choose_strategy__by_sum(n_samples, similar):
    if n_samples <= 0:
        raise ValueError("no sample")
    return 1 + int(n_samples >= 1000) + 2 * int(not similar)


def choose_strategy__by_table(n_samples, similar):
    if not n_samples > 0:
        raise ValueError(n_samples)
    return ((3, 4), (1, 2))[similar][n_samples > 999]


slip(
    choose_strategy__by_branches,
    "two_and_three_exchanged",
    "The scenarios are in another order: in the notes the second is still a similar task.",
    ("1 if n_samples < 1000 else 2", "1 if n_samples < 1000 else 3"),
    ("3 if n_samples < 1000 else 4", "2 if n_samples < 1000 else 4"),
)
slip(
    choose_strategy__by_branches,
    "two_thirds",
    "Two scenarios have the number 3, as in the notes, where the fourth is numbered 3 by mistake.",
    ("3 if n_samples < 1000 else 4", "3"),
)
slip(
    choose_strategy__by_branches,
    "similar_turned_around",
    "A similar task is taken for a different one, and the other way around.",
    ("if similar:", "if not similar:"),
)
slip(
    choose_strategy__by_sum,
    "few_and_many_turned_around",
    "Few samples are taken for many, and the other way around.",
    ("int(n_samples >= 1000)", "int(n_samples < 1000)"),
)
slip(
    choose_strategy__by_sum,
    "a_thousand_are_few",
    "Exactly 1000 samples are taken for few: few are fewer than that.",
    ("int(n_samples >= 1000)", "int(n_samples > 1000)"),
)
slip(
    choose_strategy__by_sum,
    "counted_from_zero",
    "The scenarios are counted from 0; the first is number 1.",
    ("return 1 + int", "return int"),
)


def choose_strategy__never_raises(n_samples, similar):
    """A task without a single sample gets a scenario, too, in place of a ValueError."""
    return 1 + int(n_samples >= 1000) + 2 * int(not similar)
