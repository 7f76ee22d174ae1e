"""`conv2d_forward` and `conv2d_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.problems.convolution.cases import convolutions
from autograder.problems.forbidden import CONVOLUTION, CONVOLUTION_BACKWARD
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import convolution as reference

PROBLEMS = pair(
    "conv2d",
    reference.conv2d,
    convolutions,
    ({"values": 5, "edge cases": 3, "contract": 1}, {"values": 7, "edge cases": 3, "contract": 2}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 3, "dweight": 3, "dbias": 1},
    forbidden=CONVOLUTION,
    forbidden_backward=CONVOLUTION_BACKWARD,
)


def conv2d_forward__all_windows(x, weight, bias, stride=1, padding=0):
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, (x, weight, stride, padding)


def conv2d_forward__loops(x, weight, bias, stride=1, padding=0):
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    padded = torch.zeros(n, c, h + 2 * padding, w + 2 * padding, dtype=x.dtype, device=x.device)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    out = torch.zeros(n, o, rows, columns, dtype=x.dtype, device=x.device)
    for image in range(n):
        for filter in range(o):
            for i in range(rows):
                for j in range(columns):
                    top, left = i * stride, j * stride
                    window = padded[image, :, top : top + kh, left : left + kw]
                    out[image, filter, i, j] = (window * weight[filter]).sum() + bias[filter]
    return out, (x, weight, stride, padding)


def conv2d_forward__loop_over_kernel(x, weight, bias, stride=1, padding=0):
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding, padding, padding, padding))
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    out = bias.reshape(1, -1, 1, 1)
    for i in range(kh):
        for j in range(kw):
            part = padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            out = out + torch.tensordot(part, weight[:, :, i, j], dims=([1], [1])).movedim(-1, 1)
    return out, (x, weight, stride, padding)


def conv2d_forward__strides(x, weight, bias, stride=1, padding=0):
    o, c, kh, kw = weight.shape
    padded = torch.nn.functional.pad(x, [padding] * 4).contiguous()
    n, _, h, w = padded.shape
    rows, columns = (h - kh) // stride + 1, (w - kw) // stride + 1
    along_n, along_c, along_h, along_w = padded.stride()
    windows = padded.as_strided(
        (n, rows, columns, c, kh, kw),
        (along_n, along_h * stride, along_w * stride, along_c, along_h, along_w),
    )
    out = windows.reshape(n, rows, columns, -1) @ weight.reshape(o, -1).T + bias
    return out.permute(0, 3, 1, 2), (x, weight, stride, padding)


def conv2d_forward__as_columns(x, weight, bias, stride=1, padding=0):
    cols = torch.nn.functional.unfold(x, weight.shape[2:], padding=padding, stride=stride)
    rows = (x.shape[2] + 2 * padding - weight.shape[2]) // stride + 1
    out = (weight.reshape(len(weight), -1) @ cols + bias[:, None]).reshape(len(x), len(weight), rows, -1)

    def gradients(dout):
        d = dout.reshape(len(x), len(weight), -1)
        dcols = weight.reshape(len(weight), -1).T @ d
        dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
        return dx, torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape), d.sum((0, 2))

    return out, gradients


slip(
    conv2d_forward__all_windows,
    "flipped",
    "The kernel is turned around: that is convolution as mathematics has it; layers slide the kernel as it is.",
    (
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]',
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight.flip(2, 3)) + bias[:, None, None]',
    ),
)

slip(
    conv2d_forward__all_windows,
    "stride_ignored",
    "The argument stride is not used.",
    (
        "windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)",
        "windows = padded.unfold(2, kh, 1).unfold(3, kw, 1)",
    ),
)

slip(
    conv2d_forward__all_windows,
    "windows_not_moved_by_stride",
    "The output has the size that the stride asks for, but the window moves by one pixel each time.",
    (
        "windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)",
        "rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1\n"
        "    windows = padded.unfold(2, kh, 1).unfold(3, kw, 1)[:, :, :rows, :columns]",
    ),
)


def conv2d_forward__padding_ignored(x, weight, bias, stride=1, padding=0):
    """The argument padding is not used."""
    kh, kw = weight.shape[2:]
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    out = torch.zeros_like(x[:1, :1, :1, :1]).repeat(len(x), len(weight), rows, columns)
    windows = x.unfold(2, kh, stride).unfold(3, kw, stride)
    found = torch.einsum("nchwij,ocij->nohw", windows, weight)
    out[:, :, : found.shape[2], : found.shape[3]] = found
    return out + bias[:, None, None], (x, weight, stride, padding)


slip(
    conv2d_forward__all_windows,
    "no_bias",
    "The bias is not used.",
    (
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]\n'
        "    return out, (x, weight, stride, padding)",
        'return torch.einsum("nchwij,ocij->nohw", windows, weight), (x, weight, stride, padding)',
    ),
)

slip(
    conv2d_forward__all_windows,
    "first_channel_only",
    "Only the first input channel counts: each filter looks at all of them.",
    (
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]',
        'out = torch.einsum("nhwij,oij->nohw", windows[:, 0], weight[:, 0]) + bias[:, None, None]',
    ),
)

slip(
    conv2d_forward__all_windows,
    "mean",
    "The products of a window are averaged; they must be added up.",
    (
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]',
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight) / weight[0].numel() + bias[:, None, None]',
    ),
)


def conv2d_forward__kernel_width_from_height(x, weight, bias, stride=1, padding=0):
    """Part of the kernel is never used: its width was taken from its height."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    out = bias.reshape(1, -1, 1, 1)
    for i in range(kh):
        for j in range(kh):
            part = padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            out = out + torch.einsum("nchw,oc->nohw", part, weight[:, :, i, j])
    return out, (x, weight, stride, padding)


slip(
    conv2d_forward__all_windows,
    "output_width_from_height",
    "The output has as many columns as rows: its width was taken from its height.",
    (
        "windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)",
        "windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)\n"
        "    windows = windows[:, :, :, : windows.shape[2]]",
    ),
)

slip(
    conv2d_forward__all_windows,
    "single_precision",
    "The result is float32 whatever the dtype of x is: a tensor was made without saying of which dtype.",
    (
        'out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]',
        "out = torch.zeros(len(x), len(weight), *windows.shape[2:4])\n"
        '    out[:] = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]',
    ),
)


slip(
    conv2d_forward__loop_over_kernel,
    "bias_at_every_step",
    "The bias was added once for each entry of the window; each output gets it once.",
    (
        "out = out + torch.tensordot(part, weight[:, :, i, j], dims=([1], [1])).movedim(-1, 1)",
        "out = out + torch.tensordot(part, weight[:, :, i, j], dims=([1], [1])).movedim(-1, 1) + bias[:, None, None]",
    ),
    ("out = bias.reshape(1, -1, 1, 1)", "out = 0"),
)

slip(
    conv2d_forward__all_windows,
    "bias_in_every_product",
    "The bias was added once for each entry of the window; each output gets it once.",
    ("weight) + bias[:, None, None]", "weight) + weight[0].numel() * bias[:, None, None]"),
)

for place, sides in (("left", "(padding, 0, padding, 0)"), ("right", "(0, padding, 0, padding)")):
    slip(
        conv2d_forward__all_windows,
        f"padded_on_the_{place}_only",
        "Zeros were put on one side only: padding goes around the image.",
        ("torch.nn.functional.pad(x, (padding,) * 4)", f"torch.nn.functional.pad(x, {sides})"),
    )

for place, sides in (("first", "(2 * padding, 0, 2 * padding, 0)"), ("last", "(0, 2 * padding, 0, 2 * padding)")):
    slip(
        conv2d_forward__all_windows,
        f"all_padding_at_the_{place}_side",
        "All zeros were put on one side: padding goes around the image.",
        ("torch.nn.functional.pad(x, (padding,) * 4)", f"torch.nn.functional.pad(x, {sides})"),
    )


def conv2d_backward__by_kernel_loop(dout, cache):
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


def conv2d_backward__loops(dout, cache):
    x, weight, stride, padding = cache
    (n, o, rows, columns), (kh, kw), (h, w) = dout.shape, weight.shape[2:], x.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight, dbias = torch.zeros_like(padded), torch.zeros_like(weight), torch.zeros_like(weight[:, 0, 0, 0])
    for image in range(n):
        for filter in range(o):
            for i in range(rows):
                for j in range(columns):
                    upstream = dout[image, filter, i, j]
                    top, left = i * stride, j * stride
                    window = (image, slice(None), slice(top, top + kh), slice(left, left + kw))
                    dweight[filter] += upstream * padded[window]
                    dpadded[window] += upstream * weight[filter]
                    dbias[filter] += upstream
    return dpadded[:, :, padding : h + padding, padding : w + padding], dweight, dbias


def conv2d_backward__by_full_correlation(dout, cache):
    x, weight, stride, padding = cache
    (n, o, rows, columns), (kh, kw) = dout.shape, weight.shape[2:]
    pad = torch.nn.functional.pad
    height, width = x.shape[2] + 2 * padding, x.shape[3] + 2 * padding
    # With stride 1, dout would have these places; those that the stride skips hold zeros.
    spread = torch.zeros(n, o, height - kh + 1, width - kw + 1, dtype=dout.dtype, device=dout.device)
    spread[:, :, ::stride, ::stride][:, :, :rows, :columns] = dout
    around = pad(spread, (kw - 1, kw - 1, kh - 1, kh - 1)).unfold(2, kh, 1).unfold(3, kw, 1)
    dx = torch.einsum("nohwij,ocij->nchw", around, weight.flip(2, 3))
    windows = pad(x, (padding,) * 4).unfold(2, kh, 1).unfold(3, kw, 1)
    dweight = torch.einsum("nchwij,nohw->ocij", windows, spread)
    return dx[..., padding : height - padding, padding : width - padding], dweight, spread.sum(dim=(0, 2, 3))


@follows(conv2d_forward__as_columns)
def conv2d_backward__closure(dout, cache):
    return cache(dout)


slip(
    conv2d_backward__by_kernel_loop,
    "without_upstream",
    "dout has no influence: these are the gradients for a dout of ones.",
    (
        "(h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]",
        "(h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]\n"
        "    dout = torch.ones_like(dout)",
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "kernel_turned_around",
    "dx has the entries of the kernel in the wrong places: the kernel is turned around once too often, or too few.",
    (
        "dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)",
        "dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)\n    turned = weight.flip(2, 3)",
    ),
    (
        'dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])',
        'dpadded[place] += torch.einsum("nohw,oc->nchw", dout, turned[:, :, i, j])',
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "padding_not_cropped",
    "dx has the shape of the padded image, not that of x.",
    (
        "(h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]",
        "(rows, columns), (kh, kw) = dout.shape[2:], weight.shape[2:]",
    ),
    (
        "return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))",
        "return dpadded, dweight, dout.sum((0, 2, 3))",
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "cropped_by_minus_padding",
    "With padding 0, dx is empty: think of what a slice that ends at -0 holds.",
    (
        "(h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]",
        "(rows, columns), (kh, kw) = dout.shape[2:], weight.shape[2:]",
    ),
    (
        "return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))",
        "return dpadded[:, :, padding:-padding, padding:-padding], dweight, dout.sum((0, 2, 3))",
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "bias_not_over_space",
    "dbias has one number for each place: one bias serves every place of its channel, so their gradients add up.",
    (
        "return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))",
        "return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum(0)",
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "bias_averaged",
    "dbias is an average; the chain rule adds up, over the images and over the places.",
    (
        "return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))",
        "return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.mean((0, 2, 3))",
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "weight_averaged",
    "dweight is divided by the number of images; the chain rule adds up.",
    (
        'dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])',
        'dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place]) / len(x)',
    ),
)


def conv2d_backward__overlaps_overwritten(dout, cache):
    """Where windows overlap, dx keeps the gradient of the last window only."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(rows):
        for j in range(columns):
            place = (..., slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
            dweight += torch.einsum("no,nchw->ochw", dout[:, :, i, j], padded[place])
            dpadded[place] = torch.einsum("no,ochw->nchw", dout[:, :, i, j], weight)
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


slip(
    conv2d_backward__by_kernel_loop,
    "last_filter_only",
    "dx comes from the last filter alone: every filter looked at the window.",
    (
        'dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])',
        'dpadded[place] += torch.einsum("nhw,c->nchw", dout[:, -1], weight[-1, :, i, j])',
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "stride_ignored",
    "The windows are taken one pixel apart: on the way back the stride is not used.",
    (
        "x, weight, stride, padding = cache",
        "x, weight, _, padding = cache",
    ),
    (
        "place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))",
        "place = (..., slice(i, i + rows), slice(j, j + columns))",
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "kernel_width_from_height",
    "Part of the kernel gets no gradient and gives none: its width was taken from its height.",
    (
        "(h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]",
        "(h, w), (rows, columns), (kh, _) = x.shape[2:], dout.shape[2:], weight.shape[2:]",
    ),
    (
        "for j in range(kw):",
        "for j in range(kh):",
    ),
)


def conv2d_backward__output_width_from_height(dout, cache):
    """The last columns of dout are never read: the width of the output was taken from its height."""
    x, weight, stride, padding = cache
    (h, w), (rows, _), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    dbias = torch.zeros_like(weight[:, 0, 0, 0])
    for i in range(rows):
        for j in range(rows):
            place = (..., slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
            dweight += torch.einsum("no,nchw->ochw", dout[:, :, i, j], padded[place])
            dpadded[place] += torch.einsum("no,ochw->nchw", dout[:, :, i, j], weight)
            dbias += dout[:, :, i, j].sum(0)
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dbias


slip(
    conv2d_backward__by_kernel_loop,
    "single_precision",
    "A gradient is float32 whatever the dtype of dout is: a tensor was made without saying of which dtype.",
    (
        "dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)",
        "dpadded, dweight = torch.zeros(padded.shape), torch.zeros(weight.shape)",
    ),
    (
        'dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])',
        'dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j]).cpu()',
    ),
)

slip(
    conv2d_backward__by_kernel_loop,
    "dweight_turned_around",
    "dweight is turned around, top to bottom and left to right: the forward function slides the kernel as it is.",
    ("padding : padding + w], dweight, dout.sum", "padding : padding + w], dweight.flip(2, 3), dout.sum"),
)

slip(
    conv2d_backward__by_kernel_loop,
    "bias_averaged_over_the_images",
    "dbias was divided by the number of images; the chain rule adds up.",
    ("dout.sum((0, 2, 3))", "dout.sum((0, 2, 3)) / len(dout)"),
)

slip(
    conv2d_backward__by_kernel_loop,
    "bias_averaged_over_the_places",
    "dbias is an average over the places; the chain rule adds up.",
    ("dout.sum((0, 2, 3))", "dout.mean((2, 3)).sum(0)"),
)

slip(
    conv2d_backward__by_kernel_loop,
    "dweight_without_upstream",
    "dweight is that for a dout of ones: dout has no influence on it.",
    ('torch.einsum("nohw,nchw->oc", dout, padded[place])', "padded[place].sum((0, 2, 3))"),
)


def conv2d_backward__window_overwritten(dout, cache):
    """Where windows overlap, a pixel keeps the gradient of one of them; they must be added up."""
    x, weight, stride, padding = cache
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    dpadded = torch.zeros_like(padded)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            # As in four loops, the last filter is the one that stays.
            part = dout[:, -1, i, j].reshape(-1, 1, 1, 1) * weight[-1]
            dpadded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw] = part
    dweight = torch.einsum("nohw,nchwij->ocij", dout, windows)
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


slip(
    conv2d_backward__by_kernel_loop,
    "dweight_overwritten",
    "dweight holds what the last window gave; each window gives a part, and the parts must be added up.",
    (
        'dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])',
        "dweight[:, :, i, j] = dout[-1, :, -1, -1, None] * padded[place][-1, :, -1, -1]",
    ),
)


slip(
    conv2d_forward__all_windows,
    "sum_of_biases",
    "Every output got the sum of all biases; each filter has one of its own.",
    ("bias[:, None, None]", "bias.sum()"),
)


slip(
    conv2d_forward__strides,
    "reshaped_without_permute",
    "The numbers are right but lie in wrong places: reshape keeps their order, so the filters must be moved first.",
    ("out.permute(0, 3, 1, 2)", "out.reshape(n, o, rows, columns)"),
)

slip(
    conv2d_backward__by_kernel_loop,
    "one_sum_for_all",
    "dbias has the same number for all filters: each has the sum over the images and the places of its own.",
    ("dout.sum((0, 2, 3))", "dout.sum().expand(len(weight)).clone()"),
)
