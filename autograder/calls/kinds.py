"""The kinds of call: how a function is called, and what of that is compared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from autograder.calls import models, spaces
from autograder.calls.case import OUT, STEPS, Case, Inputs, arguments_of, operands_of, other
from autograder.calls.outcome import ComplaintError, message_of, shorten
from autograder.calls.returned import form, kind_of, on_cpu, outputs_of, returned, unpacked, whole_numbers
from autograder.calls.signature import Ask, Call, Signature


def forward(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
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
    """Call ``f_forward(*arguments)``, then ``f_backward(dout, cache)``; the outputs are the gradients."""
    name = signature.forward
    arguments = arguments_of(inputs)
    result = ask(name, *arguments)
    if not isinstance(result, tuple | list) or len(result) not in (2, 3):
        raise ComplaintError(f"{name} returned {kind_of(result)}; expected a tuple (out, cache).")
    out, cache = result[0], result[-1]
    if case.another_call:
        ask(name, *map(other, arguments))
    if isinstance(out, torch.Tensor):
        inputs[OUT] = out
    inputs.watch()
    try:
        gradients = ask(signature.name, inputs["dout"], cache)
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
        if not isinstance(complaint.__cause__, ValueError):
            raise
        if not str(complaint.__cause__).strip():
            raise ComplaintError(
                f"{signature.name} raised ValueError without a message: say what was got and what was expected."
            ) from None
        return outputs_of(signature, (on_cpu(True), *(on_cpu(0) for _ in signature.labels[1:])))
    found = unpacked(signature, signature.returns[1:], (result,) if len(signature.returns) == 2 else result)
    whole = [whole_numbers(signature, label, value) for label, value in zip(signature.labels[1:], found, strict=True)]
    return outputs_of(signature, (on_cpu(False), *whole))


def draws(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(shape, generator)`` ``count`` times on one generator, then once on a new one with the same seed.

    The outputs are all draws of the first, (count, *shape), and the one of the second, *shape.
    """
    shape, generator = inputs["shape"], inputs["generator"]
    single = replace(signature, returns=signature.returns[:1])
    first = [outputs_of(single, (ask(signature.name, shape, generator),))[0] for _ in range(inputs["count"])]
    if len({draw.shape for draw in first}) > 1:
        raise ComplaintError(f"{signature.name} gave tensors of different shapes for one shape, {shape}.")
    again = ask(signature.name, shape, torch.Generator().manual_seed(generator.initial_seed()))
    return outputs_of(signature, (torch.stack(first), again))


def training(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``predict = f(x, target, generator)`` and ``predict(test)``; the outputs are its logits, and those repeated.

    They are repeated by the same `predict`; with `another_call` by that of a second training with the same seed.
    """
    x, target, generator, test = (inputs[name] for name in ("x", "target", "generator", "test"))

    def train(generator: torch.Generator) -> Any:
        predict = ask(signature.name, x, target, generator)
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


def module(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Make ``Net(*init)``, an `nn.Module`, load ``state`` into it and call it on ``x``; the output is its value."""
    net = ask(signature.name, *inputs["init"])
    if not isinstance(net, torch.nn.Module):
        raise ComplaintError(f"{signature.name} made {kind_of(net)}; expected a torch.nn.Module.")
    try:
        net.to(inputs["x"].device).load_state_dict(inputs["state"])
    except Exception as error:
        raise ComplaintError(
            f"{signature.name} does not take the given parameters: {shorten(message_of(error))}"
        ) from error
    return outputs_of(signature, (ask(signature.name, inputs["x"], via=net),))


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
TRAININGS: tuple[Call, ...] = (training, models.transferring)
# Those whose first output is whether a ValueError was raised.
RAISING: tuple[Call, ...] = (numbers, models.freezing, models.replacing, models.grouping)

# The kinds of call by name, as they are asked for over the boundary.
KINDS: Mapping[str, Call] = {
    kind.__name__: kind
    for kind in (
        *(forward, backward, function, numbers, draws, training, module, graph),
        *spaces.KINDS,
        *models.KINDS,
    )
}
