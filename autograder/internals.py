"""What is used of torch that torch does not promise to keep, each with what is done where it is missing.

The check of an exercise works without any of it, though it then overlooks some uses of what is forbidden.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

try:
    from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
except ImportError:

    class DispatchMode(contextlib.AbstractContextManager):
        """Hears nothing. Where functions of torch are called by their names, `TorchFunctionMode` hears of it."""

        def __exit__(self, *_: Any) -> None:
            """Nothing."""


def differentiates(arguments: Sequence[Any]) -> bool:
    """Whether ``torch.func.grad``, a forward derivative or the like is at work; False where torch does not tell."""
    if _forward_level() >= 0:
        return True
    tracks = _tracks_gradients()
    # A loop: this is asked at every operation, and a generator takes twice as long.
    for argument in arguments:  # noqa: SIM110
        if isinstance(argument, torch.Tensor) and tracks(argument):
            return True
    return False


def _forward_level() -> int:
    return getattr(_forward_ad(), "_current_level", -1)


@functools.cache
def _forward_ad() -> Any:
    with contextlib.suppress(ImportError):
        from torch.autograd import forward_ad

        return forward_ad
    return None


@functools.cache
def _tracks_gradients() -> Callable[[torch.Tensor], bool]:
    functorch = getattr(torch._C, "_functorch", None)
    return getattr(functorch, "is_gradtrackingtensor", lambda tensor: False)


def fans_of(weight: torch.Tensor) -> tuple[int, int]:
    """How many numbers an output of a layer is made of, and how many outputs a number goes into (`torch.nn.init`)."""
    if hasattr(torch.nn.init, "_calculate_fan_in_and_fan_out"):
        return torch.nn.init._calculate_fan_in_and_fan_out(weight)
    field = weight[0, 0].numel()
    return weight.shape[1] * field, weight.shape[0] * field


def wrapper_of(cls: type, inner: torch.Tensor, device: torch.device) -> Any:
    """A tensor of the class `cls` that says of itself what `inner` is, but for its `device`."""
    return torch.Tensor._make_wrapper_subclass(
        cls,
        inner.shape,
        strides=inner.stride(),
        storage_offset=inner.storage_offset(),
        dtype=inner.dtype,
        device=device,
    )


def aliased(func: Any, args: Any, kwargs: Any, result: Any) -> Any:
    """The `result` of an operation, as an alias of those arguments of which `func` returns views."""
    from torch.utils._python_dispatch import return_and_correct_aliasing

    return return_and_correct_aliasing(func, args, kwargs, result)


def add_device(name: str, run: Callable[..., Any]) -> torch.device:
    """A device of one's own, on which `run` makes tensors; its first one."""
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend(name)
    add_device.library = torch.library.Library("_", "IMPL", "PrivateUse1")
    add_device.library.fallback(run)
    return torch.device(f"{name}:0")
