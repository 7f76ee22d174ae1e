"""Where tensors live: the machine's GPU if there is one, else the CPU; and a GPU that every machine can simulate."""

import contextlib
import functools
from collections.abc import Iterator

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import return_and_correct_aliasing


def device() -> torch.device:
    """The device to compute on: ``cuda`` if this machine has a GPU, else ``cpu``."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def simulated_gpu() -> Iterator[torch.device]:
    """A device that behaves as a GPU does and computes on the CPU; usable inside the ``with`` block.

    Values, views and control flow are real. A tensor of this device mixes with CPU tensors exactly where one of
    CUDA would: with those of no dimension, as an index, and in ``copy_``; anything else raises torch's
    "same device" error. Autograd works if the process has entered such a block before its first backward pass. All
    this rests on ``torch.utils.backend_registration``, a private interface: torch is pinned, and the tests say what
    must hold.
    """
    with _FactoriesOnSimulatedGpu():
        yield _register()


class SimulatedGpuTensor(torch.Tensor):
    """A tensor of the simulated GPU, around the CPU tensor that holds its values."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        wrapper = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=_register(),
        )
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
        inner_args, inner_kwargs = _inner(func, args), _inner(func, _on_cpu(kwargs))
        result = func(*inner_args, **inner_kwargs)
        if func is torch.ops.aten._to_copy.default and _type_of(kwargs.get("device")) == "cpu":
            return result
        if _works_in_place(func):
            return args[0]
        result = _outer(result)
        return return_and_correct_aliasing(func, args, kwargs, result) if _aliases(func) else result


def _without_lists(index):
    """An index with tensors in place of its lists of numbers, which torch would make on the device, and cannot."""
    if isinstance(index, tuple):
        return tuple(map(_without_lists, index))
    if isinstance(index, list) and all(isinstance(place, int | list) for place in index):
        return torch.tensor(index, dtype=None if index else torch.int64)
    return index


class _FactoriesOnSimulatedGpu(TorchFunctionMode):
    """``torch.tensor``, ``torch.arange`` and their like with ``device="simgpu"``: made on the CPU, then moved."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        makes_a_tensor = not any(isinstance(x, torch.Tensor) for x in args[:1]) and "device" in kwargs
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


@functools.cache
def _register() -> torch.device:
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend("simgpu")
    _register.library = torch.library.Library("_", "IMPL", "PrivateUse1")
    _register.library.fallback(_run_factory)
    return torch.device("simgpu:0")


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


def _inner(op, values):
    """The arguments of an operation on the CPU. Raises `RuntimeError` as CUDA does when one is there already.

    torch's own functions for nested values take longer than most operations.
    """
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
