"""Compares what the student's function gave with the reference: outcomes in, verdict out."""

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch

from autograder.calls.case import OUT, Case, tensors_in
from autograder.calls.outcome import NOT_WRITTEN, STOPPED, Outcome
from autograder.calls.run import run, run_all
from autograder.expected import Expected, baseline, draw, expect
from autograder.problem import Problem, Target
from autograder.programs import Program
from autograder.resemblance import nearest

# Seconds: a timed call that was too slow is made again until so much is spent, for the machine may have been busy.
PATIENCE = 1.0

# How many times as long as it may take a timed call takes before it is stopped.
CLEARLY = 4


@dataclass(frozen=True)
class Criterion:
    """One row of the table: what was asked, the points, and one sentence for each case that failed."""

    name: str
    points: float
    earned: float
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The result of one problem; `mistake` is the name of the known mistake that it looks like."""

    problem: str
    criteria: tuple[Criterion, ...]
    hint: str | None = None
    mistake: str | None = None

    @property
    def score(self) -> float:
        return float(sum(c.earned for c in self.criteria))

    @property
    def maximum(self) -> float:
        return float(sum(c.points for c in self.criteria))


def asks_for_forward(verdict: Verdict) -> bool:
    """Whether the verdict on a backward function leaves open if its forward function is to blame.

    It does not where nothing is lost, where a hint says more, and where nothing is written.
    """
    unwritten = any(NOT_WRITTEN in finding for c in verdict.criteria for finding in c.findings)
    return verdict.score < verdict.maximum and not verdict.hint and not unwritten


def with_forward(verdict: Verdict, forward: Verdict) -> Verdict:
    """The verdict on a backward function, with a hint if it has none and suffers from its forward function."""
    lost, lost_before = ({c.name for c in v.criteria if c.earned < c.points} for v in (verdict, forward))
    if not asks_for_forward(verdict):
        return verdict
    if lost_before - {"contract", "speed"}:
        why = f"is not right yet, and {verdict.problem} works from its cache"
    elif "speed" in lost & lost_before:
        why = f"is too slow, and its time counts in {verdict.problem} too"
    else:
        return verdict
    return replace(verdict, hint=f"{forward.problem} {why}: make that check pass first.")


def grade(
    problem: Problem,
    functions: Mapping[str, Any],
    seed: int,
    device: torch.device,
    dtype: torch.dtype | None = None,
) -> Verdict:
    """Run every case of `problem` with the student's `functions` and judge them.

    The cases are drawn from `seed`; `dtype` replaces the one of every case.
    """
    return Exam(problem, seed, device, dtype).grade(functions)


class Exam:
    """The cases of `problem` for one seed, with what they must give and what known mistakes give.

    Both are computed once, however many students are judged. `dtype` replaces the one of every case.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        device: torch.device,
        dtype: torch.dtype | None = None,
    ):
        self.problem, self.seed, self.device, self.dtype = problem, seed, device, dtype
        self.cases = draw(problem, seed, dtype)
        self._of_programs: dict[tuple[Program, int], Outcome] = {}

    @functools.cached_property
    def expected(self) -> list[Expected]:
        """What each case must give."""
        return [expect(self.problem, case, self.device) for case in self.cases]

    def grade(self, functions: Mapping[str, Any]) -> Verdict:
        """Run every case with the student's `functions` and judge them."""
        return self.judge(self.outcomes(lambda cases: run_all(self.problem, cases, functions, self.device)))

    def grade_program(self, program: Program) -> Verdict:
        """The verdict on a known program, from what it gave when another one was compared with it, if one was."""
        places = {id(case): i for i, case in enumerate(self.cases) if not case.timed}
        functions = self.problem.functions_of(program)

        def ask(cases: Sequence[Case]) -> list[Outcome]:
            return [
                self.outcome_of(program, places[id(case)])
                if id(case) in places
                else run(self.problem, case, functions, self.device)
                for case in cases
            ]

        return self.judge(self.outcomes(ask))

    def outcomes(self, ask: Callable[[Sequence[Case]], list[Outcome]]) -> list[Outcome]:
        """One outcome for each case; `ask` makes the calls of the cases that it is given."""
        untimed = iter(ask([case for case in self.cases if not case.timed]))
        outcomes: list[Outcome] = []
        for i, case in enumerate(self.cases):
            stopped = bool(outcomes) and outcomes[-1].interrupted
            outcomes.append(next(untimed) if not case.timed else outcomes[-1] if stopped else self._timed(i, ask))
        return outcomes

    def _timed(self, i: int, ask: Callable[[Sequence[Case]], list[Outcome]]) -> Outcome:
        """The outcome of a case, with how many times as long as the reference its fastest call took.

        A call that was too slow is made again, with other numbers: one that remembers the last answer is not fast.
        """
        reference = baseline(self.problem, self.cases[i], self.device)
        limit = max(PATIENCE / 2, CLEARLY * self.problem.speed * reference)
        first, taken = None, []
        for seed in itertools.count(self.seed):
            case = draw(self.problem, seed, self.dtype)[i] if taken else self.cases[i]
            start = time.perf_counter()
            (outcome,) = ask([replace(case, limit=limit)])
            seconds = time.perf_counter() - start
            first = first or outcome
            if outcome.complaint and STOPPED in outcome.complaint:
                times = f"{limit / reference:,.0f} times as long as torch; at most {self.problem.speed:g}."
                return replace(outcome, complaint=f"{outcome.complaint.removesuffix('.')}, {times}")
            if outcome.outputs is None or (taken and self._wrong(case, outcome)):
                break
            taken.append(seconds)
            if seconds <= self.problem.speed * reference or sum(taken) >= PATIENCE:
                break
        return replace(first, ratio=min(taken) / reference) if taken else first

    def _wrong(self, case: Case, outcome: Outcome) -> bool:
        return find(self.problem, case, outcome, expect(self.problem, case, self.device)) is not None

    def judge(self, outcomes: Sequence[Outcome]) -> Verdict:
        """Verdict on one outcome for each case, all computed on the exam's device."""
        cases, problem = self.cases, self.problem
        findings = [
            find(problem, case, outcome, expected) or self._too_slow(case, outcome)
            for case, outcome, expected in zip(cases, outcomes, self.expected, strict=True)
        ]
        if len({outcome.complaint for outcome in outcomes}) == 1 and outcomes[0].complaint:
            # The same in every case: it is about the function, not about a case.
            findings = [outcomes[0].complaint] * len(cases)
        failed = {case.criterion for case, found in zip(cases, findings, strict=True) if found}
        criteria = tuple(
            Criterion(
                name,
                points,
                0.0 if name in failed or "values" in failed else float(points),
                tuple(f for case, f in zip(cases, findings, strict=True) if f and case.criterion == name),
            )
            for name, points in problem.points.items()
        )
        mistake = self._recognise(outcomes, findings) if failed else None
        return Verdict(problem.name, criteria, mistake and mistake.hint, mistake and mistake.name)

    def refuse(self, why: str) -> Verdict:
        """Verdict on a function that cannot be called or must not be; `why` is a sentence."""
        return self.judge([Outcome(None, why, ())] * len(self.cases))

    def _too_slow(self, case: Case, outcome: Outcome) -> str | None:
        """The sentence about a timed call with the right result that took too long."""
        speed = self.problem.speed
        if outcome.ratio is None or outcome.ratio <= speed:
            return None
        return f"{case.name}: right, but it took {outcome.ratio:,.0f} times as long as torch; at most {speed:g}."

    def _recognise(self, outcomes: Sequence[Outcome], findings: Sequence[str | None]) -> Program | None:
        """The known mistake that gives what the student's program gives, or else the one that it resembles."""
        return self._equal(outcomes, findings) or nearest(
            self.problem, self.cases, self.expected, outcomes, self.outcome_of
        )

    def _equal(self, outcomes: Sequence[Outcome], findings: Sequence[str | None]) -> Program | None:
        """The known mistake that is wrong where the student's program is wrong, in the same way, and nowhere else.

        The contract's cases count only when they are all that is wrong: a slip there must not hide a wrong formula.
        """
        untimed = [i for i, case in enumerate(self.cases) if not case.timed]
        relevant = [i for i in untimed if self.cases[i].criterion != "contract"]
        if not any(findings[i] for i in relevant):
            relevant = untimed
        if not any(findings[i] for i in relevant) or any(outcomes[i].outputs is None for i in relevant):
            # What gives nothing can be none of them: the known mistakes all give something.
            return None
        return next((m for m in self.problem.mistakes if self._fits(m, outcomes, findings, relevant)), None)

    def _fits(
        self, mistake: Program, outcomes: Sequence[Outcome], findings: Sequence[str | None], relevant: Iterable[int]
    ) -> bool:
        for i in relevant:
            case, expected = self.cases[i], self.expected[i]
            theirs = self.outcome_of(mistake, i)
            if not _alike(self.problem, case, outcomes[i], theirs, expected) and (
                findings[i] or find(self.problem, case, theirs, expected)
            ):
                return False
        return True

    def outcome_of(self, program: Program, i: int) -> Outcome:
        """What a known program gives in a case, run when first asked for."""
        if (program, i) not in self._of_programs:
            functions = self.problem.functions_of(program)
            self._of_programs[program, i] = run(self.problem, self.cases[i], functions, self.device)
        return self._of_programs[program, i]


def find(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """What is wrong with `outcome`, in a sentence or two; None if it is right.

    Dtype, device and unchanged inputs are the business of the criterion "contract" alone.
    """
    judges = [_wrong_values if problem.measured is None else _wrong_quantities]
    if case.criterion == "contract":
        # Numbers of another dtype differ in their last digits: it is the dtype that is to be told.
        judges.insert(0, _wrong_dtype)
    found = outcome.complaint or _first(judge(problem, case, outcome, expected) for judge in judges)
    if case.criterion == "contract":
        if found and _rounded(case, outcome, expected):
            found += " In float32 this would be rounding: is a part of it computed in float32?"
        found = found or _breach(problem, case, outcome, expected)
    return found and f"{case.name}: {found}"


def _wrong_values(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    values = [output.values for output in outcome.outputs]
    rows = zip(problem.labels, values, expected.outputs, expected.tolerances, strict=True)
    return _first(_difference(*row) for row in rows)


def _rounded(case: Case, outcome: Outcome, expected: Expected) -> bool:
    """Whether float64 outputs would be right in float32."""
    if case.dtype != torch.float64 or outcome.outputs is None or expected.measured:
        return False
    coarser = torch.finfo(torch.float32).eps / torch.finfo(torch.float64).eps
    rows = zip(outcome.outputs, expected.outputs, expected.tolerances, strict=True)
    return all(
        output.values.dtype == right.dtype and _difference("", output.values, right, tolerance * coarser) is None
        for output, right, tolerance in rows
    )


def _wrong_quantities(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    found = _unmeasurable(problem, outcome, expected)
    if found:
        return found
    quantities = _quantities(problem, case, outcome)
    return _first(_off_target(*row) for row in zip(problem.measured.labels, quantities, expected.measured, strict=True))


def _unmeasurable(problem: Problem, outcome: Outcome, expected: Expected) -> str | None:
    """Why nothing can be measured on the outputs; None if it can."""
    for label, output, right in zip(problem.labels, outcome.outputs, expected.outputs, strict=True):
        wrong = _misshapen(label, output.values, right)
        if wrong:
            return wrong
        if not bool(torch.isfinite(output.values).all()):
            return f"{label} has values that are not finite."
    return None


def _quantities(problem: Problem, case: Case, outcome: Outcome) -> tuple[torch.Tensor, ...]:
    return problem.measured.of(case, tuple(output.values.double() for output in outcome.outputs))


def _off_target(label: str, got: torch.Tensor, target: Target) -> str | None:
    if not target.at_least:
        return _difference(label, got, target.value, target.tolerance)
    if bool((got >= target.value - target.tolerance).all()):
        return None
    return f"{label} is {_two_numbers(got.min(), target.value.max(), 'expected at least')}."


def _wrong_dtype(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    for label, output, right in zip(problem.labels, outcome.outputs, expected.outputs, strict=True):
        if output.values.dtype != right.dtype:
            given = any(True for _ in tensors_in(case.arguments)) and right.dtype == case.dtype
            whose = ", that of the inputs" if given else ""
            return f"{label} has dtype {_dtype(output.values)}; expected {_dtype(right)}{whose}."
    return None


def _breach(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    for label, output in zip(problem.labels, outcome.outputs, strict=True):
        if output.device != expected.device:
            return f"{label} is on {output.device}; expected {expected.device}, where the inputs are."
    if outcome.modified:
        changed = (name if name == OUT else f"its input {name}" for name in outcome.modified)
        return f"the call changed {' and '.join(changed)}; work on a copy."
    return None


def _first(found: Iterable[str | None]) -> str | None:
    return next(filter(None, found), None)


def _alike(problem: Problem, case: Case, a: Outcome, b: Outcome, expected: Expected) -> bool:
    """Whether two outcomes are the same to this case's criterion."""
    if a.outputs is None or b.outputs is None:
        return False
    if case.criterion == "contract" and (
        a.modified != b.modified
        or [(x.device, x.values.dtype) for x in a.outputs] != [(x.device, x.values.dtype) for x in b.outputs]
    ):
        return False
    if problem.measured is None:
        rows = zip(a.outputs, b.outputs, expected.tolerances, strict=True)
        return not any(_difference("", x.values, y.values, tolerance) for x, y, tolerance in rows)
    ours, theirs = (_unmeasurable(problem, outcome, expected) for outcome in (a, b))
    if ours or theirs:
        return ours == theirs
    rows = zip(_quantities(problem, case, a), _quantities(problem, case, b), expected.measured, strict=True)
    return not any(_difference("", x, y, target.tolerance) for x, y, target in rows)


def _misshapen(label: str, got: torch.Tensor, expected: torch.Tensor) -> str | None:
    if got.shape != expected.shape:
        return f"{label} has shape {tuple(got.shape)}; expected {tuple(expected.shape)}."
    if got.is_complex():
        return f"{label} is complex; expected {_dtype(expected)}."
    return None


def _difference(label: str, got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> str | None:
    wrong = _misshapen(label, got, expected)
    if wrong:
        return wrong
    error = (got.double() - expected.double()).abs()
    wrong = ~((error <= tolerance) | (got == expected) | (got.isnan() & expected.isnan()))
    if not wrong.any():
        return None
    return _describe(label, got, expected, error, wrong, tolerance)


def _describe(label: str, got, expected, error, wrong, tolerance: float) -> str:
    """Where two tensors differ most, absolutely and relatively, and in how many places.

    A relative error is told only where the expected value is larger than what rounding does. Of a single number
    there is nothing more to say than what it is.
    """
    if not expected.dim():
        return f"{label} is {_two_numbers(got, expected)}."
    infinite = float("inf")
    absolute = _argmax(error.where(wrong, 0.0).nan_to_num(infinite, infinite))
    ratio = error / expected.double().abs()
    ratio = ratio.where(wrong & (expected.abs() > tolerance), 0.0)
    relative = _argmax(ratio.nan_to_num(infinite, infinite))
    sentence = f"{label}{_index(absolute)} is {_two_numbers(got[absolute], expected[absolute])}."
    if torch.isfinite(got).all():
        sentence += f" Largest absolute error {error[absolute]:.2g} at {_index(absolute) or '[]'}"
        if ratio[relative] > 0:
            sentence += f", largest relative error {ratio[relative]:.2g} at {_index(relative) or '[]'}"
        sentence += "."
    return f"{sentence} {int(wrong.sum())} of {wrong.numel()} values are wrong."


def _argmax(values: torch.Tensor) -> tuple[int, ...]:
    # Not torch's: the first use of that one imports a computer algebra system.
    return tuple(int(i) for i in numpy.unravel_index(int(values.argmax()), values.shape))


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _two_numbers(got: torch.Tensor, expected: torch.Tensor, how: str = "expected") -> str:
    """Both values, with as many digits as it takes to tell them apart."""
    if not expected.is_floating_point():
        return f"{got.item()}; {how} {expected.item()}"
    pairs = [(f"{float(got):.{digits}g}", f"{float(expected):.{digits}g}") for digits in (6, 9, 12, 17)]
    one, other = next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])
    return f"{one}; {how} {other}"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
