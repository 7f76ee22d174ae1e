"""Kinds of call about a network that is given: what is frozen, replaced, trained, counted and looked at in it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from autograder.calls.case import Case, Inputs, clone
from autograder.calls.outcome import ComplaintError
from autograder.calls.returned import kind_of, on_cpu, only_value_error, outputs_of, returned, whole_numbers
from autograder.calls.signature import Ask, Signature


class Residual(nn.Sequential):
    """Its layers, and the input added to what they make."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


class Twice(nn.Sequential):
    """Its layers, one after the other, and then once more."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(super().forward(x))


LAYERS = {
    "linear": nn.Linear,
    "linear without bias": lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False),
    "conv": nn.Conv2d,
    "padded conv": lambda inputs, outputs, size: nn.Conv2d(inputs, outputs, size, padding=size // 2),
    "batch norm of features": nn.BatchNorm1d,
    "batch norm of maps": nn.BatchNorm2d,
    "relu": nn.ReLU,
    "pool": nn.MaxPool2d,
    "dropout": nn.Dropout,
    "flatten": nn.Flatten,
    # Inputs, outputs, kernel, stride, padding, dilation, groups.
    "any conv": nn.Conv2d,
    "any conv without bias": lambda *sizes: nn.Conv2d(*sizes, bias=False),
    "average pool": nn.AvgPool2d,
    "global pool": lambda: nn.AdaptiveAvgPool2d(1),
    # What is inside of them comes after them.
    "residual": Residual,
    "twice": Twice,
}


def build(layers: Sequence[tuple], state: Mapping[str, torch.Tensor] | None) -> nn.Sequential:
    """The network of `layers`, each a name, a word of `LAYERS` and its sizes, on the tensors of `state` themselves.

    A dot in a name leads into a part: "features.conv1" is the layer conv1 of the part features. Without a state its
    tensors are on the meta device.
    """
    net = nn.Sequential()
    with torch.device("meta"):
        for name, layer, *sizes in layers:
            *path, last = name.split(".")
            part = net
            for step in path:
                if not hasattr(part, step):
                    part.add_module(step, nn.Sequential())
                part = getattr(part, step)
            part.add_module(last, LAYERS[layer](*sizes))
    if state is not None:
        net.load_state_dict(dict(state), assign=True)
    return net


def given(inputs: Mapping[str, Any]) -> nn.Sequential:
    """The network of a case in training mode, on copies of its tensors, and what ``frozen`` names is frozen."""
    net = build(inputs["layers"], {name: clone(tensor) for name, tensor in inputs["state"].items()}).train()
    for name in inputs["frozen"]:
        net.get_parameter(name).requires_grad = False
    return net


def flags(model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Which parameters are trained, and which layers are in training mode, 1 or 0 for each, int64."""
    layers = [module for module in model.modules() if not isinstance(module, nn.Sequential)]
    trained = on_cpu([int(parameter.requires_grad) for parameter in model.parameters()])
    return trained, on_cpu([int(layer.training) for layer in layers])


def values(model: nn.Module) -> torch.Tensor:
    """All parameters and running statistics of a network, one after the other."""
    return torch.cat([t.detach().flatten() for t in model.state_dict().values() if t.is_floating_point()])


def like(values: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape, dtype and device, and always the same numbers: what random weights have in common."""
    return torch.full_like(values, 0.25)


def freezing(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(model, prefix)``, which returns the model; then the model on ``x``, so that running statistics move.

    The outputs: whether it raised ValueError; which parameters are trained; which layers are in training mode; and
    the values of the network after that.
    """
    model, x = given(inputs), inputs["x"]
    if _raises(signature, ask, model, inputs["prefix"]):
        nothing = torch.zeros(0, dtype=torch.int64, device="cpu")
        return outputs_of(signature, _on(x, on_cpu(True), nothing, nothing, x.new_zeros(0)))
    trained, moving = flags(model)
    ask(signature.name, x, via=model)
    return outputs_of(signature, _on(x, on_cpu(False), trained, moving, values(model)))


def replacing(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(model, name, num_classes)``, which returns the model; then give its new layer ``weight`` and ``bias``.

    The outputs: whether it raised ValueError; the logits of ``x``, in evaluation; tensors like the new layer's weight
    and bias (see `like`); and how many rows of the old weight are in the new one, and if that is trained.
    """
    model, x, name, weight = given(inputs), inputs["x"], inputs["name"], inputs["weight"]
    old = clone(inputs["state"].get(f"{name}.weight", x.new_zeros(0, 0)))
    if _raises(signature, ask, model, name, inputs["num_classes"]):
        nothing = x.new_zeros(0)
        return outputs_of(signature, _on(x, on_cpu(True), nothing, nothing, nothing, on_cpu([0, 0])))
    layer = model.get_submodule(name)
    if not isinstance(layer, nn.Linear):
        raise ComplaintError(f"{signature.name} left {kind_of(layer)} as {name!r}; expected a torch.nn.Linear.")
    new = layer.weight.detach()
    shapes = [like(new), x.new_zeros(0) if layer.bias is None else like(layer.bias.detach())]
    same_width = new.dim() == 2 and old.dim() == 2 and new.shape[1] == old.shape[1] and new.dtype == old.dtype
    kept = int((new[:, None] == old).all(dim=2).any(dim=0).sum()) if same_width else 0
    trained = int(all(parameter.requires_grad for parameter in layer.parameters()))
    logits = x.new_zeros(len(x), inputs["num_classes"])
    if new.shape == weight.shape:
        layer.weight = nn.Parameter(weight, requires_grad=False)
        if layer.bias is not None:
            layer.bias = nn.Parameter(inputs["bias"], requires_grad=False)
        logits = ask(signature.name, x, via=model.eval())
    return outputs_of(signature, _on(x, on_cpu(False), logits, *shapes, on_cpu([kept, trained])))


def grouping(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(model, head, backbone_lr, head_lr)``, which returns groups of parameters as torch.optim takes them.

    The outputs: whether it raised ValueError; the rate of each parameter, 0 where it is in no group; and in how many
    groups each is.
    """
    model = given(inputs)
    parameters = list(model.parameters())
    rates, times = [0.0] * len(parameters), [0] * len(parameters)
    places = {id(parameter): i for i, parameter in enumerate(parameters)}
    try:
        groups = ask(signature.name, model, inputs["head"], inputs["backbone_lr"], inputs["head_lr"])
    except ComplaintError as complaint:
        only_value_error(signature, complaint)
        nothing = parameters[0].new_zeros(0)
        return outputs_of(signature, _on(parameters[0], on_cpu(True), nothing, nothing.long()))
    if not isinstance(groups, list | tuple):
        raise ComplaintError(f"{signature.name} returned {kind_of(groups)}; expected a list of dicts.")
    for group in groups:
        for parameter, rate in _members(signature, group):
            if id(parameter) not in places:
                raise ComplaintError(
                    f"{signature.name} has {kind_of(parameter)} in a group; expected the model's parameters."
                )
            rates[places[id(parameter)]] = rate
            times[places[id(parameter)]] += 1
    found = (torch.tensor(rates, dtype=case.dtype, device="cpu"), on_cpu(times))
    return outputs_of(signature, _on(parameters[0], on_cpu(False), *found))


# The dimensions of an output, without the batch; those that it has not are 0.
DIMENSIONS = 3


def counting(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(model, input_shape)``, which returns a row ``(name, output_shape, *numbers)`` for each layer called.

    The outputs: the place of each row's layer among the model's modules, -1 if it is none; the shapes (rows,
    DIMENSIONS), 0 for what they have not; and the numbers, one after the other. All int64. The model is in training
    mode but for its first layer or part, which is in evaluation as if it were frozen; on the tensors of ``state``
    themselves.
    """
    model = build(inputs["layers"], inputs["state"]).train()
    next(model.children()).eval()
    with watched(model, inputs):
        rows = ask(signature.name, model, inputs["input_shape"])
    if not isinstance(rows, list | tuple):
        raise ComplaintError(f"{signature.name} returned {kind_of(rows)}; expected a list of rows.")
    one = replace(signature, returns=(tuple(signature.returns),))
    cells = [returned(one, row) for row in rows]
    places = {name: place for place, (name, _) in enumerate(model.named_modules())}
    found = [[places.get(row[0], -1) if isinstance(row[0], str) else -1 for row in cells]]
    found.append([_shape(signature, row[1]) for row in cells])
    columns = zip(*(row[2:] for row in cells), strict=True) if cells else [()] * len(signature.labels[2:])
    for label, numbers in zip(signature.labels[2:], columns, strict=True):
        found.append([int(whole_numbers(signature, label, number)) for number in numbers])
    widths = ((len(rows),), (len(rows), DIMENSIONS), *[(len(rows),)] * (len(signature.labels) - 2))
    tables = [torch.tensor(f, dtype=torch.int64, device="cpu").reshape(w) for f, w in zip(found, widths, strict=True)]
    like = next(iter(inputs["state"].values()), tables[0])
    return outputs_of(signature, _on(like, *tables))


def _shape(signature: Signature, shape: Any) -> list[int]:
    if not isinstance(shape, tuple | list):
        raise ComplaintError(f"{signature.name} gave {kind_of(shape)} for an output's shape; expected a tuple.")
    sizes = whole_numbers(signature, "an output's shape", shape).flatten().tolist()
    if len(sizes) > DIMENSIONS:
        raise ComplaintError(
            f"{signature.name} gave {tuple(sizes)} for an output's shape; expected it without the batch."
        )
    return sizes + [0] * (DIMENSIONS - len(sizes))


def looking(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(model, *arguments)`` with a model in evaluation mode; the output is the tensor that it returns."""
    model = build(inputs["layers"], inputs["state"]).eval()
    arguments = [value for name, value in inputs.items() if name not in ("layers", "state")]
    with watched(model, inputs):
        found = ask(signature.name, model, *arguments)
    return outputs_of(signature, returned(signature, found))


@contextlib.contextmanager
def watched(model: nn.Module, inputs: Inputs) -> Iterator[None]:
    """Count a model as a changed input whose layers are in another mode afterwards, or have hooks left in them."""

    def look() -> dict[str, list]:
        hooks = [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in model.modules()]
        return {"model (its mode)": [part.training for part in model.modules()], "model (hooks are left in it)": hooks}

    inputs |= look()
    inputs.watch()
    yield
    inputs |= look()


def transferring(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``predict = f(source_model, x, target, generator)``, then ``predict(test)`` as `training` does.

    The source model is in evaluation mode, on the tensors of ``state`` themselves: who changes it changes an input.
    """

    def arguments(generator: torch.Generator) -> tuple[Any, ...]:
        return build(inputs["layers"], inputs["state"]).eval(), inputs["x"], inputs["target"], generator

    return predictions(signature, case, inputs, ask, arguments)


def predictions(
    signature: Signature,
    case: Case,
    inputs: Inputs,
    ask: Ask,
    arguments: Callable[[torch.Generator], tuple[Any, ...]],
) -> tuple[torch.Tensor, ...]:
    """Call ``predict = f(*arguments(generator))`` and ``predict(test)``; its logits, and those repeated.

    They are repeated by the same `predict`; with `another_call` by that of a second training with the same seed.
    """
    generator, test = inputs["generator"], inputs["test"]

    def train(generator: torch.Generator) -> Any:
        predict = ask(signature.name, *arguments(generator))
        if not callable(predict):
            raise ComplaintError(
                f"{signature.name} returned {kind_of(predict)}; expected a function that maps images to logits."
            )
        return predict

    predict = train(generator)
    logits = ask(signature.name, test, via=predict)
    if case.another_call:
        predict = train(torch.Generator().manual_seed(generator.initial_seed()))
    return outputs_of(signature, (logits, ask(signature.name, test, via=predict)))


def _raises(signature: Signature, ask: Ask, model: nn.Module, *arguments: Any) -> bool:
    """Whether ``f(model, *arguments)`` raises ValueError; otherwise it must return the model that it was given."""
    try:
        result = ask(signature.name, model, *arguments)
    except ComplaintError as complaint:
        only_value_error(signature, complaint)
        return True
    if result is not model:
        raise ComplaintError(f"{signature.name} returned {kind_of(result)}; expected the model that it was given.")
    return False


def _members(signature: Signature, group: Any) -> list[tuple[Any, float]]:
    if not isinstance(group, Mapping) or not {"params", "lr"} <= set(group):
        raise ComplaintError(
            f'{signature.name} has {kind_of(group)} for a group; expected a dict with "params" and "lr".'
        )
    rate = group["lr"]
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise ComplaintError(f'{signature.name} gave {kind_of(rate)} for "lr"; expected a number.')
    members = group["params"]
    members = [members] if isinstance(members, torch.Tensor) else list(members)
    return [(member[1] if isinstance(member, tuple) else member, float(rate)) for member in members]


def _on(x: torch.Tensor, *outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(output if output.device == x.device else output.to(x.device) for output in outputs)


KINDS = (freezing, replacing, grouping, transferring, counting, looking)
