"""The graded exercises, one package a chapter, one module a function or pair. A problem is found by its name alone."""

import functools
import importlib
import pkgutil

from autograder.problem import Problem


@functools.cache
def problem_sets() -> dict[str, tuple[Problem, ...]]:
    """Every chapter's word with its problems, in the order in which the chapter's package lists them."""
    words = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {word: importlib.import_module(f"{__name__}.{word}").PROBLEMS for word in words}


@functools.cache
def problems() -> dict[str, Problem]:
    """Every problem of the course by its name."""
    return {problem.name: problem for chapter in problem_sets().values() for problem in chapter}
