"""How what is drawn is measured in the problem set `regularization`: by frequencies, correlations and agreement.

A right program fails a measurement only when it is off by more than `STANDARD_ERRORS` standard errors, which are those
of independent draws. A normal quantity is, once in 4e11 times; the binomials and the variances here have heavier tails,
and a test adds up what is exact for them: in all cases of a check together it stays below one in a million.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.measures.regularization import MANY
from autograder.problem import Target
from autograder.problems.drawing import sized

STANDARD_ERRORS = 7
# So many draws tell whether a layout is accepted.
FEW = 8


def seeded(generator: torch.Generator) -> torch.Generator:
    """A generator of its own, with a seed that `generator` draws."""
    return torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=generator)))


def away_from_zero(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Numbers of both signs, from 0.5 to 1.5 in size, float64: what is dropped is known by its zeros."""
    return sized(generator, *shape) * (2 * torch.randint(2, shape, generator=generator) - 1)


def transposed_too(cases: Iterable[Case]) -> list[Case]:
    """The cases, and the ordinary ones once more, transposed in memory: what is drawn does not get these by itself.

    Their frequencies are known already: a few draws tell whether the layout is accepted.
    """
    cases = [held_by_float32(case) if case.dtype == torch.float32 else case for case in cases]
    return cases + [_transposed(case) for case in cases if case.criterion == "values"]


def held_by_float32(case: Case) -> Case:
    """The case with numbers that float32 can hold: what is measured in float64 is measured on those of the call."""
    arguments = {name: v.float().double() if _is_float(v) else v for name, v in case.arguments.items()}
    return replace(case, arguments=arguments, dout=case.dout.float().double() if _is_float(case.dout) else None)


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _transposed(case: Case) -> Case:
    few = {"count": min(case.arguments["count"], FEW)} if "count" in case.arguments else {}
    name = f"{case.name}, transposed in memory"
    return replace(case, name=name, criterion="contract", layout="transposed", arguments={**case.arguments, **few})


def exactly(value: float, tolerance: float = 0.0) -> Target:
    return Target(torch.tensor(value, dtype=torch.float64), tolerance)


def about(value: float, standard_error: float) -> Target:
    return exactly(value, STANDARD_ERRORS * standard_error)


def share_of(chance: float, n: int) -> Target:
    """The share of `n` independent events of probability `chance`."""
    return about(chance, (chance * (1 - chance) / n) ** 0.5)


def neighbours_target(shape: Iterable[int]) -> Target:
    """No correlation, up to the standard error of as many pairs as there are."""
    shape = torch.Size(shape)
    pairs = torch.tensor([shape.numel() // size * (size - 1) for size in shape], dtype=torch.float64)
    return Target(torch.zeros(len(pairs), dtype=torch.float64), STANDARD_ERRORS / float(pairs[pairs > 0].min()) ** 0.5)


def spread_target(count: int, n: int, chance: float) -> Target:
    """Its standard error: that of a variance of `count` binomial numbers of `n` trials."""
    if count < MANY or not 0 < chance < 1:
        return Target(torch.zeros(0, dtype=torch.float64))
    excess = (1 - 6 * chance * (1 - chance)) / (n * chance * (1 - chance))
    return about(1.0, ((2 + max(excess, 0)) / (count - 1)) ** 0.5)
