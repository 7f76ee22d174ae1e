"""Exams that the tests of a problem share: cases, what they must give, and what known programs give, computed once."""

import functools
from weakref import WeakKeyDictionary

import torch

from autograder.judge import Exam, Verdict
from autograder.problems import problems
from autograder.programs import Program

CPU = torch.device("cpu")


_verdicts: WeakKeyDictionary[Exam, dict[Program, Verdict]] = WeakKeyDictionary()


# Not for ever: an exam holds the outputs of every known program that it has met.
@functools.lru_cache(maxsize=32)
def exam(name: str, seed: int, device: torch.device = CPU, dtype: torch.dtype | None = None) -> Exam:
    """The exam of the problem `name`, made once in a process.

    That of a `dtype` has the cases which it changes: the others are those of the exam without it, to the last bit.
    """
    made = Exam(problems()[name], seed, device, dtype)
    if dtype is not None:
        drawn = exam(name, seed, device).cases
        made.cases = [case for case, as_drawn in zip(made.cases, drawn, strict=True) if case.dtype != as_drawn.dtype]
    return made


def verdict_on(exam: Exam, program: Program) -> Verdict:
    """The verdict on a known program, reached once, from one run for all the verdicts of `exam`.

    What is measured may be random. It is run again, as a student's would be: to be recognised by the very numbers that
    it is compared with proves nothing.
    """
    known = _verdicts.setdefault(exam, {})
    if program not in known:
        known[program] = exam.grade_program(program, anew=exam.problem.measured is not None)
    return known[program]


def findings(verdict: Verdict) -> list[str]:
    """Every sentence of a verdict about a case that failed."""
    return [finding for criterion in verdict.criteria for finding in criterion.findings]


def lost(verdict: Verdict) -> set[str]:
    """The criteria that lost points."""
    return {criterion.name for criterion in verdict.criteria if criterion.earned < criterion.points}


def points(verdict: Verdict) -> dict[str, float]:
    """The points earned by criterion."""
    return {criterion.name: criterion.earned for criterion in verdict.criteria}
