"""The inputs of a timed case, which are drawn where it is judged: they are too many to be kept."""

from dataclasses import replace
from typing import Any

import torch

from autograder.calls.case import Case


def redrawn(case: Case, seed: int) -> Case:
    """A case with other numbers in its tensors, normal ones: those of `seed`, which it keeps."""
    generator = torch.Generator().manual_seed(seed)

    def draw(value: Any) -> Any:
        is_tensor = isinstance(value, torch.Tensor)
        return 2 * torch.randn(value.shape, generator=generator, dtype=torch.float64) if is_tensor else value

    arguments = {name: draw(value) for name, value in case.arguments.items()}
    return replace(case, arguments=arguments, dout=draw(case.dout), kept={"seed": seed})
