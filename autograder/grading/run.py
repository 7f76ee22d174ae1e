"""A class graded at once: workers run the submissions, this process alone reads them and writes the gradebook."""

import contextlib
import fcntl
import itertools
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import dask
from distributed import CancelledError, Client, Future, LocalCluster, as_completed
from distributed.security import Security
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import DBAPIError

from autograder.grading import gpus, intake
from autograder.grading.gpus import CPU_BUILD, INSTEAD
from autograder.grading.graded import Executed, read_executed
from autograder.grading.job import OUT_OF_MEMORY, Graded, Job
from autograder.grading.records import Result, Score, forget_time, record, recorded
from autograder.grading.restore import Master, cell_order, masters
from autograder.grading.settings import Grading, Settings, settings_of
from autograder.grading.workers import grade, prepare, probe, threads_of
from autograder.sandbox import bubblewrap

# Seconds in which a gradebook that does not answer may come back.
PATIENCE = 60
# How often a submission is handed out when Dask loses it: a worker or the scheduler may have gone.
TRIES = 3

T = TypeVar("T")


class GradingError(Exception):
    """The class cannot be graded, or not to the end; the message is one sentence."""


@dataclass(frozen=True)
class Line:
    """What became of one submission. `score` is None when it could not be graded, and `problem` says why."""

    student: str
    score: Score | None
    remarks: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class _Handed:
    """A submission that was handed out, and how often."""

    student: str
    submission: intake.Submission
    job: Job
    tries: int = 1
    alone: bool = False


@dataclass(frozen=True)
class Options:
    """What the command line says: which students, how many workers, whose scheduler, everything anew or not."""

    students: tuple[str, ...] = ()
    workers: int | None = None
    scheduler: str | None = None
    force: bool = False
    sandbox: bool = True


@dataclass(frozen=True)
class Change(Line):
    """What grading again makes of one submission: as `Line` says, and what was there before."""

    before: Score | None = None
    reasons: tuple[str, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        return bool(self.reasons) or self.score != self.before


# What is done with a submission that was graded.
Take = Callable[[str, intake.Submission, Graded], Line]


def regrade_class(
    nbgrader: NbGraderAPI,
    assignment: str,
    options: Options,
    show: Callable[[int, int, Line | None], None],
    write: Callable[[list[Line]], bool],
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Line]:
    """Grade everybody who is graded once more, and write it down if `write`, which is told everything, says so.

    `show` and `say` are told what those of `grade_class` are. Raises `GradingError`.
    """
    course = _Course(nbgrader, assignment, options)
    with course.alone():
        again, lines = course.graded()
        show(0, len(again), None)
        for done, line in enumerate(course.graded_by_workers(again, say, course.compare), start=1):
            lines.append(line)
            show(done, len(again), line)
        if write(lines):
            for line in lines:
                if isinstance(line, Change):
                    course.keep(line)
        else:
            course.drop()
        return lines


def changes(
    notebook: str,
    before: Mapping[tuple[str, str], float | None],
    after: Mapping[str, float | None],
    old: Executed | None,
    new: Executed | None,
) -> Iterator[str]:
    """A sentence for each cell whose points change, with the criteria that are behind it."""
    for grade_id, points in after.items():
        had = before.get((notebook, grade_id))
        if had == points:
            continue
        said = f"{grade_id}: {_shown(had)} → {_shown(points)}"
        was, now = (executed.records.get(grade_id, {}) if executed else {} for executed in (old, new))
        why = "; ".join(_criteria(was, now))
        yield f"{said}. {why}" if why else f"{said}."


def _shown(points: float | None) -> str:
    return "to be read" if points is None else f"{points:g}"


def _criteria(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What is judged otherwise now; of a verdict that did not keep its criteria, what is wrong now."""
    earned = {c["name"]: c["earned"] for c in was.get("criteria") or ()}
    for criterion in now.get("criteria") or ():
        name, points, message = criterion["name"], criterion["earned"], criterion["message"]
        if name in earned and earned[name] != points:
            yield f"{name} {earned[name]:g} → {points:g}" + (f": {message}" if message else "")
        elif name not in earned and message:
            yield f"{name}: {message}"
    if was.get("mistake") != now.get("mistake"):
        names = [str(record.get("mistake") or "none").replace("_", " ") for record in (was, now)]
        yield f"recognised mistake: {names[0]} → {names[1]}"


def grade_class(
    nbgrader: NbGraderAPI,
    assignment: str,
    options: Options,
    show: Callable[[int, int, Line | None], None],
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Line]:
    """Grade everybody who handed in `assignment` and is not graded yet.

    `show` is told how many are done, of how many, and what became of the last; `say` is given a sentence that is about
    nobody. Raises `GradingError`, before anybody is graded where no worker can grade.
    """
    course = _Course(nbgrader, assignment, options)
    with course.alone():
        waiting = course.waiting()
        show(0, len(waiting), None)
        lines: list[Line] = []
        for line in course.graded_by_workers(waiting, say):
            lines.append(line)
            show(len(lines), len(waiting), line)
        return lines


class _Course:
    """The course's folders and gradebook during one run."""

    def __init__(self, nbgrader: NbGraderAPI, assignment: str, options: Options):
        self._coursedir, self._assignment, self._options = nbgrader.coursedir, assignment, options
        self.root = Path(self._coursedir.root)
        self._grading = Grading(config=nbgrader.config)
        late = AssignLatePenalties(config=nbgrader.config)
        late.init_plugin()
        self._late = late.plugin_inst
        self._gradebook = _patiently(lambda: Gradebook(self._coursedir.db_url, self._coursedir.course_id))
        source = Path(self._coursedir.format_path(self._coursedir.source_directory, ".", assignment))
        try:
            self._masters: dict[str, Master] = _patiently(
                lambda: masters(self._gradebook, assignment, cell_order(source)), self._gradebook
            )
        except MissingEntry:
            raise GradingError(
                f"The gradebook has no assignment {assignment!r}; run `autograder release {assignment}` first."
            ) from None
        # Keep no connection open that may die before it is needed again.
        self._gradebook.db.remove()
        # A cell that earns points or is an answer; what is given, such as the imports, is the same in every assignment.
        self._known_by = {n: {c.grade_id for c in m.cells if not c.given} for n, m in self._masters.items()}
        self._beside = intake.read(source, self._masters).files
        self.workers = options.workers or _workers(self._grading, options.scheduler)
        self.notice = None if options.scheduler else self._grading.notice()
        self._settings: Settings = settings_of(nbgrader.config, self.root, threads_of(self.workers))
        if not options.sandbox:
            self._settings = replace(self._settings, sandbox=False)
        if self._settings.sandbox and not options.scheduler:
            bubblewrap.command([], self._settings.gpu)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One run at a time in one course. Raises `GradingError` when another is at work."""
        with (self.root / ".grading.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise GradingError(f"Another run is grading in {self.root}; wait for its end.") from None
            try:
                yield
            finally:
                self._gradebook.close()

    def waiting(self) -> list[str]:
        """Who is to be graded. Raises `GradingError` for a student who handed in nothing."""
        return [student for student in self._wanted() if self._options.force or not self._is_graded(student)]

    def _wanted(self) -> list[str]:
        there = intake.names(self._path(self._coursedir.submitted_directory), self._assignment)
        # macOS takes the letters of a name apart.
        as_written = {intake.printable(student): student for student in there}
        wanted = [s if s in there else as_written.get(intake.printable(s), s) for s in self._options.students] or there
        absent = sorted(set(wanted) - set(there))
        if absent:
            raise GradingError(f"Nothing was handed in for {self._assignment} by {', '.join(absent)}.")
        if not there:
            raise GradingError(
                f"Nobody has handed in {self._assignment}; expected "
                f"{self._coursedir.submitted_directory}/<student>/{self._assignment}/{self._assignment}.ipynb."
            )
        return wanted

    def graded_by_workers(
        self, waiting: Sequence[str], say: Callable[[str], None], take: "Take | None" = None
    ) -> Iterator[Line]:
        """What `grade` gives, from workers that are started, and tried, for it. Raises `GradingError`."""
        if not waiting:
            return
        if self.notice:
            say(self.notice)
        # A worker takes seconds to start: none for whom there is no submission.
        with _cluster(self._options, min(self.workers, len(waiting))) as client:
            self.probe(client, len(waiting))
            yield from self.grade(client, waiting, take)

    def probe(self, client: Client, submissions: int) -> None:
        """Have every worker start a kernel and, on a GPU, make a tensor in it. Raises `GradingError` if one cannot.

        On the CPU no more workers than there are submissions: each takes seconds to start its sandbox.
        """
        if not self._settings.sandbox and not self._settings.gpu:
            return
        places = list(client.nthreads())[: None if self._settings.gpu else submissions] or [None]
        asked = [
            client.submit(probe, self._settings, workers=place, allow_other_workers=place is not None, pure=False)
            for place in places
        ]
        for future in as_completed(asked, loop=client.loop):
            found = _result(future)
            if isinstance(found, str):
                raise GradingError(found)
            if isinstance(found, BaseException) and self._settings.gpu:
                raise GradingError(f"Grading is to use a GPU, and a worker fails on it: {_sentence(found)}")

    def grade(self, client: Client, waiting: Sequence[str], take: "Take | None" = None) -> Iterator[Line]:
        """Hand the submissions out, a few ahead of the workers, and `take` what comes back: write it down."""
        take = take or self._write
        left = iter(waiting)
        handed_out: dict[Future, _Handed] = {}
        # Whoever found the GPU full may have suffered from others, and is graded once more alone, at the end.
        alone: list[_Handed] = []
        refused: list[Line] = []
        futures = as_completed(loop=client.loop)

        def hand_out(handed: _Handed) -> None:
            future = client.submit(grade, handed.job, pure=False)
            handed_out[future] = handed
            futures.add(future)

        def hand_out_next() -> None:
            for student in left:
                submission = self._read(student)
                if isinstance(submission, Line):
                    refused.append(submission)
                else:
                    hand_out(_Handed(student, submission, self._job(submission)))
                    return

        for _ in range(ahead(self.workers)):
            hand_out_next()
        for future in futures:
            handed = handed_out.pop(future)
            graded = _result(future)
            if graded is None and handed.tries < TRIES:
                _wait_for_scheduler(client)
                hand_out(replace(handed, tries=handed.tries + 1))
                continue
            hand_out_next()
            again = self._settings.gpu and not handed.alone and _met_full_gpu(graded)
            if again:
                alone.append(replace(handed, alone=True))
            if alone and not handed_out:
                hand_out(alone.pop(0))
            if again:
                continue
            if isinstance(graded, Graded):
                yield take(handed.student, handed.submission, graded)
            else:
                lost = f"Dask lost it {TRIES} times (it is {future.status}); run the same command again."
                yield Line(handed.student, None, problem=_sentence(graded) if graded else lost)
            yield from refused
            refused.clear()
        yield from refused

    def _read(self, student: str) -> intake.Submission | Line:
        """What a student handed in, or why there is nothing to grade."""
        refusal = intake.refusal(student)
        if refusal:
            return Line(student, None, problem=refusal)
        folder = self._folder(self._coursedir.submitted_directory, student)
        submission = intake.read(folder, self._masters, self._known_by)
        if submission.problem:
            return Line(student, None, submission.remarks, submission.problem)
        return submission

    def _job(self, submission: intake.Submission) -> Job:
        # What was not handed in has no notebook; what cannot be read gets one that says why.
        unreadable = {n: why for n, why in submission.missing.items() if why != intake.NOT_HANDED_IN}
        notebooks = submission.notebooks | {n: intake.stand_in(why) for n, why in unreadable.items()}
        return Job(notebooks, self._masters, self._settings, _together(self._beside, submission.files))

    def _write(self, student: str, submission: intake.Submission, graded: Graded) -> Line:
        """Into the gradebook, then into autograded/: what lies there is in the gradebook."""
        self._stage(student, submission, graded)
        try:
            score = _patiently(lambda: self._record(student, submission, graded), self._gradebook)
        except (MissingEntry, ValueError) as error:
            # As where the assignment was released anew while the class was graded.
            return Line(student, None, submission.remarks, str(error))
        self._move(student)
        return Line(student, score, (*submission.remarks, *graded.remarks))

    def _stage(self, student: str, submission: intake.Submission, graded: Graded) -> None:
        _replace_files(self._staged(student), graded, submission, self._beside)

    def _staged(self, student: str) -> Path:
        return self._staging / student

    @property
    def _staging(self) -> Path:
        return self.root / "build" / "grading" / self._assignment

    def _move(self, student: str) -> None:
        """What was staged takes its place in autograded/."""
        staged = self._staged(student)
        final = self._folder(self._coursedir.autograded_directory, student)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            old = staged.with_name(staged.name + " before")
            shutil.rmtree(old, ignore_errors=True)
            final.rename(old)
            staged.rename(final)
            shutil.rmtree(old, ignore_errors=True)
        else:
            staged.rename(final)

    def graded(self) -> tuple[list[str], list[Line]]:
        """Who is graded, and a line for everybody who is not, or who has handed in anew since."""
        wanted = self._wanted()
        waiting = [student for student in wanted if not self._is_graded(student)]
        what = f"is not graded yet, or was handed in anew: run `autograder grade {self._assignment}` first."
        lines = [Line(student, None, problem=f"The submission {what}") for student in waiting]
        return [student for student in wanted if student not in set(waiting)], lines

    def compare(self, student: str, submission: intake.Submission, graded: Graded) -> "Change | Line":
        """What would change in the gradebook. What was graded is laid down beside it, to be written later."""
        old = {name: self._before(student, name) for name in graded.notebooks}
        self._stage(student, submission, graded)
        try:
            before, points = _patiently(lambda: recorded(self._gradebook, self._assignment, student), self._gradebook)
            after = _patiently(lambda: self._again(student, graded.results, write=False), self._gradebook)
        except (MissingEntry, ValueError) as error:
            # As where the assignment was released anew while the class was graded.
            return Line(student, None, problem=str(error))
        reasons = tuple(itertools.chain.from_iterable(
            changes(name, points, result.scores, old[name], read_executed(graded.notebooks[name]))
            for name, result in graded.results.items()
        ))  # fmt: skip
        remarks = (*submission.remarks, *graded.remarks)
        return Change(student, after, remarks, before=before, reasons=reasons, results=graded.results)

    def keep(self, change: "Change") -> None:
        """Write down what was compared."""
        _patiently(lambda: self._again(change.student, change.results, write=True), self._gradebook)
        self._move(change.student)

    def drop(self) -> None:
        """Leave no copy of a class's work behind where nothing is written down."""
        shutil.rmtree(self._staging, ignore_errors=True)

    def _before(self, student: str, notebook: str) -> Executed | None:
        try:
            folder = self._folder(self._coursedir.autograded_directory, student)
            return read_executed((folder / f"{notebook}.ipynb").read_bytes())
        except OSError:
            return None

    def _again(self, student: str, results: Mapping[str, Result], write: bool) -> Score:
        return record(self._gradebook, self._assignment, student, None, results, self._late, again=True, write=write)

    def _record(self, student: str, submission: intake.Submission, graded: Graded) -> Score:
        if submission.untimed:
            forget_time(self._gradebook, self._assignment, student)
        return record(self._gradebook, self._assignment, student, submission.timestamp, graded.results, self._late)

    def _is_graded(self, student: str) -> bool:
        """Whether what lies in autograded/ is of this submission or of a later one, as nbgrader sees it."""
        done = self._folder(self._coursedir.autograded_directory, student)
        if not done.exists():
            return False
        new = intake.handed_in_at(self._folder(self._coursedir.submitted_directory, student))
        old = intake.handed_in_at(done)
        return not (new and old and new > old)

    def _folder(self, kind: str, student: str) -> Path:
        return self._path(kind) / student / self._assignment

    def _path(self, kind: str) -> Path:
        return self.root / kind


def ahead(workers: int) -> int:
    """How many submissions are handed out at a time: a worker has its next one when it is done with one."""
    return 2 * workers + 2


def _patiently(ask: Callable[[], T], gradebook: Gradebook | None = None) -> T:
    """What `ask` returns; it is asked again for a while as long as the gradebook does not answer or is locked.

    Raises `GradingError` when it does not answer at all.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except DBAPIError as error:
            if time.monotonic() > deadline:
                raise GradingError(
                    f"The gradebook does not answer ({_sentence(error.orig or error)}); nothing graded so far is lost: "
                    "mend it, or close the program that holds it, and run the same command again."
                ) from error
            if gradebook is not None:
                gradebook.db.remove()
            time.sleep(1)


def _result(future: Future) -> Graded | BaseException | None:
    """What a worker found, or the exception that stopped it; None where Dask has lost the task on its way."""
    try:
        if future.status == "finished":
            return future.result()
        return future.exception() if future.status == "error" else None
    except CancelledError:
        return None


def _wait_for_scheduler(client: Client) -> None:
    """Wait until the scheduler answers again. Raises `GradingError` when it does not."""
    deadline = time.monotonic() + PATIENCE
    while client.status != "running":
        if time.monotonic() > deadline:
            raise GradingError(
                "The Dask scheduler no longer answers; what is graded stays graded: start it, and run the same command "
                "again."
            )
        time.sleep(1)


def _replace_files(folder: Path, graded: Graded, submission: intake.Submission, beside: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, content in _together(beside, submission.files).items():
        # A student's file may have the name of a folder of the course.
        with contextlib.suppress(FileExistsError, IsADirectoryError, NotADirectoryError):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    if submission.timestamp:
        (folder / "timestamp.txt").write_text(f"{submission.timestamp} UTC")
    for name, text in graded.notebooks.items():
        (folder / f"{name}.ipynb").write_text(text)


def _together(beside: dict[str, bytes], files: dict[str, bytes]) -> dict[str, bytes]:
    """The course's files first, then the student's own: where both want a name, the course's stays."""
    return beside | {path: content for path, content in files.items() if path not in beside}


@contextlib.contextmanager
def _cluster(options: Options, workers: int) -> Iterator[Client]:
    """A Dask client of the scheduler that was named, or of a cluster on this machine."""
    if options.scheduler:
        try:
            client = Client(options.scheduler, timeout="30s", set_as_default=False)
        except OSError as error:
            raise GradingError(f"No Dask scheduler answers at {options.scheduler}; check the address.") from error
        with client:
            yield client
        return
    prepare(options.workers, options.sandbox)
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            # Others on this machine could hand it work otherwise.
            security=Security.temporary(),
            protocol="tls://",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _workers(grading: Grading, scheduler: str | None = None) -> int:
    """One for each core; on GPUs no more than their memory is for, where they are this machine's."""
    cores = os.cpu_count() or 1
    if not grading.on_gpu() or scheduler:
        return cores
    if not gpus.torch_is_built_for_them():
        raise GradingError(f"Grading is to use a GPU, and {CPU_BUILD}: install its build for CUDA, {INSTEAD}.")
    try:
        return min(cores, gpus.places(gpus.usable(), grading.gpu_memory))
    except gpus.GpuError as error:
        raise GradingError(f"Grading is to use a GPU, and {error}: give --workers, {INSTEAD}.") from error


def _met_full_gpu(graded: Graded | BaseException | None) -> bool:
    """Whether a submission, or the grader's own part, found no memory on the GPU."""
    return graded.met_full_gpu if isinstance(graded, Graded) else OUT_OF_MEMORY in str(graded)


def _sentence(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
