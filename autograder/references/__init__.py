"""What is right: torch's own operations, and autograd through them for the gradients."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from autograder.calls.case import STEPS, operands_of

Reference = Callable[[Mapping[str, Any], torch.Tensor | None], tuple[torch.Tensor, ...]]


def value_of(operation: Callable[..., torch.Tensor]) -> Reference:
    """The reference of a forward function: the value of `operation(**arguments)`."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        return (operation(**arguments),)

    return expected


def values_of(operation: Callable[..., tuple[torch.Tensor, ...]]) -> Reference:
    """The reference of a function that returns several tensors: those of `operation(**arguments)`, in one tuple."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        return tuple(operation(**arguments))

    return expected


def numbers_of(operation: Callable[..., int | tuple], count: int = 1) -> Reference:
    """The reference of a function that returns whole numbers or raises ValueError (see `calls.numbers`).

    `operation` returns one number, or a tuple of `count` numbers; one of them may be a tuple of numbers itself.
    """

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        try:
            found = operation(**arguments)
        except ValueError:
            return (torch.tensor(True), *[torch.tensor(0)] * count)
        found = found if count > 1 else (found,)
        return (torch.tensor(False), *(torch.tensor(number, dtype=torch.int64) for number in found))

    return expected


def graph_of() -> Reference:
    """The reference of a graph of scalars (see `calls.graph`): its steps on torch's own scalars, and autograd."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        leaves = arguments["values"].detach().clone().requires_grad_()
        with torch.enable_grad():
            nodes = list(leaves.unbind())
            for operation, *operands in arguments["steps"]:
                nodes.append(STEPS[operation](*operands_of(nodes, operands)))
            (grad,) = torch.autograd.grad(nodes[-1], leaves)
        return nodes[-1].detach(), grad

    return expected


def gradients_of(operation: Callable[..., torch.Tensor], wrt: Collection[str] | None = None) -> Reference:
    """The reference of a backward function: autograd's gradients for the arguments in `wrt`, in their order.

    Without `wrt`, for all that are floating-point tensors.
    """

    def expected(arguments: Mapping[str, Any], dout: torch.Tensor) -> tuple[torch.Tensor, ...]:
        leaves = {
            name: value.detach().clone().requires_grad_()
            for name, value in arguments.items()
            if (name in wrt if wrt is not None else isinstance(value, torch.Tensor) and value.is_floating_point())
        }
        with torch.enable_grad():
            out = operation(**{**arguments, **leaves})
            # The same gradients as with grad_outputs=dout, without the half second that its first use takes.
            return torch.autograd.grad((out * dout).sum(), list(leaves.values()))

    return expected
