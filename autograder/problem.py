"""What a graded exercise is: data only. `judge` compares with it, `calls` makes the calls it describes."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from autograder.calls import Call

Cases = Callable[[torch.Generator], list["Case"]]
# The form of what a function returns: a name stands for one tensor.
Names = str | tuple["Names", ...] | Mapping[str, "Names"]


@dataclass(frozen=True)
class Case:
    """One call of the student's function.

    `arguments` are by name, in the order of the function's parameters; tensors among them are drawn in float64 on
    the CPU and cast to `dtype` for the call. `dout` is the upstream gradient of a backward call. `layout` is how
    the numbers of every tensor lie in memory: row after row ("contiguous"), with gaps ("strided"), or dense with
    the first and the last dimension exchanged ("transposed"). With `another_call` the forward function runs once
    more, on other values, before the first call's results are used: they must not depend on what came later.
    A `timed` call is made on one thread, and again if it was too slow; the fastest one counts. `kept` is for the
    judge: no student sees it.
    """

    name: str
    criterion: str
    arguments: Mapping[str, Any]
    dout: torch.Tensor | None = None
    dtype: torch.dtype = torch.float32
    layout: str = "contiguous"
    another_call: bool = False
    timed: bool = False
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """A whole answer to a problem, written as functions named ``<function of the problem>__<what is special>``.

    Each function or class stands alone (it uses nothing but ``torch``), so that its source can be put into a cell.
    A wrong program that people really write has a docstring: the hint, which names the mistake without the answer.
    One that differs from a right program in a line or two is made by `slip`.
    """

    functions: tuple[Callable, ...]

    @property
    def name(self) -> str:
        return self.functions[0].__name__.partition("__")[2]

    @property
    def hint(self) -> str:
        return inspect.getdoc(self.functions[0]).replace("\n", " ")

    def by_name(self) -> dict[str, Callable]:
        """The functions under the names that the problem gives them."""
        return {function.__name__.partition("__")[0]: function for function in self.functions}


def programs(*answers: Callable | tuple[Callable, ...]) -> tuple[Program, ...]:
    """A program of each function, or of each tuple of functions that belong together."""
    return tuple(Program(answer if isinstance(answer, tuple) else (answer,)) for answer in answers)


def source_of(function: Callable, name: str | None = None) -> str:
    """The source of a program's function or class, under another `name` if one is given."""
    source = getattr(function, "source", None) or inspect.getsource(function)
    return re.sub(r"^(def|class) \w+", rf"\1 {name or function.__name__}", source)


def slip(right: Callable, name: str, hint: str, *changes: tuple[str, str]) -> Callable:
    """The mistake `name` as a slip in the function or class `right`: its source with each old text changed to a new.

    Raises `ValueError` when an old text is not in the source once.
    """
    full = f"{right.__name__.partition('__')[0]}__{name}"
    source = source_of(right, full)
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"The slip {name!r}: {old!r} is {source.count(old)} times in {right.__name__}, not once.")
        source = source.replace(old, new)
    namespace: dict[str, Any] = {"torch": torch}
    exec(source, namespace)
    wrong = namespace[full]
    wrong.__doc__, wrong.source = hint, source
    return wrong


@dataclass(frozen=True)
class Target:
    """What a measured quantity must be, and how far from it a right program may be; `at_least` bounds one side only."""

    value: torch.Tensor
    tolerance: float = 0.0
    at_least: bool = False


@dataclass(frozen=True)
class Measure:
    """What is compared in place of the outputs, where many outputs are right.

    labels   the names of the quantities
    of       (case, outputs) to the quantities; the outputs are float64, finite, and of the reference's shapes
    targets  (case) to what they must be; without it they must be the reference's, up to its rounding errors
    """

    labels: tuple[str, ...]
    of: Callable[[Case, tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]
    targets: Callable[[Case], tuple[Target, ...]] | None = None


@dataclass(frozen=True)
class Problem:
    """A graded exercise.

    name          the function that the student writes; the cell that grades it is ``check_<name>``
    call          how it is called and what it must return (see `calls`)
    returns       the names of the tensors compared, in order and in the form in which they are returned
    cases         draws the cases from a generator
    expected      the torch reference: (arguments, dout) to the tensors of `returns`
    points        points by criterion; "values" comes first, and without it nothing is earned
    forbidden     names of the aten operations that are the exercise itself
    mistakes      wrong programs that people really write, each to be recognised by its hint
    alternatives  right programs of different style, each to earn everything
    companions    right functions that a mistake or alternative needs beside its own (a backward its forward)
    measured      what is compared in place of the outputs, if they are not to be compared themselves
    speed         how many times as long as the reference a timed case may take
    """

    name: str
    call: Call
    returns: tuple[Names, ...]
    cases: Cases
    expected: Callable[[Mapping[str, Any], torch.Tensor | None], tuple[torch.Tensor, ...]]
    points: Mapping[str, float]
    forbidden: frozenset[str] = frozenset()
    mistakes: tuple[Program, ...] = ()
    alternatives: tuple[Program, ...] = ()
    companions: tuple[Callable, ...] = ()
    measured: Measure | None = None
    speed: float | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all tensors that a call returns, one after the other."""
        return tuple(leaves(self.returns))

    @property
    def maximum(self) -> float:
        return sum(self.points.values())

    def functions_of(self, program: Program) -> dict[str, Callable]:
        """Everything a call of this problem needs to run `program`."""
        return Program(self.companions).by_name() | program.by_name()


def leaves(names: Names) -> Iterator[str]:
    """The names in a form, one after the other."""
    if isinstance(names, str):
        yield names
    else:
        for part in names.values() if isinstance(names, Mapping) else names:
            yield from leaves(part)
