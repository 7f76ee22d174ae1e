"""How what is drawn is measured in the problem set `regularization`: by frequencies, correlations and agreement.

A right program fails a measurement only when it is off by more than `STANDARD_ERRORS` standard errors, which are those
of independent draws. A normal quantity is, once in 4e11 times; the binomials and the variances here have heavier tails,
and a test adds up what is exact for them: in all cases of a check together it stays below one in a million.
"""

from collections.abc import Iterable
from dataclasses import replace

import torch

from autograder.calls.case import Case
from autograder.problem import Target
from autograder.problems.drawing import sized

STANDARD_ERRORS = 7
# As many draws tell by their numbers whether the entries of one draw are independent.
MANY, FEW = 300, 8


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
    cases = list(cases)
    return cases + [_transposed(case) for case in cases if case.criterion == "values"]


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


def rounding(case: Case, factor: float = 500.0) -> float:
    """What rounding may do to a number of size 1."""
    return factor * torch.finfo(case.dtype).eps


def multiple(got: torch.Tensor, right: torch.Tensor, tolerance: float) -> torch.Tensor:
    """The number that `right` must be multiplied by to give `got`; 0 if there is none."""
    square = right.square().sum()
    if not square:
        return torch.zeros((), dtype=torch.float64)
    factor = (got * right).sum() / square
    off = (got - factor * right).abs().max()
    return torch.where(off <= tolerance * max(1.0, abs(float(factor))) * right.abs().max(), factor, 0.0)


def neighbours(kept: torch.Tensor) -> torch.Tensor:
    """The correlation of neighbours along each dimension of `kept`, the draws first; 0 where there are none."""
    centered = kept.double() - kept.double().mean()
    variance = centered.square().mean()
    found = torch.zeros(kept.dim(), dtype=torch.float64)
    for dim, size in enumerate(kept.shape):
        if size > 1 and variance > 0:
            found[dim] = (centered.narrow(dim, 1, size - 1) * centered.narrow(dim, 0, size - 1)).mean() / variance
    return found


def neighbours_target(shape: Iterable[int]) -> Target:
    """No correlation, up to the standard error of as many pairs as there are."""
    shape = torch.Size(shape)
    pairs = torch.tensor([shape.numel() // size * (size - 1) for size in shape], dtype=torch.float64)
    return Target(torch.zeros(len(pairs), dtype=torch.float64), STANDARD_ERRORS / float(pairs[pairs > 0].min()) ** 0.5)


def spread(dropped: torch.Tensor, chance: float) -> torch.Tensor:
    """The variance of the number dropped in a draw, as a share of a binomial one's; nothing without many draws.

    Where it is far too large, it is told as 2: how large, is chance again.
    """
    if len(dropped) < MANY or not 0 < chance < 1:
        return torch.zeros(0, dtype=torch.float64)
    numbers = dropped.double().flatten(1).sum(1)
    return (numbers.var() / (dropped[0].numel() * chance * (1 - chance))).clamp(max=2.0)


def spread_target(count: int, n: int, chance: float) -> Target:
    """Its standard error: that of a variance of `count` binomial numbers of `n` trials."""
    if count < MANY or not 0 < chance < 1:
        return Target(torch.zeros(0, dtype=torch.float64))
    excess = (1 - 6 * chance * (1 - chance)) / (n * chance * (1 - chance))
    return about(1.0, ((2 + max(excess, 0)) / (count - 1)) ** 0.5)


def repeated(drawn: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """1 if a generator of the same seed gave the first draw again, else 0."""
    return torch.tensor(float(torch.equal(drawn[0], again)), dtype=torch.float64)
