"""What a network costs: its layers with their output shapes, activations, parameters and multiply-adds."""

import math
from typing import NamedTuple

import torch
from torch import nn


class Layer(NamedTuple):
    """A row of the table: one call of one module, for one image."""

    name: str
    output_shape: tuple[int, ...]
    activations: int
    parameters: int
    multiply_adds: int


def cost_table(model: nn.Module, input_shape: tuple[int, ...]) -> list[Layer]:
    """A row for each call of a module that has no modules inside, in the order of the calls.

    `input_shape` is that of one image without the batch, (C, H, W), and so are the output shapes. Activations are the
    values of the output. Parameters stand at the first call of their module, so that they add up to those of the model.

    Multiply-adds are those of convolutions and linear layers: a value of the output takes one for each weight that it
    is made with, (in_channels / groups) · height · width of the kernel. Biases, normalization, activation functions and
    pooling take none, and what the forward pass does without a module has no row.

    The model is called in evaluation mode and left as it was. On the meta device nothing is computed or stored.
    """
    rows: list[Layer] = []
    counted: set[nn.Module] = set()

    def note(name: str, module: nn.Module, out: torch.Tensor) -> None:
        parameters = 0 if module in counted else sum(p.numel() for p in module.parameters())
        counted.add(module)
        shape = tuple(out.shape[1:])
        activations = math.prod(shape)
        rows.append(Layer(name, shape, activations, parameters, activations * _weights_of_a_value(module)))

    modes = {module: module.training for module in model.modules()}
    hooks = [
        module.register_forward_hook(lambda module, _, out, name=name: note(name, module, out))
        for name, module in model.named_modules()
        if not any(True for _ in module.children())
    ]
    like = next(model.parameters(), torch.empty(0))
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *input_shape, dtype=like.dtype, device=like.device))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return rows


def _weights_of_a_value(module: nn.Module) -> int:
    """How many weights make a value of the output: those of one filter."""
    return module.weight[0].numel() if isinstance(module, (nn.Conv2d, nn.Linear)) else 0
