"""How long grading a class takes: stock nbgrader and this course's grader, on the same class, in one run.

Run it with ``.venv/bin/python benchmarks/grading.py``; it takes some minutes for each set. ``--set`` chooses sets, and
``--write`` puts the figures of these sets into grading.json and into the tables of the README. Ratios are what counts:
the seconds are those of this machine today.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder import demo, judge
from autograder.course import ROOT, nbgrader_at, words
from autograder.grading import execute, run, worker
from autograder.release import register
from autograder.sandbox.inside.kernel import CALLS
from autograder.sandbox.kernels import Kernel
from autograder.table import Report

BIN = Path(sys.executable).parent
FIGURES = Path(__file__).with_suffix(".json")
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmarks/grading.py --write -->", "<!-- /benchmarks/grading.py -->"
STOCK = """
from pathlib import Path
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "build/source"
c.CourseDirectory.release_directory = "exercises"
c.Execute.timeout = 120
c.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
"""
# Where the time of a submission goes, in the order of the table.
PARTS = ("kernel", "cells", "calls", "reference", "mistake", "rules", "table", "notebook", "gradebook", "files", "rest")


def make_course(word: str, root: Path, students: int, stock: bool, different: int | None = None) -> None:
    """A class of solutions, known mistakes and other right programs, by turns; `different` ones, if not all are."""
    members = demo.students(word)
    chosen = [members[0] if i % 2 == 0 else members[(11 * i) % len(members)] for i in range(different or students)]
    released = nbformat.read(register(word, root), as_version=4)
    notebooks = [demo.filled_in(word, released, student) for student in chosen]
    for number in range(students):
        folder = root / "submitted" / f"student{number:03}" / word
        folder.mkdir(parents=True)
        nbformat.write(notebooks[number % len(notebooks)], folder / f"{word}.ipynb")
    if stock:
        (root / "nbgrader_config.py").write_text(STOCK)
    else:
        shutil.copy(ROOT / "nbgrader_config.py", root)


def stock(word: str, root: Path, students: int) -> float:
    """Seconds a submission of ``nbgrader autograde`` as it comes."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    command = [BIN / "nbgrader", "autograde", word]
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return (time.perf_counter() - start) / students


class Clock:
    """Adds up the seconds that some functions take, each without those that are called within it."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._names = ["rest"]
        self._since = time.perf_counter()

    @contextlib.contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Count what is done inside the ``with`` block."""
        self._turn()
        self._names.append(name)
        try:
            yield
        finally:
            self._turn()
            self._names.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        self.seconds[self._names[-1]] += now - self._since
        self._since = now

    @contextlib.contextmanager
    def on(self, owner: Any, name: str | Callable[..., str], *functions: str) -> Iterator[None]:
        """Count these functions of `owner` under a name, or under the one that `name` makes of their arguments."""
        before = {function: getattr(owner, function) for function in functions}
        for function, original in before.items():
            setattr(owner, function, self._counted(original, name))
        try:
            yield
        finally:
            for function, original in before.items():
                setattr(owner, function, original)

    def _counted(self, function: Callable, name: str | Callable[..., str]) -> Callable:
        def counted(*args, **kwargs):
            with self.named(name if isinstance(name, str) else name(*args, **kwargs)):
                return function(*args, **kwargs)

        return counted


def start(word: str, root: Path) -> float:
    """Seconds that the command ``autograder grade`` takes for one student, all that it starts and ends included."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [BIN / "autograder", "grade", word, "--course", root, "--student", "student000", "--force"]
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def ours(word: str, root: Path, workers: int) -> tuple[float, float]:
    """``autograder grade --force``: seconds a submission once the workers have begun, and the coordinator's own."""
    shutil.rmtree(root / "autograded", ignore_errors=True)
    clock, moments = Clock(), []
    with (
        clock.on(run.intake, "own", "read"),
        clock.on(run._Course, "own", "_write"),
        clock.on(run.Client, "own", "submit"),
    ):
        options = run.Options(workers=workers)
        lines = run.grade_class(nbgrader_at(root), word, options, lambda *_: moments.append(time.perf_counter()))
    assert all(line.score is not None for line in lines)
    # The first moment is before the workers start; then each worker's first submission starts its sandbox.
    first, last = moments[workers], moments[-1]
    return (last - first) / (len(moments) - 1 - workers), clock.seconds["own"] / len(lines)


def ideal(word: str, root: Path) -> float:
    """Seconds that the cells of a submission take in a process that is warm already; the mean of all."""
    from IPython.core.interactiveshell import InteractiveShell

    os.environ["NBGRADER_EXECUTION"] = "autograde"
    notebooks = [nbformat.read(path, as_version=4) for path in sorted(root.glob(f"submitted/*/{word}/*.ipynb"))]
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
    del os.environ["NBGRADER_EXECUTION"]
    return seconds / len(sources)


def parts(word: str, root: Path) -> dict[str, float]:
    """Where the seconds of a submission go, graded in this process one after the other; the mean of all but one."""
    shutil.rmtree(root / "autograded", ignore_errors=True)
    course = run._Course(nbgrader_at(root), word, run.Options(workers=1))
    with course.alone():
        first, *others = course.waiting()
        # It starts the sandbox.
        worker.grade(course._job(course._read(first)))
        clock = Clock()
        with (
            clock.on(Kernel, "kernel", "__init__", "close"),
            clock.on(Kernel, lambda kernel, kind, *_, **__: "calls" if kind == CALLS else "cells", "request"),
            clock.on(judge, "reference", "expect", "draw", "baseline"),
            clock.on(judge.Exam, "mistake", "_recognise"),
            clock.on(execute, "rules", "broken"),
            clock.on(Report, "table", "_repr_mimebundle_"),
            clock.on(worker, "notebook", "restore"),
            clock.on(worker.nbformat, "notebook", "writes"),
            clock.on(run, "gradebook", "record"),
            clock.on(run._Course, "files", "_write"),
            clock.named("rest"),
        ):
            for student in others:
                submission = course._read(student)
                course._write(student, submission, worker.grade(course._job(submission)))
    return {name: clock.seconds[name] / len(others) for name in PARTS}


def pages(word: str, root: Path) -> float:
    """Seconds a feedback page of a class that is graded."""
    start = time.perf_counter()
    result = nbgrader_at(root).generate_feedback(word)
    assert result["success"], result["log"]
    return (time.perf_counter() - start) / len(list((root / "feedback").iterdir()))


def measure(word: str, students: int, by_stock: int) -> dict[str, Any]:
    """All figures of a set: seconds, unless the name says otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "stock"), Path(folder, "ours")
        make_course(word, few, by_stock, stock=True)
        make_course(word, many, students, stock=False)
        found = {"students": students, "stock": stock(word, few, by_stock)}
        found["one worker"], found["coordinator"] = ours(word, many, 1)
        found["two workers"], _ = ours(word, many, 2)
        found["start"] = start(word, many) - found["one worker"]
        found["page"] = pages(word, many)
        found["ideal"] = ideal(word, many)
        found["parts"] = parts(word, many)
    return found


def tables(figures: dict[str, dict[str, Any]]) -> str:
    """The two tables of the README, in Markdown."""
    rows = [
        [
            "set",
            "start",
            "stock",
            "ours",
            "ideal",
            "above the ideal",
            "times stock",
            "two workers",
            "coordinator",
            "page",
        ],
        ["---", *["---:"] * 9],
    ]
    for word, f in figures.items():
        one = f["one worker"]
        rows.append(
            [
                word,
                f"{f['start']:.1f} s",
                f"{f['stock']:.2f} s",
                f"{one:.2f} s",
                f"{f['ideal']:.2f} s",
                f"{one - f['ideal']:.2f} s",
                f"{f['stock'] / one:.1f}",
                f"{100 * one / f['two workers'] / 2:.0f} %",
                f"{1000 * f['coordinator']:.0f} ms",
                f"{f['page']:.2f} s",
            ]
        )
    where = [["set", *PARTS], ["---", *["---:"] * len(PARTS)]]
    where += [[word, *(f"{1000 * f['parts'][name]:.0f}" for name in PARTS)] for word, f in figures.items()]
    return "\n\n".join("\n".join(f"| {' | '.join(row)} |" for row in table) for table in (rows, where))


def readme(text: str, figures: dict[str, dict[str, Any]]) -> str:
    """The README with the tables of these figures between its two marks."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    first, second = tables(figures).split("\n\n")
    note = "Where the time of a submission goes, in milliseconds, with one worker once it runs:"
    return f"{before}{BEGIN}\n\n{first}\n\n{note}\n\n{second}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", choices=words(), metavar="WORD", help="a set (default: all)")
    parser.add_argument("--students", type=int, default=24, help="size of the class (default 24)")
    parser.add_argument("--stock", type=int, default=3, help="of which stock nbgrader grades so many (default 3)")
    parser.add_argument("--write", action="store_true", help="write grading.json and the tables of the README")
    options = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    figures = json.loads(FIGURES.read_text()) if options.write and FIGURES.exists() else {}
    for word in options.set or words():
        found = measure(word, options.students, options.stock)
        print(tables({word: found}), flush=True)
        figures[word] = rounded(found)
        if options.write:
            in_order = {word: figures[word] for word in words() if word in figures}
            FIGURES.write_text(json.dumps(in_order, indent=1) + "\n")
            README.write_text(readme(README.read_text(), in_order))


def rounded(value: Any) -> Any:
    """Figures as they are written down: four places behind the point."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return [*map(rounded, value)] if isinstance(value, list | tuple) else round(value, 4)


if __name__ == "__main__":
    main()
