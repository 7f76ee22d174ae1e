"""A notebook run in the sandbox and judged from outside: sources go in, outputs and scores come out."""

import ast
import contextlib
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from nbformat import NotebookNode, from_dict
from nbgrader.utils import is_grade, is_solution

from autograder.calls import exchange
from autograder.calls.case import Case
from autograder.calls.kinds import TRAININGS, backward
from autograder.calls.outcome import Outcome
from autograder.grading.job import FULL, OUT_OF_MEMORY
from autograder.grading.outputs import FLOOD, Displays, Outputs, error_output, keep_in_bounds
from autograder.grading.restore import SKIPPED
from autograder.grading.settings import Settings
from autograder.judge import Exam, Verdict, was_stopped, with_forward
from autograder.names import PREFIX, tree_of
from autograder.problem import Problem
from autograder.problems import find_problem
from autograder.rules.search import broken
from autograder.rules.sources import Sources
from autograder.sandbox.inside.kernel import CALLS, FILES
from autograder.sandbox.kernels import Kernel, KernelEndedError, ParentEndedError, Reply, warm_parent
from autograder.table import Report

# How often a notebook is run when the process that forks its kernels ends.
ATTEMPTS = 3
# How often the kernel of one notebook is started again after it ended.
RESTARTS = 32
# How many cells and checks of one notebook are run again, in a new kernel, when they used up their time and hardly
# computed: the machine may have stood still. What only sleeps does so again.
SECOND_TRIES = 2
# How many times as much as a cell all cells together may show.
ALL_CELLS = 20
# What torch says of every call after one that broke the process's connection to the GPU, as an index beyond the end of
# a tensor does.
_BROKEN = "CUDA error"
# Characters of what a function prints while it is checked.
_PRINTED = 2000


def execute(notebook: NotebookNode, files: Mapping[str, bytes], settings: Settings) -> tuple[str, ...]:
    """Run the code cells of `notebook`, restored from a submission, and write their outputs into it.

    `files` lie beside the notebook, by relative path. Check cells get their verdict's table and score from outside;
    all other cells what they showed, without HTML. Returns a sentence for the instructor for each check and cell that
    met a limit, which may have cost points. Raises `NoSandboxError` where nothing can be shut in.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            with _Run(notebook, files, settings) as run:
                run.all_cells()
            return tuple(run.remarks)
        except ParentEndedError:
            # The machine's fault, not the submission's.
            warm_parent.cache_clear()
            if attempt == ATTEMPTS:
                raise


def problem_of(cell: NotebookNode) -> Problem | None:
    """The problem that a check cell is about, by its grade_id; None for every other cell."""
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    if not is_grade(cell) or is_solution(cell) or not grade_id.startswith(PREFIX):
        return None
    return find_problem(grade_id.removeprefix(PREFIX))


@functools.lru_cache(maxsize=256)
def _exam(problem: str, seed: int, device: str) -> Exam:
    exam = Exam(find_problem(problem), seed, torch.device(device))
    exam.limit_trainings()
    return exam


class _Run:
    """One run through a notebook; a kernel that ends is started again, and the cells before run again."""

    def __init__(self, notebook: NotebookNode, files: Mapping[str, bytes], settings: Settings):
        self._files, self._settings = files, settings
        self._cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        ordinary = [cell for cell in self._cells if problem_of(cell) is None]
        self._sources = Sources(["" if _is_skipped(cell) else cell.source for cell in ordinary])
        self._left = settings.limits.notebook_seconds
        self._room = ALL_CELLS * settings.limits.output
        self._starts = self._again = 0
        self._past: list[NotebookNode] = []
        self._displays: Displays = {}
        self._verdicts: dict[str, Verdict] = {}
        self._limits: dict[str, str] = {}
        self._ran = 0
        self._kernel: Kernel | None = None
        self.remarks: list[str] = []

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *_: Any) -> None:
        self._end()

    def all_cells(self) -> None:
        count = 0
        for cell in self._cells:
            problem = problem_of(cell)
            if problem is None:
                self._ran += 1
                if _is_skipped(cell):
                    continue
            count += 1
            cell.execution_count = count
            cell.outputs = self._run(cell) if problem is None else self._check(problem, cell)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
            if problem is None and is_grade(cell) and not is_solution(cell):
                keep_in_bounds(cell)

    def _run(self, cell: NotebookNode) -> list[NotebookNode]:
        """The outputs of an ordinary cell."""
        limit = self._settings.limits.output
        shown = Outputs(min(limit, self._room), FLOOD * limit, self._displays)
        outputs = self._run_showing(cell, shown)
        self._room = max(0, self._room - min(shown.size, limit))
        return outputs

    def _run_showing(self, cell: NotebookNode, shown: Outputs) -> list[NotebookNode]:
        try:
            reply = self._request("execute", execution(cell.source), shown=shown)
        except NotRunError as error:
            return [error_output("NotRun", str(error))]
        except KernelEndedError as error:
            said = f"The kernel ended while this cell ran: {error}. It was started again without this cell."
            return [*shown.outputs, error_output("KernelEnded", said)]
        failure = self._failure(reply)
        # Said of a GPU that others have filled, it may be the error that breaks the connection, too.
        if OUT_OF_MEMORY in failure:
            self.remarks.append(f"A cell {FULL}.")
        if _BROKEN in failure:
            self._end()
            self._past.append(from_dict({**cell, "source": _definitions(cell.source)}))
            shown.fail(reply.message["content"])
            said = (
                "A GPU stops for good at such an error. The kernel was started again; of this cell it has the imports, "
                "functions and classes."
            )
            return [*shown.outputs, error_output("KernelEnded", said)]
        self._past.append(cell)
        if reply.message["content"].get("status") != "ok":
            shown.fail(reply.message["content"])
        if reply.stopped:
            shown.outputs.append(error_output("Stopped", self._why_stopped(shown, "This cell")))
        elif reply.lost:
            said = "This cell showed more than could be read, and the end of it is lost."
            shown.outputs.append(error_output("OutputLost", said))
        return shown.outputs

    def _failure(self, reply: Reply) -> str:
        """What a GPU said when it failed a cell; nothing where there is none."""
        return str(reply.message["content"].get("evalue", "")) if self._settings.gpu else ""

    def _check(self, problem: Problem, cell: NotebookNode) -> list[NotebookNode]:
        """The outputs of a check cell: what the functions printed, and the table of the verdict."""
        exam = _exam(problem.name, self._settings.seed_of(problem.name), self._device)
        printed = Outputs(_PRINTED, FLOOD * self._settings.limits.output)
        verdict = self._verdict(exam, printed)
        self._verdicts[problem.name] = verdict
        forward = self._verdicts.get(problem.forward)
        if problem.call is backward and forward is not None:
            verdict = with_forward(verdict, forward)
        points = float(cell.metadata.nbgrader.points)
        data = Report.of_grading(verdict, self._limits.get(problem.name))._repr_mimebundle_()
        data["text/plain"] = str(verdict.score * points / verdict.maximum if verdict.maximum else 0.0)
        streams = [output for output in printed.outputs if output.output_type == "stream"]
        for stream in streams:
            stream.name = "stdout"
        # nbformat's own function would validate each output for a millisecond; the whole is validated when written.
        result = {"output_type": "execute_result", "metadata": {}, "data": data, "execution_count": None}
        return [*streams, from_dict(result)]

    def _verdict(self, exam: Exam, printed: Outputs) -> Verdict:
        problem = exam.problem
        rule = broken(self._sources, problem, self._ran)
        if rule:
            return exam.refuse(rule)
        try:
            outcomes = exam.outcomes(lambda cases: self._outcomes(exam, cases, printed))
            if problem.call in TRAININGS and (stopped := next(filter(was_stopped, outcomes), None)):
                self._lost(problem, stopped.complaint)
            return exam.judge(outcomes)
        except (StoppedError, NotRunError) as error:
            self.remarks.append(f"{problem.name} lost its points at a limit. {error}")
            self._limits[problem.name] = str(error)
            return exam.refuse(str(error))
        except KernelEndedError as error:
            self.remarks.append(f"{problem.name} lost its points. The kernel ended while it ran: {error}.")
            self._limits[problem.name] = f"The kernel ended while {problem.name} ran: {error}."
            return exam.refuse(self._limits[problem.name])
        except exchange.ExchangeError as error:
            return exam.refuse(str(error))

    def _lost(self, problem: Problem, why: str) -> None:
        """Say that some of a problem's points were lost at a limit."""
        self.remarks.append(f"{problem.name} lost points at a limit. {why}")
        self._limits[problem.name] = why

    def _outcomes(self, exam: Exam, cases: Sequence[Case], printed: Outputs) -> list[Outcome]:
        """Have the calls of some of the exam's cases made. Raises `StoppedError` when they take too long."""
        timed = any(case.timed for case in cases)
        whole = len(cases) == sum(not case.timed for case in exam.cases) and not timed
        question = _question(exam) if whole else exchange.ask(exam.problem, cases, exam.device)
        reply = self._request(CALLS, {}, question, shown=printed)
        if not reply.message.get("buffers") and reply.stopped:
            raise StoppedError(self._why_stopped(printed, exam.problem.name))
        if reply.stopped:
            # The calls before it gave something; the one that was interrupted costs points.
            self._lost(exam.problem, self._why_stopped(printed, exam.problem.name))
        outcomes = exchange.read_answer(reply.message["buffers"], exam.problem, cases)
        if self._settings.gpu:
            outcomes = self._without_echoes(exam, cases, outcomes, printed)
        return [replace(outcome, seconds=reply.seconds) for outcome in outcomes] if timed else outcomes

    def _without_echoes(
        self, exam: Exam, cases: Sequence[Case], outcomes: list[Outcome], printed: Outputs
    ) -> list[Outcome]:
        """The outcomes, with those made anew that failed only because an earlier call had broken the GPU's process."""
        said = [outcome.complaint or "" for outcome in outcomes]
        if any(OUT_OF_MEMORY in complaint for complaint in said):
            self.remarks.append(f"{exam.problem.name} {FULL}.")
        broken = next((i for i, complaint in enumerate(said) if _BROKEN in complaint), None)
        if broken is None:
            return outcomes
        self._end()
        after = cases[broken + 1 :]
        return outcomes[: broken + 1] + (self._outcomes(exam, after, printed) if after else [])

    def _why_stopped(self, shown: Outputs, what: str) -> str:
        limits = self._settings.limits
        if shown.flooded:
            return f"{what} showed more than {shown.flood} characters and was stopped."
        return f"{what} ran longer than {limits.cell_seconds:g} seconds and was stopped."

    def _request(self, kind: str, content: dict[str, Any], buffers=(), *, shown: Outputs) -> Reply:
        """Ask the kernel, a new one if need be. Raises `NotRunError` when the notebook has used up its time.

        What took too long and hardly computed is asked again, and the first try is not the notebook's time.
        """
        before = self._left
        try:
            reply = self._ask(kind, content, buffers, shown)
            if not reply.idle or shown.flooded or self._again == SECOND_TRIES:
                return reply
        except KernelEndedError as error:
            if not error.idle or self._again == SECOND_TRIES:
                raise
        self._again += 1
        self._end()
        self._left = before
        shown.forget()
        return self._ask(kind, content, buffers, shown)

    def _ask(self, kind: str, content: dict[str, Any], buffers: Sequence[bytes], shown: Outputs) -> Reply:
        self._start()
        limits = self._settings.limits
        if self._left <= 0:
            raise NotRunError(f"The notebook has used up its {limits.notebook_seconds:g} seconds; this was not run.")
        started = time.monotonic()
        try:
            reply = self._kernel.request(kind, content, buffers, min(self._left, limits.cell_seconds), shown.show)
            self._left -= reply.seconds
            return reply
        except KernelEndedError:
            self._left -= time.monotonic() - started
            self._end()
            if self._ended_by_the_past():
                return self._ask(kind, content, buffers, shown)
            raise

    def _ended_by_the_past(self) -> bool:
        """Whether a cell that has run before ends the kernel, if late; it is left out from now on."""
        before = len(self._past)
        with contextlib.suppress(NotRunError):
            self._start()
        return len(self._past) < before

    def _start(self) -> None:
        """Have a kernel in which the cells so far have run, without those that ended it."""
        while self._kernel is None:
            if self._starts > RESTARTS:
                raise NotRunError(f"The kernel ended {self._starts} times; this was not run.")
            self._starts += 1
            self._kernel = Kernel(self._parent(), self._settings.limits)
            if self._files:
                self._kernel.request(FILES, {"names": list(self._files)}, list(self._files.values()))
            self._replay()

    def _replay(self) -> None:
        past, self._past = self._past, []
        for i, cell in enumerate(past):
            try:
                # What a cell leaves behind may end the kernel only after it.
                for code in (execution(cell.source), execution("pass") | {"silent": True}):
                    seconds = min(self._left, self._settings.limits.cell_seconds)
                    if seconds > 0:
                        self._left -= self._kernel.request("execute", code, seconds=seconds).seconds
                self._past.append(cell)
            except KernelEndedError as error:
                self._end()
                said = f"The kernel ended after this cell: {error}. It was started again without this cell."
                cell.outputs.append(error_output("KernelEnded", said))
                self._past += past[i + 1 :]
                return

    def _parent(self):
        settings = self._settings
        return warm_parent(settings.gpu, settings.threads, settings.sandbox)

    def _end(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            kernel.close()

    @property
    def _device(self) -> str:
        return "cuda" if self._settings.gpu else "cpu"


def _is_skipped(cell: NotebookNode) -> bool:
    """Whether Jupyter's own runner leaves a cell out: an empty one, and one with its tag for this."""
    return not cell.source.strip() or SKIPPED in cell.metadata.get("tags", ())


def _definitions(source: str) -> str:
    """What a cell defines and imports, without what it computes; nothing where it is not plain Python."""
    try:
        body = tree_of(source).body
    except (SyntaxError, ValueError, RecursionError):
        return ""
    kinds, lines = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef), source.splitlines()
    kept = [node for node in body if isinstance(node, kinds)]
    first = [min(part.lineno for part in (node, *getattr(node, "decorator_list", ()))) for node in kept]
    return "\n".join("\n".join(lines[i - 1 : node.end_lineno]) for i, node in zip(first, kept, strict=True))


class StoppedError(Exception):
    """The calls of a check were stopped; the message says why."""


class NotRunError(Exception):
    """A cell was left out; the message says why."""


def execution(source: str) -> dict[str, Any]:
    return {
        "code": source,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,
    }


@functools.lru_cache(maxsize=256)
def _question(exam: Exam) -> list[bytes]:
    """The calls of the exam that are not timed, as they are sent to every student."""
    return exchange.ask(exam.problem, [case for case in exam.cases if not case.timed], exam.device)
