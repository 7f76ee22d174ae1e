"""The graded exercises, one package a chapter, one module a function or pair. A problem is found by its name alone."""

import functools
import importlib
import pkgutil
import re
from pathlib import Path

from autograder.problem import Problem


@functools.cache
def problem_sets() -> dict[str, tuple[Problem, ...]]:
    """Every chapter's word with its problems, in the order in which the chapter's package lists them."""
    return {word: _chapter(word) for word in _words()}


@functools.cache
def problems() -> dict[str, Problem]:
    """Every problem of the course by its name."""
    return {problem.name: problem for chapter in problem_sets().values() for problem in chapter}


@functools.cache
def find_problem(name: str) -> Problem | None:
    """The problem `name`, None if there is none; only chapters that hold a program of that name are loaded."""
    program = re.compile(rf"^(def|class) {re.escape(name)}__", re.MULTILINE)
    found = (word for word in _words() if any(program.search(text) for text in _texts(word)))
    return next((problem for word in found for problem in _chapter(word) if problem.name == name), None)


def chapter_of(problem: Problem) -> tuple[str, tuple[Problem, ...]]:
    """The word of the chapter that a problem is in, and all problems of the chapter."""
    word = next(m for m in problem.modules if m.startswith(__name__)).removeprefix(f"{__name__}.").partition(".")[0]
    return word, _chapter(word)


def _words() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def _chapter(word: str) -> tuple[Problem, ...]:
    return importlib.import_module(f"{__name__}.{word}").PROBLEMS


@functools.cache
def _texts(word: str) -> list[str]:
    """The sources of a chapter's modules."""
    return [path.read_text(encoding="utf-8") for path in Path(__path__[0], word).glob("*.py")]
