"""`avg_pool2d_forward` and `avg_pool2d_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.convolution.cases import pooling
from autograder.problems.forbidden import AVG_POOL
from autograder.problems.pairs import pair
from autograder.programs import slip
from autograder.references import convolution as reference

PROBLEMS = pair(
    "avg_pool2d",
    reference.avg_pool2d,
    partial(pooling, maximum=False),
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    __name__,
    forbidden=AVG_POOL,
)


def avg_pool2d_forward__all_windows(x, kernel_size, stride, padding=0):
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.mean((4, 5)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__loops(x, kernel_size, stride, padding=0):
    n, c, h, w = x.shape
    rows, columns = (h + 2 * padding - kernel_size) // stride + 1, (w + 2 * padding - kernel_size) // stride + 1
    out = x.new_empty(n, c, rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride - padding, j * stride - padding
            window = x[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
            out[:, :, i, j] = window.sum(dim=(2, 3)) / kernel_size**2
    return out, (x, kernel_size, stride, padding)


def avg_pool2d_forward__by_columns(x, kernel_size, stride, padding=0):
    (n, c), area = x.shape[:2], kernel_size * kernel_size
    cols = torch.nn.functional.unfold(x, kernel_size, padding=padding, stride=stride)
    rows = (x.shape[2] + 2 * padding - kernel_size) // stride + 1
    return cols.view(n, c, area, -1).mean(2).unflatten(2, (rows, -1)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__padding_not_counted(x, kernel_size, stride, padding=0):
    """At the border the mean is taken over the pixels of the image alone; here the padding counts."""
    pad = torch.nn.functional.pad
    padded, inside = pad(x, (padding,) * 4), pad(torch.ones_like(x), (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    inside = inside.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.sum((4, 5)) / inside.sum((4, 5)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__sum(x, kernel_size, stride, padding=0):
    """The values of each window are added up, but not divided by their number."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.sum((4, 5)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__divided_by_side(x, kernel_size, stride, padding=0):
    """The sum of a window is divided by the length of its side."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.sum((4, 5)) / kernel_size, (x, kernel_size, stride, padding)


def avg_pool2d_forward__stride_ignored(x, kernel_size, stride, padding=0):
    """The window moves by its own size; it must move by the stride."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, kernel_size).unfold(3, kernel_size, kernel_size)
    return windows.mean((4, 5)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__padding_ignored(x, kernel_size, stride, padding=0):
    """The argument padding is not used."""
    windows = x.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.mean((4, 5)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__maximum(x, kernel_size, stride, padding=0):
    """This is the maximum of each window."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5)), (x, kernel_size, stride, padding)


def avg_pool2d_forward__over_channels(x, kernel_size, stride, padding=0):
    """Every channel has the same result: the mean was taken over the channels too."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.mean((4, 5)).mean(1, keepdim=True).expand(-1, x.shape[1], -1, -1), (x, kernel_size, stride, padding)


def avg_pool2d_forward__output_width_from_height(x, kernel_size, stride, padding=0):
    """The output has as many columns as rows: its width was taken from its height."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.mean((4, 5))[..., : windows.shape[2]], (x, kernel_size, stride, padding)


def avg_pool2d_backward__by_kernel_loop(dout, cache):
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def avg_pool2d_backward__loops(dout, cache):
    x, size, stride, padding = cache
    dx = torch.zeros(x.shape, dtype=dout.dtype, device=dout.device)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            top, left = i * stride - padding, j * stride - padding
            dx[:, :, max(top, 0) : top + size, max(left, 0) : left + size] += dout[:, :, i : i + 1, j : j + 1] / size**2
    return dx


def avg_pool2d_backward__by_columns(dout, cache):
    x, size, stride, padding = cache
    n, c = dout.shape[:2]
    dcols = (dout / (size * size)).reshape(n, c, 1, -1).expand(-1, -1, size * size, -1).flatten(1, 2)
    return torch.nn.functional.fold(dcols, x.shape[2:], size, padding=padding, stride=stride)


slip(
    avg_pool2d_backward__by_kernel_loop,
    "not_divided",
    "Every pixel got all of the gradient, as if the window had been added up.",
    (
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2",
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout",
    ),
)

slip(
    avg_pool2d_backward__by_kernel_loop,
    "divided_by_side",
    "The gradient is divided by the length of the window's side.",
    (
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2",
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size",
    ),
)

slip(
    avg_pool2d_backward__by_kernel_loop,
    "overlaps_overwritten",
    "A pixel that lies in several windows keeps the gradient of one of them; they must be added up.",
    (
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2",
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] = dout / size**2",
    ),
)

slip(
    avg_pool2d_backward__by_kernel_loop,
    "without_upstream",
    "dout has no influence: this is the gradient for a dout of ones.",
    (
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2",
        "dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += 1 / size**2",
    ),
)

slip(
    avg_pool2d_backward__by_kernel_loop,
    "padding_not_cropped",
    "dx has the shape of the padded image, not that of x.",
    (
        "(h, w), (rows, columns) = x.shape[2:], dout.shape[2:]",
        "rows, columns = dout.shape[2:]",
    ),
    (
        "return dpadded[:, :, padding : padding + h, padding : padding + w]",
        "return dpadded",
    ),
)

slip(
    avg_pool2d_backward__by_kernel_loop,
    "cropped_by_minus_padding",
    "With padding 0, dx is empty: think of what a slice that ends at -0 holds.",
    (
        "(h, w), (rows, columns) = x.shape[2:], dout.shape[2:]",
        "rows, columns = dout.shape[2:]",
    ),
    (
        "return dpadded[:, :, padding : padding + h, padding : padding + w]",
        "return dpadded[:, :, padding:-padding, padding:-padding]",
    ),
)


def avg_pool2d_backward__padding_not_counted(dout, cache):
    """At the border the gradient is shared by the pixels of the image alone; here the padding counts."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    pad = torch.nn.functional.pad
    inside = pad(torch.ones_like(x), (padding,) * 4).unfold(2, size, stride).unfold(3, size, stride).sum((4, 5))
    dpadded = pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / inside
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def avg_pool2d_backward__stride_ignored(dout, cache):
    """The windows are laid side by side: the stride is not used for their places."""
    x, size, _, padding = cache
    h, w = x.shape[2:]
    large = dout.repeat_interleave(size, dim=2).repeat_interleave(size, dim=3) / size**2
    dpadded = torch.nn.functional.pad(large, (0, size * w, 0, size * h))
    return dpadded[:, :, padding : padding + h, padding : padding + w]


slip(
    avg_pool2d_backward__loops,
    "windows_overwritten",
    "A pixel that lies in several windows keeps the gradient of one of them; they must be added up.",
    ("left, 0) : left + size] += dout", "left, 0) : left + size] = dout"),
)


slip(
    avg_pool2d_backward__by_kernel_loop,
    "divided_by_the_stride",
    "The gradient is divided by the square of the stride: the mean was taken over a window.",
    ("dout / size**2", "dout / stride**2"),
)
