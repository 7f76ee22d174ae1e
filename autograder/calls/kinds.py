"""The kinds of call: how a function is called, and what of that is compared."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from autograder.calls import models, modules, spaces
from autograder.calls.case import OUT, STEPS, Case, Inputs, arguments_of, clone, operands_of, other, tensors_in
from autograder.calls.outcome import ComplaintError
from autograder.calls.returned import (
    form,
    kind_of,
    on_cpu,
    only_value_error,
    outputs_of,
    returned,
    unpacked,
    whole_numbers,
)
from autograder.calls.signature import Ask, Call, Signature


def forward(signature: Signature, case: Case, inputs: Mapping[Any, Any], ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f_forward(*arguments)``, which returns ``(out, cache)``; the output is ``out``.

    A function that returns more has it between the two: ``(out, (running_mean, running_var), cache)``.
    """
    arguments = arguments_of(inputs)
    result = ask(signature.name, *arguments)
    expected = (*signature.returns, "cache")
    if not isinstance(result, tuple | list) or len(result) != len(expected):
        raise ComplaintError(f"{signature.name} returned {kind_of(result)}; expected a tuple {form(expected)}.")
    if case.another_call:
        ask(signature.name, *map(other, arguments))
    return outputs_of(signature, unpacked(signature, signature.returns, tuple(result[:-1]), expected))


def backward(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f_forward(*arguments)``, then ``f_backward(dout, cache)``; the outputs are the gradients.

    After a forward function with several outputs, one after the other: ``f_backward(dh, dc, cache)``.
    """
    name = signature.forward
    arguments = arguments_of(inputs)
    result = ask(name, *arguments)
    if not isinstance(result, tuple | list) or len(result) not in (2, 3):
        raise ComplaintError(f"{name} returned {kind_of(result)}; expected a tuple (out, cache).")
    out, cache = result[0], result[-1]
    if case.another_call:
        ask(name, *map(other, arguments))
    if isinstance(out, torch.Tensor | tuple | list):
        inputs[OUT] = tuple(out) if isinstance(out, list) else out
    if signature.upstream:
        inputs |= zip(signature.upstream, inputs.pop("dout"), strict=True)
    inputs.watch()
    try:
        gradients = ask(signature.name, *(inputs[label] for label in signature.upstream or ("dout",)), cache)
    except ComplaintError as complaint:
        if cache is None and isinstance(complaint.__cause__, TypeError | AttributeError):
            why = f"{complaint} The cache is None: {name} keeps nothing in this case."
            raise ComplaintError(why) from complaint.__cause__
        raise
    return outputs_of(signature, returned(signature, gradients))


def function(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)``; the outputs are the tensors in what it returns, which has the form of `returns`."""
    return outputs_of(signature, returned(signature, ask(signature.name, *arguments_of(inputs))))


def numbers(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)``, which returns whole numbers or raises ValueError.

    The first output is whether it raised one, bool; the others are the numbers, int64, a tuple of numbers being one
    of them, and 0 where none came.
    """
    try:
        result = ask(signature.name, *arguments_of(inputs))
    except ComplaintError as complaint:
        only_value_error(signature, complaint)
        return outputs_of(signature, (on_cpu(True), *(on_cpu(0) for _ in signature.labels[1:])))
    found = unpacked(signature, signature.returns[1:], (result,) if len(signature.returns) == 2 else result)
    whole = [whole_numbers(signature, label, value) for label, value in zip(signature.labels[1:], found, strict=True)]
    return outputs_of(signature, (on_cpu(False), *whole))


def draws(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)`` ``count`` times on one generator, then once on a new one with the same seed.

    The outputs are all draws of the first, (count, *shape), and the one of the second, *shape. `count` is none of the
    arguments.
    """
    return _drawn(signature, inputs, lambda arguments: ask(signature.name, *arguments))


def forward_draws(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f_forward(*arguments)``, which returns ``(out, cache)``, as `draws` does; the outputs are the outs."""
    out = replace(signature, returns=signature.returns[:1])
    return _drawn(signature, inputs, lambda arguments: forward(out, case, dict(enumerate(arguments)), ask)[0])


def _drawn(signature: Signature, inputs: Inputs, call: Callable[[list[Any]], Any]) -> tuple[torch.Tensor, ...]:
    """The draws of ``call(arguments)``. The first call gets the inputs, the others copies: no call spoils the next."""
    given = {name: value for name, value in inputs.items() if name != "count"}
    copied = {name: clone(value) for name, value in given.items() if isinstance(value, torch.Tensor)}

    def draw(**others: Any) -> torch.Tensor:
        arguments = given | {name: clone(value) for name, value in copied.items()} | others
        return outputs_of(single, (call(list(arguments.values())),))[0]

    single = replace(signature, returns=signature.returns[:1])
    first = [outputs_of(single, (call(list(given.values())),))[0].clone()]
    first += [draw() for _ in range(inputs["count"] - 1)]
    if len({draw.shape for draw in first}) > 1:
        raise ComplaintError(f"{signature.name} gave tensors of different shapes for the same arguments.")
    again = draw(generator=torch.Generator().manual_seed(inputs["generator"].initial_seed()))
    return outputs_of(signature, (torch.stack(first), again))


def backward_draws(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call a forward function that draws, then its backward function; the outputs are ``out`` and the gradients.

    What was drawn is known by the out alone: the gradients must agree with it.
    """
    kept: list[torch.Tensor] = []

    def keep(name: str, *arguments: Any) -> Any:
        result = ask(name, *arguments)
        if not kept and isinstance(result, tuple | list) and result and isinstance(result[0], torch.Tensor):
            # A copy: the backward function might write into it.
            kept.append(clone(result[0]))
        return result

    gradients = backward(replace(signature, returns=signature.returns[1:]), case, inputs, keep)
    if not kept:
        raise ComplaintError(f"{signature.forward} gave no tensor for out.")
    return outputs_of(signature, (*kept, *gradients))


def training(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``predict = f(x, target, generator)`` and ``predict(test)``; the outputs are its logits, and those repeated.

    They are repeated by the same `predict`; with `another_call` by that of a second training with the same seed.
    """
    return models.predictions(signature, case, inputs, ask, lambda g: (inputs["x"], inputs["target"], g))


def real(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)``, which returns one number or several, or tensors of one, in the form of `returns`.

    The outputs are these, in the case's dtype.
    """
    found = returned(signature, ask(signature.name, *arguments_of(inputs)))
    numbers = [_real(signature, *pair, case) for pair in zip(signature.labels, found, strict=True)]
    # A number has no device: it counts as being where the inputs are.
    where = next((tensor.device for _, tensor in tensors_in(inputs)), None)
    return outputs_of(signature, [number if where is None else number.to(where) for number in numbers])


def _real(signature: Signature, label: str, value: Any, case: Case) -> torch.Tensor:
    """A number, or a tensor or an array of one, as a tensor of shape ()."""
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        return torch.tensor(float(value), dtype=case.dtype, device="cpu")
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ComplaintError(f"{signature.name} gave {kind_of(value)} for {label}; expected a number.") from error


def batches(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(n, batch_size, generator)`` twice on one generator, then once on a new one with the same seed.

    It returns a list of tensors of indices. The outputs are the sizes of the first call's tensors, and the indices of
    each call one after the other.
    """
    n, batch_size, generator = inputs["n"], inputs["batch_size"], inputs["generator"]
    again = torch.Generator().manual_seed(generator.initial_seed())
    found = []
    for source in (generator, generator, again):
        parts = ask(signature.name, n, batch_size, source)
        if not isinstance(parts, tuple | list):
            raise ComplaintError(f"{signature.name} returned {kind_of(parts)}; expected a list of tensors.")
        one = replace(signature, returns=tuple(f"batch {i}" for i in range(len(parts))))
        dimensions = {part.dim() for part in outputs_of(one, parts)} - {1}
        if dimensions:
            raise ComplaintError(f"{signature.name} gave a batch with {max(dimensions)} dimensions; expected one.")
        found.append(list(parts) or [torch.empty(0, dtype=torch.int64, device="cpu")])
    # Of no batches the one that is empty stands for them, and is not counted.
    sizes = [len(part) for part in found[0] if len(part) or len(found[0]) > 1]
    counted = torch.tensor(sizes, dtype=torch.int64, device="cpu").to(found[0][0].device)
    return outputs_of(signature, (counted, *map(torch.cat, found)))


def fitting(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)``, which returns ``(weight, bias, losses)``, the losses numbers, one for each epoch.

    The outputs are these, the weight and the bias once more, and the weight once more; with `another_call` those of a
    second call with the same seed, and that of a third one with another seed.
    """

    def fit(seed: int | None = None) -> list[Any]:
        if seed is not None:
            inputs["generator"] = torch.Generator().manual_seed(seed)
        result = unpacked(signature, signature.returns[:3], ask(signature.name, *arguments_of(inputs)))
        if not hasattr(result[2], "__len__"):
            raise ComplaintError(f"{signature.name} gave {kind_of(result[2])} for losses; expected a list of numbers.")
        return result

    weight, bias, losses = fit()
    numbers = [_real(signature, "one of the losses", loss, case) for loss in losses]
    stacked = (torch.stack(numbers) if numbers else torch.empty(0, device="cpu")).to(inputs["x"].device)
    again, other_weight = (weight, bias), weight
    if case.another_call:
        seed = inputs["generator"].initial_seed()
        again, (other_weight, *_) = fit(seed)[:2], fit(seed + 1)
    return outputs_of(signature, (weight, bias, stacked, *again, other_weight))


def graph(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Build a graph of the student's scalars from ``values``, node by node as ``steps`` say, and go backward.

    A step is an operation and its operands: an int is the number of an earlier node, a float a plain number, a string
    a plain whole number. The outputs are the last node's ``data`` and the ``grad`` of all values, in their dtype.
    """
    nodes = [ask(signature.name, value) for value in inputs["values"].tolist()]
    leaves = list(nodes)
    for operation, *operands in inputs["steps"]:
        nodes.append(ask(signature.name, *operands_of(nodes, operands), via=STEPS[operation]))
    ask(signature.name, via=lambda: nodes[-1].backward())
    numbers = ask(signature.name, via=lambda: [float(nodes[-1].data), *(float(leaf.grad) for leaf in leaves)])
    values = torch.tensor(numbers, dtype=torch.float64, device="cpu").to(inputs["values"])
    return outputs_of(signature, (values[0], values[1:]))


# Those that train: seconds a call, and judged by how much of what was not trained on comes out right.
TRAININGS: tuple[Call, ...] = (training, fitting, models.transferring)
# Those whose first output is whether a ValueError was raised.
RAISING: tuple[Call, ...] = (numbers, models.freezing, models.replacing, models.grouping)

# Those in which torch's own layers compute what is compared, in the student's program too.
LAYERED: tuple[Call, ...] = (modules.module, models.freezing, models.replacing, models.looking)
# Those that torch differentiates: the student writes no gradient, and autograd is allowed.
DIFFERENTIATED: tuple[Call, ...] = (modules.module,)

# The kinds of call by name, as they are asked for over the boundary.
KINDS: Mapping[str, Call] = {
    kind.__name__: kind
    for kind in (
        *(forward, backward, function, numbers, real, draws, forward_draws, backward_draws, batches),
        *(training, fitting, graph, modules.module),
        *spaces.KINDS,
        *models.KINDS,
    )
}
