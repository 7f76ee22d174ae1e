"""What the time of a fast convolution is measured by: torch's own."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F


def torch_conv2d(arguments: Mapping[str, Any], dout: None) -> tuple[torch.Tensor, ...]:
    """torch's convolution of `arguments`: x, weight, bias, and stride and padding where they are given."""
    return (F.conv2d(**arguments),)


def torch_conv2d_gradients(arguments: Mapping[str, Any], dout: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Its gradients for x, weight and bias, after its forward pass: what is timed is both.

    By torch's own operation in place of autograd, which a simulated GPU does not have.
    """
    torch_conv2d(arguments, None)
    stride, padding = arguments.get("stride", 1), arguments.get("padding", 0)
    pairs = [stride] * 2, [padding] * 2, [1, 1], False, [0, 0]
    x, weight, bias = arguments["x"], arguments["weight"], arguments["bias"]
    return torch.ops.aten.convolution_backward(dout, x, weight, [len(bias)], *pairs, 1, [True] * 3)
