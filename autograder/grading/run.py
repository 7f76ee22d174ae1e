"""A class graded at once: workers run the submissions, this process alone reads them and writes the gradebook."""

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from distributed import Client, LocalCluster, as_completed
from distributed.security import Security
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import DBAPIError

from autograder.grading import intake
from autograder.grading.records import record
from autograder.grading.restore import Master, cell_order, masters
from autograder.grading.settings import Grading, Settings, settings_of
from autograder.grading.worker import Graded, Job, grade
from autograder.sandbox import bubblewrap

# Seconds in which a gradebook that cannot be written to may come back.
PATIENCE = 60


class GradingError(Exception):
    """The class cannot be graded, or not to the end; the message is one sentence."""


@dataclass(frozen=True)
class Line:
    """What became of one submission. `score` is None when it could not be graded, and `problem` says why."""

    student: str
    score: float | None
    possible: float
    unread: float
    remarks: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Options:
    """What the command line says: which students, how many workers, whose scheduler, everything anew or not."""

    students: tuple[str, ...] = ()
    workers: int | None = None
    scheduler: str | None = None
    force: bool = False
    sandbox: bool = True


def grade_class(
    nbgrader: NbGraderAPI, assignment: str, options: Options, show: Callable[[int, int, Line | None], None]
) -> list[Line]:
    """Grade everybody who handed in `assignment` and is not graded yet.

    `show` is told how many are done, of how many, and what became of the last. Raises `GradingError`.
    """
    course = _Course(nbgrader, assignment, options)
    with course.alone():
        waiting = course.waiting()
        show(0, len(waiting), None)
        lines: list[Line] = []
        if not waiting:
            return lines
        with _cluster(options, course.workers) as client:
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
        self._gradebook = Gradebook(self._coursedir.db_url, self._coursedir.course_id)
        source = Path(self._coursedir.format_path(self._coursedir.source_directory, ".", assignment))
        try:
            self._masters: dict[str, Master] = masters(self._gradebook, assignment, cell_order(source))
        except MissingEntry:
            raise GradingError(
                f"The gradebook has no assignment {assignment!r}; run `autograder release {assignment}` first."
            ) from None
        # Keep no connection open that may die before it is needed again.
        self._gradebook.db.remove()
        self._beside = intake.read(source, self._masters).files
        self.workers = options.workers or _workers(self._grading)
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
        wanted = self._options.students or there
        absent = sorted(set(wanted) - set(there))
        if absent:
            raise GradingError(f"Nothing was handed in for {self._assignment} by {', '.join(absent)}.")
        if not there:
            raise GradingError(
                f"Nobody has handed in {self._assignment}; expected "
                f"{self._coursedir.submitted_directory}/<student>/{self._assignment}/{self._assignment}.ipynb."
            )
        return [student for student in wanted if self._options.force or not self._is_graded(student)]

    def grade(self, client: Client, waiting: Sequence[str]) -> Iterator[Line]:
        """Hand the submissions out, a few ahead of the workers, and write down what comes back."""
        left = iter(waiting)
        handed_out = {}

        def hand_out() -> None:
            for student in left:
                refusal = intake.refusal(student)
                if refusal:
                    refused.append(Line(student, None, 0, 0, problem=refusal))
                    continue
                submission = intake.read(self._folder(self._coursedir.submitted_directory, student), self._masters)
                # What was not handed in has no notebook; what cannot be read gets one that says why.
                unreadable = {n: why for n, why in submission.missing.items() if why != intake.NOT_HANDED_IN}
                notebooks = submission.notebooks | {n: intake.stand_in(why) for n, why in unreadable.items()}
                files = _together(self._beside, submission.files)
                job = Job(notebooks, self._masters, self._settings, files)
                future = client.submit(grade, job, pure=False)
                handed_out[future] = (student, submission)
                futures.add(future)
                return

        refused: list[Line] = []
        futures = as_completed(loop=client.loop)
        for _ in range(2 * self.workers + 2):
            hand_out()
        for future in futures:
            student, submission = handed_out.pop(future)
            hand_out()
            if future.status == "finished":
                yield self._write(student, submission, future.result())
            else:
                yield Line(student, None, 0, 0, problem=_sentence(future.exception()))
            yield from refused
            refused.clear()
        yield from refused

    def _write(self, student: str, submission: intake.Submission, graded: Graded) -> Line:
        """Into the gradebook, then into autograded/: what lies there is in the gradebook."""
        staged = self.root / "build" / "grading" / self._assignment / student
        _replace_files(staged, graded, submission, self._beside)
        self._record(student, submission, graded)
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
        return self._line(student, submission, graded)

    def _record(self, student: str, submission: intake.Submission, graded: Graded) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                record(self._gradebook, self._assignment, student, submission.timestamp, graded.results, self._late)
                return
            except DBAPIError as error:
                if time.monotonic() > deadline:
                    raise GradingError(
                        f"The gradebook cannot be written to ({_sentence(error.orig or error)}); nothing graded so far "
                        "is lost: mend it and run the same command again."
                    ) from error
                time.sleep(1)

    def _line(self, student: str, submission: intake.Submission, graded: Graded) -> Line:
        cells = {(name, cell.grade_id): cell for name in graded.results for cell in self._masters[name].cells}
        scores = {(n, g): s for n, result in graded.results.items() for g, s in result.scores.items()}
        unread = [key for key, score in scores.items() if score is None]
        return Line(
            student,
            sum(score for score in scores.values() if score is not None),
            sum(cells[key].points for key in scores if key not in unread),
            sum(cells[key].points for key in unread),
            (*submission.remarks, *graded.remarks),
        )

    def _is_graded(self, student: str) -> bool:
        """Whether what lies in autograded/ is of this submission or of a later one, as nbgrader sees it."""
        done = self._folder(self._coursedir.autograded_directory, student)
        if not done.exists():
            return False
        new = intake.read(self._folder(self._coursedir.submitted_directory, student), ()).timestamp
        old = intake.read(done, ()).timestamp
        return not (new and old and new > old)

    def _folder(self, kind: str, student: str) -> Path:
        return self._path(kind) / student / self._assignment

    def _path(self, kind: str) -> Path:
        return self.root / kind


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


def _workers(grading: Grading) -> int:
    """One for each core; on GPUs no more than their memory is for."""
    cores = os.cpu_count() or 1
    if not grading.on_gpu():
        return cores
    return max(1, min(cores, sum(int(memory / grading.gpu_memory) for memory in _gpus())))


def _gpus() -> list[float]:
    """The memory of each GPU in GiB, asked of the driver: this process leaves the GPUs alone."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True)
        return [float(line) / 1024 for line in answer.stdout.split()]
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise GradingError(
            "Grading is to use a GPU, and nvidia-smi, which tells its memory, does not answer: give --workers, or set "
            "c.Grading.gpu = False in nbgrader_config.py."
        ) from error


def _sentence(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
