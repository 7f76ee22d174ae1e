"""The problem set `convolution`: convolution, pooling and what they cost, by hand; and a small network of them.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.

In the cases of "values" and "edge cases" images and kernels are at least as wide as high, in those of "contract" they
are higher: so a program that takes a width from a height gives a wrong result there, in place of an exception.

Cases first, then for each function its right and wrong programs and the problems that they belong to.
"""

import torch

from autograder.calls import backward, forward, function, numbers, training
from autograder.datasets import digits
from autograder.problem import Case, Cases, Measure, Problem, Target, programs
from autograder.references import convolution as reference
from autograder.references import gradients_of, numbers_of, value_of

NEXT_CALL = "another call before this one's results are used"
RAISES = "a ValueError is raised"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONVOLUTION = _names("""
    convolution _convolution _convolution_mode convolution_overrideable conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d conv_depthwise3d _conv_depthwise2d thnn_conv2d
    _slow_conv2d_forward slow_conv3d slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d slow_conv_transpose2d
    slow_conv_transpose3d _nnpack_spatial_convolution mkldnn_convolution _convolution_pointwise
    _convolution_transpose_pointwise cudnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu
    cudnn_convolution_transpose miopen_convolution miopen_convolution_relu miopen_convolution_add_relu
    miopen_convolution_transpose miopen_depthwise_convolution _mps_convolution _mps_convolution_transpose
""")
CONVOLUTION_BACKWARD = CONVOLUTION | _names("""
    convolution_backward convolution_backward_overrideable _convolution_double_backward _slow_conv2d_backward
    conv_tbc_backward mps_convolution_backward mps_convolution_transpose_backward
""")
MAX_POOL = _names("""
    max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices
    mkldnn_max_pool2d mkldnn_max_pool3d quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d
""")
AVG_POOL = _names("""
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d mkldnn_adaptive_avg_pool2d
""")
SOFTMAX = _names("""
    softmax _softmax _safe_softmax log_softmax _log_softmax softmin cross_entropy cross_entropy_loss nll_loss
    nll_loss_forward nll_loss_nd nll_loss2d nll_loss2d_forward
""")


def _with_backward(names: frozenset[str]) -> frozenset[str]:
    return names | {f"{name}_backward" for name in names}


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


def _whole(generator: torch.Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def _positions(size: int, kernel_size: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel_size) // stride + 1


# The size of the output


def _output_size(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, size, kernel_size, *options):
        values = dict(zip(("stride", "padding", "dilation"), options, strict=False))
        return Case(name, criterion, {"size": size, "kernel_size": kernel_size, **values})

    size = _whole(generator, 40, 90)
    return [
        case(f"size {size}, kernel_size 5", "values", size, 5),
        case("size 227, kernel_size 11, stride 4", "values", 227, 11, 4),
        case("size 32, kernel_size 5, padding 2", "values", 32, 5, 1, 2),
        case(f"size {2 * size}, kernel_size 4, stride 3, padding 2", "values", 2 * size, 4, 3, 2),
        case("size 30, kernel_size 3, dilation 4", "values", 30, 3, 1, 0, 4),
        case("size 31, kernel_size 4, stride 2, padding 3, dilation 3", "values", 31, 4, 2, 3, 3),
        case("the last pixels are not covered", "edge cases", 10, 3, 4),
        case("stride larger than the kernel", "edge cases", 17, 2, 5, 1),
        case("the kernel as large as the padded input", "edge cases", 3, 7, 3, 2),
        case("a dilated kernel as large as the input", "edge cases", 9, 5, 2, 0, 2),
        case("kernel_size 1, stride 2", "edge cases", 6, 1, 2),
        case("the kernel is larger than the input", "edge cases", 4, 7),
        case("the kernel is one larger than the input, stride 2", "edge cases", 4, 5, 2),
        case("the kernel is larger than the padded input, stride 3", "edge cases", 4, 9, 3, 2),
        case("the dilated kernel is larger than the input", "edge cases", 8, 5, 1, 0, 2),
        case("stride -1", "edge cases", 8, 3, -1),
        case("padding -1", "edge cases", 8, 3, 1, -1),
    ]


def conv_output_size__counts_positions(size, kernel_size, stride=1, padding=0, dilation=1):
    if stride < 1 or padding < 0:
        raise ValueError(f"stride {stride}, padding {padding}: expected stride >= 1 and padding >= 0")
    positions = range(-padding, size + padding - dilation * (kernel_size - 1), stride)
    if not positions:
        raise ValueError(f"a kernel of {kernel_size} does not fit into {size} pixels")
    return len(positions)


def conv_output_size__walks(size, kernel_size, stride=1, padding=0, dilation=1):
    if stride <= 0:
        raise ValueError(f"stride is {stride}; expected 1 or more")
    if padding < 0:
        raise ValueError(f"padding is {padding}; expected 0 or more")
    count, end = 0, dilation * (kernel_size - 1) + 1
    while end <= size + 2 * padding:
        count, end = count + 1, end + stride
    if count == 0:
        raise ValueError("the kernel is larger than the padded input")
    return torch.tensor(count)


def conv_output_size__fence_posts(size, kernel_size, stride=1, padding=0, dilation=1):
    """One position is missing: count the places where the kernel can stand, the first one too."""
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride


def conv_output_size__rounds_up(size, kernel_size, stride=1, padding=0, dilation=1):
    """The division is rounded up: a last step that leaves the input does not count."""
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return -(-span // stride) + 1


def conv_output_size__padding_once(size, kernel_size, stride=1, padding=0, dilation=1):
    """The padding is counted on one side only."""
    span = size + padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride + 1


def conv_output_size__dilation_ignored(size, kernel_size, stride=1, padding=0, dilation=1):
    """The dilation is not used: it makes the kernel reach further."""
    span = size + 2 * padding - kernel_size
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride + 1


def conv_output_size__kernel_times_dilation(size, kernel_size, stride=1, padding=0, dilation=1):
    """The dilated kernel is counted too long: there are gaps between its entries, but none after the last."""
    span = size + 2 * padding - dilation * kernel_size
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride + 1


def conv_output_size__one_before_the_division(size, kernel_size, stride=1, padding=0, dilation=1):
    """The 1 is added before the division by the stride."""
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return (span + 1) // stride


def conv_output_size__never_refuses(size, kernel_size, stride=1, padding=0, dilation=1):
    """Where the kernel does not fit there is no size to return."""
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def conv_output_size__cut_toward_zero(size, kernel_size, stride=1, padding=0, dilation=1):
    """A kernel that is a little too large is accepted: int() rounds a negative number up, not down."""
    if stride < 1 or padding < 0:
        raise ValueError("expected stride >= 1 and padding >= 0")
    count = int((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1
    if count < 1:
        raise ValueError("the kernel does not fit")
    return count


OUTPUT_SIZE = (
    Problem(
        name="conv_output_size",
        call=numbers,
        returns=(RAISES, "the output size"),
        cases=_output_size,
        expected=numbers_of(reference.conv_output_size),
        points={"values": 2, "edge cases": 2},
        forbidden=CONVOLUTION,
        mistakes=programs(
            conv_output_size__fence_posts,
            conv_output_size__rounds_up,
            conv_output_size__padding_once,
            conv_output_size__dilation_ignored,
            conv_output_size__kernel_times_dilation,
            conv_output_size__one_before_the_division,
            conv_output_size__never_refuses,
            conv_output_size__cut_toward_zero,
        ),
        alternatives=programs(
            conv_output_size__counts_positions,
            conv_output_size__walks,
        ),
    ),
)


# Convolution


def _conv(gradient: bool, timed: bool = False) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, weight, options=None, **how):
            options = options or {}
            (n, _, *image), (o, _, *kernel) = x, weight
            sizes = [
                _positions(*axis, options.get("stride", 1), options.get("padding", 0))
                for axis in zip(image, kernel, strict=True)
            ]
            dout = _normal(generator, n, o, *sizes) if gradient else None
            arguments = {
                "x": _normal(generator, *x),
                "weight": _normal(generator, *weight),
                "bias": _normal(generator, o),
            }
            return Case(name, criterion, {**arguments, **options}, dout, **how)

        fine = {"stride": 2, "padding": 1}
        drawn = [
            case("x (2, 3, 5, 7), weight (4, 3, 2, 3)", "values", (2, 3, 5, 7), (4, 3, 2, 3)),
            case("stride 2, padding 1", "values", (3, 2, 5, 9), (4, 2, 2, 3), fine),
            case("padding 2", "edge cases", (2, 3, 3, 6), (2, 3, 2, 4), {"stride": 1, "padding": 2}),
            case("stride larger than the kernel", "edge cases", (2, 2, 7, 11), (3, 2, 1, 2), {"stride": 3}),
            case("last row and column not covered", "edge cases", (2, 2, 6, 9), (3, 2, 3, 4), {"stride": 2}),
            case(
                "last row and column not covered, padding 1",
                "edge cases",
                (2, 2, 6, 12),
                (3, 2, 3, 3),
                {"stride": 3, "padding": 1},
            ),
            case("a kernel as large as the image", "edge cases", (3, 2, 2, 4), (2, 2, 2, 4)),
            case("a kernel of one pixel", "edge cases", (2, 3, 4, 5), (5, 3, 1, 1)),
            case("one image, one channel, one filter", "edge cases", (1, 1, 4, 6), (1, 1, 2, 3)),
            case("float64", "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, layout="strided"),
            case("inputs transposed in memory", "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, layout="transposed"),
            case(NEXT_CALL, "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, another_call=True),
        ]
        if timed:
            # A loop over its pixels takes hundreds of times as long as torch, one over filters and pixels a second.
            large = "x (1, 32, 60, 64), weight (4, 32, 3, 3), padding 1"
            options = {"stride": 1, "padding": 1}
            drawn.append(case(large, "speed", (1, 32, 60, 64), (4, 32, 3, 3), options, timed=True))
        return drawn

    return cases


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


def conv2d_forward__flipped(x, weight, bias, stride=1, padding=0):
    """The kernel is turned around: that is convolution as mathematics has it; layers slide the kernel as it is."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight.flip(2, 3)) + bias[:, None, None]
    return out, (x, weight, stride, padding)


def conv2d_forward__stride_ignored(x, weight, bias, stride=1, padding=0):
    """The argument stride is not used."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, 1).unfold(3, kw, 1)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, (x, weight, stride, padding)


def conv2d_forward__windows_not_moved_by_stride(x, weight, bias, stride=1, padding=0):
    """The output has the size that the stride asks for, but the window moves by one pixel each time."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    windows = padded.unfold(2, kh, 1).unfold(3, kw, 1)[:, :, :rows, :columns]
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, (x, weight, stride, padding)


def conv2d_forward__padding_ignored(x, weight, bias, stride=1, padding=0):
    """The argument padding is not used."""
    kh, kw = weight.shape[2:]
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    out = torch.zeros_like(x[:1, :1, :1, :1]).repeat(len(x), len(weight), rows, columns)
    windows = x.unfold(2, kh, stride).unfold(3, kw, stride)
    found = torch.einsum("nchwij,ocij->nohw", windows, weight)
    out[:, :, : found.shape[2], : found.shape[3]] = found
    return out + bias[:, None, None], (x, weight, stride, padding)


def conv2d_forward__no_bias(x, weight, bias, stride=1, padding=0):
    """The bias is not used."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    return torch.einsum("nchwij,ocij->nohw", windows, weight), (x, weight, stride, padding)


def conv2d_forward__first_channel_only(x, weight, bias, stride=1, padding=0):
    """Only the first input channel counts: each filter looks at all of them."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    out = torch.einsum("nhwij,oij->nohw", windows[:, 0], weight[:, 0]) + bias[:, None, None]
    return out, (x, weight, stride, padding)


def conv2d_forward__mean(x, weight, bias, stride=1, padding=0):
    """The products of a window are averaged; they must be added up."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) / weight[0].numel() + bias[:, None, None]
    return out, (x, weight, stride, padding)


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


def conv2d_forward__output_width_from_height(x, weight, bias, stride=1, padding=0):
    """The output has as many columns as rows: its width was taken from its height."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    windows = windows[:, :, :, : windows.shape[2]]
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, (x, weight, stride, padding)


def conv2d_forward__single_precision(x, weight, bias, stride=1, padding=0):
    """The result is float32 whatever the dtype of x is: a tensor was made without saying of which dtype."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    out = torch.zeros(len(x), len(weight), *windows.shape[2:4])
    out[:] = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, (x, weight, stride, padding)


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


def conv2d_backward__closure(dout, cache):
    return cache(dout)


def conv2d_backward__without_upstream(dout, cache):
    """dout has no influence: these are the gradients for a dout of ones."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    dout = torch.ones_like(dout)
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


def conv2d_backward__kernel_turned_around(dout, cache):
    """dx has the entries of the kernel in the wrong places: the kernel is turned around once too often, or too few."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    turned = weight.flip(2, 3)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, turned[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


def conv2d_backward__padding_not_cropped(dout, cache):
    """dx has the shape of the padded image, not that of x."""
    x, weight, stride, padding = cache
    (rows, columns), (kh, kw) = dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded, dweight, dout.sum((0, 2, 3))


def conv2d_backward__cropped_by_minus_padding(dout, cache):
    """With padding 0, dx is empty: think of what a slice that ends at -0 holds."""
    x, weight, stride, padding = cache
    (rows, columns), (kh, kw) = dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding:-padding, padding:-padding], dweight, dout.sum((0, 2, 3))


def conv2d_backward__bias_not_over_space(dout, cache):
    """dbias has one number for each place: one bias serves every place of its channel, so their gradients add up."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum(0)


def conv2d_backward__bias_averaged(dout, cache):
    """dbias is an average; the chain rule adds up, over the images and over the places."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.mean((0, 2, 3))


def conv2d_backward__weight_averaged(dout, cache):
    """dweight is divided by the number of images; the chain rule adds up."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place]) / len(x)
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


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


def conv2d_backward__last_filter_only(dout, cache):
    """dx comes from the last filter alone: every filter looked at the window."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nhw,c->nchw", dout[:, -1], weight[-1, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


def conv2d_backward__stride_ignored(dout, cache):
    """The windows are taken one pixel apart: on the way back the stride is not used."""
    x, weight, _, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + rows), slice(j, j + columns))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


def conv2d_backward__kernel_width_from_height(dout, cache):
    """Part of the kernel gets no gradient and gives none: its width was taken from its height."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, _) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(kh):
        for j in range(kh):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j])
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


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


def conv2d_backward__single_precision(dout, cache):
    """A gradient is float32 whatever the dtype of dout is: a tensor was made without saying of which dtype."""
    x, weight, stride, padding = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros(padded.shape), torch.zeros(weight.shape)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride))
            dweight[:, :, i, j] = torch.einsum("nohw,nchw->oc", dout, padded[place])
            dpadded[place] += torch.einsum("nohw,oc->nchw", dout, weight[:, :, i, j]).cpu()
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


CONV = (
    Problem(
        name="conv2d_forward",
        call=forward,
        returns=("out",),
        cases=_conv(gradient=False),
        expected=value_of(reference.conv2d),
        points={"values": 5, "edge cases": 3, "contract": 1},
        forbidden=CONVOLUTION,
        mistakes=programs(
            conv2d_forward__flipped,
            conv2d_forward__stride_ignored,
            conv2d_forward__windows_not_moved_by_stride,
            conv2d_forward__padding_ignored,
            conv2d_forward__no_bias,
            conv2d_forward__first_channel_only,
            conv2d_forward__mean,
            conv2d_forward__kernel_width_from_height,
            conv2d_forward__output_width_from_height,
            conv2d_forward__single_precision,
        ),
        alternatives=programs(
            conv2d_forward__all_windows,
            conv2d_forward__loops,
            conv2d_forward__loop_over_kernel,
            conv2d_forward__strides,
        ),
    ),
    Problem(
        name="conv2d_backward",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=_conv(gradient=True),
        expected=gradients_of(reference.conv2d),
        points={"values": 7, "edge cases": 3, "contract": 2},
        forbidden=CONVOLUTION_BACKWARD,
        mistakes=programs(
            conv2d_backward__without_upstream,
            conv2d_backward__kernel_turned_around,
            conv2d_backward__padding_not_cropped,
            conv2d_backward__cropped_by_minus_padding,
            conv2d_backward__bias_not_over_space,
            conv2d_backward__bias_averaged,
            conv2d_backward__weight_averaged,
            conv2d_backward__overlaps_overwritten,
            conv2d_backward__last_filter_only,
            conv2d_backward__stride_ignored,
            conv2d_backward__kernel_width_from_height,
            conv2d_backward__output_width_from_height,
            conv2d_backward__single_precision,
        ),
        alternatives=programs(
            conv2d_backward__by_kernel_loop,
            conv2d_backward__loops,
            conv2d_backward__by_full_correlation,
            (conv2d_backward__closure, conv2d_forward__as_columns),
        ),
        companions=(conv2d_forward__all_windows,),
    ),
)


# Windows as columns


def _image_to_columns(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, kernel_size, options=None, **how):
        arguments = {"x": _normal(generator, *x), "kernel_size": kernel_size}
        return Case(name, criterion, {**arguments, **(options or {})}, **how)

    fine = {"stride": 2, "padding": 1}
    return [
        case("x (2, 3, 4, 6), kernel_size (2, 3)", "values", (2, 3, 4, 6), (2, 3)),
        case("kernel_size (2, 3), stride 2, padding 1", "values", (3, 2, 5, 9), (2, 3), fine),
        case("kernel_size 3, a whole number", "edge cases", (2, 3, 4, 6), 3),
        case("kernel_size 2, stride 2", "edge cases", (2, 2, 4, 6), 2, {"stride": 2}),
        case("padding 2", "edge cases", (2, 3, 3, 6), (2, 4), {"stride": 1, "padding": 2}),
        case("stride larger than the kernel", "edge cases", (2, 2, 7, 11), (1, 2), {"stride": 3}),
        case("last row and column not covered", "edge cases", (2, 2, 6, 9), (3, 4), {"stride": 2}),
        case("a kernel as large as the image", "edge cases", (3, 2, 2, 4), (2, 4)),
        case("one image, one channel", "edge cases", (1, 1, 4, 6), (2, 3)),
        case("float64", "contract", (2, 3, 7, 6), (3, 2), fine, dtype=torch.float64),
        case("x with gaps in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="strided"),
        case("x transposed in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="transposed"),
    ]


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


def im2col__channels_last(x, kernel_size, stride=1, padding=0):
    """The rows come in another order: the channel must change slowest, the column inside the window fastest."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    parts = [
        padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].flatten(2)
        for i in range(kh)
        for j in range(kw)
    ]
    return torch.stack(parts, dim=1).flatten(1, 2)


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


def im2col__places_transposed(x, kernel_size, stride=1, padding=0):
    """The windows come in the wrong order: they must be taken row by row, each row from left to right."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    parts = [
        padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].transpose(2, 3).flatten(2)
        for i in range(kh)
        for j in range(kw)
    ]
    return torch.stack(parts, dim=2).flatten(1, 2)


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


def im2col__kernel_width_from_height(x, kernel_size, stride=1, padding=0):
    """The window is as wide as it is high: its width was taken from its height."""
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    parts = [
        padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride].flatten(2)
        for i in range(kh)
        for j in range(kh)
    ]
    return torch.stack(parts, dim=2).flatten(1, 2)


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


def _columns_to_image(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, image, kernel_size, options=None, **how):
        options = options or {}
        n, c, *output_size = image
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        rows, columns = (
            _positions(*axis, options.get("stride", 1), options.get("padding", 0))
            for axis in zip(output_size, kernel, strict=True)
        )
        cols = _normal(generator, n, c * kernel[0] * kernel[1], rows * columns)
        arguments = {"cols": cols, "output_size": tuple(output_size), "kernel_size": kernel_size}
        return Case(name, criterion, {**arguments, **options}, **how)

    fine = {"stride": 2, "padding": 1}
    return [
        case("output_size (4, 6), kernel_size (2, 3)", "values", (2, 3, 4, 6), (2, 3)),
        case("kernel_size (2, 3), stride 2, padding 1", "values", (3, 2, 5, 9), (2, 3), fine),
        case("kernel_size 3, a whole number", "edge cases", (2, 3, 4, 6), 3),
        case("no overlap: kernel_size 2, stride 2", "edge cases", (2, 2, 4, 6), 2, {"stride": 2}),
        case("padding 2", "edge cases", (2, 3, 3, 6), (2, 4), {"stride": 1, "padding": 2}),
        case("stride larger than the kernel", "edge cases", (2, 2, 7, 11), (1, 2), {"stride": 3}),
        case("last row and column not covered", "edge cases", (2, 2, 6, 9), (3, 4), {"stride": 2}),
        case("a kernel as large as the image", "edge cases", (3, 2, 2, 4), (2, 4)),
        case("one image, one channel", "edge cases", (1, 1, 4, 6), (2, 3)),
        case("float64", "contract", (2, 3, 7, 6), (3, 2), fine, dtype=torch.float64),
        case("cols with gaps in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="strided"),
        case("cols transposed in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="transposed"),
    ]


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


def col2im__overlaps_overwritten(cols, output_size, kernel_size, stride=1, padding=0):
    """Where windows overlap only one of their numbers is kept; they must be added up."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] = cols[:, :, i, j]
    return padded[:, :, padding : padding + h, padding : padding + w]


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


def col2im__padding_not_cropped(cols, output_size, kernel_size, stride=1, padding=0):
    """The result has the size of the padded image, not output_size."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return padded


def col2im__cropped_at_the_end(cols, output_size, kernel_size, stride=1, padding=0):
    """The result is shifted: all of the padding was cut off at the bottom and at the right."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return padded[:, :, :h, :w]


def col2im__cropped_by_minus_padding(cols, output_size, kernel_size, stride=1, padding=0):
    """With padding 0 the result is empty: think of what a slice that ends at -0 holds."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return padded[:, :, padding:-padding, padding:-padding]


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


def col2im__places_transposed(cols, output_size, kernel_size, stride=1, padding=0):
    """The windows are laid down column by column; their order is row by row."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, columns, rows).transpose(4, 5)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return padded[:, :, padding : padding + h, padding : padding + w]


def col2im__stride_ignored(cols, output_size, kernel_size, stride=1, padding=0):
    """The windows are laid down one pixel apart: the stride is not used for their places."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns)
    padded = cols.new_zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + rows, j : j + columns] += cols[:, :, i, j]
    return padded[:, :, padding : padding + h, padding : padding + w]


def col2im__single_precision(cols, output_size, kernel_size, stride=1, padding=0):
    """The result is float32 whatever the dtype of cols is: a tensor was made without saying of which dtype."""
    (h, w), n = output_size, len(cols)
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    cols = cols.reshape(n, -1, kh, kw, rows, columns).cpu()
    padded = torch.zeros(n, cols.shape[1], h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return padded[:, :, padding : padding + h, padding : padding + w]


COLUMNS = (
    Problem(
        name="im2col",
        call=function,
        returns=("cols",),
        cases=_image_to_columns,
        expected=value_of(reference.im2col),
        points={"values": 4, "edge cases": 2, "contract": 1},
        forbidden=frozenset({"im2col", "col2im", "unfold", "unfold_copy", "as_strided", "as_strided_copy"}),
        mistakes=programs(
            im2col__channels_last,
            im2col__window_transposed,
            im2col__places_transposed,
            im2col__axes_not_moved,
            im2col__windows_as_rows,
            im2col__stride_ignored,
            im2col__stride_of_the_kernel,
            im2col__kernel_width_from_height,
            im2col__single_precision,
        ),
        alternatives=programs(
            im2col__loop_over_kernel,
            im2col__by_index,
            im2col__written_into,
        ),
    ),
    Problem(
        name="col2im",
        call=function,
        returns=("images",),
        cases=_columns_to_image,
        expected=value_of(reference.col2im),
        points={"values": 4, "edge cases": 3, "contract": 1},
        forbidden=frozenset({"im2col", "col2im", "fold", "unfold_backward"}),
        mistakes=programs(
            col2im__overlaps_overwritten,
            col2im__overlaps_averaged,
            col2im__padding_not_cropped,
            col2im__cropped_at_the_end,
            col2im__cropped_by_minus_padding,
            col2im__channels_last,
            col2im__places_transposed,
            col2im__stride_ignored,
            col2im__single_precision,
        ),
        alternatives=programs(
            col2im__loop_over_kernel,
            col2im__by_index,
            col2im__accumulated,
        ),
    ),
)


# Convolution by a matrix product


def conv2d_forward_fast__by_columns(x, weight, bias, stride=1, padding=0):
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__by_views(x, weight, bias, stride=1, padding=0):
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    out = torch.tensordot(windows, weight, dims=([1, 4, 5], [1, 2, 3])) + bias
    cols = windows.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)
    return out.movedim(3, 1), (x, weight, stride, padding, cols)


def conv2d_forward_fast__one_large_product(x, weight, bias, stride=1, padding=0):
    (n, c, h, w), (o, _, kh, kw) = x.shape, weight.shape
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    cols = torch.empty(n, c, kh, kw, rows, columns, dtype=x.dtype, device=x.device)
    for i in range(kh):
        for j in range(kw):
            cols[:, :, i, j] = padded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
    cols = cols.view(n, c * kh * kw, rows * columns)
    out = torch.mm(weight.reshape(o, -1), cols.transpose(0, 1).reshape(c * kh * kw, -1)) + bias.unsqueeze(1)
    return out.view(o, n, rows, columns).transpose(0, 1), (x, weight, stride, padding, cols)


def conv2d_forward_fast__axes_not_moved(x, weight, bias, stride=1, padding=0):
    """The shape is right, the numbers are mixed up: reshape reads the axes in the order in which they stand."""
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (cols.transpose(1, 2) @ weight.reshape(o, -1).T + bias).reshape(-1, o, rows, columns)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__width_before_height(x, weight, bias, stride=1, padding=0):
    """Rows and columns of the output are exchanged."""
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, columns, rows)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__weight_in_another_order(x, weight, bias, stride=1, padding=0):
    """The weights of a filter stand in another order than the pixels of a column."""
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (weight.permute(0, 2, 3, 1).reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__flipped(x, weight, bias, stride=1, padding=0):
    """The kernel is turned around: that is convolution as mathematics has it; layers slide the kernel as it is."""
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (weight.flip(2, 3).reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__no_bias(x, weight, bias, stride=1, padding=0):
    """The bias is not used."""
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (weight.reshape(o, -1) @ cols).reshape(-1, o, rows, columns)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__stride_ignored(x, weight, bias, stride=1, padding=0):
    """The argument stride is not used."""
    o, _, kh, kw = weight.shape
    rows, columns = x.shape[2] + 2 * padding - kh + 1, x.shape[3] + 2 * padding - kw + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding)
    out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)
    return out, (x, weight, stride, padding, cols)


def conv2d_forward_fast__first_image_only(x, weight, bias, stride=1, padding=0):
    """Every image of the batch has the output of the first."""
    o, _, kh, kw = weight.shape
    rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1
    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)
    out = (weight.reshape(o, -1) @ cols[0] + bias[:, None]).reshape(o, rows, columns)
    return out.expand(len(x), -1, -1, -1), (x, weight, stride, padding, cols)


def conv2d_backward_fast__by_columns(dout, cache):
    x, weight, stride, padding, cols = cache
    d = dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)
    dcols = weight.flatten(1).T @ d
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, d.sum((0, 2))


def conv2d_backward_fast__by_kernel_loop(dout, cache):
    x, weight, stride, padding, cols = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    n, o = dout.shape[:2]
    d = dout.transpose(0, 1).reshape(o, -1)
    dweight = (d @ cols.transpose(1, 2).reshape(-1, weight[0].numel())).reshape(weight.shape)
    parts = (weight.flatten(1).T @ d).reshape(-1, kh, kw, n, rows, columns)
    dpadded = x.new_zeros(x.shape[1], n, h + 2 * padding, w + 2 * padding)
    for i in range(kh):
        for j in range(kw):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += parts[:, i, j]
    return dpadded[:, :, padding : padding + h, padding : padding + w].transpose(0, 1), dweight, d.sum(dim=1)


def conv2d_forward_fast__keeps_views(x, weight, bias, stride=1, padding=0):
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, {"windows": windows, "weight": weight, "x": x, "stride": stride, "padding": padding}


def conv2d_backward_fast__from_views(dout, cache):
    weight, x = cache["weight"], cache["x"]
    dweight = torch.einsum("nohw,nchwij->ocij", dout, cache["windows"])
    dcols = torch.einsum("nohw,ocij->ncijhw", dout, weight).flatten(4).flatten(1, 3)
    how = {"padding": cache["padding"], "stride": cache["stride"]}
    return torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], **how), dweight, dout.sum((0, 2, 3))


def conv2d_backward_fast__without_upstream(dout, cache):
    """dout has no influence: these are the gradients for a dout of ones."""
    x, weight, stride, padding, cols = cache
    d = torch.ones_like(dout).flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)
    dcols = weight.flatten(1).T @ d
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, d.sum((0, 2))


def conv2d_backward_fast__images_and_filters_mixed(dout, cache):
    """dweight mixes up images and filters: reshape reads the axes of dout in the order in which they stand."""
    x, weight, stride, padding, cols = cache
    d = dout.reshape(len(weight), -1)
    dweight = (d @ cols.transpose(1, 2).flatten(0, 1)).reshape(weight.shape)
    dcols = weight.flatten(1).T @ dout.flatten(2)
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, dout.sum((0, 2, 3))


def conv2d_backward_fast__weight_in_another_order(dout, cache):
    """The entries of dweight stand in another order than those of weight: compare with the rows of the columns."""
    x, weight, stride, padding, cols = cache
    (o, c, kh, kw), d = weight.shape, dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(o, kh, kw, c).permute(0, 3, 1, 2)
    dcols = weight.flatten(1).T @ d
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, d.sum((0, 2))


def conv2d_backward_fast__weight_averaged(dout, cache):
    """dweight is divided by the number of images; the chain rule adds up."""
    x, weight, stride, padding, cols = cache
    d = dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape) / len(x)
    dcols = weight.flatten(1).T @ d
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, d.sum((0, 2))


def conv2d_backward_fast__last_image_only(dout, cache):
    """dweight is that of the last image; every image of the batch has a part in it."""
    x, weight, stride, padding, cols = cache
    d = dout.flatten(2)
    dweight = (d[-1] @ cols[-1].T).reshape(weight.shape)
    dcols = weight.flatten(1).T @ d
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, d.sum((0, 2))


def conv2d_backward_fast__bias_not_over_space(dout, cache):
    """dbias has one number for each place: one bias serves every place of its channel, so their gradients add up."""
    x, weight, stride, padding, cols = cache
    d = dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)
    dcols = weight.flatten(1).T @ d
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, dout.sum(0)


def conv2d_backward_fast__padding_not_cropped(dout, cache):
    """dx has the shape of the padded image, not that of x."""
    x, weight, stride, padding, cols = cache
    d = dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)
    dcols = weight.flatten(1).T @ d
    size = (x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    return torch.nn.functional.fold(dcols, size, weight.shape[2:], stride=stride), dweight, d.sum((0, 2))


def conv2d_backward_fast__overlaps_overwritten(dout, cache):
    """Where windows overlap, dx keeps one of their gradients; they must be added up."""
    x, weight, stride, padding, cols = cache
    (h, w), (rows, columns), (kh, kw) = x.shape[2:], dout.shape[2:], weight.shape[2:]
    d = dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)
    parts = (weight.flatten(1).T @ d).reshape(len(x), -1, kh, kw, rows, columns)
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(kh):
        for j in range(kw):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] = parts[:, :, i, j]
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, d.sum((0, 2))


CONV_FAST = (
    Problem(
        name="conv2d_forward_fast",
        call=forward,
        returns=("out",),
        cases=_conv(gradient=False, timed=True),
        expected=value_of(reference.conv2d),
        points={"values": 2, "edge cases": 1, "contract": 1, "speed": 3},
        forbidden=CONVOLUTION,
        mistakes=programs(
            conv2d_forward_fast__axes_not_moved,
            conv2d_forward_fast__width_before_height,
            conv2d_forward_fast__weight_in_another_order,
            conv2d_forward_fast__flipped,
            conv2d_forward_fast__no_bias,
            conv2d_forward_fast__stride_ignored,
            conv2d_forward_fast__first_image_only,
        ),
        alternatives=programs(
            conv2d_forward_fast__by_columns,
            conv2d_forward_fast__by_views,
            conv2d_forward_fast__one_large_product,
        ),
        speed=100,
    ),
    Problem(
        name="conv2d_backward_fast",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=_conv(gradient=True, timed=True),
        expected=reference.conv2d_gradients,
        points={"values": 3, "edge cases": 1, "contract": 1, "speed": 4},
        forbidden=CONVOLUTION_BACKWARD,
        mistakes=programs(
            conv2d_backward_fast__without_upstream,
            conv2d_backward_fast__images_and_filters_mixed,
            conv2d_backward_fast__weight_in_another_order,
            conv2d_backward_fast__weight_averaged,
            conv2d_backward_fast__last_image_only,
            conv2d_backward_fast__bias_not_over_space,
            conv2d_backward_fast__padding_not_cropped,
            conv2d_backward_fast__overlaps_overwritten,
        ),
        alternatives=programs(
            conv2d_backward_fast__by_columns,
            conv2d_backward_fast__by_kernel_loop,
            (conv2d_backward_fast__from_views, conv2d_forward_fast__keeps_views),
        ),
        companions=(conv2d_forward_fast__by_columns,),
        speed=100,
    ),
)


# Pooling


def _pooling(gradient: bool, maximum: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, kernel_size, stride, padding=None, **how):
            x = _normal(generator, *x) if isinstance(x, tuple) else x
            sizes = [_positions(size, kernel_size, stride, padding or 0) for size in x.shape[2:]]
            dout = _normal(generator, *x.shape[:2], *sizes) if gradient else None
            arguments = {"x": x, "kernel_size": kernel_size, "stride": stride}
            return Case(name, criterion, arguments | ({} if padding is None else {"padding": padding}), dout, **how)

        def below_zero():
            return -1 - _normal(generator, 2, 3, 4, 7).abs()

        of_maximum = (
            [
                case("all values below 0, padding 1", "edge cases", below_zero(), 3, 2, 1),
                case("all values below -1e10, padding 1", "edge cases", 1e10 * below_zero(), 2, 2, 1),
                case("ties", "edge cases", _normal(generator, 2, 3, 5, 7).sign(), 3, 2),
                case("ties, all values equal, padding 1", "edge cases", torch.ones(2, 2, 4, 6).double(), 3, 2, 1),
            ]
            if maximum
            else []
        )
        return [
            case("x (2, 3, 4, 6), kernel_size 2, stride 2", "values", (2, 3, 4, 6), 2, 2),
            case("overlapping windows: kernel_size 3, stride 2", "values", (3, 2, 5, 9), 3, 2),
            case("padding 1", "edge cases", (2, 3, 4, 7), 3, 2, 1),
            case("padding 2, kernel_size 4, stride 3", "edge cases", (2, 2, 6, 9), 4, 3, 2),
            case("stride larger than the kernel", "edge cases", (2, 3, 6, 11), 2, 3),
            case("last row and column not covered", "edge cases", (2, 3, 5, 7), 2, 2),
            case("stride 1, a window as high as the image", "edge cases", (2, 3, 3, 5), 3, 1),
            case("one image, one channel", "edge cases", (1, 1, 4, 6), 2, 2),
            *of_maximum,
            case("float64", "contract", (2, 3, 7, 6), 3, 2, 1, dtype=torch.float64),
            case("x with gaps in memory", "contract", (2, 3, 7, 6), 3, 2, 1, layout="strided"),
            case("x transposed in memory", "contract", (2, 3, 7, 6), 3, 2, 1, layout="transposed"),
            case(NEXT_CALL, "contract", (2, 3, 7, 6), 3, 2, 1, another_call=True),
        ]

    return cases


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


def max_pool2d_forward__over_channels(x, kernel_size, stride, padding=0):
    """Every channel has the same result: the maximum was taken over the channels too."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    out = windows.amax((1, 4, 5), keepdim=True)[..., 0, 0]
    return out.expand(-1, x.shape[1], -1, -1), (x, kernel_size, stride, padding)


def max_pool2d_forward__output_width_from_height(x, kernel_size, stride, padding=0):
    """The output has as many columns as rows: its width was taken from its height."""
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5))[..., : windows.shape[2]], (x, kernel_size, stride, padding)


def max_pool2d_forward__rounds_up(x, kernel_size, stride, padding=0):
    """The output is too large: windows that are only partly inside do not count."""
    more = padding + stride - 1
    padded = torch.nn.functional.pad(x, (padding, more, padding, more), value=float("-inf"))
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.amax((4, 5)), (x, kernel_size, stride, padding)


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


def max_pool2d_backward__without_upstream(dout, cache):
    """dout has no influence: this is the gradient for a dout of ones."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += first == i * size + j
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def max_pool2d_backward__to_all(dout, cache):
    """Every value of a window got the gradient; only one of them decided the result."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.zeros_like(torch.nn.functional.pad(x, (padding,) * 4))
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def max_pool2d_backward__padding_not_cropped(dout, cache):
    """dx has the shape of the padded image, not that of x."""
    x, size, stride, padding = cache
    rows, columns = dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += torch.where(first == i * size + j, dout, 0)
    return dpadded


def max_pool2d_backward__cropped_by_minus_padding(dout, cache):
    """With padding 0, dx is empty: think of what a slice that ends at -0 holds."""
    x, size, stride, padding = cache
    rows, columns = dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=float("-inf"))
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += torch.where(first == i * size + j, dout, 0)
    return dpadded[:, :, padding:-padding, padding:-padding]


def max_pool2d_backward__padded_with_zeros(dout, cache):
    """Where all values of a window are negative, the gradient is lost in the padding."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    first = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4).argmax(dim=4)
    dpadded = torch.zeros_like(padded)
    for i in range(size):
        for j in range(size):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += torch.where(first == i * size + j, dout, 0)
    return dpadded[:, :, padding : padding + h, padding : padding + w]


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


MAXIMUM = (
    Problem(
        name="max_pool2d_forward",
        call=forward,
        returns=("out",),
        cases=_pooling(gradient=False, maximum=True),
        expected=value_of(reference.max_pool2d),
        points={"values": 3, "edge cases": 1, "contract": 1},
        forbidden=MAX_POOL,
        mistakes=programs(
            max_pool2d_forward__padded_with_zeros,
            max_pool2d_forward__started_at_zero,
            max_pool2d_forward__stride_ignored,
            max_pool2d_forward__padding_ignored,
            max_pool2d_forward__mean,
            max_pool2d_forward__over_channels,
            max_pool2d_forward__output_width_from_height,
            max_pool2d_forward__rounds_up,
            max_pool2d_forward__single_precision,
        ),
        alternatives=programs(
            max_pool2d_forward__all_windows,
            max_pool2d_forward__loops,
            max_pool2d_forward__running_maximum,
        ),
    ),
    Problem(
        name="max_pool2d_backward",
        call=backward,
        returns=("dx",),
        cases=_pooling(gradient=True, maximum=True),
        expected=gradients_of(reference.max_pool2d),
        points={"values": 4, "edge cases": 3, "contract": 1},
        forbidden=_with_backward(MAX_POOL),
        mistakes=programs(
            max_pool2d_backward__every_tied_maximum,
            max_pool2d_backward__shared_by_tied_maxima,
            max_pool2d_backward__last_tied_maximum,
            max_pool2d_backward__overlaps_overwritten,
            max_pool2d_backward__without_upstream,
            max_pool2d_backward__to_all,
            max_pool2d_backward__padding_not_cropped,
            max_pool2d_backward__cropped_by_minus_padding,
            max_pool2d_backward__padded_with_zeros,
            max_pool2d_backward__output_width_from_height,
        ),
        alternatives=programs(
            max_pool2d_backward__by_kernel_loop,
            max_pool2d_backward__loops,
            (max_pool2d_backward__scattered, max_pool2d_forward__keeps_places),
        ),
        companions=(max_pool2d_forward__all_windows,),
    ),
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


def avg_pool2d_backward__not_divided(dout, cache):
    """Every pixel got all of the gradient, as if the window had been added up."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def avg_pool2d_backward__divided_by_side(dout, cache):
    """The gradient is divided by the length of the window's side."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def avg_pool2d_backward__overlaps_overwritten(dout, cache):
    """A pixel that lies in several windows keeps the gradient of one of them; they must be added up."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] = dout / size**2
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def avg_pool2d_backward__without_upstream(dout, cache):
    """dout has no influence: this is the gradient for a dout of ones."""
    x, size, stride, padding = cache
    (h, w), (rows, columns) = x.shape[2:], dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += 1 / size**2
    return dpadded[:, :, padding : padding + h, padding : padding + w]


def avg_pool2d_backward__padding_not_cropped(dout, cache):
    """dx has the shape of the padded image, not that of x."""
    x, size, stride, padding = cache
    rows, columns = dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2
    return dpadded


def avg_pool2d_backward__cropped_by_minus_padding(dout, cache):
    """With padding 0, dx is empty: think of what a slice that ends at -0 holds."""
    x, size, stride, padding = cache
    rows, columns = dout.shape[2:]
    dpadded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(size):
        for j in range(size):
            dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dout / size**2
    return dpadded[:, :, padding:-padding, padding:-padding]


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


AVERAGE = (
    Problem(
        name="avg_pool2d_forward",
        call=forward,
        returns=("out",),
        cases=_pooling(gradient=False, maximum=False),
        expected=value_of(reference.avg_pool2d),
        points={"values": 2, "edge cases": 1, "contract": 1},
        forbidden=AVG_POOL,
        mistakes=programs(
            avg_pool2d_forward__padding_not_counted,
            avg_pool2d_forward__sum,
            avg_pool2d_forward__divided_by_side,
            avg_pool2d_forward__stride_ignored,
            avg_pool2d_forward__padding_ignored,
            avg_pool2d_forward__maximum,
            avg_pool2d_forward__over_channels,
            avg_pool2d_forward__output_width_from_height,
        ),
        alternatives=programs(
            avg_pool2d_forward__all_windows,
            avg_pool2d_forward__loops,
            avg_pool2d_forward__by_columns,
        ),
    ),
    Problem(
        name="avg_pool2d_backward",
        call=backward,
        returns=("dx",),
        cases=_pooling(gradient=True, maximum=False),
        expected=gradients_of(reference.avg_pool2d),
        points={"values": 3, "edge cases": 1, "contract": 1},
        forbidden=_with_backward(AVG_POOL),
        mistakes=programs(
            avg_pool2d_backward__not_divided,
            avg_pool2d_backward__divided_by_side,
            avg_pool2d_backward__overlaps_overwritten,
            avg_pool2d_backward__without_upstream,
            avg_pool2d_backward__padding_not_cropped,
            avg_pool2d_backward__cropped_by_minus_padding,
            avg_pool2d_backward__padding_not_counted,
            avg_pool2d_backward__stride_ignored,
        ),
        alternatives=programs(
            avg_pool2d_backward__by_kernel_loop,
            avg_pool2d_backward__loops,
            avg_pool2d_backward__by_columns,
        ),
        companions=(avg_pool2d_forward__all_windows,),
    ),
)


def _global(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, *x, **how):
            dout = _normal(generator, *x[:2]) if gradient else None
            return Case(name, criterion, {"x": _normal(generator, *x)}, dout, **how)

        return [
            case("x (2, 3, 4, 5)", "values", 2, 3, 4, 5),
            case("x (4, 2, 3, 7)", "values", 4, 2, 3, 7),
            case("one image", "edge cases", 1, 3, 4, 5),
            case("one channel", "edge cases", 4, 1, 4, 5),
            case("images of one pixel", "edge cases", 3, 2, 1, 1),
            case("images of one row", "edge cases", 3, 2, 1, 6),
            case("float64", "contract", 2, 3, 5, 4, dtype=torch.float64),
            case("x with gaps in memory", "contract", 2, 3, 5, 4, layout="strided"),
            case("x transposed in memory", "contract", 2, 3, 5, 4, layout="transposed"),
            case(NEXT_CALL, "contract", 2, 3, 5, 4, another_call=True),
        ]

    return cases


def global_avg_pool_forward__mean(x):
    return x.mean(dim=(2, 3)), x


def global_avg_pool_forward__matrix_product(x):
    flat = x.reshape(x.shape[0], x.shape[1], -1)
    return flat @ flat.new_full((flat.shape[2],), 1 / flat.shape[2]), x


def global_avg_pool_forward__einsum(x):
    return torch.einsum("nchw->nc", x) / x[0, 0].numel(), x


def global_avg_pool_forward__sum(x):
    """The values of a channel are added up, but not divided by their number."""
    return x.sum(dim=(2, 3)), x


def global_avg_pool_forward__keeps_dimensions(x):
    """The result still has the two dimensions of the image."""
    return x.mean(dim=(2, 3), keepdim=True), x


def global_avg_pool_forward__maximum(x):
    """This is the maximum of each channel."""
    return x.amax(dim=(2, 3)), x


def global_avg_pool_forward__width_from_height(x):
    """The sum is divided by the wrong number: the width was taken from the height."""
    return x.sum(dim=(2, 3)) / x.shape[2] ** 2, x


def global_avg_pool_forward__over_channels(x):
    """All channels have the same result: the mean was taken over them too."""
    return x.mean(dim=(1, 2, 3))[:, None].expand(-1, x.shape[1]), x


def global_avg_pool_backward__expanded(dout, cache):
    return (dout / cache[0, 0].numel())[:, :, None, None].expand(cache.shape)


def global_avg_pool_backward__product_with_ones(dout, cache):
    h, w = cache.shape[2:]
    return dout.reshape(*dout.shape, 1, 1) * torch.ones_like(cache) / h / w


def global_avg_pool_forward__keeps_shape(x):
    return x.flatten(2).mean(-1), x.shape


def global_avg_pool_backward__repeated(dout, cache):
    n, c, h, w = cache
    return (dout / (h * w)).repeat_interleave(h * w).view(n, c, h, w)


def global_avg_pool_backward__not_divided(dout, cache):
    """Every pixel got all of the gradient, as if the channel had been added up."""
    return dout[:, :, None, None].expand(cache.shape).clone()


def global_avg_pool_backward__without_upstream(dout, cache):
    """dout has no influence: this is the gradient for a dout of ones."""
    return torch.ones_like(cache) / cache[0, 0].numel()


def global_avg_pool_backward__width_from_height(dout, cache):
    """The gradient is divided by the wrong number: the width was taken from the height."""
    return (dout / cache.shape[2] ** 2)[:, :, None, None].expand(cache.shape)


def global_avg_pool_backward__not_expanded(dout, cache):
    """dx has one number for each channel; every pixel of x needs its own."""
    return (dout / cache[0, 0].numel())[:, :, None, None]


def global_avg_pool_backward__divided_by_all(dout, cache):
    """The gradient is divided by the number of all values of an image; a mean is over one channel."""
    return (dout / cache[0].numel())[:, :, None, None].expand(cache.shape)


GLOBAL = (
    Problem(
        name="global_avg_pool_forward",
        call=forward,
        returns=("out",),
        cases=_global(gradient=False),
        expected=value_of(reference.global_avg_pool),
        points={"values": 1, "edge cases": 1, "contract": 1},
        forbidden=AVG_POOL,
        mistakes=programs(
            global_avg_pool_forward__sum,
            global_avg_pool_forward__keeps_dimensions,
            global_avg_pool_forward__maximum,
            global_avg_pool_forward__width_from_height,
            global_avg_pool_forward__over_channels,
        ),
        alternatives=programs(
            global_avg_pool_forward__mean,
            global_avg_pool_forward__matrix_product,
            global_avg_pool_forward__einsum,
        ),
    ),
    Problem(
        name="global_avg_pool_backward",
        call=backward,
        returns=("dx",),
        cases=_global(gradient=True),
        expected=gradients_of(reference.global_avg_pool),
        points={"values": 1, "edge cases": 1, "contract": 1},
        forbidden=_with_backward(AVG_POOL),
        mistakes=programs(
            global_avg_pool_backward__not_divided,
            global_avg_pool_backward__without_upstream,
            global_avg_pool_backward__width_from_height,
            global_avg_pool_backward__not_expanded,
            global_avg_pool_backward__divided_by_all,
        ),
        alternatives=programs(
            global_avg_pool_backward__expanded,
            global_avg_pool_backward__product_with_ones,
            (global_avg_pool_backward__repeated, global_avg_pool_forward__keeps_shape),
        ),
        companions=(global_avg_pool_forward__mean,),
    ),
)


# What a stack of layers sees, and what a convolution costs


def _stacks(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers):
        return Case(name, criterion, {"layers": layers})

    drawn = [(_whole(generator, 3, 7), _whole(generator, 2, 3)) for _ in range(3)]
    vgg = [(3, 1), (3, 1), (2, 2)] * 2 + [(3, 1), (3, 1), (3, 1), (2, 2)] * 3
    return [
        case("(3, 1), (3, 1), (3, 1)", "values", [(3, 1)] * 3),
        case("(3, 1), (2, 2), (3, 1)", "values", [(3, 1), (2, 2), (3, 1)]),
        case("(5, 3), (3, 2)", "values", [(5, 3), (3, 2)]),
        case(", ".join(map(str, drawn)), "values", drawn),
        case("the layers of VGG-16 up to its last pooling", "values", vgg),
        case("no layer", "edge cases", []),
        case("one layer, (5, 2)", "edge cases", [(5, 2)]),
        case("a kernel of one pixel, stride 2", "edge cases", [(3, 1), (1, 2), (3, 1)]),
        case("stride larger than the kernel", "edge cases", [(2, 3), (3, 1)]),
    ]


def receptive_field__forward(layers):
    size, jump = 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump


def receptive_field__backward(layers):
    size, jump = 1, 1
    for kernel_size, stride in layers[::-1]:
        size, jump = (size - 1) * stride + kernel_size, jump * stride
    return [size, jump]


def receptive_field__by_pixels(layers):
    def pixels(first, last):
        for kernel_size, stride in reversed(layers):
            first, last = first * stride, last * stride + kernel_size - 1
        return first, last

    (first, last), (second, _) = pixels(0, 0), pixels(1, 1)
    return last - first + 1, second - first


def receptive_field__strides_ignored(layers):
    """The strides have no influence on the size: after a stride, a step of the next kernel is more than one pixel."""
    size, jump = 1, 1
    for kernel_size, stride in layers:
        size += kernel_size - 1
        jump *= stride
    return size, jump


def receptive_field__own_stride_too_early(layers):
    """The stride of a layer already counts for its own kernel; it matters from the next layer on."""
    size, jump = 1, 1
    for kernel_size, stride in layers:
        jump *= stride
        size += (kernel_size - 1) * jump
    return size, jump


def receptive_field__strides_added(layers):
    """The strides are added up, but two layers of stride 2 make steps of 4 pixels."""
    size, jump = 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * jump
        jump += stride - 1
    return size, jump


def receptive_field__kernels_added(layers):
    """Two kernels next to each other share a pixel: the sizes of the kernels cannot be added up."""
    size, jump = 1, 1
    for kernel_size, stride in layers:
        size += kernel_size * jump
        jump *= stride
    return size, jump


def receptive_field__last_stride_only(layers):
    """Only the stride of the layer before counts; all of the earlier ones do."""
    size, jump, before = 1, 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * before
        before = stride
        jump *= stride
    return size, jump


def receptive_field__from_the_wrong_end(layers):
    """The layers are gone through in the wrong order."""
    size, jump = 1, 1
    for kernel_size, stride in reversed(layers):
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump


def _costs(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, *values):
        names = ("input_shape", "out_channels", "kernel_size", "stride", "padding")
        return Case(name, criterion, dict(zip(names, values, strict=True)))

    drawn = (3, _whole(generator, 20, 29), _whole(generator, 30, 39)), _whole(generator, 5, 8)
    return [
        case("the first layer of AlexNet", "values", (3, 227, 227), 96, 11, 4, 0),
        case(f"input_shape {drawn[0]}, {drawn[1]} filters of 3, padding 1", "values", *drawn, 3, 1, 1),
        case("input_shape (4, 9, 14), 6 filters of 5, stride 2, padding 2", "values", (4, 9, 14), 6, 5, 2, 2),
        case("kernel_size 1", "edge cases", (64, 7, 9), 16, 1, 1, 0),
        case("stride larger than the kernel", "edge cases", (2, 7, 12), 3, 2, 3, 0),
        case("a kernel as large as the image", "edge cases", (5, 4, 4), 7, 4, 1, 0),
        case("the kernel fits into the width, not into the height", "edge cases", (3, 4, 9), 2, 7, 1, 1),
        case("the kernel fits into the height, not into the width", "edge cases", (3, 9, 4), 2, 7, 2, 1),
    ]


def conv_cost__by_formula(input_shape, out_channels, kernel_size, stride, padding):
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * rows * columns


def conv_cost__counted(input_shape, out_channels, kernel_size, stride, padding):
    places = [len(range(0, size + 2 * padding - kernel_size + 1, stride)) for size in input_shape[1:]]
    if 0 in places:
        raise ValueError("the kernel does not fit")
    one_filter = torch.zeros(input_shape[0], kernel_size, kernel_size).numel()
    outputs = out_channels * places[0] * places[1]
    return [out_channels, *places], out_channels * (one_filter + 1), outputs * one_filter


def conv_cost__no_bias(input_shape, out_channels, kernel_size, stride, padding):
    """The biases are missing in the parameters."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights, weights * rows * columns


def conv_cost__one_bias(input_shape, out_channels, kernel_size, stride, padding):
    """One bias is counted for the whole layer; every filter has its own."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights + 1, weights * rows * columns


def conv_cost__bias_is_work(input_shape, out_channels, kernel_size, stride, padding):
    """The additions of the bias are counted as multiply-adds."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    parameters = out_channels * (c * kernel_size**2 + 1)
    return (out_channels, rows, columns), parameters, parameters * rows * columns


def conv_cost__work_per_input_pixel(input_shape, out_channels, kernel_size, stride, padding):
    """The multiply-adds are counted for every pixel of the input; the filter stands at the places of the output."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * h * w


def conv_cost__one_channel(input_shape, out_channels, kernel_size, stride, padding):
    """The filters are counted as flat: each looks at every channel of the input."""
    _, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * rows * columns


def conv_cost__twice_the_work(input_shape, out_channels, kernel_size, stride, padding):
    """A multiplication and the addition after it are counted as two; together they are one multiply-add."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, 2 * weights * rows * columns


def conv_cost__width_from_height(input_shape, out_channels, kernel_size, stride, padding):
    """The output is as wide as high: its width was taken from the height of the input."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows = (h + 2 * padding - kernel_size) // stride + 1
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, rows), weights + out_channels, weights * rows * rows


def conv_cost__never_refuses(input_shape, out_channels, kernel_size, stride, padding):
    """Where the kernel does not fit there is nothing to return."""
    c, h, w = input_shape
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * rows * columns


SIZES = (
    Problem(
        name="receptive_field",
        call=numbers,
        returns=(RAISES, "size", "jump"),
        cases=_stacks,
        expected=numbers_of(reference.receptive_field, 2),
        points={"values": 3, "edge cases": 1},
        mistakes=programs(
            receptive_field__strides_ignored,
            receptive_field__own_stride_too_early,
            receptive_field__strides_added,
            receptive_field__kernels_added,
            receptive_field__last_stride_only,
            receptive_field__from_the_wrong_end,
        ),
        alternatives=programs(
            receptive_field__forward,
            receptive_field__backward,
            receptive_field__by_pixels,
        ),
    ),
    Problem(
        name="conv_cost",
        call=numbers,
        returns=(RAISES, "output_shape", "parameters", "multiply_adds"),
        cases=_costs,
        expected=numbers_of(reference.conv_cost, 3),
        points={"values": 3, "edge cases": 1},
        forbidden=CONVOLUTION,
        mistakes=programs(
            conv_cost__no_bias,
            conv_cost__one_bias,
            conv_cost__bias_is_work,
            conv_cost__work_per_input_pixel,
            conv_cost__one_channel,
            conv_cost__twice_the_work,
            conv_cost__width_from_height,
            conv_cost__never_refuses,
        ),
        alternatives=programs(
            conv_cost__by_formula,
            conv_cost__counted,
        ),
    ),
)


# A network


def _digits(generator: torch.Generator) -> list[Case]:
    images, labels = digits()

    def case(name, criterion, images, count, test_count, **how):
        order = torch.randperm(len(images), generator=generator)
        train, test = order[:count], order[count : count + test_count]
        arguments = {
            "x": images[train],
            "target": labels[train],
            "generator": torch.Generator().manual_seed(_whole(generator, 0, 2**31)),
            "test": images[test],
        }
        return Case(name, criterion, arguments, kept={"truth": labels[test]}, **how)

    moved = torch.zeros(len(images), 1, 10, 10)
    places = torch.randint(0, 3, (len(images), 2), generator=generator).tolist()
    for image, digit, (row, column) in zip(moved, images, places, strict=True):
        image[:, row : row + 8, column : column + 8] = digit
    # A small part in float64, trained twice: what it predicts is not looked at.
    contract = {"dtype": torch.float64, "another_call": True}
    return [
        case("1200 digits", "values", images, 1200, 597),
        case("1400 digits moved by up to one pixel, images of 10 by 10", "edge cases", moved, 1400, 397),
        case("120 digits in float64, and the same again", "contract", images, 120, 40, **contract),
    ]


def _predictions(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """How good the logits are, if they come again for the same seed, and if they are logits and not probabilities.

    Small differences are rounding: on a GPU the order of a sum is not always the same.
    """
    logits, repeated = outputs
    accuracy = (logits.argmax(dim=1) == case.kept["truth"].to(logits.device)).double().mean()
    differ = ((logits - repeated).abs().max() > 1e-2 * (1 + logits.abs().max())).double()
    probabilities = ((logits.sum(dim=1) - 1).abs().max() < 1e-3).double()
    return accuracy, differ, probabilities


def _wanted(case: Case) -> tuple[Target, ...]:
    """The plain digits ask for a network that learns, the moved ones for one that a linear classifier cannot match."""
    least = {"values": 0.85, "edge cases": 0.7, "contract": 0.0}[case.criterion]
    accuracy = Target(torch.tensor(least, dtype=torch.float64), float(case.criterion == "contract"), at_least=True)
    only_contract = float(case.criterion != "contract")
    return accuracy, Target(torch.tensor(0.0)), Target(torch.tensor(0.0), only_contract)


def train_small_cnn__strided_filters(x, target, generator):
    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(16, 16, std=0.35), drawn(16, 1, std=0)
    w2, b2 = drawn(10, 16 * places, std=(1 / (16 * places)) ** 0.5), drawn(10, std=0)
    parameters = [w1, b1, w2, b2]
    averages, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    truth = torch.zeros(len(x), 10, dtype=x.dtype, device=x.device)
    truth[torch.arange(len(x)), target] = 1
    step = 0
    for _ in range(8):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            step += 1
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            share = (logits - logits.amax(1, keepdim=True)).exp()
            d = (share / share.sum(1, keepdim=True) - truth[chosen]) / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
            gradients = [dw1, db1, d.T @ hidden.flatten(1), d.sum(0)]
            for p, g, m, v in zip(parameters, gradients, averages, squares, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= 0.005 * m / (1 - 0.9**step) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__pooled(x, target, generator):
    def drawn(*shape, std):
        return (std * torch.randn(*shape, generator=generator)).to(x.device, x.dtype)

    class Net:
        def __init__(self, height, width):
            features = 8 * (height // 2) * (width // 2)
            self.values = [drawn(8, 9, std=0.5), drawn(8, 1, std=0.0)]
            self.values += [drawn(10, features, std=features**-0.5), drawn(10, std=0.0)]
            self.speeds = [0 * value for value in self.values]

        def __call__(self, images):
            w1, b1, w2, b2 = self.values
            (n, _, h, w), self.images = images.shape, images
            self.cols = torch.nn.functional.unfold(images, 3, padding=1)
            maps = (w1 @ self.cols + b1).view(n, 8, h // 2, 2, w // 2, 2).permute(0, 1, 2, 4, 3, 5).flatten(4)
            best, self.winner = maps.max(dim=-1, keepdim=True)
            self.best = best[..., 0].clamp(min=0).flatten(1)
            return self.best @ w2.T + b2

        def learn(self, d):
            w2, (n, _, h, w) = self.values[2], self.images.shape
            dbest = (d @ w2) * (self.best > 0)
            dmaps = torch.zeros(n, 8, h // 2, w // 2, 4, dtype=d.dtype, device=d.device)
            dmaps.scatter_(-1, self.winner, dbest.reshape(self.winner.shape))
            dmaps = dmaps.unflatten(4, (2, 2)).permute(0, 1, 2, 4, 3, 5).reshape(n, 8, h * w)
            gradients = torch.einsum("nol,nkl->ok", dmaps, self.cols), dmaps.sum((0, 2))[:, None]
            for i, gradient in enumerate((*gradients, d.T @ self.best, d.sum(0))):
                self.speeds[i] = 0.9 * self.speeds[i] - 0.1 * gradient
                self.values[i] = self.values[i] + self.speeds[i]

    net = Net(*x.shape[2:])
    for _ in range(7):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x), 32):
            chosen = order[start : start + 32]
            logits = net(x[chosen])
            d = torch.exp(logits - torch.logsumexp(logits, dim=1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            net.learn(d / len(chosen))
    return net


def train_small_cnn__predicts_classes(x, target, generator):
    """predict returns classes; it must return a row of logits for each image."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(8, 16, std=0.35), drawn(8, 1, std=0)
    w2, b2 = drawn(10, 8 * places, std=0.1), drawn(10, std=0)
    for _ in range(2):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = 0.2 * d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            w1 -= torch.einsum("nol,nkl->ok", dhidden, cols)
            b1 -= dhidden.sum((0, 2))[:, None]
            w2 -= d.T @ hidden.flatten(1)
            b2 -= d.sum(0)
    return lambda images: ((w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2).argmax(1)


def train_small_cnn__one_score(x, target, generator):
    """All images get the same logits: weights that start at 0 with a ReLU between them never move."""
    features = 8 * (x.shape[2] // 2) * (x.shape[3] // 2)
    w1, w2, b2 = (torch.zeros(*shape).to(x) for shape in ((8, 16), (10, features), (10,)))
    for _ in range(2):
        for chosen in torch.randperm(len(x), generator=generator).split(100):
            cols = torch.nn.functional.unfold(x[chosen], 4, stride=2, padding=1)
            hidden = (w1 @ cols).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            w1 -= torch.einsum("nol,nkl->ok", dhidden, cols)
            w2 -= d.T @ hidden.flatten(1)
            b2 -= d.sum(0)
    return lambda images: b2.expand(len(images), -1)


def train_small_cnn__never_updated(x, target, generator):
    """Training changes nothing: the weights with which it ends are those with which it began."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    parameters = [drawn(8, 16, std=0.35), drawn(8, 1, std=0), drawn(10, 8 * places, std=0.1), drawn(10, std=0)]
    w1, b1, w2, b2 = parameters
    for chosen in torch.randperm(len(x), generator=generator).split(32):
        cols = columns(x[chosen])
        hidden = (w1 @ cols + b1).clamp(min=0)
        logits = hidden.flatten(1) @ w2.T + b2
        d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
        d[torch.arange(len(chosen)), target[chosen]] -= 1
        d = d / len(chosen)
        dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
        dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
        for p, g in zip(parameters, (dw1, db1, d.T @ hidden.flatten(1), d.sum(0)), strict=True):
            p = p - 0.2 * g
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__uphill(x, target, generator):
    """The loss grows until the logits are no numbers any more: look at the sign of the step."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(8, 16, std=0.35), drawn(8, 1, std=0)
    w2, b2 = drawn(10, 8 * places, std=0.1), drawn(10, std=0)
    for _ in range(8):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = 0.2 * d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            w1 += torch.einsum("nol,nkl->ok", dhidden, cols)
            b1 += dhidden.sum((0, 2))[:, None]
            w2 += d.T @ hidden.flatten(1)
            b2 += d.sum(0)
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__without_generator(x, target, generator):
    """Two trainings with the same seed give different networks: not everything random comes from the generator."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(16, 16, std=0.35), drawn(16, 1, std=0)
    w2, b2 = drawn(10, 16 * places, std=0.1), drawn(10, std=0)
    parameters = [w1, b1, w2, b2]
    speeds = [torch.zeros_like(p) for p in parameters]
    for _ in range(8):
        for chosen in torch.randperm(len(x)).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
            gradients = (dw1, db1, d.T @ hidden.flatten(1), d.sum(0))
            for p, speed, g in zip(parameters, speeds, gradients, strict=True):
                speed *= 0.9
                speed += g
                p -= 0.1 * speed
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__predicts_probabilities(x, target, generator):
    """predict returns probabilities; logits are what comes before the softmax."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    def probabilities(logits):
        return torch.exp(logits - logits.logsumexp(1, keepdim=True))

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(16, 16, std=0.35), drawn(16, 1, std=0)
    w2, b2 = drawn(10, 16 * places, std=0.1), drawn(10, std=0)
    parameters = [w1, b1, w2, b2]
    speeds = [torch.zeros_like(p) for p in parameters]
    for _ in range(8):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            d = probabilities(hidden.flatten(1) @ w2.T + b2)
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
            gradients = (dw1, db1, d.T @ hidden.flatten(1), d.sum(0))
            for p, speed, g in zip(parameters, speeds, gradients, strict=True):
                speed *= 0.9
                speed += g
                p -= 0.1 * speed
    return lambda images: probabilities((w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2)


NETWORK = (
    Problem(
        name="train_small_cnn",
        call=training,
        returns=("logits", "the logits again"),
        cases=_digits,
        expected=lambda arguments, dout: (arguments["test"].new_zeros(len(arguments["test"]), 10),) * 2,
        points={"values": 4, "edge cases": 2, "contract": 2},
        forbidden=_with_backward(CONVOLUTION_BACKWARD | MAX_POOL | AVG_POOL | SOFTMAX),
        mistakes=programs(
            train_small_cnn__predicts_classes,
            train_small_cnn__one_score,
            train_small_cnn__never_updated,
            train_small_cnn__uphill,
            train_small_cnn__without_generator,
            train_small_cnn__predicts_probabilities,
        ),
        alternatives=programs(
            train_small_cnn__strided_filters,
            train_small_cnn__pooled,
        ),
        measured=Measure(
            ("held-out accuracy", "predictions that come out differently", "rows that are probabilities"),
            _predictions,
            _wanted,
        ),
    ),
)


PROBLEMS = (
    *OUTPUT_SIZE,
    *CONV,
    *COLUMNS,
    *CONV_FAST,
    *MAXIMUM,
    *AVERAGE,
    *GLOBAL,
    *SIZES,
    *NETWORK,
)
