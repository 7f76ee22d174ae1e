"""Small classes to grade, and what a gradebook says of them."""

import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook
from processes import wait_until, wait_until_ended

from autograder import cli
from autograder.course import ROOT
from autograder.demo import Student, filled_in
from autograder.release import register
from autograder.sandbox import bubblewrap

WORD = "activations"
BIN = Path(sys.executable).parent
needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None and os.environ.get("CI") != "true",
    reason="bubblewrap is not installed: sudo apt-get install bubblewrap",
)


def hand_in(course: Path, student: str, changes: dict[str, str] | None = None) -> None:
    """Put a solved notebook where `student` hands in; `changes` replaces solutions by grade_id."""
    released = nbformat.read(course / "exercises" / WORD / f"{WORD}.ipynb", as_version=4)
    folder = course / "submitted" / student / WORD
    folder.mkdir(parents=True)
    member = Student(student, changes or {})
    nbformat.write(filled_in(WORD, released, member), folder / f"{WORD}.ipynb")


def make_course(course: Path, students: int = 6, config: str = "") -> Path:
    """A course with the assignment released and a few students, of whom some are wrong somewhere; same seed always."""
    course.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "nbgrader_config.py").read_text()
    (course / "nbgrader_config.py").write_text(f"{text}\n{config}\n")
    (course / "grading-seed.txt").write_text("20300101\n")
    register(WORD, course)
    wrong = {
        "relu_forward": "def relu_forward(x):\n    return x.clamp_(min=0), x > 0",
        "tanh_forward": "def tanh_forward(x:",
    }
    for number in range(students):
        hand_in(course, f"student{number}", wrong if number % 3 == 1 else {})
    return course


def grading(course: Path, *options: str) -> subprocess.Popen:
    """The command that grades the class, running; its output is in ``grading.log`` in the course's folder."""
    log = (course / "grading.log").open("w")
    command = [BIN / "autograder", "grade", WORD, "--course", course, *options]
    return subprocess.Popen(command, cwd=course, stdout=log, stderr=subprocess.STDOUT)


def grade(course: Path, *options: str) -> tuple[int, str]:
    """Grade the class; the exit code, and what was printed."""
    code = grading(course, *options).wait(timeout=300)
    return code, (course / "grading.log").read_text()


def grade_on(cluster: str, course: Path, *options: str, command: str = "grade") -> tuple[int, str]:
    """Grade the class with a cluster that runs already, in this process; the exit code, and what was printed."""
    command = ["autograder", command, WORD, "--course", str(course), "--scheduler", cluster, *options]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as said:
        patch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0), said.getvalue()


def gradebook(url: str) -> dict[str, tuple]:
    """Everything that grading writes, by student, in an order that does not depend on the database."""
    with Gradebook(url) as book:
        found = {}
        for submission in book.assignment_submissions(WORD):
            (notebook,) = submission.notebooks
            grades = sorted((g.name, g.auto_score, g.manual_score, g.needs_manual_grade) for g in notebook.grades)
            comments = sorted((c.name, c.auto_comment, c.manual_comment) for c in notebook.comments)
            assert submission.student.id not in found
            found[submission.student.id] = (
                submission.timestamp, submission.score, notebook.late_submission_penalty, grades, comments
            )  # fmt: skip
        return found


def scores(url: str) -> dict[str, float]:
    """Every student's score."""
    return {student: row[1] for student, row in gradebook(url).items()}


def graded(course: Path) -> list[str]:
    """The students whose notebooks lie in autograded/."""
    return [path.parent.name for path in course.glob(f"autograded/*/{WORD}")]


class Postgres:
    """A PostgreSQL server of the tests' own, reached through a socket in its folder."""

    def __init__(self):
        # The path of a socket must be short, and another user must get there.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._bin = _postgres_programs()
        self._as = [] if os.getuid() else ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        folder.chmod(0o755)
        if self._as:
            os.chown(folder, 65534, 65534)
        self._run("initdb", "-D", self.data, "-U", "course", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()
        self._run("createdb", "-h", folder, "-U", "course", "course")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://course@/course?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses="
        log = self.folder / "log"
        self._run("pg_ctl", "-D", self.data, "-l", log, "-o", options, "-w", "-t", "60", "start")

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        lock = self.data / "postmaster.pid"
        server = psutil.Process(int(lock.read_text().split()[0]))
        killed = [server, *server.children(recursive=True)]
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until_ended(killed)
        # Some systems keep the dead for a while, and a server takes them for living: by its lock, and the socket's.
        for held in (lock, *self.folder.glob(".s.PGSQL.*.lock")):
            held.unlink()

    def stop(self) -> None:
        """Stop it, and remove what it wrote."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments, check: bool = True) -> None:
        # Its output goes nowhere: the server inherits it, and a pipe would stay open as long as the server runs.
        command = [*self._as, self._bin / program, *arguments]
        subprocess.run(command, check=check, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    if os.environ.get("CI") != "true":
        pytest.skip("PostgreSQL is not installed: sudo apt-get install postgresql")
    raise FileNotFoundError("initdb of PostgreSQL")


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def dask_cluster(folder: Path, hidden: Path, workers: int = 2) -> Iterator[str]:
    """A Dask scheduler and workers as processes of their own that do not see the folder `hidden`; its address."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    common = {"cwd": folder, "stdout": (folder / "dask.log").open("w"), "stderr": subprocess.STDOUT}
    unseen = [bubblewrap.command([], gpu=False)[0], "--dev-bind", "/", "/", "--tmpfs", str(hidden), "--"]
    if os.getuid() == 0:
        unseen[1:1] = ["--cap-add", "ALL"]
    scheduler = [BIN / "dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    started = [subprocess.Popen(scheduler, **common)]
    options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    try:
        for _ in range(workers):
            started.append(subprocess.Popen([*unseen, BIN / "dask", "worker", address, *options], **common))
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


@contextlib.contextmanager
def jupyterlab(course: Path, command: str = "jupyter lab", before: Sequence[str | Path] = ()) -> Iterator[Callable]:
    """JupyterLab, started in the folder of a course; yields how a page of it is asked for. `before` is what runs it."""
    port, token = free_port(), "a-test-of-the-formgrader"
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", f"--IdentityProvider.token={token}"]

    def page(path: str, method: str = "GET", data: Any = None) -> str:
        headers = {"Authorization": f"token {token}"}
        content = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode()

    def answers() -> bool:
        try:
            return bool(page("api/status"))
        except OSError:
            return False

    with tempfile.TemporaryDirectory() as home, Path(home, "server.log").open("w") as log:
        environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": home,
            "JUPYTER_CONFIG_DIR": home,
            "JUPYTER_DATA_DIR": home,
            "JUPYTER_RUNTIME_DIR": home,
        }
        said = {"stdout": log, "stderr": subprocess.STDOUT}
        server = subprocess.Popen([*before, *command.split(), *options], cwd=course, env=environment, **said)
        try:
            wait_until(answers)
            yield page
        finally:
            server.terminate()
            server.wait(30)
