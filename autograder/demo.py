"""A class to look at: the solution, the untouched stub, every known mistake and every alternative, each a student."""

import contextlib
import inspect
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import is_grade, is_solution
from sqlalchemy.exc import SAWarning

from autograder.course import ROOT, digest, nbgrader_at
from autograder.problem import Problem, Program
from autograder.problems import problem_sets
from autograder.release import PREFIX, register, solution_notebook
from autograder.table import MIME

COURSE = ROOT / "build" / "demo"


@dataclass(frozen=True)
class Student:
    """One member of the demo class: what the notebook says instead of the solution, and what grading must find."""

    name: str
    kind: str
    sources: dict[str, str] | None
    mistakes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Result:
    """What grading found for one student: points from checks, points left to a person, the mistakes recognised."""

    student: Student
    score: float
    possible: float
    manual: float
    mistakes: frozenset[str]

    @property
    def as_expected(self) -> bool:
        """Right programs earn every point, the stub none, and a mistake loses points and is called by its name.

        Other functions may be built on the one with the mistake, and then go wrong with it.
        """
        if self.student.kind == "mistake":
            return self.score < self.possible and self.mistakes >= self.student.mistakes
        return self.score == (0 if self.student.kind == "stub" else self.possible)


def students(word: str) -> list[Student]:
    """The demo class of a problem set."""
    problems = problem_sets()[word]
    return [
        Student("solution", "solution", {}),
        Student("stub", "stub", None),
        *(_student(word, p, program, "alternative") for p in problems for program in p.alternatives),
        *(_student(word, p, program, "mistake") for p in problems for program in p.mistakes),
    ]


def grade_class(word: str, progress: Callable[[int, int], None], workers: int | None = None) -> list[Result]:
    """Grade the demo class of `word` through nbgrader, in a course of its own under ``build/demo``.

    What an earlier run graded is kept as long as neither the package nor the problem set has changed.
    """
    _start_course(word)
    members = students(word)
    waiting = [student for student in members if not feedback_page(word, student).exists()]
    progress(len(members) - len(waiting), len(members))
    # One more than cores: while a kernel starts, its grader waits.
    with ProcessPoolExecutor(workers or os.cpu_count() + 1) as pool:
        jobs = [pool.submit(_grade, word, student.name) for student in waiting]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            progress(len(members) - len(waiting) + done, len(members))
    return list(_results(word, members))


def feedback_page(word: str, student: Student) -> Path:
    """Where nbgrader put the student's feedback."""
    return COURSE / "feedback" / student.name / word / f"{word}.html"


def _student(word: str, problem: Problem, program: Program, kind: str) -> Student:
    functions = problem.functions_of(program)
    for other in problem_sets()[word]:
        # A backward function must read the cache of the forward function that stands here.
        if problem.name in (companion.__name__.partition("__")[0] for companion in other.companions):
            functions = other.functions_of(other.alternatives[0]) | functions
    name = f"{problem.name}__{program.name}"
    sources = {function: _source(function, code) for function, code in functions.items()}
    return Student(name, kind, sources, frozenset({name} if kind == "mistake" else ()))


def _source(name: str, function: Callable) -> str:
    """The function as a student would have written it: under the problem's name, without the hint."""
    source = re.sub(r"^def \w+", f"def {name}", inspect.getsource(function))
    return re.sub(r'^ {4}""".*?"""\n', "", source, flags=re.DOTALL | re.MULTILINE)


def _start_course(word: str) -> None:
    """Make the demo course, or make it anew when what it was graded with has changed."""
    stamp = COURSE / f"{word}.sha256"
    current = digest(word)
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
    solution = {c.metadata.nbgrader.grade_id: c.source for c in solution_notebook(word).cells if is_solution(c)}
    for student in students(word):
        folder = COURSE / "submitted" / student.name / word
        folder.mkdir(parents=True)
        nbformat.write(_filled_in(released, solution, student.sources), folder / f"{word}.ipynb")
    stamp.write_text(current)


def _filled_in(released: NotebookNode, solution: dict[str, str], sources: dict[str, str] | None) -> NotebookNode:
    notebook = nbformat.from_dict(released)
    for cell in notebook.cells if sources is not None else []:
        if is_solution(cell):
            grade_id = cell.metadata.nbgrader.grade_id
            cell.source = sources.get(grade_id, solution[grade_id])
    return notebook


def _grade(word: str, student: str) -> None:
    """Autograde one student and write the feedback page; runs in a process of its own."""
    # As many processes as cores: threads of their own would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "warm-fork"
    warnings.filterwarnings("ignore", category=SAWarning)
    nbgrader = nbgrader_at(COURSE, wait_for_lock=60)
    for step in (nbgrader.autograde, nbgrader.generate_feedback):
        result = step(word, student)
        if not result["success"]:
            raise RuntimeError(f"nbgrader could not grade {student}:\n{result['log']}\n{result['error']}")


def _results(word: str, members: list[Student]) -> Iterator[Result]:
    with Gradebook(nbgrader_at(COURSE).coursedir.db_url) as gradebook:
        for student in members:
            grades = gradebook.find_submission(word, student.name).notebooks[0].grades
            checks = [g for g in grades if g.name.startswith(PREFIX)]
            yield Result(
                student,
                sum(g.auto_score for g in checks),
                sum(g.max_score for g in checks),
                sum(g.max_score for g in grades if g.needs_manual_grade),
                frozenset(_recognised(word, student)),
            )


def _recognised(word: str, student: Student) -> Iterator[str]:
    notebook = nbformat.read(COURSE / "autograded" / student.name / word / f"{word}.ipynb", as_version=4)
    for cell in filter(is_grade, notebook.cells):
        for output in cell.get("outputs", []):
            record = output.get("data", {}).get(MIME, {})
            if record.get("mistake"):
                yield f"{record['problem']}__{record['mistake']}"
