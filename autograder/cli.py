"""The command line: ``autograder release | grade | regrade | demo | coverage | mutate``; `__main__` has the rest."""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder.sandbox.bubblewrap import NoSandboxError

# What loads nbgrader or torch, for a second each, is loaded where it is used: by then the workers have begun.
if TYPE_CHECKING:
    from autograder.coverage import Coverage
    from autograder.demo import Result
    from autograder.grading.run import Line

console = Console()


def main() -> None:
    """Entry point of the command ``autograder``."""
    parser = argparse.ArgumentParser(prog="autograder", description="Release, grade and try out the problem sets.")
    # Only to be named: `__main__` runs it, also where nothing for grading is installed.
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("start", help="copy an exercise to a place of your own, work/WORD/")
    commands.add_parser("report", help="write a page about a graded class")
    commands.add_parser("handout", help="write a folder and a zip for students, without what computes the answers")
    _add_grade(commands)
    _add_regrade(commands)
    _add_alike(commands)
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
    if options.run in (grade, regrade, alike):
        sys.exit(options.run(options))
    from autograder import course
    from autograder.release import ReleaseError

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
    _add_whom_and_where(command)
    command.add_argument("--force", action="store_true", help="grade again what is graded")
    command.set_defaults(run=grade)


def _add_regrade(commands: argparse._SubParsersAction) -> None:
    text = "grade again after a problem was mended, and list who changes, by how much and why"
    command = commands.add_parser("regrade", help=text, description=text)
    command.add_argument("assignment", metavar="ASSIGNMENT", help="e.g. activations")
    command.add_argument("--write", action="store_true", help="write it into the gradebook after it is listed")
    _add_whom_and_where(command)
    command.set_defaults(run=regrade, force=True)


def _add_alike(commands: argparse._SubParsersAction) -> None:
    text = "write a page of answers that are alike beyond what the problems force, for you to read"
    command = commands.add_parser("alike", help=text, description=text)
    command.add_argument("assignment", metavar="ASSIGNMENT", help="e.g. activations")
    command.add_argument("--to", type=Path, metavar="FOLDER", help="where to write it (default: report/ in the course)")
    _add_course(command)
    command.set_defaults(run=alike)


def _add_course(command: argparse.ArgumentParser) -> None:
    text = "the course's folder (default: where nbgrader finds it from the working folder)"
    command.add_argument("--course", type=Path, metavar="FOLDER", help=text)


def _add_whom_and_where(command: argparse.ArgumentParser) -> None:
    command.add_argument("--student", nargs="+", default=[], metavar="ID", help="only these students")
    command.add_argument("--workers", type=_positive, metavar="N", help="submissions at once (default: one a core)")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask cluster, e.g. tcp://head:8786")
    command.add_argument("--no-sandbox", action="store_true", help="run submissions with your rights: dangerous")
    _add_course(command)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


def grade(options: argparse.Namespace) -> int:
    """Grade a class and print one line for each student; 0 only when every submission was graded."""
    _begin_workers(options)
    from autograder.grading.run import grade_class

    def run(nbgrader, chosen, bar, show):
        def told(done: int, total: int, line: "Line | None") -> None:
            show(done, total)
            if line:
                bar.console.print(_line(line), soft_wrap=True, highlight=False)

        return grade_class(nbgrader, options.assignment, chosen, told, bar.console.print)

    lines = _run_grading(options, "grading", run)
    if lines is None:
        return 1
    failed = [line for line in lines if line.score is None]
    console.print(_summary(lines, len(failed)), highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _begin_workers(options: argparse.Namespace) -> None:
    """Have workers on this machine begin, while the rest of the command is still to be loaded."""
    from autograder.grading.workers import prepare

    if not options.scheduler:
        prepare(options.workers, not options.no_sandbox)


def regrade(options: argparse.Namespace) -> int:
    """Grade a class again, list what changes, and write it if that is asked for; 0 only when all were graded."""
    _begin_workers(options)
    from autograder.grading.run import regrade_class

    def write(lines: "list[Line]") -> bool:
        for line in sorted(lines, key=lambda line: line.student):
            if line.score is None or line.changes:
                console.print(_change(line), soft_wrap=True, highlight=False)
        return options.write

    def run(nbgrader, chosen, bar, show):
        def told(done: int, total: int, _: "Line | None") -> None:
            show(done, total)

        return regrade_class(nbgrader, options.assignment, chosen, told, write, bar.console.print)

    lines = _run_grading(options, "grading again", run)
    if lines is not None:
        console.print(_summary_of_changes(lines, options.write), soft_wrap=True, highlight=False)
    return 1 if lines is None or any(line.score is None for line in lines) else 0


def alike(options: argparse.Namespace) -> int:
    """Write the page of answers that are alike, and say where it is."""
    from nbgrader.api import Gradebook, MissingEntry

    from autograder import course
    from autograder.grading.graded import read_class, read_executed
    from autograder.problems import problems
    from autograder.programs import source_of
    from autograder.report.copies import pairs
    from autograder.report.page import write_copies

    try:
        nbgrader = course.nbgrader_at(options.course.resolve()) if options.course else course.nbgrader_here()
        coursedir = nbgrader.coursedir
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            found = read_class(gradebook, coursedir, options.assignment)
    except (course.NoCourseError, MissingEntry) as error:
        console.print(escape(str(error)), highlight=False, soft_wrap=True)
        return 1
    root = Path(coursedir.root)
    source = root / coursedir.format_path(coursedir.source_directory, ".", options.assignment)
    notebooks = [read_executed(path.read_bytes()) for path in source.glob("*.ipynb")]
    known = {
        task.name: [
            *(notebook.sources.get(task.name, "") for notebook in notebooks if notebook),
            *(source_of(program.functions[0], task.name)
              for program in (*problem.alternatives, *problem.mistakes)),
        ]
        for task in found.tasks if (problem := problems().get(task.name))
    }  # fmt: skip
    two = pairs(found, known)
    page = write_copies(found, two, root, options.to or root / "report")
    console.print(f"{len(two)} pairs to read: {page}", highlight=False, soft_wrap=True)
    return 0


def _run_grading(options: argparse.Namespace, what: str, run: Callable) -> "list[Line] | None":
    """What `run` makes of the course that the options name; None, and a sentence is printed, when it cannot go on."""
    from autograder import course
    from autograder.grading.run import GradingError, Options
    from autograder.grading.settings import SeedError

    if options.no_sandbox:
        console.print("[bold red]Without the sandbox submissions run with your rights:[/] they can read and change "
                      "what you can. Grade only what you have read.")  # fmt: skip
    chosen = Options(tuple(options.student), options.workers, options.scheduler, options.force, not options.no_sandbox)
    try:
        nbgrader = course.nbgrader_at(options.course.resolve()) if options.course else course.nbgrader_here()
        with _progress(f"{what} {options.assignment}") as bar:
            task = bar.add_task("", total=None)
            return run(nbgrader, chosen, bar, lambda done, total: bar.update(task, completed=done, total=total))
    except (GradingError, NoSandboxError, SeedError, course.NoCourseError) as error:
        console.print(f"[bold red]Not graded.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print("Stopped. What is graded stays graded; run the same command again to go on.")
    return None


def _change(line: "Line") -> Text:
    from autograder.grading.intake import printable

    if line.score is None:
        return _line(line)
    reasons = "".join(f"\n    {printable(reason)}" for reason in line.reasons)
    return Text(f"{printable(line.student)}: {line.before.points:g} → {line.score.points:g} points{reasons}")


def _summary_of_changes(lines: "list[Line]", write: bool) -> str:
    graded = [line for line in lines if line.score is not None]
    moved = [line.score.points - line.before.points for line in graded]
    gain, lose = sum(step > 0 for step in moved), sum(step < 0 for step in moved)
    said = f"{len(graded)} graded again: {gain} gain points, {lose} lose points."
    if len(graded) < len(lines):
        said += f" {len(lines) - len(graded)} not graded."
    return f"{said} Written." if write else f"{said} Nothing is written; --write writes it."


def _line(line: "Line") -> Text:
    from autograder.grading.intake import printable

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
    from autograder.course import ROOT
    from autograder.release import release

    if options.check:
        stale = [word for word in options.words if not _is_up_to_date(word)]
        for word in stale:
            console.print(f"exercises/{word} is not what solutions/{word}.py generates: run `autograder release`.")
        return 1 if stale else 0
    bar = _progress("verifying")
    task = bar.add_task(", ".join(options.words), total=None)

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        # Not before: the bar is drawn by a thread, and by now nothing is forked any more.
        bar.start()

    try:
        paths = release(options.words, progress=show)
    finally:
        bar.stop()
    for word, path in zip(options.words, paths, strict=True):
        console.print(f"{word}: {path.relative_to(ROOT)}", highlight=False)
    return 0


def demo(options: argparse.Namespace) -> int:
    """Grade the demo class of every problem set named and print it; 1 if grading found anything unexpected."""
    from autograder.course import ROOT
    from autograder.demo import feedback_page

    surprises = 0
    for word in options.words:
        results = _graded_with_progress(word, options.feedback == "all")
        surprises += sum(not result.as_expected for result in results)
        console.print(_table(word, results))
        console.print(f"Feedback: {feedback_page(word, results[0].student).parents[2]}", soft_wrap=True)
    book = ROOT / "_build" / "html" / "index.html"
    if book.exists():
        console.print(f"Book:     {book}", soft_wrap=True)
    if surprises:
        console.print(f"[bold red]{surprises} students were not graded as expected (marked ✗).[/]")
    return 1 if surprises else 0


def cover(options: argparse.Namespace) -> int:
    """Print for every problem what its check makes of the known programs; 1 if it misjudges any."""
    from autograder.coverage import coverage
    from autograder.problems import problem_sets

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


def _coverage_table(word: str, found: "list[Coverage]") -> Table:
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
    from autograder.mutate import mutate

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
    from autograder.course import ROOT
    from autograder.release import register

    committed = ROOT / "exercises" / word / f"{word}.ipynb"
    with tempfile.TemporaryDirectory() as scratch:
        return committed.exists() and committed.read_bytes() == register(word, Path(scratch)).read_bytes()


def _graded_with_progress(word: str, all_feedback: bool) -> "list[Result]":
    from autograder.demo import grade_demo

    with _progress(word) as bar:
        steps = {step: bar.add_task(step, total=None) for step in ("grading", "feedback")}

        def show(step: str, done: int, total: int) -> None:
            bar.update(steps[step], completed=done, total=total)

        return grade_demo(word, show, all_feedback)


def _progress(text: str) -> Progress:
    said = TextColumn(f"{text} {{task.description}}")
    return Progress(SpinnerColumn(), said, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)


def _table(word: str, results: "list[Result]") -> Table:
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
