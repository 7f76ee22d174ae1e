"""Which known mistake a wrong program resembles, when it is none of them to the last digit.

Programs with the same mistake differ in what it does to the numbers: one overflows to infinity where the other gives
NaN, sums are rounded in another order, and a second mistake shows in other cases or in another output. Some raise an
error where the numbers of a case are such. A mistake is named only if all that resemble the program have the same hint.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import backward
from autograder.calls.outcome import Outcome
from autograder.expected import SLACK, Expected
from autograder.problem import Judged, Mistake

# How near the wrong numbers of two programs are, as a share of how far they are from the right ones.
NEAR = 0.01

# Fewer numbers than these may be near each other by chance: they must be equal up to rounding.
FEW = 4

# The type of the exception in the complaint about a call; numpy and torch raise different ones for the same reason.
RAISED = re.compile(r"^\w+ raised (\w+): ")
SAME_REASON = {"ValueError": "RuntimeError"}


def nearest(
    problem: Judged,
    cases: Sequence[Case],
    expected: Sequence[Expected],
    outcomes: Sequence[Outcome],
    of_program: Callable[[Mistake, int], Outcome],
) -> Mistake | None:
    """The mistake that the outputs in the plain cases resemble; if these are right, those in the edge cases.

    `of_program` gives the outcome of a known program in a case. Not for problems where quantities are measured in place
    of the outputs.
    """
    compared = _Compared(problem, cases, expected, outcomes, of_program)
    for criterion in ("values", "edge cases"):
        all_of_it = compared.places_of(criterion)
        places = [i for i in all_of_it if outcomes[i].outputs is not None]
        wrong = [i for i in places if _differing([i], outcomes, expected)]
        if wrong:
            right = [i for i in places if i not in wrong]
            if found := compared.named(wrong, right):
                return found
            # Two mistakes may show in two edge cases. One case says little: what is wrong in a plain case is not it.
            plain = compared.places_of("values")
            alone = wrong if criterion == "edge cases" and len(wrong) > 1 else []
            return next(filter(None, (compared.named([i], right, plain) for i in alone)), None)
        if places != all_of_it:
            return compared.raising_alike()
    return None


def raised(outcome: Outcome) -> str | None:
    """The type of the exception that a call raised; None where it gave something, or nothing for another reason."""
    found = RAISED.match(outcome.complaint or "")
    return found and SAME_REASON.get(found[1], found[1])


@dataclass(frozen=True)
class _Compared:
    """A program beside the known ones."""

    problem: Judged
    cases: Sequence[Case]
    expected: Sequence[Expected]
    outcomes: Sequence[Outcome]
    of_program: Callable[[Mistake, int], Outcome]

    def places_of(self, *criteria: str) -> list[int]:
        return [i for i, case in enumerate(self.cases) if case.criterion in criteria]

    def raising_alike(self) -> Mistake | None:
        """The mistake that raises an error where the program does, in some cases; in all others both are right."""
        asked = [i for i in self.places_of("values", "edge cases") if not self.cases[i].timed]
        complaints = {i: raised(self.outcomes[i]) for i in asked if self.outcomes[i].outputs is None}
        others = [i for i in asked if i not in complaints]
        if not others or not all(complaints.values()) or _differing(others, self.outcomes, self.expected):
            return None

        def like(mistake: Mistake) -> bool:
            raises = all(raised(self.of_program(mistake, i)) == why for i, why in complaints.items())
            return raises and not self._differing_of(mistake, others)

        found = list(filter(like, self.problem.mistakes))
        return found[0] if len({mistake.hint for mistake in found}) == 1 else None

    def named(self, wrong: Sequence[int], right: Sequence[int], never: Sequence[int] = ()) -> Mistake | None:
        """The mistake that explains all outputs that differ in the cases `wrong`, or else some of several gradients.

        A mistake that is wrong in the cases `right`, too, comes last: the program may have a branch without it. One
        that is wrong in the cases `never` is not it.
        """
        differing = sorted(_differing(wrong, self.outcomes, self.expected))
        mistakes = [mistake for mistake in self.problem.mistakes if not self._differing_of(mistake, never)]
        known = [(mistake, self._differing_of(mistake, wrong)) for mistake in mistakes]
        # Sentences about gradients speak of each; others compare outputs with each other.
        fewest = 1 if self.problem.call is backward else len(differing)
        for elsewhere in (False, True):
            for count in range(len(differing), fewest - 1, -1):
                for outputs in itertools.combinations(differing, count):
                    # What a mistake that is wrong in other outputs says of them would be wrong.
                    alike = [m for m, theirs in known if theirs == set(outputs)]
                    partly = count < len(differing)
                    found = [m for m in alike if all(self._explains(m, i, outputs, partly) for i in wrong)]
                    found = [m for m in found if elsewhere or not self._differing_of(m, right)]
                    if len({mistake.hint for mistake in found}) == 1:
                        return found[0]
        return None

    def _differing_of(self, mistake: Mistake, places: Sequence[int]) -> set[int]:
        """The outputs of a mistake that are wrong in one of the cases; all of them, where it gives nothing."""
        outcomes = {i: self.of_program(mistake, i) for i in places}
        if any(outcome.outputs is None for outcome in outcomes.values()):
            return set(range(len(self.expected[0].outputs)))
        return _differing(places, outcomes, self.expected)

    def _explains(self, mistake: Mistake, i: int, outputs: Sequence[int], partly: bool) -> bool:
        """Whether these outputs of `mistake` are wrong in case `i` in the way of the program's."""
        expected = self.expected[i]
        for k in outputs:
            got, known = (o.outputs[k].values for o in (self.outcomes[i], self.of_program(mistake, i)))
            # Zeros, or one number everywhere, have many causes.
            if partly and known.unique().numel() < 2:
                return False
            if not _resemble(got, known, expected.outputs[k], expected.tolerances[k]):
                return False
        return True


def _differing(places: Sequence[int], outcomes: Any, expected: Sequence[Expected]) -> set[int]:
    """The outputs that are wrong in one of the cases `places`."""
    count = len(expected[0].outputs)
    return {k for k in range(count) if any(not _right(outcomes[i], expected[i], k) for i in places)}


def _right(outcome: Outcome, expected: Expected, k: int) -> bool:
    if outcome.outputs is None:
        return False
    got, right = outcome.outputs[k].values, expected.outputs[k]
    if got.shape != right.shape or got.is_complex():
        return False
    error = (got.double() - right.double()).abs()
    return bool(((error <= expected.tolerances[k]) | (got == right) | (got.isnan() & right.isnan())).all())


def _resemble(got: torch.Tensor, known: torch.Tensor, right: torch.Tensor, tolerance: float) -> bool:
    """Whether two wrong results are near each other, and both finite or both not at the same places.

    Whole numbers, such as indices and counts, are equal.
    """
    if got.shape != known.shape or got.is_complex():
        return False
    if not got.is_floating_point():
        # Of a few whole numbers some are equal by chance.
        return got.numel() >= FEW and torch.equal(got, known)
    finite = got.isfinite()
    if not torch.equal(finite, known.isfinite()):
        return False
    apart = (got.double() - known.double()).abs()[finite]
    if not apart.numel():
        return True
    # Of another shape than the right one, there is nothing that it is far from.
    away = (got - right if got.shape == right.shape else got).double().abs()[finite].nan_to_num(0.0, 0.0)
    # A wrong number may be much larger than the right one, and so is its rounding.
    rounding = SLACK * torch.finfo(got.dtype).eps * float(known.double().abs()[finite].max())
    near = NEAR * float(away.max()) if got.numel() >= FEW else rounding
    return bool(apart.max() <= max(tolerance, near))
