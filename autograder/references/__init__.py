"""What is right: torch's own operations, and autograd through them for the gradients."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from autograder.calls.case import STEPS, operands_of
from autograder.calls.models import DIMENSIONS, build
from autograder.calls.modules import outputs_from

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


def reals_of(operation: Callable[..., tuple[float, ...]]) -> Reference:
    """The reference of a function that returns several numbers (see `calls.kinds.real`)."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        return tuple(torch.tensor(number, dtype=torch.float64) for number in operation(**arguments))

    return expected


def counts_of(operation: Callable[..., Sequence[tuple]]) -> Reference:
    """The reference of a table of a network's layers (see `calls.models.counting`): the rows of `operation`."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        model = build(arguments["layers"], arguments["state"])
        names, shapes, *numbers = zip(*operation(model, arguments["input_shape"]), strict=True)
        places = [name for name, _ in model.named_modules()]
        padded = [[*shape, *[0] * (DIMENSIONS - len(shape))] for shape in shapes]
        return tuple(torch.tensor(column) for column in ([places.index(name) for name in names], padded, *numbers))

    return expected


def looked_by(operation: Callable[..., torch.Tensor]) -> Reference:
    """The reference of a function that looks into a network (see `calls.models.looking`)."""

    def expected(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
        model = build(arguments["layers"], arguments["state"]).eval()
        return (operation(model, *(value for name, value in arguments.items() if name not in ("layers", "state"))),)

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


@dataclass(frozen=True)
class ModuleOf:
    """The reference of a class of layers (see `calls.modules`): what `made` by ``init`` gives with the same state."""

    made: Callable[..., torch.nn.Module]
    returns: tuple[str, ...]

    def __call__(self, arguments: Mapping[str, Any], dout: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        net = self.made(*arguments["init"]).to(arguments["x"])
        net.load_state_dict(arguments["state"])
        return outputs_from(net, {**arguments, "dout": dout}, self.returns)


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
