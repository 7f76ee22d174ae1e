"""What a graded exercise is: data only. `judge` compares with it, `calls` makes the calls it describes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from autograder.calls.case import Case
from autograder.calls.signature import Signature
from autograder.programs import Program, programs_of

# The criterion of dtype, device, layout and unchanged inputs.
CONTRACT = "contract"

Cases = Callable[[torch.Generator], list[Case]]


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


Reference = Callable[[Mapping[str, Any], torch.Tensor | None], tuple[torch.Tensor, ...]]


class Mistake(Protocol):
    """A wrong program that people really write, as far as the judge knows it."""

    @property
    def name(self) -> str: ...

    @property
    def hint(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Judged(Signature):
    """A function that the student writes (see `Signature`), and how it is judged.

    The cell that grades it is ``check_<name>``. Its `mistakes` are the wrong programs that it may resemble.

    points        points by criterion; "values" comes first, and without all of it the others earn nothing
    shares        points of "values" by what is compared, where several outputs are; without it they earn all or nothing
    measured      what is compared in place of the outputs, if they are not to be compared themselves
    speed         how many times as long as the reference a timed case may take
    expected      the torch reference: (arguments, dout) to the tensors of `returns`
    """

    points: Mapping[str, float]
    shares: Mapping[str, float] = field(default_factory=dict)
    measured: Measure | None = None
    speed: float | None = None
    expected: Reference

    @property
    def maximum(self) -> float:
        return sum(self.points.values())

    @property
    def mistakes(self) -> Sequence[Mistake]:
        return ()


@dataclass(frozen=True, kw_only=True)
class Problem(Judged):
    """A graded exercise of the course.

    cases         draws the cases from a generator
    modules       the names of the modules that hold its right and wrong programs, and those of its forward function;
                  they are looked into when a program is needed
    """

    cases: Cases
    modules: tuple[str, ...] = ()

    @property
    def mistakes(self) -> tuple[Program, ...]:
        """Wrong programs that people really write, each to be recognised by its hint."""
        return tuple(program for program in programs_of(self.modules, self.name) if program.hint)

    @property
    def alternatives(self) -> tuple[Program, ...]:
        """Right programs of different style, each to earn everything."""
        return tuple(program for program in programs_of(self.modules, self.name) if not program.hint)

    @property
    def companions(self) -> tuple[Callable, ...]:
        """The right functions that a program needs beside its own: of a backward problem, the first right forward."""
        if self.forward == self.name:
            return ()
        return next(p for p in programs_of(self.modules, self.forward) if not p.hint).functions

    def functions_of(self, program: Program) -> dict[str, Callable]:
        """Everything a call of this problem needs to run `program`."""
        return Program(self.companions).by_name() | program.by_name()
