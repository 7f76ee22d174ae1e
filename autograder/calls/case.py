"""One call of a student's function, and its inputs: cast, moved, laid out in memory as the case says."""

import copy
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

# Bound before a notebook could put something else in their place.
clone, equal, view = torch.Tensor.clone, torch.equal, torch.Tensor.view

# What a backward function must leave alone beside its inputs: the layer above may still need it.
OUT = "the forward's out"


@dataclass(frozen=True)
class Case:
    """One call of the student's function.

    `arguments` are by name, in the order of the function's parameters; tensors among them are drawn in float64 on
    the CPU and cast to `dtype` for the call. `dout` is the upstream gradient of a backward call, or those of several
    outputs, stacked. `layout` is how the numbers of every tensor lie in memory: row after row ("contiguous"), with
    gaps ("strided"), or dense with the first and the last dimension exchanged ("transposed"). With `another_call` the
    forward function runs once more, on other values, before the first call's results are used: they must not depend on
    what came later. A `timed` call is made on one thread, and again if it was too slow; the fastest one counts. One
    that has a `limit` is made on one thread and stopped after so many seconds of computing. `kept` is for the judge: no
    student sees it.
    """

    name: str
    criterion: str
    arguments: Mapping[str, Any]
    dout: torch.Tensor | None = None
    dtype: torch.dtype = torch.float32
    layout: str = "contiguous"
    another_call: bool = False
    timed: bool = False
    limit: float | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


class Inputs(dict[str, Any]):
    """The inputs of a call by name, and which of them the judged function has changed."""

    def __init__(self, values: Mapping[str, Any]):
        super().__init__(values)
        self.watch()

    def watch(self) -> None:
        """Look from now on: what happened before belongs to another function."""
        self._copies = {name: clone(value) for name, value in tensors_in(self)}
        self._plain = {name: copy.deepcopy(value) for name, value in self.items() if _is_plain(value)}

    def modified(self) -> tuple[str, ...]:
        """Names of the tensors, and of the lists and dicts of plain data, that are no longer what they were."""
        now = dict(tensors_in(self))
        plain = tuple(name for name, before in self._plain.items() if self[name] != before)
        return plain + tuple(name for name, old in self._copies.items() if name not in now or not same(old, now[name]))


def _is_plain(value: Any) -> bool:
    """Whether it is a list or dict that may be changed and holds no tensor."""
    return isinstance(value, Mapping | list) and not any(True for _ in tensors_in(value))


# What a scalar of a computational graph can do; an operand is the number of an earlier node, or a plain number.
STEPS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "exp": lambda node: node.exp(),
    "relu": lambda node: node.relu(),
    "tanh": lambda node: node.tanh(),
}


def operands_of(nodes: Sequence[Any], operands: Sequence[int | float | str]) -> list[Any]:
    """The operands of a step of a graph: earlier nodes and plain numbers."""
    kinds = {int: lambda number: nodes[number], float: float, str: int}
    return [kinds[type(operand)](operand) for operand in operands]


# What a function that takes a function is given, by name: what is no data does not go over the boundary. The last one
# depends on the shape of x too.
FUNCTIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sum of squares": lambda x: (x * x).sum(),
    "sum of exponentials": lambda x: x.exp().sum(),
    "product": lambda x: x.prod(),
    "weighted sines": lambda x: (
        (torch.arange(1, x.numel() + 1, device=x.device) * x.flatten().sin()).sum() / (*x.shape, 1)[0]
    ),
}


@dataclass(frozen=True)
class NamedFunction:
    """One of `FUNCTIONS`, as an argument of a case; the call is given the function itself."""

    name: str


def prepare(case: Case, device: torch.device) -> dict[str, Any]:
    """The inputs of a call by name, `dout` last: cast to the case's dtype, moved, non-contiguous where asked."""
    inputs = dict(case.arguments) | ({} if case.dout is None else {"dout": case.dout})
    return {name: _cast(value, case, device) for name, value in inputs.items()}


def other(argument: Any) -> Any:
    """An argument of the same kind with another value; whole numbers are sizes and stay."""
    if isinstance(argument, torch.Tensor):
        return 1 - argument if argument.is_floating_point() else argument
    return 3 * argument if isinstance(argument, float) else argument


def _cast(value: Any, case: Case, device: torch.device) -> Any:
    if isinstance(value, torch.Generator):
        return torch.Generator().manual_seed(value.initial_seed())
    if isinstance(value, NamedFunction):
        return FUNCTIONS[value.name]
    if isinstance(value, Mapping):
        return {name: _cast(item, case, device) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cast(item, case, device) for item in value)
    if not isinstance(value, torch.Tensor):
        return value
    dtype = case.dtype if value.is_floating_point() else value.dtype
    tensor = value.to(device, dtype, copy=True, memory_format=torch.contiguous_format)
    if case.layout == "strided":
        return torch.stack([tensor, tensor], dim=-1)[..., 0]
    if case.layout == "transposed" and tensor.dim() > 1:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    return tensor


def arguments_of(inputs: Mapping[Any, Any]) -> list[Any]:
    return [value for name, value in inputs.items() if name not in ("dout", OUT)]


def tensors_in(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors in an argument, each with the way to it: ``params['W1']``."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from tensors_in(item, f"{name}[{i}]")
    # Last, for to ask this of a number takes longer than all else.
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from tensors_in(item, f"{name}[{key!r}]" if name else key)


# A whole number of as many bits, which shows what is in a NaN: as a number it is equal to nothing, not even to itself.
_BITS = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors are equal, as numbers or bit by bit."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return equal(a, b) or (a.dtype in _BITS and equal(view(a, _BITS[a.dtype]), view(b, _BITS[a.dtype])))
