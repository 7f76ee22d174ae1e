"""What is measured on the outputs of the problem set `transfer`."""

import torch

from autograder.calls.case import Case

Range = tuple[float, float, str]


def share_of(limits: Range, value: torch.Tensor) -> torch.Tensor:
    """How far a number is on the way from low to high, 0 to 1 inside of the range."""
    low, high, scale = limits
    walk = torch.log if scale == "log" else torch.clone
    start, end = (walk(torch.tensor(end, dtype=torch.float64)) for end in (low, high))
    return (walk(value.double()) - start) / (end - start)


def of_settings(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """How the settings lie in their ranges: inside, evenly, each name and each setting for itself, and repeatable."""
    table, again = outputs
    limits = case.arguments["space"].values()
    columns = zip(limits, table.unbind(1), strict=True)
    shares = torch.stack([share_of(found, column) for found, column in columns], dim=1)
    shares = shares.nan_to_num(-9.0)
    outside = torch.maximum(-shares, shares - 1).max().clamp(min=0)
    differs = (table != again).any().double()
    n = len(table)
    if n == 1:
        zero = torch.zeros((), dtype=torch.float64)
        return outside, zero, zero, zero, differs
    steps = torch.arange(n + 1, dtype=torch.float64)[:, None] / n
    ordered = shares.sort(dim=0).values
    distance = torch.maximum((steps[1:] - ordered).max(), (ordered - steps[:-1]).max())
    centered = 2 * shares - 1
    products = centered.T @ centered / n
    names = (products - products.diag().diag()).abs().max()
    following = (centered[0::2].T @ centered[1::2] / (n // 2)).abs().max()
    return outside, distance, names, following, differs


def ends(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Where the ends lie in the ranges before, as shares of their width; and the scales."""
    low, high, scales = outputs
    limits = case.arguments["space"].values()
    shares = [
        torch.stack([share_of(found, end) for found, end in zip(limits, ends, strict=True)]) for ends in (low, high)
    ]
    return (*(found.nan_to_num(-9.0) for found in shares), scales)
