"""How the cases of the problem set `normalization` are drawn."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import wide_normal

# A case in the making: name, criterion, the shape of x, and what is special about it.
Row = tuple[str, str, tuple[int, ...], Mapping[str, Any]]

# (generator, x, options) to the arguments of the call, in its order.
Arguments = Callable[[torch.Generator, torch.Tensor, dict[str, Any]], dict[str, Any]]


def channels(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Random numbers with a mean of its own for each channel of dim 1."""
    return wide_normal(generator, *shape) + wide_normal(generator, 1, shape[1], *[1] * (len(shape) - 2))


def small(x: torch.Tensor) -> torch.Tensor:
    """Numbers so small that the default eps counts."""
    return 0.003 * x


def large(x: torch.Tensor) -> torch.Tensor:
    """Numbers so large that the default eps does not count: whether it is used is asked in cases of its own."""
    return 30 * x


def far(x: torch.Tensor) -> torch.Tensor:
    """Numbers around 1000 with a standard deviation of about 1."""
    return 1000 + x / 2


def drawn(rows: Iterable[Row], arguments: Arguments, gradient: bool) -> Cases:
    """The cases of `rows`.

    `changed` changes the x that was drawn, `zero_weight` sets the first weight to 0; what else a row says is a field
    of the case or an option of the call. A row whose `gradient` is False is for the forward function alone.
    """

    def cases(generator: torch.Generator) -> list[Case]:
        found = []
        for name, criterion, shape, special in rows:
            special = dict(special)
            if not special.pop("gradient", True) and gradient:
                continue
            fields = {key: special.pop(key) for key in ("dtype", "layout", "another_call") if key in special}
            changed, zero_weight = special.pop("changed", None), special.pop("zero_weight", False)
            x = channels(generator, *shape)
            given = arguments(generator, changed(x) if changed else x, special)
            if zero_weight:
                given["weight"][0] = 0
            dout = wide_normal(generator, *shape) if gradient else None
            found.append(Case(name, criterion, given, dout, **fields))
        return found

    return cases
