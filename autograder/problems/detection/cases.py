"""How boxes are drawn in the problem set `detection`.

Where a case asks which pairs overlap, or by how much, its boxes are given and moved a little by chance: what a check
asks for must not depend on luck, and no overlap comes near a threshold unless it meets it exactly.
"""

from collections.abc import Sequence

import torch

from autograder.problems.drawing import uniform

A_BOX = (0.0, 0.0, 1.0, 1.0)


def given(boxes: Sequence[Sequence[float]]) -> torch.Tensor:
    """Boxes (N, 4), float64; N may be 0."""
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def moved(generator: torch.Generator, boxes: Sequence[Sequence[float]], by: float = 0.3) -> torch.Tensor:
    """`boxes` with every coordinate moved by up to `by` to the right or down."""
    return given(boxes) + uniform(generator, 0.0, by, len(boxes), 4)


def drawn(generator: torch.Generator, n: int, low: float = -3.0, high: float = 8.0) -> torch.Tensor:
    """n boxes with corners from `low` to `high`, from 2 to 5 wide and from 3 to 9 high."""
    corners = uniform(generator, low, high, n, 2)
    sizes = torch.cat([uniform(generator, 2.0, 5.0, n, 1), uniform(generator, 3.0, 9.0, n, 1)], dim=1)
    return torch.cat([corners, corners + sizes], dim=1)
