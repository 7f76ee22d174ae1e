"""How the cases of the problem set `optimization` are drawn: lists of two tensors, and what steps are given."""

from collections.abc import Callable
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.problems.drawing import normal, sized

Shapes = tuple[tuple[int, ...], tuple[int, ...]]

ORDINARY: tuple[Shapes, ...] = (((3, 4), (5,)), ((4, 4), (2, 3)))
ONE_NUMBER: Shapes = ((), (1,))
FILTERS: Shapes = ((2, 3, 3, 2), (2,))


def normals(generator: torch.Generator, shapes: Shapes) -> list[torch.Tensor]:
    """A list of normal tensors of these shapes, float64."""
    return [normal(generator, *shape) for shape in shapes]


def squares(generator: torch.Generator, shapes: Shapes) -> list[torch.Tensor]:
    """A list of positive tensors, as averages of squares are, from 0.5 to 1.5."""
    return [sized(generator, *shape) for shape in shapes]


def zeros(shapes: Shapes) -> list[torch.Tensor]:
    return [torch.zeros(shape, dtype=torch.float64) for shape in shapes]


def scaled(tensors: list[torch.Tensor], factor: float) -> list[torch.Tensor]:
    return [factor * tensor for tensor in tensors]


def contract(arguments: Callable[..., dict[str, Any]], **given: Any) -> list[Case]:
    """The contract's cases; `arguments` draws those of one from its shapes and from the numbers in `given`."""
    return [
        Case("float64", "contract", arguments(ORDINARY[0], **given), dtype=torch.float64),
        Case("inputs with gaps in memory", "contract", arguments(ORDINARY[0]), layout="strided"),
        Case("inputs transposed in memory", "contract", arguments(FILTERS), layout="transposed"),
    ]
