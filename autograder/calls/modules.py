"""The kind of call about a class of layers: an `nn.Module` is made, given known parameters, and run both ways."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from autograder.calls.case import Case, Inputs, clone
from autograder.calls.outcome import ComplaintError, message_of, shorten
from autograder.calls.returned import kind_of, outputs_of
from autograder.calls.signature import Ask, Signature

# What is compared of a call.
OUT, GRADIENT, STATE = "out", "gradient", "state after the call"

# What a layer of batch normalization remembers: it is in a state, and no parameter.
_STATISTICS = ("running_mean", "running_var")
_COUNT = "num_batches_tracked"

# Names that a sentence lists.
_LISTED = 6


def module(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Make ``Net(*init)``, an `nn.Module`, load ``state`` into it and call it on ``x``, in ``training`` mode or not.

    The outputs: its value; the gradients of x and of every parameter in ``state``, one after the other, none without
    ``dout``; and, where `returns` has it, the running statistics after the call, one after the other.
    """
    net = ask(signature.name, *inputs["init"])
    if not isinstance(net, nn.Module):
        raise ComplaintError(f"{signature.name} made {kind_of(net)}; expected a torch.nn.Module.")
    _load(signature, net, inputs, ask)
    alone = replace(signature, returns=(OUT,))

    def call(x: torch.Tensor) -> torch.Tensor:
        return outputs_of(alone, (ask(signature.name, x, via=net),))[0]

    def differentiate(*arguments: Any) -> Any:
        return ask(signature.name, *arguments, via=_gradients)

    return outputs_of(signature, outputs_from(net, inputs, signature.returns, call, differentiate))


def outputs_from(net: nn.Module, inputs: dict[str, Any], returns: Sequence[str], call=None, differentiate=None):
    """What `returns` names of one call of a network that holds ``state``; `inputs` then has the x that it was given."""
    dout, state = inputs.get("dout"), inputs["state"]
    net.train(inputs["training"])
    with torch.enable_grad():
        leaf = inputs["x"].detach().requires_grad_(dout is not None)
        # Not the leaf itself: whoever works in place on it is told by autograd, not that the input is changed.
        x = inputs["x"] = clone(leaf)
        out = (call or net)(x)
        found = {OUT: out.detach()}
        own = dict(net.named_parameters(remove_duplicate=False))
        leaves = [leaf, *(own.get(name) for name in parameters_in(state))]
        found[GRADIENT] = leaf.new_zeros(0)
        if dout is not None:
            found[GRADIENT] = (differentiate or _gradients)(out, dout, leaves, state)
    own = net.state_dict()
    statistics = [own[name].detach().flatten() for name in statistics_in(state)]
    found[STATE] = torch.cat(statistics) if statistics else leaf.new_zeros(0)
    return tuple(found[label] for label in returns)


def _gradients(
    out: torch.Tensor, dout: torch.Tensor, leaves: Sequence[Any], state: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """The gradients of the leaves, one after the other; 0 for what out does not depend on."""
    shapes = [leaves[0].shape, *(state[name].shape for name in parameters_in(state))]
    known = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    found: dict[int, torch.Tensor] = {}
    if out.requires_grad and out.shape == dout.shape:
        # The same gradients as with grad_outputs=dout, without the half second that its first use takes.
        grads = torch.autograd.grad((out * dout).sum(), known, allow_unused=True)
        found = {id(leaf): grad for leaf, grad in zip(known, grads, strict=True) if grad is not None}
    nothing = leaves[0].detach()
    parts = [
        found[id(leaf)].flatten() if id(leaf) in found else nothing.new_zeros(shape.numel())
        for leaf, shape in zip(leaves, shapes, strict=True)
    ]
    return torch.cat(parts)


def parameters_in(state: Mapping[str, torch.Tensor]) -> list[str]:
    """The names in a state that are parameters."""
    return [name for name in state if name.rpartition(".")[2] not in (*_STATISTICS, _COUNT)]


def statistics_in(state: Mapping[str, torch.Tensor]) -> list[str]:
    """The names in a state that are running statistics."""
    return [name for name in state if name.rpartition(".")[2] in _STATISTICS]


def parts_of(label: str, inputs: Mapping[str, Any]) -> list[tuple[str, torch.Size]]:
    """What lies one after the other in an output, as a sentence calls it, with its shape; empty for `OUT`."""
    state = inputs["state"]
    if label == GRADIENT:
        named = [("x", inputs["x"].shape), *((name, state[name].shape) for name in parameters_in(state))]
        return [(f"the gradient of {name}", shape) for name, shape in named]
    if label == STATE:
        return [(f"after the call, {name}", state[name].shape) for name in statistics_in(state)]
    return []


def _load(signature: Signature, net: nn.Module, inputs: Inputs, ask: Ask) -> None:
    """Put a state into a network, in its dtype and on its device. Raises the complaint that names what does not fit."""
    state, x = inputs["state"], inputs["x"]
    asked = {name: tuple(value.shape) for name, value in state.items()}
    # A lazy layer's parameters have no shape before they are given one.
    own = {
        name: asked.get(name) if is_lazy(value) else tuple(getattr(value, "shape", ()))
        for name, value in ask(signature.name, via=net.state_dict).items()
    }
    found = _misfit(own, asked)
    if found:
        raise ComplaintError(f"{signature.name} holds other parameters than the text asks for: {found}.")
    try:
        net.to(x.device, x.dtype).load_state_dict(state)
    except Exception as error:
        what = f"{type(error).__name__}: {shorten(message_of(error))}"
        raise ComplaintError(f"{signature.name} does not take the given parameters ({what}).") from error


def _misfit(own: Mapping[str, tuple], asked: Mapping[str, tuple]) -> str:
    """What is missing in a state, what is too much, and what has another shape; empty where all is as asked."""
    other = [name for name in asked if name in own and own[name] != asked[name]]
    said = [
        _listed("missing", _layers(asked, own)),
        _listed("too many", _layers(own, asked)),
        *(f"{name} has the shape {own[name]}, expected {asked[name]}" for name in other[:2]),
        _listed("another shape, too", other[2:]),
    ]
    return "; ".join(filter(None, said))


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{what}: {shorten(', '.join(names[:_LISTED]))}{more}" if names else ""


def _layers(names: Mapping[str, tuple], others: Mapping[str, tuple]) -> list[str]:
    """The names that are not among the others; of a layer of which nothing is there, the layer's own name."""
    found: list[str] = []
    for name in names:
        layer = name.rpartition(".")[0]
        if name not in others:
            found.append(name if not layer or any(n.rpartition(".")[0] == layer for n in others) else layer)
    return list(dict.fromkeys(found))
