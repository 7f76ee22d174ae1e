"""`im2col`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.convolution.cases import image_to_columns
from autograder.problems.forbidden import IM2COL
from autograder.programs import slip
from autograder.references import convolution as reference
from autograder.references import value_of

PROBLEMS = (
    Problem(
        name="im2col",
        call=function,
        returns=("cols",),
        cases=image_to_columns,
        expected=value_of(reference.im2col),
        points={"values": 4, "edge cases": 2, "contract": 1},
        forbidden=IM2COL,
        modules=(__name__,),
    ),
)


def im2col__loop_over_kernel(x, kernel_size, stride=1, padding=0):
    kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    parts = [
        padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].flatten(2)
        for i in range(kh)
        for j in range(kw)
    ]
    return torch.stack(parts, dim=2).flatten(1, 2)


def im2col__by_index(x, kernel_size, stride=1, padding=0):
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    n, c, h, w = x.shape
    padded = x.new_zeros(n, c, h + 2 * padding, w + 2 * padding)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i = torch.arange(kh).repeat_interleave(kw)[:, None] + stride * torch.arange(rows).repeat_interleave(columns)
    j = torch.arange(kw).repeat(kh)[:, None] + stride * torch.arange(columns).repeat(rows)
    return padded[:, :, i, j].reshape(n, c * kh * kw, rows * columns)


def im2col__written_into(x, kernel_size, stride=1, padding=0):
    kh, kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    n, c, h, w = x.shape
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    cols = torch.empty(n, c, kh, kw, rows, columns, dtype=x.dtype, device=x.device)
    for i in range(kh):
        for j in range(kw):
            bottom, right = i + stride * (rows - 1) + 1, j + stride * (columns - 1) + 1
            cols[:, :, i, j] = padded[:, :, i:bottom:stride, j:right:stride]
    return cols.view(n, c * kh * kw, -1)


slip(
    im2col__loop_over_kernel,
    "channels_last",
    "The rows come in another order: the channel must change slowest, the column inside the window fastest.",
    (
        "kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)",
        "kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size",
    ),
    (
        "return torch.stack(parts, dim=2).flatten(1, 2)",
        "return torch.stack(parts, dim=1).flatten(1, 2)",
    ),
)


def im2col__window_transposed(x, kernel_size, stride=1, padding=0):
    """Each window is read column by column; it must be read row by row."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    parts = [
        padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].flatten(2)
        for j in range(kw)
        for i in range(kh)
    ]
    return torch.stack(parts, dim=2).flatten(1, 2)


slip(
    im2col__loop_over_kernel,
    "places_transposed",
    "The windows come in the wrong order: they must be taken row by row, each row from left to right.",
    (
        "kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)",
        "kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size",
    ),
    (
        "padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].flatten(2)",
        "padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].transpose(2, 3).flatten(2)",
    ),
)


def im2col__axes_not_moved(x, kernel_size, stride=1, padding=0):
    """The shape is right, the numbers are mixed up: reshape reads the axes in the order in which they stand."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    windows = [
        padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
        for i in range(rows)
        for j in range(columns)
    ]
    return torch.stack(windows, dim=1).reshape(len(x), -1, rows * columns)


def im2col__windows_as_rows(x, kernel_size, stride=1, padding=0):
    """Each window lies in a row; it must be a column."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    windows = [
        padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw].flatten(1)
        for i in range(rows)
        for j in range(columns)
    ]
    return torch.stack(windows, dim=1)


def im2col__stride_ignored(x, kernel_size, stride=1, padding=0):
    """The argument stride is not used."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = padded.shape[2] - kh + 1, padded.shape[3] - kw + 1
    parts = [padded[:, :, i : i + rows, j : j + columns].flatten(2) for i in range(kh) for j in range(kw)]
    return torch.stack(parts, dim=2).flatten(1, 2)


def im2col__stride_of_the_kernel(x, kernel_size, stride=1, padding=0):
    """The window moves by its own size, as in pooling; it must move by the stride."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = padded.shape[2] // kh, padded.shape[3] // kw
    parts = [
        padded[:, :, i : i + kh * rows : kh, j : j + kw * columns : kw].flatten(2) for i in range(kh) for j in range(kw)
    ]
    return torch.stack(parts, dim=2).flatten(1, 2)


slip(
    im2col__loop_over_kernel,
    "kernel_width_from_height",
    "The window is as wide as it is high: its width was taken from its height.",
    (
        "kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)",
        "kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size",
    ),
    (
        "for j in range(kw)",
        "for j in range(kh)",
    ),
)


def im2col__single_precision(x, kernel_size, stride=1, padding=0):
    """The result is float32 whatever the dtype of x is: a tensor was made without saying of which dtype."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    cols = torch.zeros(*x.shape[:2], kh, kw, rows, columns)
    for i in range(kh):
        for j in range(kw):
            cols[:, :, i, j] = padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
    return cols.flatten(1, 3).flatten(2)


slip(
    im2col__written_into,
    "places_skipped",
    "With a stride of 2 or more some windows are missing: count the places of a window, not the pixels between them.",
    ("cols = torch.empty(", "cols = torch.zeros("),
    (
        "            cols[:, :, i, j] = padded[:, :, i:bottom:stride, j:right:stride]",
        "            cols[:, :, i, j, ::stride] = padded[:, :, i:bottom:stride, j:right:stride][:, :, ::stride]",
    ),
)
