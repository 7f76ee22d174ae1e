"""Known programs, right and wrong: found by their names, and made from each other by slips."""

import ast
import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Program:
    """A whole answer to a problem, written as functions named ``<function of the problem>__<what is special>``.

    Each function or class stands alone (it uses nothing but ``torch``), so that its source can be put into a cell.
    A wrong program that people really write has a docstring: the hint, which names the mistake without the answer.
    One that differs from a right program in a line or two is made by `slip`. A right program has no docstring.
    """

    functions: tuple[Callable, ...]

    @property
    def name(self) -> str:
        return self.functions[0].__name__.partition("__")[2]

    @property
    def hint(self) -> str | None:
        """The sentences that name the mistake; None of a right program."""
        # Its own: a class without one would be given that of torch.nn.Module.
        found = self.functions[0].__doc__
        return found and inspect.cleandoc(found).replace("\n", " ")

    def by_name(self) -> dict[str, Callable]:
        """The functions under the names that the problem gives them."""
        return {function.__name__.partition("__")[0]: function for function in self.functions}


@functools.cache
def programs_of(modules: tuple[str, ...], problem: str) -> tuple[Program, ...]:
    """The programs of `problem` in `modules`, in the order in which they are defined there.

    Whatever is called ``<problem>__<what is special>`` is one. A backward program that `follows` a forward program of
    its own has it with it.
    """
    things = (item for module in modules for item in vars(importlib.import_module(module)).items())
    found = {name: thing for name, thing in things if name.startswith(f"{problem}__")}
    return tuple(Program((f, f.follows) if hasattr(f, "follows") else (f,)) for f in found.values())


def follows(forward: Callable) -> Callable[[Callable], Callable]:
    """Decorates a backward program that reads the cache of `forward`, not that of the first right forward program."""

    def mark(backward: Callable) -> Callable:
        backward.follows = forward
        return backward

    return mark


def source_of(function: Callable, name: str | None = None) -> str:
    """The source of a program's function or class, under another `name` if one is given."""
    source = getattr(function, "source", None) or _written(function)
    source = re.sub(r"\A@follows\(.*\n", "", source)
    return re.sub(r"\A(def|class) \w+", rf"\1 {name or function.__name__}", source)


def _written(function: Callable) -> str:
    module = sys.modules.get(function.__module__)
    found = _sources_in(module.__file__) if getattr(module, "__file__", None) else {}
    return found.get(function.__qualname__) or inspect.getsource(function)


@functools.lru_cache(maxsize=16)
def _sources_in(path: str) -> dict[str, str]:
    """The source of every function and class at the top of a file, read once: `inspect` reads it for each class."""
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    found = {}
    for node in ast.parse("".join(lines)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            start = min(part.lineno for part in (node, *node.decorator_list))
            found[node.name] = "".join(lines[start - 1 : node.end_lineno])
    return found


def slip(right: Callable, name: str, hint: str, *changes: tuple[str, str]) -> Callable:
    """The mistake `name` as a slip in the function or class `right`: its source with each old text changed to a new.

    It is defined in the module of `right`, as if it were written there. Raises `ValueError` when an old text is not
    in the source once.
    """
    full = f"{right.__name__.partition('__')[0]}__{name}"
    source = source_of(right, full)
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"The slip {name!r}: {old!r} is {source.count(old)} times in {right.__name__}, not once.")
        source = source.replace(old, new)
    namespace: dict[str, Any] = {"torch": torch, "__name__": right.__module__}
    exec(source, namespace)
    wrong = namespace[full]
    wrong.__doc__, wrong.source = hint, source
    if hasattr(right, "follows"):
        wrong.follows = right.follows
    setattr(sys.modules[right.__module__], full, wrong)
    return wrong
