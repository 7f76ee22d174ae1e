"""Mutation testing of the cases: mutants of right programs are judged, and those that earn everything are looked into.

No mutation library fits: they run a suite of tests on a package, while here a check judges a function.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from nbgrader.utils import is_solution

from autograder.calls.case import Case, tensors_in
from autograder.calls.kinds import TRAININGS
from autograder.calls.run import TooSlowError, run, stopped_after
from autograder.drawn import PUBLIC_SEED
from autograder.expected import Expected
from autograder.judge import Exam, find
from autograder.mutants import Mutant, mutants
from autograder.problem import Problem
from autograder.problems import problem_sets
from autograder.programs import source_of
from autograder.release import solution_notebook
from autograder.wide import CPU, can_be_wide, wide_cases

# Seconds that a mutant may compute for a call; some never end.
PATIENCE = 5.0
# Wide inputs for each survivor.
WIDE = 60
# On wide inputs a mutant is wrong that is further off than rounding by this factor.
CLEARLY = 64


@dataclass(frozen=True)
class Original:
    """A right program of a problem: its name, its source, and how the functions of a call are made of such a source."""

    name: str
    source: str
    functions: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True)
class Survivor:
    """A mutant that earns every point; `wrong` is what is wrong with it on wide inputs, None if nothing was found."""

    program: str
    mutant: Mutant
    wrong: str | None


@dataclass(frozen=True)
class Mutated:
    """What became of the mutants of a problem's right programs."""

    problem: str
    mutants: int
    survivors: tuple[Survivor, ...]

    @property
    def wrong(self) -> tuple[Survivor, ...]:
        return tuple(survivor for survivor in self.survivors if survivor.wrong)


def mutate(word: str, sample: int | None = None) -> Iterator[Mutated]:
    """Judge the mutants of the solution and of the alternatives of every problem of a set; at most `sample` of each.

    What is random by its nature, a training, is left out: whether its mutant is wrong cannot be said.
    """
    for problem in problem_sets()[word]:
        if problem.call not in TRAININGS:
            yield mutated(problem, originals(word, problem), sample)


def originals(word: str, problem: Problem) -> list[Original]:
    """The solution and the alternatives; of a backward function also the forward functions that fill their caches."""
    cells = [cell for cell in solution_notebook(word).cells if cell.cell_type == "code" and is_solution(cell)]
    solved: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    for cell in cells:
        exec(cell.source, solved)
    sources = {cell.metadata.nbgrader["grade_id"]: cell.source for cell in cells}
    found = [
        Original("the solution", sources[name], lambda source: _defined_by(source, solved))
        for name in dict.fromkeys((problem.name, problem.forward))
    ]
    for program in problem.alternatives:
        others = problem.functions_of(program)
        found += [
            Original(program.name, source_of(function, name), lambda text, others=others: _defined_by(text, others))
            for name, function in program.by_name().items()
        ]
    return found


def _defined_by(source: str, others: Mapping[str, Any]) -> dict[str, Any]:
    namespace = {"torch": torch, "__name__": __name__} | dict(others)
    exec(compile(source, "<mutant>", "exec"), namespace)
    return namespace


def mutated(problem: Problem, programs: list[Original], sample: int | None = None) -> Mutated:
    """Judge the mutants of right `programs` of a problem."""
    exam = Exam(_untimed(problem), PUBLIC_SEED, CPU)
    pairs = [(program, mutant) for program in programs for mutant in mutants(program.source)]
    if sample is not None and sample < len(pairs):
        pairs = random.Random(0).sample(pairs, sample)
    alive = [
        (program, mutant)
        for program, mutant in pairs
        if _first_fault(problem, exam.cases, exam.expected, program, mutant.source) is None
    ]
    inputs = wide_cases(problem, WIDE) if alive and can_be_wide(problem) else []
    return Mutated(problem.name, len(pairs), tuple(_survivor(problem, inputs, *pair) for pair in alive))


def _untimed(problem: Problem) -> Problem:
    """The problem without the cases that ask for speed alone."""
    return replace(problem, cases=lambda generator: [case for case in problem.cases(generator) if not case.timed])


def _survivor(problem: Problem, inputs: list[tuple[Case, Expected]], program: Original, mutant: Mutant) -> Survivor:
    """A mutant is wrong where its original is right and it is clearly not."""
    for case, expected in inputs:
        clearly = replace(expected, tolerances=tuple(CLEARLY * tolerance for tolerance in expected.tolerances))
        right = _first_fault(problem, [case], [expected], program, program.source) is None
        if right and (fault := _first_fault(problem, [case], [clearly], program, mutant.source)):
            return Survivor(program.name, mutant, f"{fault} ({_said(case)})")
    return Survivor(program.name, mutant, None)


def _said(case: Case) -> str:
    """The sizes and the numbers of a case."""
    sizes = [f"{name} {tuple(tensor.shape)}" for name, tensor in tensors_in(case.arguments)]
    plain = [
        f"{name} {value}" for name, value in case.arguments.items() if isinstance(value, int | float | tuple | list)
    ]
    return ", ".join([*sizes, *plain, str(case.dtype), case.layout])


def _first_fault(
    problem: Problem, cases: Sequence[Case], expected: Sequence[Expected], program: Original, source: str
) -> str | None:
    """What is wrong with a source in the first case in which something is; None if nothing is."""
    try:
        with stopped_after(PATIENCE):
            functions = program.functions(source)
    except (Exception, TooSlowError) as error:
        return f"it does not run: {error!r}"
    for case, right in zip(cases, expected, strict=True):
        outcome = run(problem, replace(case, limit=PATIENCE), functions, CPU)
        if fault := find(problem, case, outcome, right):
            return fault
    return None
