"""The command ``autograder report``, which loads nothing that it does not need: torch alone takes seconds."""

import argparse
import sys
from pathlib import Path

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder import course


def main(arguments: list[str]) -> None:
    """Write the report of a graded class and say where it is."""
    text = "write a page about a graded class: points, mistakes, who shares them, and what each student should repeat"
    parser = argparse.ArgumentParser(prog="autograder report", description=text)
    parser.add_argument("assignments", nargs="*", metavar="ASSIGNMENT", help="e.g. activations (default: all)")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where to write it (default: report/ in the course)")
    parser.add_argument("--csv", action="store_true", help="write the numbers as tables, too")
    parser.add_argument("--anonymous", action="store_true", help="leave the names out: students are numbers")
    text = "the address of the book for the links (default: the book that was built here)"
    parser.add_argument("--book", metavar="ADDRESS", help=text)
    text = "the course's folder (default: where nbgrader finds it from the working folder)"
    parser.add_argument("--course", type=Path, metavar="FOLDER", help=text)
    options = parser.parse_args(arguments)
    if options.book and not options.book.startswith(("https://", "http://", "../", "./", "/")):
        parser.error(f"--book {options.book!r}: expected an address such as https://example.org/book")
    try:
        print(report(options))
    except (ReportError, course.NoCourseError) as error:
        sys.exit(f"No report. {error}")


class ReportError(Exception):
    """There is nothing to report on; the message is a sentence."""


def report(options: argparse.Namespace) -> str:
    """Write the report; where it is, as a line for the terminal. Raises `ReportError`."""
    from nbgrader.api import Gradebook, MissingEntry

    from autograder.grading.graded import read_class
    from autograder.report.page import write_report

    nbgrader = course.nbgrader_at(options.course.resolve()) if options.course else course.nbgrader_here()
    coursedir = nbgrader.coursedir
    root = Path(coursedir.root)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        asked = options.assignments or [a.name for a in gradebook.assignments if a.num_submissions]
        if not asked:
            raise ReportError(f"The gradebook of {root} has no submission; run `autograder grade` first.")
        try:
            classes = [read_class(gradebook, coursedir, assignment) for assignment in dict.fromkeys(asked)]
        except MissingEntry as error:
            there = ", ".join(a.name for a in gradebook.assignments) or "none"
            raise ReportError(f"{error} There are: {there}.") from None
    folder = options.to or root / "report"
    page = write_report(classes, root, folder, options.book, options.anonymous, options.csv)
    handed_in = sum(len(one.handed_in) for one in classes)
    return f"{handed_in} submissions: {page}"
