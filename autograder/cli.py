"""The command line: ``autograder release | grade | demo | coverage | mutate``; ``start`` is in `__main__`."""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder import course
from autograder.coverage import Coverage, coverage
from autograder.demo import Result, feedback_page, grade_demo
from autograder.grading.intake import printable
from autograder.mutate import mutate
from autograder.problems import problem_sets
from autograder.release import ReleaseError, register, release
from autograder.sandbox.bubblewrap import NoSandboxError

if TYPE_CHECKING:
    from autograder.grading.run import Line

console = Console()


def main() -> None:
    """Entry point of the command ``autograder``."""
    parser = argparse.ArgumentParser(prog="autograder", description="Release, grade and try out the problem sets.")
    # Only to be named: `__main__` runs it, also where nothing for grading is installed.
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("start", help="copy an exercise to a place of your own, work/WORD/")
    _add_grade(commands)
    for name, function, text in (
        ("release", release_sets, "verify the problem sets and write the notebooks that students open"),
        ("demo", demo, "grade a class of solutions, stubs, known mistakes and alternatives"),
        ("coverage", cover, "count which known mistakes each check catches and names, and which right programs pass"),
        (
            "mutate",
            try_mutants,
            "change right programs in one place after the other, and name what still earns everything",
        ),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("words", nargs="*", metavar="WORD", help="chapter, e.g. activations (default: all)")
        command.set_defaults(run=function)
        if name == "release":
            command.add_argument("--check", action="store_true", help="only say whether exercises/ is up to date")
        if name == "mutate":
            text = "at most so many mutants of each problem, drawn by chance (default: all)"
            command.add_argument("--sample", type=_positive, metavar="N", help=text)
        if name == "demo":
            text = "write pages for the first student of each kind (default) or for all"
            command.add_argument("--feedback", choices=("first", "all"), default="first", help=text)
    options = parser.parse_args()
    if options.run is grade:
        sys.exit(grade(options))
    unknown = sorted(set(options.words) - set(course.words()))
    if unknown:
        parser.error(f"no problem set {', '.join(unknown)}; there are: {', '.join(course.words())}")
    options.words = options.words or course.words()
    try:
        sys.exit(options.run(options))
    except ReleaseError as refusal:
        console.print("[bold red]Not released.[/]", escape(str(refusal)), highlight=False, soft_wrap=True)
        sys.exit(1)


def _add_grade(commands: argparse._SubParsersAction) -> None:
    text = "grade everybody who handed in an assignment and is not graded yet"
    command = commands.add_parser("grade", help=text, description=text)
    command.add_argument("assignment", metavar="ASSIGNMENT", help="e.g. activations")
    command.add_argument("--student", nargs="+", default=[], metavar="ID", help="only these students")
    command.add_argument("--workers", type=_positive, metavar="N", help="submissions at once (default: one a core)")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask cluster, e.g. tcp://head:8786")
    command.add_argument("--force", action="store_true", help="grade again what is graded")
    command.add_argument("--no-sandbox", action="store_true", help="run submissions with your rights: dangerous")
    text = "the course's folder (default: where nbgrader finds it from the working folder)"
    command.add_argument("--course", type=Path, metavar="FOLDER", help=text)
    command.set_defaults(run=grade)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


def grade(options: argparse.Namespace) -> int:
    """Grade a class and print one line for each student; 0 only when every submission was graded."""
    from autograder.grading.run import GradingError, Options, grade_class
    from autograder.grading.settings import SeedError

    if options.no_sandbox:
        console.print("[bold red]Without the sandbox submissions run with your rights:[/] they can read and change "
                      "what you can. Grade only what you have read.")  # fmt: skip
    chosen = Options(tuple(options.student), options.workers, options.scheduler, options.force, not options.no_sandbox)
    try:
        nbgrader = course.nbgrader_at(options.course.resolve()) if options.course else course.nbgrader_here()
        with _progress(f"grading {options.assignment}") as bar:
            task = bar.add_task("", total=None)

            def show(done: int, total: int, line: "Line | None") -> None:
                bar.update(task, completed=done, total=total)
                if line:
                    bar.console.print(_line(line), soft_wrap=True, highlight=False)

            lines = grade_class(nbgrader, options.assignment, chosen, show, bar.console.print)
    except (GradingError, NoSandboxError, SeedError, course.NoCourseError) as error:
        console.print(f"[bold red]Not graded.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. What is graded stays graded; run the same command again to go on.")
        return 1
    failed = [line for line in lines if line.score is None]
    console.print(_summary(lines, len(failed)), highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _line(line: "Line") -> Text:
    name, score = printable(line.student), line.score
    remarks = "".join(f"\n    {remark}" for remark in line.remarks)
    if score is None:
        return Text(f"✗ {name}: not graded. {line.problem}{remarks}", style="red")
    late = f", {score.penalty:g} taken off for being late" if score.penalty else ""
    unread = f", {score.unread:g} to be read" if score.unread else ""
    return Text(f"✓ {name}: {score.points:g} of {score.possible:g}{late}{unread}{remarks}")


def _summary(lines: "list[Line]", failed: int) -> str:
    if not lines:
        return "Everybody is graded already; --force grades again."
    graded = [line.score.points for line in lines if line.score is not None]
    said = f"{len(graded)} graded" + (f", median {statistics.median(graded):g} points" if graded else "")
    return f"{said}; {failed} not graded." if failed else f"{said}."


def release_sets(options: argparse.Namespace) -> int:
    """Release every problem set named, or with ``--check`` compare exercises/ with what would be generated."""
    if options.check:
        stale = [word for word in options.words if not _is_up_to_date(word)]
        for word in stale:
            console.print(f"exercises/{word} is not what solutions/{word}.py generates: run `autograder release`.")
        return 1 if stale else 0
    with _progress("verifying") as bar:
        task = bar.add_task(", ".join(options.words), total=None)
        paths = release(options.words, progress=lambda done, total: bar.update(task, completed=done, total=total))
    for word, path in zip(options.words, paths, strict=True):
        console.print(f"{word}: {path.relative_to(course.ROOT)}", highlight=False)
    return 0


def demo(options: argparse.Namespace) -> int:
    """Grade the demo class of every problem set named and print it; 1 if grading found anything unexpected."""
    surprises = 0
    for word in options.words:
        results = _graded_with_progress(word, options.feedback == "all")
        surprises += sum(not result.as_expected for result in results)
        console.print(_table(word, results))
        console.print(f"Feedback: {feedback_page(word, results[0].student).parents[2]}", soft_wrap=True)
    book = course.ROOT / "_build" / "html" / "index.html"
    if book.exists():
        console.print(f"Book:     {book}", soft_wrap=True)
    if surprises:
        console.print(f"[bold red]{surprises} students were not graded as expected (marked ✗).[/]")
    return 1 if surprises else 0


def cover(options: argparse.Namespace) -> int:
    """Print for every problem what its check makes of the known programs; 1 if it misjudges any."""
    misjudged = []
    for word in options.words:
        found = []
        with _progress(word) as bar:
            task = bar.add_task("grading every known program", total=len(problem_sets()[word]))
            for problem in problem_sets()[word]:
                found.append(coverage(problem))
                bar.advance(task)
        console.print(_coverage_table(word, found))
        misjudged += [sentence for one in found for sentence in one.misjudged()]
    for sentence in misjudged:
        console.print(f"[bold red]✗[/] {sentence}", highlight=False, soft_wrap=True)
    return 1 if misjudged else 0


def _coverage_table(word: str, found: list[Coverage]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, title=f"The checks of {word}", show_footer=True)
    rows = [
        (one.mistakes, len(one.uncaught), len(one.unnamed), one.alternatives, len(one.refused), one.seconds)
        for one in found
    ]
    count, uncaught, unnamed, right, refused = (sum(row[i] for row in rows) for i in range(5))
    for head, foot in (
        ("problem", f"{len(found)} problems"),
        ("mistakes caught", _share(count, uncaught)),
        ("named", _share(count, unnamed)),
        ("alternatives accepted", _share(right, refused)),
        ("seconds", f"{max((row[5] for row in rows), default=0):.2f}"),
    ):
        table.add_column(head, foot, justify="left" if head == "problem" else "right", overflow="fold")
    for one, (count, uncaught, unnamed, right, refused, seconds) in zip(found, rows, strict=True):
        shares = (_share(count, uncaught), _share(count, unnamed), _share(right, refused))
        table.add_row(one.problem, *shares, f"{seconds:.2f}")
    table.caption = "seconds: the longest check of a known program; below, the longest of all"
    return table


def try_mutants(options: argparse.Namespace) -> int:
    """Print how many mutants of right programs earn everything, and which; 1 if any of them is wrong on wide inputs."""
    wrong = 0
    for word in options.words:
        for found in mutate(word, options.sample):
            console.print(
                f"{found.problem}: {found.mutants} mutants, {len(found.survivors)} earn every point, "
                f"{len(found.wrong)} of them wrongly",
                highlight=False,
            )
            for survivor in sorted(found.survivors, key=lambda survivor: survivor.wrong is None):
                mark = "[bold red]✗[/]" if survivor.wrong else "[dim]as right:[/]"
                console.print(f"  {mark} {escape(f'{survivor.program}, {survivor.mutant}')}", highlight=False)
                if survivor.wrong:
                    console.print(f"      {escape(survivor.wrong)}", highlight=False)
            wrong += len(found.wrong)
    return 1 if wrong else 0


def _share(count: int, missed: int) -> str:
    text = f"{count - missed}/{count}"
    return f"[red]{text}[/]" if missed else text


def _is_up_to_date(word: str) -> bool:
    committed = course.ROOT / "exercises" / word / f"{word}.ipynb"
    with tempfile.TemporaryDirectory() as scratch:
        return committed.exists() and committed.read_bytes() == register(word, Path(scratch)).read_bytes()


def _graded_with_progress(word: str, all_feedback: bool) -> list[Result]:
    with _progress(word) as bar:
        steps = {step: bar.add_task(step, total=None) for step in ("grading", "feedback")}

        def show(step: str, done: int, total: int) -> None:
            bar.update(steps[step], completed=done, total=total)

        return grade_demo(word, show, all_feedback)


def _progress(text: str) -> Progress:
    said = TextColumn(f"{text} {{task.description}}")
    return Progress(SpinnerColumn(), said, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)


def _table(word: str, results: list[Result]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, title=f"The demo class of {word}")
    table.add_column()
    table.add_column("student", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("unread", justify="right")
    table.add_column("mistakes recognised", overflow="fold")
    for result in results:
        table.add_row(
            "✓" if result.as_expected else "[red]✗[/]",
            result.student.name,
            f"{result.score:g}/{result.possible:g}",
            f"{result.manual:g}" if result.manual else "",
            ", ".join(f"{problem}: {name.replace('_', ' ')}" for problem, name in result.mistakes.items()),
        )
    made, named = (
        sum(map(len, column)) for column in ([r.student.mistakes for r in results], [r.named for r in results])
    )
    table.caption = (
        f"{named} of {made} mistakes were caught and called by their names. "
        "unread: points of the questions in words, which a person reads"
    )
    return table
