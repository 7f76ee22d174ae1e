"""Where tensors live: the machine's GPU if there is one, else the CPU; and a GPU that every machine can simulate."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from autograder.internals import add_device, aliased, wrapper_of


def device() -> torch.device:
    """The device to compute on: ``cuda`` if this machine has a GPU, else ``cpu``."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def simulated_gpu() -> Iterator[torch.device]:
    """A device that behaves as a GPU does and computes on the CPU; usable inside the ``with`` block.

    Values, views and control flow are real, and the factors of products are rounded to TF32 where torch's settings let
    a GPU do so. A tensor of this device mixes with CPU tensors exactly where one of CUDA would: with those of no
    dimension, as an index, and in ``copy_``; anything else raises torch's "same device" error. Autograd works if the
    process has entered such a block before its first backward pass.
    """
    with _FactoriesOnSimulatedGpu():
        yield _register()


class SimulatedGpuTensor(torch.Tensor):
    """A tensor of the simulated GPU, around the CPU tensor that holds its values."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        wrapper = wrapper_of(cls, inner, _register())
        wrapper.inner = inner
        return wrapper

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"{self.inner!r}".removesuffix(")") + ", device='simgpu:0')"

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.dim() == 0 else repr(self), spec)

    def tolist(self) -> list:
        return self.inner.tolist()

    def __getitem__(self, index):
        return super().__getitem__(_without_lists(index))

    def __setitem__(self, index, value) -> None:
        super().__setitem__(_without_lists(index), value)

    def new_tensor(self, data, **kwargs) -> torch.Tensor:
        return self.inner.new_tensor(data, **_on_cpu(kwargs)).to(kwargs.get("device", self.device))

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inner_args, inner_kwargs = _inner(func, args), _inner(func, _on_cpu(kwargs)) if kwargs else kwargs
        result = KERNELS.get(func, func)(*inner_args, **inner_kwargs)
        if func is torch.ops.aten._to_copy.default and _type_of(kwargs.get("device")) == "cpu":
            return result
        if _works_in_place(func):
            return args[0]
        result = _outer(result)
        return aliased(func, args, kwargs, result) if _aliases(func) else result


def _without_lists(index):
    """An index with tensors in place of its lists of numbers, which torch would make on the device, and cannot."""

    def as_tensor(part):
        if isinstance(part, list | tuple) and all(isinstance(place, int | list | tuple) for place in part):
            return torch.tensor(part, dtype=None if part else torch.int64)
        return part

    return tuple(map(as_tensor, index)) if isinstance(index, tuple) else as_tensor(index)


class _FactoriesOnSimulatedGpu(TorchFunctionMode):
    """``torch.tensor``, ``torch.arange`` and their like with ``device="simgpu"``: made on the CPU, then moved."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if not kwargs:
            return func(*args)
        makes_a_tensor = "device" in kwargs and not any(isinstance(x, torch.Tensor) for x in args[:1])
        if makes_a_tensor and _type_of(kwargs["device"]) == "simgpu":
            return func(*args, **_on_cpu(kwargs)).to(_register())
        return func(*args, **kwargs)


# As on CUDA, these take a CPU tensor beside one of the device.
_MIXING = {
    torch.ops.aten.copy_.default,
    torch.ops.aten._to_copy.default,
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put_.default,
    torch.ops.aten.index_put.default,
    torch.ops.aten._index_put_impl_.default,
}


def to_tf32(x: torch.Tensor) -> torch.Tensor:
    """The float32 numbers of `x` rounded to the ten bits behind the point that TF32 has, as a GPU rounds factors."""
    if not isinstance(x, torch.Tensor) or x.dtype != torch.float32:
        return x
    return ((x.contiguous().view(torch.int32) + 0x0FFF + (x.view(torch.int32) >> 13 & 1)) & ~0x1FFF).view(torch.float32)


def _shortened(op, setting: Callable[[], Any], factors: Sequence[int]) -> Callable[..., Any]:
    """The operation as CUDA has it: its factors, by their places, in TF32 where torch's `setting` says so."""

    def compute(*args, **kwargs):
        if getattr(setting(), "fp32_precision", None) == "tf32":
            args = [to_tf32(argument) if i in factors else argument for i, argument in enumerate(args)]
        return op(*args, **kwargs)

    return compute


# What the simulated GPU computes in another way than the CPU, and how. Tests put more here.
KERNELS: dict[Any, Callable[..., Any]] = {
    op: _shortened(op, setting, factors)
    for setting, factors, ops in (
        (lambda: torch.backends.cuda.matmul, (0, 1), ("mm", "bmm")),
        (lambda: torch.backends.cuda.matmul, (1, 2), ("addmm", "baddbmm")),
        (lambda: torch.backends.cudnn.conv, (0, 1), ("convolution",)),
        (lambda: torch.backends.cudnn.conv, (0, 1, 2), ("convolution_backward",)),
    )
    for op in (getattr(torch.ops.aten, name).default for name in ops)
}


@functools.cache
def _register() -> torch.device:
    return add_device("simgpu", _run_factory)


def _run_factory(op, *args, **kwargs):
    """Run an operation without a tensor of the device among its arguments, such as ``empty_strided``."""
    return _outer(op(*args, **_on_cpu(kwargs)))


@functools.cache
def _aliases(op) -> bool:
    """Whether an operation returns its arguments or views of them."""
    return any(argument.alias_info is not None for argument in op._schema.arguments)


@functools.cache
def _works_in_place(op) -> bool:
    """Whether an operation changes the values of its first argument, not its shape, and returns it."""
    written, returned = op._schema.arguments[0].alias_info, [r.alias_info for r in op._schema.returns]
    changes = written is not None and written.is_write and torch.Tag.inplace_view not in op.tags
    return changes and len(returned) == 1 and returned[0] is not None and returned[0].is_write


# To ask these whether they are tensors takes as long as a small operation.
_NO_TENSORS = {int, float, bool, type(None), torch.dtype, torch.layout, torch.device, torch.memory_format}


def _inner(op, values):
    """The arguments of an operation on the CPU. Raises `RuntimeError` as CUDA does when one is there already.

    torch's own functions for nested values take longer than most operations.
    """
    if type(values) in _NO_TENSORS:
        return values
    if isinstance(values, SimulatedGpuTensor):
        return values.inner
    if isinstance(values, torch.Tensor) and values.dim() > 0 and op not in _MIXING:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"simgpu:0 and cpu! (in {op})"
        )
    if isinstance(values, dict):
        return {name: _inner(op, value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)([_inner(op, value) for value in values])
    return values


def _outer(values):
    """What an operation returned, on the simulated GPU."""
    if isinstance(values, torch.Tensor):
        return values if isinstance(values, SimulatedGpuTensor) else SimulatedGpuTensor(values)
    if isinstance(values, list | tuple):
        return type(values)([_outer(value) for value in values])
    return values


def _on_cpu(kwargs: dict) -> dict:
    return kwargs | {"device": torch.device("cpu")} if "device" in kwargs else kwargs


def _type_of(device) -> str | None:
    return None if device is None else torch.device(device).type
