"""References of the problem set `convolution`."""

from math import prod

import torch
import torch.nn.functional as F


def conv_output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of positions of a kernel along one axis: what torch's convolution returns. ValueError where it refuses."""
    x, weight = torch.empty(1, 1, size, device="cpu"), torch.empty(1, 1, kernel_size, device="cpu")
    try:
        return F.conv1d(x, weight, stride=stride, padding=padding, dilation=dilation).shape[-1]
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def conv2d(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int = 1, padding: int = 0
) -> torch.Tensor:
    """Cross-correlation of x (N, C, H, W) with weight (O, C, kh, kw), plus bias (O,)."""
    return F.conv2d(x, weight, bias, stride, padding)


def im2col(x: torch.Tensor, kernel_size: int | tuple[int, int], stride: int = 1, padding: int = 0) -> torch.Tensor:
    """The windows of x (N, C, H, W) as columns (N, C * kh * kw, L)."""
    return F.unfold(x, kernel_size, padding=padding, stride=stride)


def col2im(
    cols: torch.Tensor,
    output_size: tuple[int, int],
    kernel_size: int | tuple[int, int],
    stride: int = 1,
    padding: int = 0,
) -> torch.Tensor:
    """Columns (N, C * kh * kw, L) added up at their places in images (N, C, *output_size)."""
    return F.fold(cols, output_size, kernel_size, padding=padding, stride=stride)


def max_pool2d(x: torch.Tensor, kernel_size: int, stride: int, padding: int = 0) -> torch.Tensor:
    """The largest value of every window; padding is minus infinity."""
    return F.max_pool2d(x, kernel_size, stride, padding)


def avg_pool2d(x: torch.Tensor, kernel_size: int, stride: int, padding: int = 0) -> torch.Tensor:
    """The mean of every window; the zeros of the padding count."""
    return F.avg_pool2d(x, kernel_size, stride, padding)


def global_avg_pool(x: torch.Tensor) -> torch.Tensor:
    """The mean of every channel: (N, C, H, W) to (N, C)."""
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def receptive_field(layers: list[tuple[int, int]]) -> tuple[int, int]:
    """Pixels that one output sees along an axis, and pixels between two neighbors.

    A transposed convolution spreads one output over every pixel that it sees.
    """

    def spread(outputs: int) -> int:
        pixels = torch.ones(1, 1, outputs, device="cpu")
        for kernel_size, stride in reversed(layers):
            pixels = F.conv_transpose1d(pixels, torch.ones(1, 1, kernel_size, device="cpu"), stride=stride)
        return pixels.shape[-1]

    return spread(1), spread(2) - spread(1)


def conv_cost(
    input_shape: tuple[int, int, int], out_channels: int, kernel_size: int, stride: int, padding: int
) -> tuple[tuple[int, int, int], int, int]:
    """Output shape (C, H, W), parameters, and multiply-adds of a convolution. ValueError where torch refuses."""
    channels, height, width = input_shape
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        conv = torch.nn.Conv2d(channels, out_channels, kernel_size, stride, padding)
    try:
        # One image and one filter of one channel have the same places, and are quicker.
        image = torch.zeros(1, 1, height, width, device="cpu")
        kernel = torch.zeros(1, 1, kernel_size, kernel_size, device="cpu")
        places = F.conv2d(image, kernel, stride=stride, padding=padding).shape[2:]
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    parameters = sum(parameter.numel() for parameter in conv.parameters())
    shape = (out_channels, *places)
    return shape, parameters, prod(shape) * conv.weight[0].numel()
