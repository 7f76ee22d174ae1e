"""How well a check tells right programs from wrong ones: every known program is graded, and the misjudged are named."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from autograder.drawn import PUBLIC_SEED
from autograder.judge import Exam, Verdict
from autograder.problem import Problem
from autograder.programs import Program


@dataclass(frozen=True)
class Coverage:
    """What the check of one problem makes of the known programs.

    mistakes, alternatives   how many there are
    uncaught                 mistakes that lose no points
    unnamed                  mistakes that are not called by their name
    refused                  alternatives that lose points
    seconds                  the longest check; of a wrong program, the search for its hint is part of it
    """

    problem: str
    mistakes: int
    alternatives: int
    uncaught: tuple[str, ...]
    unnamed: tuple[str, ...]
    refused: tuple[str, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether no program is misjudged."""
        return not (self.uncaught or self.unnamed or self.refused)

    def misjudged(self) -> Iterator[str]:
        """One sentence for each program that is."""
        for names, what in (
            (self.uncaught, "is wrong and earns every point"),
            (self.unnamed, "is wrong and is not called by its name"),
            (self.refused, "is right and loses points"),
        ):
            for name in names:
                yield f"{self.problem}__{name} {what}."


def coverage(problem: Problem, seed: int = PUBLIC_SEED, timed: bool = True) -> Coverage:
    """Judge every known program of `problem` on the cases of `seed`, as its check does.

    If it is `timed`, each has a check of its own, with nothing known from the one before; else one serves all.
    """
    taken: list[float] = []
    device = torch.device("cpu")
    common = Exam(problem, seed, device, ruled=True)

    def verdict(program: Program) -> Verdict:
        start = time.perf_counter()
        exam = Exam(problem, seed, device) if timed else common
        # What is measured may be random: that the numbers of one run are those of the same run proves nothing.
        again = timed or problem.measured is not None
        found = exam.grade(problem.functions_of(program)) if again else exam.grade_program(program)
        taken.append(time.perf_counter() - start)
        return found

    wrong = [(mistake.name, verdict(mistake)) for mistake in problem.mistakes]
    right = [(alternative.name, verdict(alternative)) for alternative in problem.alternatives]
    return Coverage(
        problem.name,
        len(wrong),
        len(right),
        tuple(name for name, found in wrong if found.score == found.maximum),
        tuple(name for name, found in wrong if found.mistake != name),
        tuple(name for name, found in right if found.score < found.maximum),
        max(taken, default=0.0),
    )
