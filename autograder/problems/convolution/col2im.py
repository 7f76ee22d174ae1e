"""`col2im`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.convolution.cases import columns_to_image
from autograder.problems.forbidden import COL2IM
from autograder.programs import slip
from autograder.references import convolution as reference
from autograder.references import value_of

PROBLEMS = (
    Problem(
        name="col2im",
        call=function,
        returns=("images",),
        cases=columns_to_image,
        expected=value_of(reference.col2im),
        points={"values": 4, "edge cases": 3, "contract": 1},
        forbidden=COL2IM,
        modules=(__name__,),
    ),
)


def col2im__loop_over_kernel(cols, output_size, kernel_size, stride=1, padding=0):
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return padded[:, :, padding : padding + h, padding : padding + w]


def col2im__by_index(cols, output_size, kernel_size, stride=1, padding=0):
    kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    height, width = output_size[0] + 2 * padding, output_size[1] + 2 * padding
    tops, lefts = torch.arange(0, height - kh + 1, stride), torch.arange(0, width - kw + 1, stride)
    row = torch.arange(kh)[:, None, None, None] + tops[:, None]
    column = torch.arange(kw)[:, None, None] + lefts
    place = (row * width + column).flatten().to(cols.device)
    c = cols.shape[1] // (kh * kw)
    flat = torch.zeros(len(cols), c, height * width, dtype=cols.dtype, device=cols.device)
    flat.index_add_(2, place, cols.reshape(len(cols), c, -1))
    padded = flat.unflatten(2, (height, width))
    return padded[..., padding : height - padding, padding : width - padding]


def col2im__accumulated(cols, output_size, kernel_size, stride=1, padding=0):
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    (h, w), n = output_size, cols.shape[0]
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    i = torch.arange(kh).repeat_interleave(kw)[:, None] + stride * torch.arange(rows).repeat_interleave(columns)
    j = torch.arange(kw).repeat(kh)[:, None] + stride * torch.arange(columns).repeat(rows)
    values = cols.unflatten(1, (-1, kh * kw))
    padded = torch.zeros(h + 2 * padding, w + 2 * padding, n, values.shape[1], dtype=cols.dtype, device=cols.device)
    padded.index_put_((i, j), values.permute(2, 3, 0, 1), accumulate=True)
    return padded[padding : padding + h, padding : padding + w].permute(2, 3, 0, 1)


slip(
    col2im__loop_over_kernel,
    "overlaps_overwritten",
    "Where windows overlap only one of their numbers is kept; they must be added up.",
    (
        "padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]",
        "padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] = cols[:, :, i, j]",
    ),
)


def col2im__overlaps_averaged(cols, output_size, kernel_size, stride=1, padding=0):
    """Where windows overlap their numbers are averaged; they must be added up."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    times = torch.zeros_like(padded)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
            times[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += 1
    return (padded / times.clamp(min=1))[:, :, padding : padding + h, padding : padding + w]


slip(
    col2im__loop_over_kernel,
    "padding_not_cropped",
    "The result has the size of the padded image, not output_size.",
    (
        "return padded[:, :, padding : padding + h, padding : padding + w]",
        "return padded",
    ),
)

slip(
    col2im__loop_over_kernel,
    "cropped_at_the_end",
    "The result is shifted: all of the padding was cut off at the bottom and at the right.",
    (
        "return padded[:, :, padding : padding + h, padding : padding + w]",
        "return padded[:, :, :h, :w]",
    ),
)

slip(
    col2im__loop_over_kernel,
    "cropped_by_minus_padding",
    "With padding 0 the result is empty: think of what a slice that ends at -0 holds.",
    (
        "return padded[:, :, padding : padding + h, padding : padding + w]",
        "return padded[:, :, padding:-padding, padding:-padding]",
    ),
)


def col2im__channels_last(cols, output_size, kernel_size, stride=1, padding=0):
    """The rows of cols are read in another order: the channel changes slowest, not fastest."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, kh, kw, -1, rows, columns)
    padded = cols.new_zeros(n, cols.shape[3], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, i, j]
    return padded[:, :, padding : padding + h, padding : padding + w]


slip(
    col2im__loop_over_kernel,
    "places_transposed",
    "The windows are laid down column by column; their order is row by row.",
    (
        "cols = cols.reshape(n, -1, kh, kw, rows, columns)",
        "cols = cols.reshape(n, -1, kh, kw, columns, rows).transpose(4, 5)",
    ),
)

slip(
    col2im__loop_over_kernel,
    "stride_ignored",
    "The windows are laid down one pixel apart: the stride is not used for their places.",
    (
        "padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]",
        "padded[:, :, i : i + rows, j : j + columns] += cols[:, :, i, j]",
    ),
)

slip(
    col2im__loop_over_kernel,
    "single_precision",
    "The result is float32 whatever the dtype of cols is: a tensor was made without saying of which dtype.",
    (
        "cols = cols.reshape(n, -1, kh, kw, rows, columns)\n"
        "    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)",
        "cols = cols.reshape(n, -1, kh, kw, rows, columns).cpu()\n"
        "    padded = torch.zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)",
    ),
)
