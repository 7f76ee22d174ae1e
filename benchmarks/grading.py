"""How long grading a class takes: stock nbgrader and this course's grader, on the same class, in one run.

Run it with ``.venv/bin/python benchmarks/grading.py``; it takes some minutes. Ratios are what counts: the seconds are
those of this machine today. A core's second is a second of computing, whoever computes.
"""

import argparse
import contextlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder import demo
from autograder.course import ROOT, nbgrader_at
from autograder.grading import run
from autograder.release import register

BIN = Path(sys.executable).parent
WORD = "activations"
STOCK = """
from pathlib import Path
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "build/source"
c.CourseDirectory.release_directory = "exercises"
c.Execute.timeout = 120
c.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
"""


def make_course(root: Path, students: int, stock: bool) -> None:
    """A class of solutions, known mistakes and other right programs, by turns."""
    members = demo.students(WORD)
    chosen = [members[0] if i % 2 == 0 else members[(11 * i) % len(members)] for i in range(students)]
    released = nbformat.read(register(WORD, root), as_version=4)
    for number, student in enumerate(chosen):
        folder = root / "submitted" / f"student{number:03}" / WORD
        folder.mkdir(parents=True)
        nbformat.write(demo.filled_in(WORD, released, student), folder / f"{WORD}.ipynb")
    if stock:
        (root / "nbgrader_config.py").write_text(STOCK)
    else:
        shutil.copy(ROOT / "nbgrader_config.py", root)


class Spent:
    """Seconds that passed, and seconds of computing by this process and all that it started."""

    def __enter__(self) -> "Spent":
        self._wall, self._cores = time.perf_counter(), _computed()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cores = _computed() - self._cores


def _computed() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def stock(root: Path) -> Spent:
    """``nbgrader autograde`` as it comes."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    with Spent() as spent:
        command = [BIN / "nbgrader", "autograde", WORD]
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return spent


class Clock:
    """Adds up the seconds that some functions take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextlib.contextmanager
    def on(self, owner: object, *names: str) -> Iterator[None]:
        """Time these functions of `owner` inside the ``with`` block."""
        before = {name: getattr(owner, name) for name in names}
        for name, function in before.items():
            setattr(owner, name, self._timed(function))
        try:
            yield
        finally:
            for name, function in before.items():
                setattr(owner, name, function)

    def _timed(self, function: Callable) -> Callable:
        def timed(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


def ours(root: Path, workers: int) -> tuple[Spent, float, float]:
    """``autograder grade --force``; what it took, its steady seconds a submission, and the coordinator's own."""
    shutil.rmtree(root / "autograded", ignore_errors=True)
    clock, moments = Clock(), []
    with (
        Spent() as spent,
        clock.on(run.intake, "read"),
        clock.on(run._Course, "_write"),
        clock.on(run.Client, "submit"),
    ):
        lines = run.grade_class(
            nbgrader_at(root), WORD, run.Options(workers=workers), lambda *_: moments.append(time.perf_counter())
        )
    assert all(line.score is not None for line in lines)
    # Without the first round, in which every worker starts its sandbox.
    first, last = moments[workers], moments[-1]
    return spent, (last - first) / (len(moments) - 1 - workers), clock.seconds / len(lines)


def ideal(root: Path) -> float:
    """Seconds that the cells of a submission take in a process that is warm already; the mean of all."""
    from IPython.core.interactiveshell import InteractiveShell

    os.environ["NBGRADER_EXECUTION"] = "autograde"
    notebooks = [nbformat.read(path, as_version=4) for path in sorted(root.glob(f"submitted/*/{WORD}/*.ipynb"))]
    sources = [[cell.source for cell in notebook.cells if cell.cell_type == "code"] for notebook in notebooks]
    for _ in range(2):  # the first time is not warm
        seconds = 0.0
        for cells in sources:
            shell = InteractiveShell()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                start = time.perf_counter()
                for source in cells:
                    shell.run_cell(source)
                seconds += time.perf_counter() - start
    return seconds / len(sources)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=40, help="size of the class (default 40)")
    parser.add_argument("--stock", type=int, default=6, help="of which stock nbgrader grades so many (default 6)")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "stock"), Path(folder, "ours")
        make_course(few, options.stock, stock=True)
        make_course(many, options.students, stock=False)
        theirs = stock(few)
        one, steady, serial = ours(many, 1)
        two, steady_two, _ = ours(many, 2)
        best = ideal(many)
    n, k = options.students, options.stock
    fast, slow = one.wall / n, theirs.wall / k
    print(f"{'':24}{'seconds a submission':>22}{'of them computing':>20}{'once it runs':>15}")
    print(f"{f'stock nbgrader ({k})':24}{slow:22.2f}{theirs.cores / k:20.2f}{'':>15}")
    print(f"{f'one worker ({n})':24}{fast:22.2f}{one.cores / n:20.2f}{steady:15.2f}")
    print(f"{f'two workers ({n})':24}{two.wall / n:22.2f}{two.cores / n:20.2f}{steady_two:15.2f}")
    print(f"{'ideal, warm process':24}{best:22.2f}")
    print(f"times stock per core: {slow / steady:.1f} once it runs, {slow / fast:.1f} with the start")
    print(f"above the ideal: {steady - best:.2f} s a submission")
    print(f"the coordinator's own, one after the other: {1000 * serial:.1f} ms a submission")
    print(f"from one worker to two: {100 * steady / steady_two / 2:.0f} % efficient")


if __name__ == "__main__":
    main()
