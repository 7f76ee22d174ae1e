"""A class graded at once: workers run the submissions, this process alone reads them and writes the gradebook."""

import contextlib
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from distributed import CancelledError, Client, Future, LocalCluster, as_completed
from distributed.security import Security
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import DBAPIError

from autograder.grading import gpus, intake
from autograder.grading.execute import OUT_OF_MEMORY
from autograder.grading.gpus import CPU_BUILD, INSTEAD
from autograder.grading.records import Score, forget_time, record
from autograder.grading.restore import Master, cell_order, masters
from autograder.grading.settings import Grading, Settings, settings_of
from autograder.grading.worker import Graded, Job, grade, probe
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
        if not waiting:
            return lines
        if course.notice:
            say(course.notice)
        # A worker takes seconds to start: none for whom there is no submission.
        with _cluster(options, min(course.workers, len(waiting))) as client:
            course.probe(client, len(waiting))
            for line in course.grade(client, waiting):
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
        threads = max(1, (os.cpu_count() or 1) // self.workers)
        self._settings: Settings = settings_of(nbgrader.config, self.root, threads)
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
        return [student for student in wanted if self._options.force or not self._is_graded(student)]

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

    def grade(self, client: Client, waiting: Sequence[str]) -> Iterator[Line]:
        """Hand the submissions out, a few ahead of the workers, and write down what comes back."""
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

        for _ in range(2 * self.workers + 2):
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
                yield self._write(handed.student, handed.submission, graded)
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
        staged = self.root / "build" / "grading" / self._assignment / student
        _replace_files(staged, graded, submission, self._beside)
        score = _patiently(lambda: self._record(student, submission, graded), self._gradebook)
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
        return Line(student, score, (*submission.remarks, *graded.remarks))

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
    with (
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
    if torch.version.cuda is None:
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
