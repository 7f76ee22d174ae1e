"""References of the problem set `transfer`: itertools, torch's own layers, and formulas for ranges."""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from autograder.calls.models import build, flags, given, like, values
from autograder.calls.spaces import SCALES
from autograder.datasets import digits
from autograder.measures.transfer import Range, share_of

NO_FLAGS = torch.zeros(0, dtype=torch.int64)

# The network of which `transfer` is given the trained weights, for images of `SIZE` pixels a side.
SIZE = 12
SOURCE = (
    ("features.conv1", "padded conv", 1, 16, 3),
    ("features.relu1", "relu"),
    ("features.pool1", "pool", 2),
    ("features.conv2", "padded conv", 16, 32, 3),
    ("features.relu2", "relu"),
    ("features.pool2", "pool", 2),
    ("features.flatten", "flatten"),
    ("head", "linear", 32 * 3 * 3, 5),
)


def grid_search(space: Mapping[str, Sequence]) -> torch.Tensor:
    """The places of the values in their lists: a row for each combination, sorted, (settings, names)."""
    rows = list(itertools.product(*(range(len(found)) for found in space.values())))
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), len(space))


def random_search(space: Mapping[str, Range], n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """n settings, uniform in the number or in its logarithm, (n, names), twice (Bergstra & Bengio 2012)."""
    shares = torch.rand(n, len(space), dtype=torch.float64, generator=generator)
    found = [value_at(limits, share) for limits, share in zip(space.values(), shares.unbind(1), strict=True)]
    table = torch.stack(found, dim=1) if found else shares
    return table, table.clone()


def value_at(limits: Range, share: torch.Tensor) -> torch.Tensor:
    """The number at a share of the way from low to high."""
    low, high, scale = limits
    if scale == "log":
        return torch.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)


def refine(
    space: Mapping[str, Range], best: Mapping[str, float], factor: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The low and the high ends of the narrower ranges, and the numbers of their scales, (names,) each."""
    ends = []
    for name, limits in space.items():
        middle = share_of(limits, torch.tensor(best[name], dtype=torch.float64))
        ends.append(value_at(limits, (middle + torch.tensor([-factor / 2, factor / 2]).double()).clamp(0, 1)))
    low, high = torch.stack(ends, dim=1)
    return low, high, torch.tensor([SCALES[scale] for *_, scale in space.values()])


def freeze(**arguments: Any) -> tuple[torch.Tensor, ...]:
    """What `calls.models.freezing` gives: torch's requires_grad_ and eval on the part, and a ValueError without one."""
    model, prefix, x = given(arguments), arguments["prefix"], arguments["x"]
    if prefix not in dict(model.named_modules()):
        return torch.tensor(True), NO_FLAGS, NO_FLAGS, x.new_zeros(0)
    model.get_submodule(prefix).requires_grad_(False).eval()
    found = flags(model)
    with torch.no_grad():
        model(x)
    return torch.tensor(False), *found, values(model)


def replace_head(**arguments: Any) -> tuple[torch.Tensor, ...]:
    """What `calls.models.replacing` gives: the logits of the network with the known layer in the place of the head."""
    model, name, x, weight = given(arguments), arguments["name"], arguments["x"], arguments["weight"]
    head = dict(model.named_modules()).get(name)
    if not isinstance(head, nn.Linear):
        nothing = x.new_zeros(0)
        return torch.tensor(True), nothing, nothing, nothing, torch.tensor([0, 0])
    head.weight = nn.Parameter(weight)
    bias = x.new_zeros(0)
    if head.bias is not None:
        bias = like(arguments["bias"])
        head.bias = nn.Parameter(arguments["bias"])
    with torch.no_grad():
        logits = model.eval()(x)
    return torch.tensor(False), logits, like(weight), bias, torch.tensor([0, 1])


def parameter_groups(**arguments: Any) -> tuple[torch.Tensor, ...]:
    """The rate of each parameter as torch.optim gets it, 0 for one that is frozen, and how often each is given."""
    model, head = given(arguments), arguments["head"]
    if head not in dict(model.named_modules()):
        nothing = next(model.parameters()).new_zeros(0)
        return torch.tensor(True), nothing, nothing.long()
    of_head = set(model.get_submodule(head).parameters())
    trained = [parameter.requires_grad for parameter in model.parameters()]
    rates = [arguments["head_lr"] if p in of_head else arguments["backbone_lr"] for p in model.parameters()]
    rates = [rate * goes for rate, goes in zip(rates, trained, strict=True)]
    return torch.tensor(False), torch.tensor(rates, dtype=torch.float64), torch.tensor(trained).long()


def choose_strategy(n_samples: int, similar: bool) -> int:
    """The number of the scenario in the notes; fewer than 1,000 samples are few. Raises ValueError below one sample."""
    if n_samples < 1:
        raise ValueError("There is no sample.")
    return {(False, True): 1, (True, True): 2, (False, False): 3, (True, False): 4}[n_samples >= 1000, similar]


def placed(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image (8 by 8) at a random place of an empty one of `SIZE` by `SIZE`: (N, 1, SIZE, SIZE)."""
    canvas = torch.zeros(len(images), 1, SIZE, SIZE)
    corners = torch.randint(SIZE - 7, (len(images), 2), generator=generator).tolist()
    for empty, image, (row, column) in zip(canvas, images, corners, strict=True):
        empty[:, row : row + 8, column : column + 8] = image
    return canvas


@functools.cache
def source_state() -> dict[str, torch.Tensor]:
    """The weights of `SOURCE`, trained on the digits 0 to 4, placed anew in every epoch. Some seconds, once."""
    generator = torch.Generator().manual_seed(0)
    images, labels = digits()
    images, labels = images[labels < 5], labels[labels < 5]
    state = {}
    for name, layer, *sizes in SOURCE:
        shape = {"padded conv": (*sizes[1::-1], 3, 3), "linear": tuple(sizes[::-1])}.get(layer)
        if shape:
            fan_in = math.prod(shape[1:])
            state[f"{name}.weight"] = torch.randn(shape, generator=generator) * math.sqrt(2 / fan_in)
            state[f"{name}.bias"] = torch.zeros(shape[0])
    model = build(SOURCE, state)
    with torch.enable_grad():
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(10):
            x = placed(images, generator)
            for batch in torch.randperm(len(x), generator=generator).split(32):
                optimizer.zero_grad()
                F.cross_entropy(model(x[batch]), labels[batch]).backward()
                optimizer.step()
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
