"""What is right: torch's own operations, and autograd through them for the gradients."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

Reference = Callable[[Mapping[str, Any], torch.Tensor | None], tuple[torch.Tensor, ...]]


def value_of(operation: Callable[..., torch.Tensor]) -> Reference:
    """The reference of a forward function: the value of `operation(**arguments)`."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        return (operation(**arguments),)

    return expected


def gradients_of(operation: Callable[..., torch.Tensor]) -> Reference:
    """The reference of a backward function: autograd's gradients for the floating-point tensor arguments, in order."""

    def expected(arguments: Mapping[str, Any], dout: torch.Tensor) -> tuple[torch.Tensor, ...]:
        leaves = {
            name: value.detach().clone().requires_grad_()
            for name, value in arguments.items()
            if isinstance(value, torch.Tensor) and value.is_floating_point()
        }
        with torch.enable_grad():
            out = operation(**{**arguments, **leaves})
            # The same gradients as with grad_outputs=dout, without the half second that its first use takes.
            return torch.autograd.grad((out * dout).sum(), list(leaves.values()))

    return expected
