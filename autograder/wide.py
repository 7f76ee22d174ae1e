"""Wide inputs of a problem: its cases with other sizes, options, values, types and layouts, where torch takes them."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from autograder.calls import models, modules, spaces
from autograder.calls.case import STEPS, Case, tensors_in
from autograder.calls.kinds import TRAININGS, backward, backward_draws, batches, draws, forward_draws, graph
from autograder.expected import Expected, draw, expect
from autograder.problem import Problem
from autograder.problems import problems
from autograder.problems.drawing import normal, state_like

CPU = torch.device("cpu")

# What is asked about a network that is given, whatever its layers are.
ABOUT_NETWORKS = (models.counting, models.looking)

# Seeds that no check has.
SEEDS = range(10_000, 20_000)


def wide_cases(problem: Problem, count: int) -> list[tuple[Case, Expected]]:
    """`count` of them with what the reference gives, which is finite everywhere; always the same ones.

    Each counts as one of the contract: types and unchanged inputs are looked at.
    """
    chance = random.Random(0)
    make = {modules.module: _wide_module, **dict.fromkeys(ABOUT_NETWORKS, _wide_network)}.get(problem.call, _wide)
    found = [pair for _ in range(10 * count) if (pair := make(problem, chance)) is not None]
    return found[:count]


def _wide(problem: Problem, chance: random.Random) -> tuple[Case, Expected] | None:
    case = chance.choice([case for case in draw(problem, chance.choice(SEEDS)) if not case.timed and not case.kept])
    for change in (chance.choice(_CHANGES[:2]), *chance.choices(_CHANGES, k=chance.randint(0, 2))):
        case = change(case, chance)
    if problem.call is graph:
        case = _random_graph(case, chance)
    case = replace(case, name="wide", criterion="contract", dtype=chance.choice((torch.float32, torch.float64)))
    if case.dout is not None:
        case = replace(case, layout=chance.choice(("contiguous", "strided", "transposed")))
    try:
        if problem.call is backward:
            outs = problems()[problem.forward].expected(case.arguments, None)
            out = torch.stack(outs) if problem.upstream else outs[0]
            case = replace(case, dout=2 * torch.randn(out.shape, generator=_seeded(chance), dtype=torch.float64))
        expected = expect(problem, case, CPU)
    except Exception:
        # Torch takes no such sizes or options.
        return None
    whole = all(bool(torch.isfinite(output).all()) and output.numel() for output in expected.outputs)
    return (case, expected) if whole else None


def _wide_module(problem: Problem, chance: random.Random) -> tuple[Case, Expected] | None:
    """A block with other options, on images of another size. In float64, where no ReLU's input is near 0 by chance."""
    case, generator = chance.choice(draw(problem, chance.choice(SEEDS))), _seeded(chance)
    init = tuple(max(1, size + chance.choice((-1, 0, 0, 0, 1, 2))) for size in case.arguments["init"])
    sides = chance.randint(1, 3), chance.randint(3, 9), chance.randint(3, 9)
    for channels in dict.fromkeys((case.arguments["x"].shape[1], *init)):
        try:
            net = problem.expected.made(*init).double()
            x = chance.choice((0.3, 1, 10)) * normal(generator, sides[0], channels, *sides[1:])
            dout = normal(generator, *net(x).shape)
            training = chance.random() < 0.5
            arguments = {"x": x, "init": init, "state": state_like(net, generator), "training": training}
            layout = chance.choice(("contiguous", "transposed"))
            case = Case("wide", "contract", arguments, dout=dout, dtype=torch.float64, layout=layout)
            return case, expect(problem, case, CPU)
        except Exception:
            # Torch takes no such options, or not so many channels.
            continue
    return None


def _wide_network(problem: Problem, chance: random.Random) -> tuple[Case, Expected] | None:
    """A call about a network of random layers and an image that fits it."""
    generator, shape = _seeded(chance), (chance.randint(1, 4), chance.randint(3, 9), chance.randint(3, 9))
    layers = _random_layers(shape, chance)
    net = models.build(layers, None)
    asked: dict[str, Any] = {"input_shape": shape}
    if problem.call is models.looking:
        asked = {
            "image": chance.choice((0.3, 1, 10)) * normal(generator, *shape),
            "target": chance.randrange(_traced(net, shape)[1]),
            "patch": chance.randint(1, min(shape[1:])),
            "stride": chance.randint(1, 4),
        }
    arguments = {"layers": layers, "state": state_like(net, generator)} | asked
    case = Case("wide", "contract", arguments, dtype=chance.choice((torch.float32, torch.float64)))
    return case, expect(problem, case, CPU)


def _random_layers(shape: tuple[int, int, int], chance: random.Random) -> tuple[tuple, ...]:
    """Up to six random layers, some in parts, and a linear one; what does not fit the others is left out."""
    layers: list[tuple] = []
    for number in range(chance.randint(0, 6)):
        channels = _traced(models.build(layers, None), shape)[1]
        name = f"part{number // 2}.layer{number}" if chance.random() < 0.5 else f"layer{number}"
        added = [(name, *_random_layer(channels, chance))]
        if chance.random() < 0.3:
            added = [(name, chance.choice(("residual", "twice"))), (f"{name}.inside", *added[0][1:])]
        try:
            _traced(models.build([*layers, *added], None), shape)
        except RuntimeError:
            continue
        layers += added
    layers += [("pool", "global pool")] * (chance.random() < 0.5) + [("flatten", "flatten")]
    features = _traced(models.build(layers, None), shape)[1]
    return (*layers, ("fc", chance.choice(("linear", "linear without bias")), features, chance.randint(2, 6)))


def _random_layer(channels: int, chance: random.Random) -> tuple:
    groups = chance.choice([size for size in range(1, channels + 1) if channels % size == 0])
    kernel = chance.choice((1, 2, 3, 5, (1, 3), (3, 2)))
    maps = chance.choice((channels, groups * chance.randint(1, 3)))
    conv = (channels, maps, kernel, chance.choice((1, 1, 2)), chance.randint(0, 2), chance.choice((1, 1, 2)), groups)
    return chance.choice(
        (
            ("any conv", *conv),
            ("any conv without bias", *conv),
            ("any conv", channels, channels, 3, 1, 1, 1, groups),
            ("batch norm of maps", channels),
            ("relu",),
            ("dropout", 0.5),
            ("pool", 2),
            ("average pool", 2),
        )
    )


def _traced(net: torch.nn.Module, shape: tuple[int, int, int]) -> torch.Size:
    """The shape of what a network on the meta device makes of one image."""
    return net.eval()(torch.empty(1, *shape, device="meta")).shape


def _seeded(chance: random.Random) -> torch.Generator:
    return torch.Generator().manual_seed(chance.randrange(2**31))


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with `change` made in every tensor and number of it."""
    if isinstance(value, Mapping):
        return {name: _mapped(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    return change(value)


def _in_arguments(case: Case, change: Callable[[Any], Any]) -> Case:
    return replace(case, arguments=_mapped(case.arguments, change))


def _resized(case: Case, chance: random.Random) -> Case:
    """One size becomes another wherever a tensor has it."""
    sizes = sorted({size for _, tensor in tensors_in(case.arguments) for size in tensor.shape if size})
    if not sizes:
        return _other_numbers(case, chance)
    size = chance.choice(sizes)
    index = torch.randint(size, (chance.choice((1, max(1, size - 1), size + 1, size + 3)),), generator=_seeded(chance))
    if chance.random() < 0.5:
        index = index.sort().values

    def change(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        for dim in range(value.dim()):
            value = value.index_select(dim, index) if value.shape[dim] == size else value
        # Otherwise what was taken twice would be equal.
        noise = torch.randn(value.shape, generator=_seeded(chance), dtype=torch.float64)
        return value + value.abs() * noise / 5 if value.is_floating_point() else value

    return _in_arguments(case, change)


def _other_numbers(case: Case, chance: random.Random) -> Case:
    """Whole numbers a little larger or smaller, other factors, the opposite truth; each with one chance in two."""

    def change(value: Any) -> Any:
        if chance.random() < 0.5:
            return value
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return value + chance.choice((-1, 1, 2))
        return value * chance.uniform(0.3, 3) if isinstance(value, float) else value

    return _in_arguments(case, change)


def _other_values(case: Case, chance: random.Random) -> Case:
    """Numbers of another size, whole numbers, some zeros, or all of one sign."""
    factor, share = 10 ** chance.uniform(-2, 1.5), chance.random()
    change = chance.choice(
        (
            lambda t: factor * t,
            lambda t: t.round(),
            lambda t: t * (torch.rand(t.shape, generator=_seeded(chance)) < share),
            lambda t: t.abs(),
            lambda t: -t.abs(),
        )
    )
    return _in_arguments(
        case, lambda value: change(value) if isinstance(value, torch.Tensor) and value.is_floating_point() else value
    )


_CHANGES = (_resized, _other_numbers, _other_values)


def _random_graph(case: Case, chance: random.Random) -> Case:
    """A graph of a few random steps, with plain numbers among the operands."""
    values = torch.randn(3, generator=_seeded(chance), dtype=torch.float64) + 1.5
    steps: list[tuple] = []
    for number in range(len(values), len(values) + chance.randint(1, 7)):
        operation = chance.choice(list(STEPS))
        operands: list[int | float | str] = [chance.randrange(number)]
        if operation in ("+", "-", "*", "/", "**"):
            operands.append(chance.choice((chance.randrange(number), number - 1, 2.5, "3", "2", "-1", 0.5)))
            chance.shuffle(operands)
        steps.append((operation, *operands))
    return replace(case, arguments={"values": values, "steps": tuple(steps)})


def can_be_wide(problem: Problem) -> bool:
    """Whether the results of a call are comparable one by one, and its inputs may have other sizes.

    Random numbers and trained networks are not comparable, and what is frozen or replaced in a network must fit it.
    """
    random = (draws, forward_draws, backward_draws, batches, spaces.searching)
    inside = [kind for kind in models.KINDS if kind not in ABOUT_NETWORKS]
    return problem.call not in (*random, *inside, *TRAININGS)
