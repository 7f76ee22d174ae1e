"""Slips in the two ways by which x acts on its own normalization: through the mean and through the variance."""

from collections.abc import Callable

from autograder.programs import slip


def slips_in_two_ways(right: Callable, line: str, mean: str, variance: str, std: str) -> None:
    """Make the slips of `right`, whose `line` subtracts the terms `mean` and `variance`.

    Each of the terms is a ``.mean(`` of something. `std` is 1 / standard deviation, in a shape for them.
    """

    def made(name: str, hint: str, old: str, new: str) -> None:
        slip(right, name, hint, (line, line.replace(old, new)))

    made(
        "mean_not_divided",
        "The way through the mean is too large: each entry of x is only one of those that make the mean.",
        mean,
        mean.replace(".mean(", ".sum("),
    )
    made(
        "variance_not_divided",
        "The way through the variance is too large: each entry of x is only one of those that make the variance.",
        variance,
        variance.replace(".mean(", ".sum("),
    )
    made(
        "neither_divided",
        "The ways through mean and variance are too large: each entry of x is only one of those that make them.",
        line.partition(" = ")[2],
        line.partition(" = ")[2].replace(".mean(", ".sum("),
    )
    made(
        "variance_term_doubled",
        "The way through the variance is twice as large as it must be: the derivative of a root has a factor.",
        variance,
        f"2 * {variance}",
    )
    made(
        "variance_term_halved",
        "The way through the variance is half as large as it must be: look at the factors of the root and the square.",
        variance,
        f"0.5 * {variance}",
    )
    for times, power in ((1, "one"), (2, "two")):
        made(
            f"variance_to_a_power_off_by_{power}",
            "The power of the variance in the way through it is not right: differentiate (variance + eps) ** -0.5.",
            variance,
            f"{variance} / {std}{' ** 2' if times == 2 else ''}",
        )
