"""How the inputs of cases are drawn, and the names that several problems give to the same thing."""

from collections.abc import Sequence

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


def layer_inputs(
    generator: torch.Generator, x: Sequence[int], weight: Sequence[int], filters: int, out: Sequence[int] | None
) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
    """The x, weight and bias of a layer with so many filters, and the gradient of its output where that has a shape."""
    dout = None if out is None else wide_normal(generator, *out)
    shapes = {"x": x, "weight": weight, "bias": (filters,)}
    return {name: wide_normal(generator, *shape) for name, shape in shapes.items()}, dout


def state_like(net: torch.nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Random values for all that a network holds, float64: its outputs are about as large as its inputs.

    No parameter is 0 or 1, and no running statistic is as it begins: what is left out shows.
    """
    state = {}
    for name, value in net.state_dict().items():
        last = name.rpartition(".")[2]
        if last == "num_batches_tracked":
            state[name] = torch.tensor(3)
        elif value.dim() > 1:
            state[name] = normal(generator, *value.shape) * 1.5 / value[0].numel() ** 0.5
        else:
            # Shifts are of both signs; scales and variances are not.
            draw = normal if last in ("bias", "running_mean") else sized
            state[name] = draw(generator, *value.shape)
    return state


def class_labels(generator: torch.Generator, n: int, classes: int) -> torch.Tensor:
    """n whole numbers from 0 to classes - 1, int64."""
    return torch.randint(classes, (n,), generator=generator)
