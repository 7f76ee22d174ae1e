"""The command line: ``autograder release | demo``."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from autograder import course
from autograder.demo import Result, feedback_page, grade_class
from autograder.release import ReleaseError, register, release

console = Console()


def main() -> None:
    """Entry point of the command ``autograder``."""
    parser = argparse.ArgumentParser(prog="autograder", description="Release and try out the course's problem sets.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, function, text in (
        ("release", release_sets, "verify the problem sets and write the notebooks that students open"),
        ("demo", demo, "grade a class of solutions, stubs, known mistakes and alternatives"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("words", nargs="*", metavar="WORD", help="chapter, e.g. activations (default: all)")
        command.set_defaults(run=function)
        if name == "release":
            command.add_argument("--check", action="store_true", help="only say whether exercises/ is up to date")
    options = parser.parse_args()
    unknown = sorted(set(options.words) - set(course.words()))
    if unknown:
        parser.error(f"no problem set {', '.join(unknown)}; there are: {', '.join(course.words())}")
    options.words = options.words or course.words()
    try:
        sys.exit(options.run(options))
    except ReleaseError as refusal:
        console.print(f"[bold red]Not released.[/] {refusal}", highlight=False)
        sys.exit(1)


def release_sets(options: argparse.Namespace) -> int:
    """Release every problem set named, or with ``--check`` compare exercises/ with what would be generated."""
    if options.check:
        stale = [word for word in options.words if not _is_up_to_date(word)]
        for word in stale:
            console.print(f"exercises/{word} is not what solutions/{word}.py generates: run `autograder release`.")
        return 1 if stale else 0
    for word in options.words:
        with console.status(word) as status:
            path = release(word, progress=lambda step, word=word: status.update(f"{word}: {step}"))
        console.print(f"{word}: {path.relative_to(course.ROOT)}", highlight=False)
    return 0


def demo(options: argparse.Namespace) -> int:
    """Grade the demo class of every problem set named and print it; 1 if grading found anything unexpected."""
    surprises = 0
    for word in options.words:
        results = _graded_with_progress(word)
        surprises += sum(not result.as_expected for result in results)
        console.print(_table(word, results))
        console.print(f"Feedback: {feedback_page(word, results[0].student).parents[2]}", soft_wrap=True)
    book = course.ROOT / "_build" / "html" / "index.html"
    if book.exists():
        console.print(f"Book:     {book}", soft_wrap=True)
    if surprises:
        console.print(f"[bold red]{surprises} students were not graded as expected (marked ✗).[/]")
    return 1 if surprises else 0


def _is_up_to_date(word: str) -> bool:
    committed = course.ROOT / "exercises" / word / f"{word}.ipynb"
    with tempfile.TemporaryDirectory() as scratch:
        return committed.exists() and committed.read_bytes() == register(word, Path(scratch)).read_bytes()


def _graded_with_progress(word: str) -> list[Result]:
    columns = (
        SpinnerColumn(),
        TextColumn(f"grading {word}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(word, total=None)
        return grade_class(word, lambda done, total: bar.update(task, completed=done, total=total))


def _table(word: str, results: list[Result]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, title=f"The demo class of {word}")
    table.add_column()
    table.add_column("student", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("unread", justify="right")
    table.add_column("mistake recognised", overflow="fold")
    for result in results:
        table.add_row(
            "✓" if result.as_expected else "[red]✗[/]",
            result.student.name,
            f"{result.score:g}/{result.possible:g}",
            f"{result.manual:g}" if result.manual else "",
            ", ".join(sorted(name.partition("__")[2].replace("_", " ") for name in result.mistakes)),
        )
    table.caption = "unread: points of the questions in words, which a person reads"
    return table
