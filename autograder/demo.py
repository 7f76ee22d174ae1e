"""A class to look at: the solution, the untouched stub, and students who make the known mistakes or know another way.

A student makes mistakes in as many problems as possible, so that a few notebooks show all of them.
"""

import contextlib
import functools
import itertools
import re
import shutil
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import is_grade, is_solution
from sqlalchemy.exc import SAWarning

from autograder.course import ROOT, digest_of, nbgrader_at
from autograder.digest import digest
from autograder.grading import feedback
from autograder.grading.run import GradingError, Options, grade_class
from autograder.names import PREFIX, verdict_in
from autograder.problem import Problem
from autograder.problems import problem_sets
from autograder.programs import Program, source_of
from autograder.release import register, solution_notebook

COURSE = ROOT / "build" / "demo"


@dataclass(frozen=True)
class Student:
    """One member of the demo class: what the notebook says instead of the solution, and what grading must find.

    What is in `left_out` stays as it was handed out.
    """

    name: str
    sources: dict[str, str] | None
    mistakes: dict[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @property
    def is_first(self) -> bool:
        """Whether this is the first student of a kind, to be looked at."""
        return not self.name[-1].isdigit() or self.name.endswith("-01")


@dataclass(frozen=True)
class Result:
    """What grading found for one student: the points of each problem, earned and possible, and the mistake recognised.

    `manual` are points left to a person.
    """

    student: Student
    points: dict[str, tuple[float, float]]
    mistakes: dict[str, str]
    manual: float

    @property
    def score(self) -> float:
        return sum(earned for earned, _ in self.points.values())

    @property
    def possible(self) -> float:
        return sum(possible for _, possible in self.points.values())

    @property
    def named(self) -> list[str]:
        """The problems whose mistake lost points and was called by its name."""
        return [
            problem
            for problem, mistake in self.student.mistakes.items()
            if self.mistakes.get(problem) == mistake and self.points[problem][0] < self.points[problem][1]
        ]

    @property
    def as_expected(self) -> bool:
        """Right programs earn every point, the stub none, and every mistake loses points and is called by its name.

        Other functions may be built on the one with the mistake, and then go wrong with it.
        """
        if self.student.mistakes:
            return len(self.named) == len(self.student.mistakes)
        written = self.student.sources is not None
        return all(
            earned == (possible if written and problem not in self.student.left_out else 0)
            for problem, (earned, possible) in self.points.items()
        )


def students(word: str) -> list[Student]:
    """The demo class of a problem set."""
    return [
        Student("solution", {}),
        Student("stub", None),
        *_students(word, "alternatives", lambda problem: problem.alternatives),
        *_students(word, "mistakes", lambda problem: problem.mistakes),
    ]


def grade_demo(word: str, progress: Callable[[str, int, int], None], all_feedback: bool = False) -> list[Result]:
    """Grade the demo class of `word` as any class, in a course of its own under ``build/demo``, and write feedback.

    Feedback pages are written for the first student of each kind, or for all. What an earlier run graded is kept as
    long as nothing has changed that it depends on. `progress` is told the step, how many are done, and of how many.
    Raises `GradingError` when a submission could not be graded.
    """
    _start_course(word)
    lines = grade_class(
        nbgrader_at(COURSE), word, Options(), lambda done, all, _: progress("grading", done, all), print
    )
    failed = [line for line in lines if line.score is None]
    if failed:
        raise GradingError(f"{failed[0].student} of the demo class was not graded: {failed[0].problem}")
    members = students(word)
    shown = [student for student in members if all_feedback or student.is_first]
    waiting = [student for student in shown if not feedback_page(word, student).exists()]
    progress("feedback", 0, len(waiting))
    if waiting:
        _write_feedback(word, {student.name for student in members} - {student.name for student in waiting})
        progress("feedback", len(waiting), len(waiting))
    return list(_results(word, members))


def feedback_page(word: str, student: Student) -> Path:
    """Where nbgrader put the student's feedback."""
    return COURSE / "feedback" / student.name / word / f"{word}.html"


def _students(word: str, kind: str, programs: Callable[[Problem], Sequence[Program]]) -> Iterator[Student]:
    """Students who hand in one of the `programs` of each problem, as far as these do not stand in each other's way."""
    waiting = [(problem, deque(programs(problem))) for problem in problem_sets()[word]]
    for number in itertools.count(1):
        sources: dict[str, str] = {}
        chosen: dict[str, str] = {}
        left_out: set[str] = set()
        for problem, left in sorted(waiting, key=lambda row: len(row[1]), reverse=True):
            functions, unread = _functions(word, problem, left[0]) if left else ({}, set())
            if functions and not (sources.keys() | left_out) & (functions.keys() | unread):
                sources |= {name: _source(name, function) for name, function in functions.items()}
                left_out |= unread
                chosen[problem.name] = left.popleft().name
        if not chosen:
            return
        yield Student(f"{kind}-{number:02}", sources, chosen if kind == "mistakes" else {}, frozenset(left_out))


def _functions(word: str, problem: Problem, program: Program) -> tuple[dict[str, Callable], set[str]]:
    """What must stand in a notebook together with `program`, and what cannot: a backward that nobody wrote for it."""
    functions = problem.functions_of(program)
    unread: set[str] = set()
    for other in problem_sets()[word]:
        # A backward function must read the cache of the forward function that stands here.
        if other.name != problem.name == other.forward:
            reader = _reader(other, program)
            if reader is None:
                unread.add(other.name)
            else:
                functions = other.functions_of(reader) | functions
    return functions, unread


def _reader(backward: Problem, forward: Program) -> Program | None:
    """A right backward program that reads the cache of `forward`; None if only wrong ones do."""
    (function,) = forward.functions
    known = (*backward.alternatives, *backward.mistakes)
    if any(function in program.functions for program in known):
        return next((program for program in backward.alternatives if function in program.functions), None)
    return next(program for program in backward.alternatives if len(program.functions) == 1)


def _source(name: str, function: Callable) -> str:
    """The function or class as a student would have written it: under the problem's name, without the hint."""
    return re.sub(r'^ {4}""".*?"""\n', "", source_of(function, name), flags=re.DOTALL | re.MULTILINE)


def _start_course(word: str) -> None:
    """Make the demo course, or make it anew when what it was graded with has changed."""
    stamp = COURSE / f"{word}.sha256"
    current = digest(ROOT, [feedback.TEMPLATES], digest_of(word, __name__, feedback.__name__))
    if stamp.exists() and stamp.read_text() == current:
        return
    for folder in ("submitted", "autograded", "feedback"):
        for assignment in COURSE.glob(f"{folder}/*/{word}"):
            shutil.rmtree(assignment)
    stamp.unlink(missing_ok=True)
    # nbgrader refuses other cells for an assignment that has submissions.
    if (COURSE / "gradebook.db").exists():
        with Gradebook(nbgrader_at(COURSE).coursedir.db_url) as gradebook, contextlib.suppress(MissingEntry):
            gradebook.remove_assignment(word)
    released = nbformat.read(register(word, COURSE), as_version=4)
    for student in students(word):
        folder = COURSE / "submitted" / student.name / word
        folder.mkdir(parents=True)
        nbformat.write(filled_in(word, released, student), folder / f"{word}.ipynb")
    stamp.write_text(current)


def filled_in(word: str, released: NotebookNode, student: Student) -> NotebookNode:
    """What a student of the demo class hands in, from the released notebook of `word`."""
    notebook = nbformat.from_dict(released)
    if student.sources is not None:
        sources = _solution_of(word) | student.sources
        for cell in filter(is_solution, notebook.cells):
            if cell.metadata.nbgrader.grade_id not in student.left_out:
                cell.source = sources[cell.metadata.nbgrader.grade_id]
    return notebook


@functools.cache
def _solution_of(word: str) -> dict[str, str]:
    cells = filter(is_solution, solution_notebook(word).cells)
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}


def _write_feedback(word: str, others: set[str]) -> None:
    """Write the feedback pages of the class but for the `others`, in one run: it reads its template once."""
    nbgrader = nbgrader_at(COURSE)
    nbgrader.coursedir.student_id_exclude = ",".join(sorted(others))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        result = nbgrader.generate_feedback(word)
    if not result["success"]:
        raise RuntimeError(f"nbgrader wrote no feedback:\n{result['log']}\n{result['error']}")


def _results(word: str, members: list[Student]) -> Iterator[Result]:
    with Gradebook(nbgrader_at(COURSE).coursedir.db_url) as gradebook:
        for student in members:
            grades = gradebook.find_submission(word, student.name).notebooks[0].grades
            checks = [g for g in grades if g.name.startswith(PREFIX)]
            yield Result(
                student,
                {g.name.removeprefix(PREFIX): (g.auto_score, g.max_score) for g in checks},
                dict(_recognised(word, student)),
                sum(g.max_score for g in grades if g.needs_manual_grade),
            )


def _recognised(word: str, student: Student) -> Iterator[tuple[str, str]]:
    """Each problem in which a known mistake was recognised, and the mistake's name."""
    notebook = nbformat.read(COURSE / "autograded" / student.name / word / f"{word}.ipynb", as_version=4)
    for cell in filter(is_grade, notebook.cells):
        record = verdict_in(cell)
        if record.get("mistake"):
            yield record["problem"], record["mistake"]
