"""Judges a function by its outcomes in all cases: outcomes in, verdict out."""

import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from autograder.calls.case import Case, tensors_in
from autograder.calls.kinds import TRAININGS
from autograder.calls.outcome import NOT_WRITTEN, STOPPED, Outcome
from autograder.calls.run import one_thread, run, run_all
from autograder.compare import alike, breach, compared, find
from autograder.expected import Expected, baseline, draw, expect, waited
from autograder.problem import CONTRACT, Mistake, Problem
from autograder.programs import Program
from autograder.resemblance import nearest
from autograder.sketch import Sketch, sketch_of

# Seconds: a timed call that was too slow is made again until so much is spent, for the machine may have been busy.
PATIENCE = 1.0

# How many times as long as it may take a timed call takes before it is stopped.
CLEARLY = 4

# How many times as long as a right program of the course a training may compute, and the seconds that it may in any
# case. With a convolution that loops over all places a network takes 20 to 40 times as long, and is right.
TRAINING, LEAST = 100, 30.0


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
    """The result of one problem; `mistake` is the name of the known mistake that it looks like.

    Where it looks like none and something is wrong, `sketch` says what was returned.
    """

    problem: str
    criteria: tuple[Criterion, ...]
    hint: str | None = None
    mistake: str | None = None
    sketch: Sketch = field(default_factory=dict)

    @property
    def score(self) -> float:
        return float(sum(c.earned for c in self.criteria))

    @property
    def maximum(self) -> float:
        return float(sum(c.points for c in self.criteria))


def was_stopped(outcome: Outcome) -> bool:
    """Whether a call was stopped because it computed for too long."""
    return STOPPED in (outcome.complaint or "")


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

    Both are computed once, however many students are judged. `dtype` replaces the one of every case. With `ruled` known
    programs are held to the rules at each of their operations, as a student's is: they are the course's own and have
    been tried so before a release, and it is most of the time that they take.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        device: torch.device,
        dtype: torch.dtype | None = None,
        ruled: bool = False,
    ):
        self.problem, self.seed, self.device, self.dtype, self.ruled = problem, seed, device, dtype, ruled
        self.cases = draw(problem, seed, dtype)
        self._of_programs: dict[tuple[Program, int], Outcome] = {}
        # Seconds of computing that a right program takes in a case, where one that is clearly too slow is stopped.
        self._trainings: list[float] = []

    def limit_trainings(self) -> None:
        """Have a training stopped that computes far longer than a right program of the course does, here and now."""
        if self.problem.call not in TRAININGS:
            return
        functions = self.problem.functions_of(self.problem.alternatives[0])
        for i, case in enumerate(self.cases):
            with one_thread():
                start = time.thread_time()
                # Held to the rules, as a student's is.
                run(self.problem, case, functions, self.device)
                self._trainings.append(time.thread_time() - start)
            self.cases[i] = replace(case, limit=max(LEAST, TRAINING * self._trainings[i]))

    @functools.cached_property
    def expected(self) -> list[Expected]:
        """What each case must give."""
        return [self.expected_of(i) for i in range(len(self.cases))]

    def expected_of(self, i: int) -> Expected:
        """What one case must give, computed anew."""
        return expect(self.problem, self.cases[i], self.device)

    def grade(self, functions: Mapping[str, Any]) -> Verdict:
        """Run every case with the student's `functions` and judge them."""
        return self.judge(self.outcomes(lambda cases: run_all(self.problem, cases, functions, self.device)))

    def grade_program(self, program: Program, anew: bool = False) -> Verdict:
        """The verdict on a known program (see `outcomes_of`)."""
        return self.judge(self.outcomes_of(program, anew))

    def outcomes_of(self, program: Program, anew: bool = False) -> list[Outcome]:
        """One outcome for each case: what a known program gave when another one was compared with it, if one was.

        With `anew` it is run once more, whatever it gave then.
        """
        places = {id(case): i for i, case in enumerate(self.cases) if not case.timed}
        functions = self.problem.functions_of(program)

        def ask(cases: Sequence[Case]) -> list[Outcome]:
            return [
                self.outcome_of(program, places[id(case)])
                if id(case) in places and not anew
                else self._run(case, functions)
                for case in cases
            ]

        return self.outcomes(ask)

    def outcomes(self, ask: Callable[[Sequence[Case]], list[Outcome]]) -> list[Outcome]:
        """One outcome for each case; `ask` makes the calls of the cases that it is given."""
        untimed = iter(self._explained(ask([case for case in self.cases if not case.timed])))
        outcomes: list[Outcome] = []
        for i, case in enumerate(self.cases):
            stopped = bool(outcomes) and outcomes[-1].interrupted
            outcomes.append(next(untimed) if not case.timed else outcomes[-1] if stopped else self._timed(i, ask))
        return outcomes

    def _explained(self, outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes; that of a training that was stopped, after which none was made, says what it may take."""
        stopped = next((i for i, outcome in enumerate(outcomes) if was_stopped(outcome)), None)
        if stopped is None or not self._trainings:
            return outcomes
        times = self.cases[stopped].limit / self._trainings[stopped]
        why = (
            f"{outcomes[stopped].complaint.removesuffix('.')}, {times:,.0f} times as long as a program of the course "
            "takes, and may not take longer: make fewer passes over the data, or compute a batch at once in place of "
            "one image after the other."
        )
        return [replace(outcome, complaint=why) if was_stopped(outcome) else outcome for outcome in outcomes]

    def _timed(self, i: int, ask: Callable[[Sequence[Case]], list[Outcome]]) -> Outcome:
        """The outcome of a case, with how many times as long as the reference its fastest call took.

        A call that was too slow is made again, with other numbers: one that remembers the last answer is not fast.
        """
        reference = baseline(self.problem, self.cases[i], self.device)
        limit = max(PATIENCE / 2, CLEARLY * self.problem.speed * reference)
        first, taken = None, []
        for seed in itertools.count(self.seed):
            case = self.case_again(i, seed) if taken else self.cases[i]
            start = time.perf_counter() - waited()
            (outcome,) = ask([replace(case, limit=limit)])
            # In this order: put aside between the two, a thread seems slower, and is asked again.
            clock = -waited() + time.perf_counter() - start
            seconds = clock if outcome.seconds is None else min(clock, outcome.seconds)
            first = first or outcome
            if was_stopped(outcome):
                times = f"{limit / reference:,.0f} times as long as torch; at most {self.problem.speed:g}."
                return replace(outcome, complaint=f"{outcome.complaint.removesuffix('.')}, {times}")
            if outcome.outputs is None or (taken and self._wrong(case, outcome)):
                break
            taken.append(seconds)
            if seconds <= self.problem.speed * reference or sum(taken) >= PATIENCE:
                break
        return replace(first, ratio=min(taken) / reference) if taken else first

    def case_again(self, i: int, seed: int) -> Case:
        """A case with other numbers, those of `seed`."""
        return draw(self.problem, seed, self.dtype)[i]

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
        if mistake or not any(said.values()):
            return Verdict(problem.name, criteria, mistake and mistake.hint, mistake and mistake.name)
        return Verdict(problem.name, criteria, sketch=self._sketch(outcomes, findings, breaches))

    def _sketch(
        self, outcomes: Sequence[Outcome], findings: Sequence[str | None], breaches: Sequence[str | None]
    ) -> Sketch:
        """What was returned; nothing where that cannot be told: it is worth no submission."""
        try:
            return sketch_of(self.problem, self.cases, outcomes, findings, breaches)
        except Exception:
            return {}

    def _partly_right(self, outcomes: Sequence[Outcome], findings: Sequence[str | None]) -> tuple[float, str]:
        """The points of "values" that are earned although not all are right, and a sentence about them.

        Each kind of input, 2-D or 4-D, has the same part of the points; in it each output has its own share, which is
        earned when it is right in all cases of that kind that ask for it, and in another one if there are any: a
        function that is right the first time that it is called is not right for inputs of that kind.
        """
        points = self.problem.points["values"]
        kinds_of_input: dict[int, list[int]] = {}
        for i, case in enumerate(self.cases):
            if case.criterion == "values":
                kinds_of_input.setdefault(_dimensions(case), []).append(i)
        earned, right = 0.0, {}
        for dimensions, group in kinds_of_input.items():
            others = [
                i
                for i, case in enumerate(self.cases)
                if case.criterion != "values" and not case.timed and _dimensions(case) == dimensions
            ]
            share, right[dimensions] = self._share(group, others, outcomes, findings)
            earned += share * points / len(kinds_of_input)
        said = (f"Right for {dimensions}-D inputs: {what}." for dimensions, what in right.items() if what)
        return earned, " ".join(said) if len(set(right.values())) > 1 else ""

    def _share(
        self, group: Sequence[int], others: Sequence[int], outcomes: Sequence[Outcome], findings: Sequence[str | None]
    ) -> tuple[float, str]:
        """The share of what is right in all cases of `group`, and in one of the `others` if there are any; its name."""

        def holds(is_right: Callable[[int], bool]) -> bool:
            return all(map(is_right, group)) and (not others or any(map(is_right, others)))

        if holds(lambda i: not findings[i]):
            return 1.0, "everything"
        shares = self.problem.shares
        labels = [label for label in shares if holds(lambda i, label=label: self._is_right(label, i, outcomes[i]))]
        return sum(shares[label] for label in labels) / self.problem.points["values"], ", ".join(labels)

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
    ) -> Mistake | None:
        """The known mistake that gives what the student's program gives, or else the one that it resembles.

        None where that cannot be compared: a hint is worth no submission.
        """
        try:
            if found := self._equal(outcomes, findings, breaches):
                return found
            if self.problem.measured is not None:
                return self._alike_where_wrong(outcomes, findings)
            return nearest(self.problem, self.cases, self.expected, outcomes, self.outcome_of)
        except Exception:
            return None

    def _equal(
        self, outcomes: Sequence[Outcome], findings: Sequence[str | None], breaches: Sequence[str | None]
    ) -> Mistake | None:
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

    def _alike_where_wrong(self, outcomes: Sequence[Outcome], findings: Sequence[str | None]) -> Mistake | None:
        """The mistake that measures the same in the plain cases; where these are right, in the edge cases that are not.

        The program may have a branch for an edge case, fail in it, or have a second mistake there. None if mistakes
        with several hints are like it, and where a score is asked for: a low one has many causes.
        """
        if any(target.at_least for expected in self.expected for target in expected.measured):
            return None
        plain = [i for i, case in enumerate(self.cases) if case.criterion == "values"]
        places = plain
        if not any(findings[i] for i in plain):
            edges = [i for i, case in enumerate(self.cases) if case.criterion == "edge cases" and not case.timed]
            places = plain + [i for i in edges if findings[i] and outcomes[i].outputs is not None]
        if not any(findings[i] for i in places) or any(outcomes[i].outputs is None for i in plain):
            return None

        def fits(mistake: Program) -> bool:
            return all(self._as_wrong(mistake, i, outcomes[i], findings[i], contract=False) for i in places)

        found = list(filter(fits, self.problem.mistakes))
        return found[0] if len({mistake.hint for mistake in found}) == 1 else None

    def _as_wrong(self, mistake: Mistake, i: int, outcome: Outcome, wrong: str | None, contract: bool) -> bool:
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
            self._of_programs[program, i] = self._run(self.cases[i], functions)
        return self._of_programs[program, i]

    def _run(self, case: Case, functions: Mapping[str, Any]) -> Outcome:
        """What a known program gives; a timed one has to bear what a student's has."""
        return run(self.problem, case, functions, self.device, ruled=self.ruled or case.timed)


def _dimensions(case: Case) -> int:
    """Those of the first tensor among the arguments; 0 without one."""
    return next((tensor.dim() for _, tensor in tensors_in(case.arguments)), 0)
