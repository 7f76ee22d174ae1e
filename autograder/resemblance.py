"""Which known mistake a wrong program resembles, when it is none of them to the last digit.

Programs with the same mistake differ in what it does to the numbers: one overflows to infinity where the other gives
NaN, sums are rounded in another order, and a second mistake shows in other cases or in another output. A mistake is
named only if all that resemble the program have the same hint.
"""

from collections.abc import Callable, Sequence

import torch

from autograder.calls.case import Case
from autograder.calls.outcome import Outcome
from autograder.expected import Expected
from autograder.problem import Problem
from autograder.programs import Program

# How near the wrong numbers of two programs are, as a share of how far they are from the right ones.
NEAR = 0.01

# With fewer numbers than these, two that are near each other may be so by chance.
FEW = 4

Outputs = Sequence[torch.Tensor]


def nearest(
    problem: Problem,
    cases: Sequence[Case],
    expected: Sequence[Expected],
    outcomes: Sequence[Outcome],
    of_program: Callable[[Program, int], Outcome],
) -> Program | None:
    """The mistake that the outputs in the plain cases resemble; if these are right, those in the edge cases.

    `of_program` gives the outcome of a known program in a case. Where quantities are measured in place of the outputs,
    nothing resembles anything.
    """
    if problem.measured is not None:
        return None
    for criterion in ("values", "edge cases"):
        places = [i for i, case in enumerate(cases) if case.criterion == criterion and outcomes[i].outputs is not None]
        differing = _differing(places, outcomes, expected)
        if any(differing):
            return _named(problem.mistakes, differing, places, outcomes, expected, of_program)
        if any(outcomes[i].outputs is None for i, case in enumerate(cases) if case.criterion == criterion):
            return None
    return None


def _named(mistakes, differing, places, outcomes, expected, of_program) -> Program | None:
    """The mistake that explains every output that differs, or else the first of them that one explains."""
    every = [k for k, found in enumerate(differing) if found]
    for outputs in ([every] if len(every) > 1 else []) + [[k] for k in every]:
        found = [
            mistake
            for mistake in mistakes
            if all(_explains(mistake, k, len(every) > 1, places, outcomes, expected, of_program) for k in outputs)
        ]
        if len({mistake.hint for mistake in found}) == 1:
            return found[0]
    return None


def _differing(places: Sequence[int], outcomes: Sequence[Outcome], expected: Sequence[Expected]) -> list[bool]:
    """Whether each output is wrong in one of the cases."""
    count = len(expected[0].outputs)
    return [any(not _right(outcomes[i], expected[i], k) for i in places) for k in range(count)]


def _right(outcome: Outcome, expected: Expected, k: int) -> bool:
    got, right = outcome.outputs[k].values, expected.outputs[k]
    if got.shape != right.shape or got.is_complex():
        return False
    error = (got.double() - right.double()).abs()
    return bool(((error <= expected.tolerances[k]) | (got == right) | (got.isnan() & right.isnan())).all())


def _explains(mistake, k, one_of_several, places, outcomes, expected, of_program) -> bool:
    """Whether output `k` of `mistake` is wrong where the program's is, in the same way, and nowhere else."""
    compared = 0
    for i in places:
        theirs = of_program(mistake, i)
        if theirs.outputs is None:
            return False
        wrong = not _right(outcomes[i], expected[i], k)
        if wrong == _right(theirs, expected[i], k):
            return False
        if wrong:
            got, known, right = (o[k] for o in (_values(outcomes[i]), _values(theirs), expected[i].outputs))
            # Zeros, or one number everywhere, have many causes.
            if one_of_several and known.unique().numel() < 2:
                return False
            if not _resemble(got, known, right, expected[i].tolerances[k]):
                return False
            compared += got.numel()
    return compared >= FEW


def _values(outcome: Outcome) -> Outputs:
    return [output.values for output in outcome.outputs]


def _resemble(got: torch.Tensor, known: torch.Tensor, right: torch.Tensor, tolerance: float) -> bool:
    """Whether two wrong results are near each other, and both finite or both not at the same places."""
    if got.shape != known.shape or got.is_complex() or not got.is_floating_point():
        return False
    finite = got.isfinite()
    if not torch.equal(finite, known.isfinite()):
        return False
    apart = (got.double() - known.double()).abs()[finite]
    if not apart.numel():
        return True
    # Of another shape than the right one, there is nothing that it is far from.
    away = (got - right if got.shape == right.shape else got).double().abs()
    return bool(apart.max() <= max(tolerance, NEAR * float(away[finite].nan_to_num(0.0, 0.0).max())))
