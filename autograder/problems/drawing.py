"""How the inputs of cases are drawn, and the names that several problems give to the same thing."""

import torch

# A case in which the forward function runs once more before the first call's results are used.
NEXT_CALL = "another call before this one's results are used"
# The first output of a function that returns whole numbers or raises.
RAISES = "a ValueError is raised"


def normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Normal numbers with mean 0 and standard deviation 1, float64."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def wide_normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Normal numbers with mean 0 and standard deviation 2, float64: of size 1, many wrong powers would look right."""
    return 2 * normal(generator, *shape)


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Numbers from `low` to `high`, float64."""
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def sized(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Positive numbers from 0.5 to 1.5, float64."""
    return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5


def whole(generator: torch.Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def class_labels(generator: torch.Generator, n: int, classes: int) -> torch.Tensor:
    """n whole numbers from 0 to classes - 1, int64."""
    return torch.randint(classes, (n,), generator=generator)
