"""Compares what the student's function gave with the reference: outcomes in, verdict out."""

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch

from autograder.calls import kinds
from autograder.calls.case import OUT, Case, tensors_in
from autograder.calls.outcome import NOT_WRITTEN, Outcome, message_of, shorten
from autograder.calls.run import run, run_all
from autograder.expected import Expected, baseline, draw, expect
from autograder.problem import CONTRACT, Problem, Target
from autograder.programs import Program

# Seconds: a timed call that was too slow is made again until so much is spent, for the machine may have been busy.
PATIENCE = 1.0


@dataclass(frozen=True)
class Criterion:
    """One row of the table: what was asked, the points, one sentence for each case that failed, and what is right."""

    name: str
    points: float
    earned: float
    findings: tuple[str, ...]
    note: str = ""


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
    if lost_before - {CONTRACT, "speed"}:
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
        first, reference, taken = None, 0.0, []
        for seed in itertools.count(self.seed):
            case = draw(self.problem, seed, self.dtype)[i] if taken else self.cases[i]
            start = time.perf_counter()
            (outcome,) = ask([case])
            seconds = time.perf_counter() - start
            first = first or outcome
            if outcome.outputs is None or (taken and self._wrong(case, outcome)):
                break
            taken.append(seconds)
            # Beside the call, so that the machine is as busy as it was for that.
            reference = reference or baseline(self.problem, self.cases[i], self.device)
            if seconds <= self.problem.speed * reference or sum(taken) >= PATIENCE:
                break
        return replace(first, ratio=min(taken) / reference) if taken else first

    def _wrong(self, case: Case, outcome: Outcome) -> bool:
        return find(self.problem, case, outcome, expect(self.problem, case, self.device)) is not None

    def judge(self, outcomes: Sequence[Outcome]) -> Verdict:
        """Verdict on one outcome for each case, all computed on the exam's device."""
        cases, problem = self.cases, self.problem
        rows = list(zip(cases, outcomes, self.expected, strict=True))
        findings = [find(problem, *row) or self._too_slow(*row[:2]) for row in rows]
        breaches = [breach(problem, *row) for row in rows]
        if len({outcome.complaint for outcome in outcomes}) == 1 and outcomes[0].complaint:
            # The same in every case: it is about the function, not about a case.
            findings = [outcomes[0].complaint] * len(cases)
        said = {name: [] for name in problem.points}
        for case, found, broken in zip(cases, findings, breaches, strict=True):
            said[case.criterion] += [found] if found else []
            # Whatever a case asks about, the contract holds in it.
            said.get(CONTRACT, []).extend([broken] if broken else [])
        earned = {n: 0.0 if said[n] or said.get("values") else float(points) for n, points in problem.points.items()}
        note = ""
        if said.get("values"):
            earned["values"], note = self._partly_right(outcomes, findings)
        criteria = tuple(
            Criterion(name, points, earned[name], tuple(said[name]), note if name == "values" else "")
            for name, points in problem.points.items()
        )
        mistake = self._recognise(outcomes, findings, breaches) if any(said.values()) else None
        return Verdict(problem.name, criteria, mistake and mistake.hint, mistake and mistake.name)

    def _partly_right(self, outcomes: Sequence[Outcome], findings: Sequence[str | None]) -> tuple[float, str]:
        """The points of "values" that are earned although not all are right, and a sentence about them.

        Each kind of input, 2-D or 4-D, has the same part of the points; in it each output has its own share, which is
        earned when it is right in all cases of that kind.
        """
        points = self.problem.points["values"]
        kinds_of_input: dict[int, list[int]] = {}
        for i, case in enumerate(self.cases):
            if case.criterion == "values":
                kinds_of_input.setdefault(_dimensions(case), []).append(i)
        earned, right = 0.0, {}
        for dimensions, group in kinds_of_input.items():
            if not any(findings[i] for i in group):
                share, right[dimensions] = 1.0, "everything"
            else:
                labels = [n for n in self.problem.shares if all(self._is_right(n, i, outcomes[i]) for i in group)]
                share, right[dimensions] = sum(self.problem.shares[n] for n in labels) / points, ", ".join(labels)
            earned += share * points / len(kinds_of_input)
        said = (f"Right for {dimensions}-D inputs: {what}." for dimensions, what in right.items() if what)
        return earned, " ".join(said) if len(set(right.values())) > 1 else ""

    def _is_right(self, label: str, i: int, outcome: Outcome) -> bool:
        """Whether one of the outputs, or of the quantities that are measured on them, is right in a case."""
        if outcome.outputs is None:
            return False
        try:
            return compared(self.problem, self.cases[i], outcome, self.expected[i])[label] is None
        except Exception:
            # As in `find`: what cannot be compared is wrong.
            return False

    def refuse(self, why: str) -> Verdict:
        """Verdict on a function that cannot be called or must not be; `why` is a sentence."""
        return self.judge([Outcome(None, why, ())] * len(self.cases))

    def _too_slow(self, case: Case, outcome: Outcome) -> str | None:
        """The sentence about a timed call with the right result that took too long."""
        speed = self.problem.speed
        if outcome.ratio is None or outcome.ratio <= speed:
            return None
        return f"{case.name}: right, but it took {outcome.ratio:,.0f} times as long as torch; at most {speed:g}."

    def _recognise(
        self, outcomes: Sequence[Outcome], findings: Sequence[str | None], breaches: Sequence[str | None]
    ) -> Program | None:
        """The known mistake that is wrong where the student's program is wrong, in the same way, and nowhere else.

        The contract counts only when it is all that is broken: a slip there must not hide a wrong formula.
        """
        untimed = [i for i, case in enumerate(self.cases) if not case.timed]
        relevant = [i for i in untimed if self.cases[i].criterion != CONTRACT]
        contract = not any(findings[i] for i in relevant)
        relevant = untimed if contract else relevant
        wrong = [found or (broken if contract else None) for found, broken in zip(findings, breaches, strict=True)]
        if not any(wrong[i] for i in relevant) or any(outcomes[i].outputs is None for i in relevant):
            # What gives nothing can be none of them: the known mistakes all give something.
            return None

        def fits(mistake: Program) -> bool:
            return all(self._as_wrong(mistake, i, outcomes[i], wrong[i], contract) for i in relevant)

        return next(filter(fits, self.problem.mistakes), None)

    def _as_wrong(self, mistake: Program, i: int, outcome: Outcome, wrong: str | None, contract: bool) -> bool:
        """Whether a mistake is wrong in a case as the student's program is, or not wrong either."""
        theirs = self.outcome_of(mistake, i)
        row = self.problem, self.cases[i], theirs, self.expected[i]
        if alike(self.problem, self.cases[i], outcome, theirs, self.expected[i], contract):
            return True
        return not wrong and not find(*row) and not (contract and breach(*row))

    def outcome_of(self, program: Program, i: int) -> Outcome:
        """What a known program gives in a case, run when first asked for."""
        if (program, i) not in self._of_programs:
            functions = self.problem.functions_of(program)
            self._of_programs[program, i] = run(self.problem, self.cases[i], functions, self.device)
        return self._of_programs[program, i]


def find(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """What is wrong with `outcome`, in a sentence or two; None if it is right.

    Dtype, device and unchanged inputs are the business of the criterion "contract" alone (see `breach`). A result
    that cannot be compared at all, such as one with numbers that no measuring can take, is wrong.
    """
    try:
        return _find(problem, case, outcome, expected)
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(message_of(error))}"
        return f"{case.name}: the result cannot be compared with the right one ({why}); look at its numbers."


def _find(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    found = outcome.complaint
    if case.criterion == CONTRACT:
        # Numbers of another dtype differ in their last digits: it is the dtype that is to be told.
        found = found or _wrong_dtype(problem, case, outcome, expected)
    found = found or _wrong_values(problem, case, outcome, expected)
    if case.criterion == CONTRACT:
        if found and _rounded(case, outcome, expected):
            found += " In float32 this would be rounding: is a part of it computed in float32?"
        found = found or _breach(problem, case, outcome, expected)
    return found and f"{case.name}: {found}"


def breach(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """What breaks the contract in a case that asks about something else, in a sentence; None if nothing does."""
    if case.criterion == CONTRACT or case.timed or outcome.outputs is None:
        return None
    found = _wrong_dtype(problem, case, outcome, expected) or _breach(problem, case, outcome, expected)
    return found and f"{case.name}: {found}"


def _wrong_values(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """The first thing that is wrong, and which outputs are right all the same."""
    found = compared(problem, case, outcome, expected)
    wrong = _first(found.values())
    right = [label for label, what in found.items() if what is None and label in problem.labels]
    if not wrong or not right:
        return wrong
    listed = " and ".join([", ".join(right[:-1]), right[-1]] if right[1:] else right)
    return f"{wrong} {listed} {'are' if right[1:] else 'is'} right."


def compared(problem: Problem, case: Case, outcome: Outcome, expected: Expected) -> dict[str, str | None]:
    """What is wrong with each output, or each quantity that is measured on them, by its name; None of a right one."""
    if problem.measured is None:
        values = [output.values for output in outcome.outputs]
        rows = zip(problem.labels, values, expected.outputs, expected.tolerances, strict=True)
        found = {label: _difference(label, *row) for label, *row in rows}
        if problem.call is not kinds.numbers:
            return found
        # Where a ValueError is raised and should not be, or the other way, there are no numbers to be compared.
        raised = found.pop(problem.labels[0])
        return dict.fromkeys(found, raised) if raised else found
    unmeasurable = _unmeasurable(problem, outcome, expected)
    if unmeasurable:
        return dict.fromkeys(problem.measured.labels, unmeasurable)
    rows = zip(problem.measured.labels, _quantities(problem, case, outcome), expected.measured, strict=True)
    return {label: _off_target(label, *row) for label, *row in rows}


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


def _dimensions(case: Case) -> int:
    """Those of the first tensor among the arguments; 0 without one."""
    return next((tensor.dim() for _, tensor in tensors_in(case.arguments)), 0)


def _first(found: Iterable[str | None]) -> str | None:
    return next(filter(None, found), None)


def alike(problem: Problem, case: Case, a: Outcome, b: Outcome, expected: Expected, contract: bool) -> bool:
    """Whether two outcomes are the same, to the `contract` too if that counts; what cannot be compared is not."""
    try:
        return _alike(problem, case, a, b, expected, contract)
    except Exception:
        return False


def _alike(problem: Problem, case: Case, a: Outcome, b: Outcome, expected: Expected, contract: bool) -> bool:
    if a.outputs is None or b.outputs is None:
        return False
    if contract and (
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
