"""`max_pool2d_forward` and `max_pool2d_backward`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.problems.convolution.cases import pooling
from autograder.problems.forbidden import MAX_POOL
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import convolution as reference

PROBLEMS = pair(
    "max_pool2d",
    reference.max_pool2d,
    partial(pooling, maximum=True),
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 4, "edge cases": 3, "contract": 1}),
    __name__,
    forbidden=MAX_POOL,
)


def max_pool2d_forward__all_windows(x, kernel_size, stride, padding=0):
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5)), (x, kernel_size, stride, padding)


def max_pool2d_forward__loops(x, kernel_size, stride, padding=0):
    n, c, h, w = x.shape
    rows, columns = (h + 2 * padding - kernel_size) // stride + 1, (w + 2 * padding - kernel_size) // stride + 1
    out = torch.empty(n, c, rows, columns, dtype=x.dtype, device=x.device)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride - padding, j * stride - padding
            window = x[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
            out[:, :, i, j] = window.flatten(2).max(dim=2).values
    return out, (x, kernel_size, stride, padding)


def max_pool2d_forward__running_maximum(x, kernel_size, stride, padding=0):
    n, c, h, w = x.shape
    padded = x.new_full((n, c, h + 2 * padding, w + 2 * padding), -torch.inf)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    out = None
    for i in range(kernel_size):
        for j in range(kernel_size):
            bottom, right = padded.shape[2] - kernel_size + i + 1, padded.shape[3] - kernel_size + j + 1
            part = padded[:, :, i:bottom:stride, j:right:stride]
            out = part if out is None else torch.maximum(out, part)
    return out, (x, kernel_size, stride, padding)


def max_pool2d_forward__keeps_places(x, kernel_size, stride, padding=0):
    n, c, h, w = x.shape
    places = torch.arange(h * w, device=x.device).reshape(1, 1, h, w)
    pad = torch.nn.functional.pad
    padded, places = pad(x, (padding,) * 4, value=float("-inf")), pad(places, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride).flatten(4)
    places = places.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride).flatten(4)
    best = windows.argmax(-1, keepdim=True)
    found = places.expand(n, c, -1, -1, -1).gather(-1, best)
    return windows.gather(-1, best)[..., 0], [found.flatten(2), x.shape]


def max_pool2d_forward__padded_with_zeros(x, kernel_size, stride, padding=0):
    """The padding wins where all values of a window are negative: it must never be the maximum."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5)), (x, kernel_size, stride, padding)


def max_pool2d_forward__started_at_zero(x, kernel_size, stride, padding=0):
    """No result is below 0: the search for the maximum started at 0."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5)).clamp(min=0), (x, kernel_size, stride, padding)


def max_pool2d_forward__stride_ignored(x, kernel_size, stride, padding=0):
    """The window moves by its own size; it must move by the stride."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, kernel_size).unfold(3, kernel_size, kernel_size)
    return windows.amax((4, 5)), (x, kernel_size, stride, padding)


def max_pool2d_forward__padding_ignored(x, kernel_size, stride, padding=0):
    """The argument padding is not used."""
    windows = x.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5)), (x, kernel_size, stride, padding)


def max_pool2d_forward__mean(x, kernel_size, stride, padding=0):
    """This is the mean of each window."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.mean((4, 5)), (x, kernel_size, stride, padding)


slip(
    max_pool2d_forward__all_windows,
    "over_channels",
    "Every channel has the same result: the maximum was taken over the channels too.",
    (
        "return windows.amax((4, 5)), (x, kernel_size, stride, padding)",
        "out = windows.amax((1, 4, 5), keepdim=True)[..., 0, 0]\n"
        "    return out.expand(-1, x.shape[1], -1, -1), (x, kernel_size, stride, padding)",
    ),
)


def max_pool2d_forward__output_width_from_height(x, kernel_size, stride, padding=0):
    """The output has as many columns as rows: its width was taken from its height."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5))[..., : windows.shape[2]], (x, kernel_size, stride, padding)


slip(
    max_pool2d_forward__all_windows,
    "rounds_up",
    "The output is too large: windows that are only partly inside do not count.",
    (
        'padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))',
        "more = padding + stride - 1\n"
        '    padded = torch.nn.functional.pad(x, (padding, more, padding, more), value=float("-inf"))',
    ),
)


def max_pool2d_forward__single_precision(x, kernel_size, stride, padding=0):
    """The result is float32 whatever the dtype of x is: a tensor was made without saying of which dtype."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    out = torch.zeros(windows.shape[:4])
    out[:] = windows.amax((4, 5))
    return out, (x, kernel_size, stride, padding)


def max_pool2d_backward__by_kernel_loop(dout, cache):
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += torch.where(first == i * size + j, dout, 0)
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def max_pool2d_backward__loops(dout, cache):
    x, size, stride, padding = cache
    dx = torch.zeros_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    top, left = max(i * stride - padding, 0), max(j * stride - padding, 0)
                    window = x[n, c, top : i * stride - padding + size, left : j * stride - padding + size]
                    row, column = divmod(int(window.argmax()), window.shape[1])
                    dx[n, c, top + row, left + column] += dout[n, c, i, j]
    return dx


@follows(max_pool2d_forward__keeps_places)
def max_pool2d_backward__scattered(dout, cache):
    found, shape = cache
    flat = torch.zeros(*shape[:2], shape[2] * shape[3], dtype=dout.dtype, device=dout.device)
    return flat.scatter_add_(2, found, dout.reshape(*shape[:2], -1)).view(shape)


def max_pool2d_backward__every_tied_maximum(dout, cache):
    """Where a window has several maxima, each of them got the gradient."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    out = padded.unfold(2, size, stride).unfold(3, size, stride).amax((4, 5))
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dpadded[place] += torch.where(padded[place] == out, dout, 0)
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def max_pool2d_backward__shared_by_tied_maxima(dout, cache):
    """Where a window has several maxima, they shared the gradient: one of them gets all of it."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, size, stride).unfold(3, size, stride)
    out = windows.amax((4, 5))
    share = dout / (windows == out[..., None, None]).sum((4, 5))
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dpadded[place] += torch.where(padded[place] == out, share, 0)
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def max_pool2d_backward__last_tied_maximum(dout, cache):
    """Where a window has several maxima, the last one got the gradient."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4)
    last = size * size - 1 - windows.flip(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += torch.where(last == i * size + j, dout, 0)
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def max_pool2d_backward__overlaps_overwritten(dout, cache):
    """A value that is the maximum of several windows keeps one of their gradients; they must be added up."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(rows):
        for j in range(columns):
            window = dpadded[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            chosen = torch.arange(size * size, device=x.device) == first[:, :, i, j, None]
            chosen = chosen.reshape(window.shape)
            window[chosen] = dout[:, :, i, j].flatten()
    return dpadded[:, :, padding : padding + h, padding : padding + w]


slip(
    max_pool2d_backward__by_kernel_loop,
    "without_upstream",
    "dout has no influence: this is the gradient for a dout of ones.",
    (
        "part += torch.where(first == i * size + j, dout, 0)",
        "part += first == i * size + j",
    ),
)


def max_pool2d_backward__to_all(dout, cache):
    """Every value of a window got the gradient; only one of them decided the result."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.zeros_like(torch.nn.functional.pad(x, (padding,) * 4))
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout
    return dpadded[:, :, padding : padding + h, padding : padding + w]


slip(
    max_pool2d_backward__by_kernel_loop,
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
    max_pool2d_backward__by_kernel_loop,
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

slip(
    max_pool2d_backward__by_kernel_loop,
    "padded_with_zeros",
    "Where all values of a window are negative, the gradient is lost in the padding.",
    (
        'padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))',
        "padded = torch.nn.functional.pad(x, (padding,) * 4)",
    ),
)


def max_pool2d_backward__output_width_from_height(dout, cache):
    """The last columns of dout are never read: the width of the output was taken from its height."""
    x, size, stride, padding = cache
    (h, w), rows = x.shape[2:], dout.shape[2]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)[..., :rows]
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * rows : stride]
            part += torch.where(first == i * size + j, dout[..., :rows], 0)
    return dpadded[:, :, padding : padding + h, padding : padding + w]


slip(
    max_pool2d_backward__by_kernel_loop,
    "row_and_column_exchanged",
    "The row and the column of the maximum inside its window are exchanged.",
    ("first == i * size + j", "first == j * size + i"),
)


slip(
    max_pool2d_backward__loops,
    "windows_overwritten",
    "Where windows overlap, a pixel keeps what the last of them gave; the gradients must be added up.",
    (
        "                    dx[n, c, top + row, left + column] += dout[n, c, i, j]\n",
        "                    dwindow = torch.zeros_like(window)\n"
        "                    dwindow[row, column] = dout[n, c, i, j]\n"
        "                    dx[n, c, top : top + len(window), left : left + window.shape[1]] = dwindow\n",
    ),
)
