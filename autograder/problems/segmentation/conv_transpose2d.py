"""`conv_transpose2d_forward` and `conv_transpose2d_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, layer_inputs
from autograder.problems.forbidden import CONVOLUTION, CONVOLUTION_BACKWARD
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import segmentation as reference


def _spread(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, weight, options=None, **how):
            options = options or {}
            (n, _, *image), (_, o, *kernel) = x, weight
            sizes = [
                (size - 1) * options.get("stride", 1) - 2 * options.get("padding", 0) + taps
                for size, taps in zip(image, kernel, strict=True)
            ]
            arguments, dout = layer_inputs(generator, x, weight, o, (n, o, *sizes) if gradient else None)
            return Case(name, criterion, {**arguments, **options}, dout, **how)

        # In the cases of "values" and "edge cases" images and kernels are at least as wide as high, in those of
        # "contract" higher: a program that takes a width from a height gives a wrong result there, not an exception.
        fine = {"stride": 2, "padding": 1}
        return [
            # As many channels in as out: a weight that is read the wrong way round raises nothing.
            case("x (2, 3, 3, 5), weight (3, 3, 2, 3)", "values", (2, 3, 3, 5), (3, 3, 2, 3)),
            case("stride 2, padding 1", "values", (3, 2, 3, 4), (2, 4, 3, 4), fine),
            case("stride 2", "values", (2, 3, 2, 4), (3, 2, 3, 3), {"stride": 2}),
            case("padding 2", "edge cases", (2, 3, 3, 5), (3, 2, 3, 4), {"stride": 2, "padding": 2}),
            case("no overlap: kernel (2, 2), stride 2", "edge cases", (2, 2, 3, 4), (2, 3, 2, 2), {"stride": 2}),
            case("stride larger than the kernel", "edge cases", (2, 2, 3, 4), (2, 3, 1, 2), {"stride": 3}),
            case(
                "padding 3, larger than the kernel, stride 3",
                "edge cases",
                (2, 2, 4, 5),
                (2, 3, 1, 2),
                {"stride": 3, "padding": 3},
            ),
            case("a kernel larger than the image, stride 2", "edge cases", (2, 2, 2, 3), (2, 3, 5, 6), {"stride": 2}),
            case("images of one pixel", "edge cases", (3, 2, 1, 1), (2, 3, 2, 4)),
            case("a kernel of one pixel", "edge cases", (2, 3, 3, 4), (3, 4, 1, 1)),
            case("one image, one channel, one filter", "edge cases", (1, 1, 3, 4), (1, 1, 2, 3)),
            case("float64", "contract", (2, 3, 4, 3), (3, 4, 3, 2), fine, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", (2, 3, 4, 3), (3, 4, 3, 2), fine, layout="strided"),
            case("inputs transposed in memory", "contract", (2, 3, 4, 3), (3, 4, 3, 2), fine, layout="transposed"),
            case(NEXT_CALL, "contract", (2, 3, 4, 3), (3, 4, 3, 2), fine, another_call=True),
            case("a high image and kernel, stride 3", "contract", (2, 2, 5, 3), (2, 3, 4, 2), {"stride": 3}),
        ]

    return cases


PROBLEMS = pair(
    "conv_transpose2d",
    reference.conv_transpose2d,
    _spread,
    ({"values": 9, "edge cases": 5, "contract": 2}, {"values": 12, "edge cases": 5, "contract": 3}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 5, "dweight": 5, "dbias": 2},
    forbidden=CONVOLUTION,
    forbidden_backward=CONVOLUTION_BACKWARD,
)


def conv_transpose2d_forward__fold(x, weight, bias, stride=1, padding=0):
    (n, c, h, w), (_, o, kh, kw) = x.shape, weight.shape
    cols = weight.reshape(c, -1).T @ x.reshape(n, c, h * w)
    size = ((h - 1) * stride - 2 * padding + kh, (w - 1) * stride - 2 * padding + kw)
    out = torch.nn.functional.fold(cols, size, (kh, kw), padding=padding, stride=stride)
    return out + bias.reshape(1, o, 1, 1), (x, weight, stride, padding)


def conv_transpose2d_forward__place_by_place(x, weight, bias, stride=1, padding=0):
    (n, _, h, w), (_, o, kh, kw) = x.shape, weight.shape
    out = torch.zeros(n, o, (h - 1) * stride + kh, (w - 1) * stride + kw, dtype=x.dtype, device=x.device)
    for i in range(h):
        for j in range(w):
            place = (..., slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
            out[place] += (x[:, :, i, j] @ weight.reshape(-1, o * kh * kw)).reshape(n, o, kh, kw)
    out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]
    return out + bias[:, None, None], (x, weight, stride, padding)


def conv_transpose2d_forward__loop_over_kernel(x, weight, bias, stride=1, padding=0):
    (n, _, h, w), (_, o, kh, kw) = x.shape, weight.shape
    rows, columns = (h - 1) * stride + kh, (w - 1) * stride + kw
    out = bias.reshape(1, o, 1, 1).repeat(n, 1, rows, columns)
    for a in range(kh):
        for b in range(kw):
            part = torch.tensordot(x, weight[:, :, a, b], dims=([1], [0])).movedim(-1, 1)
            out[:, :, a : a + stride * (h - 1) + 1 : stride, b : b + stride * (w - 1) + 1 : stride] += part
    return out[:, :, padding : rows - padding, padding : columns - padding], (x, weight, stride, padding)


def conv_transpose2d_forward__loops(x, weight, bias, stride=1, padding=0):
    (n, _, h, w), (_, o, kh, kw) = x.shape, weight.shape
    out = x.new_zeros(n, o, (h - 1) * stride + kh - 2 * padding, (w - 1) * stride + kw - 2 * padding)
    for i in range(h):
        for j in range(w):
            for a in range(kh):
                for b in range(kw):
                    row, column = i * stride + a - padding, j * stride + b - padding
                    if 0 <= row < out.shape[2] and 0 <= column < out.shape[3]:
                        out[:, :, row, column] += x[:, :, i, j] @ weight[:, :, a, b]
    for channel in range(o):
        out[:, channel] += bias[channel]
    return out, (x, weight, stride, padding)


def conv_transpose2d_forward__zeros_between(x, weight, bias, stride=1, padding=0):
    (n, c, h, w), (_, _, kh, kw) = x.shape, weight.shape
    spread = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spread[:, :, ::stride, ::stride] = x
    around = (kw - 1 - padding, kw - 1 - padding, kh - 1 - padding, kh - 1 - padding)
    windows = torch.nn.functional.pad(spread, around).unfold(2, kh, 1).unfold(3, kw, 1)
    out = torch.einsum("nchwab,coab->nohw", windows, weight.flip(2, 3))
    return out + bias.view(-1, 1, 1), (x, weight, stride, padding)


def conv_transpose2d_forward__scattered(x, weight, bias, stride=1, padding=0):
    (n, _, h, w), (_, o, kh, kw) = x.shape, weight.shape
    rows, columns = (h - 1) * stride + kh, (w - 1) * stride + kw
    products = torch.einsum("nchw,coab->nohwab", x, weight).reshape(n * o, -1)
    row = stride * torch.arange(h)[:, None, None, None] + torch.arange(kh)[:, None]
    column = stride * torch.arange(w)[:, None, None] + torch.arange(kw)
    place = (row * columns + column).flatten().to(x.device)
    out = x.new_zeros(n * o, rows * columns).index_add(1, place, products).reshape(n, o, rows, columns)
    out = out[:, :, padding : rows - padding, padding : columns - padding] + bias.unsqueeze(-1).unsqueeze(-1)

    def gradients(dout):
        d = x.new_zeros(n, o, rows, columns)
        d[:, :, padding : rows - padding, padding : columns - padding] = dout
        found = d.reshape(n, o, -1)[:, :, place].reshape(n, o, h, w, kh, kw)
        dx = torch.einsum("nohwab,coab->nchw", found, weight)
        return [dx, torch.einsum("nohwab,nchw->coab", found, x), dout.sum(dim=3).sum(dim=2).sum(dim=0)]

    return out, gradients


_PLACES = conv_transpose2d_forward__place_by_place
_TAPS = conv_transpose2d_forward__loop_over_kernel

slip(
    _PLACES,
    "flipped",
    "The kernel is turned around: it is laid down as it is.",
    ("weight.reshape(", "weight.flip(2, 3).reshape("),
)

slip(
    _PLACES,
    "weight_as_oihw",
    "The weight was read with the outputs first, as that of a convolution: here the input channel comes first.",
    ("(_, o, kh, kw) = x.shape, weight.shape", "(o, _, kh, kw) = x.shape, weight.shape"),
    ("weight.reshape(", "weight.transpose(0, 1).reshape("),
)

slip(
    _PLACES,
    "stride_ignored",
    "The argument stride is not used.",
    ("(h - 1) * stride + kh, (w - 1) * stride + kw", "h - 1 + kh, w - 1 + kw"),
    (
        "slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)",
        "slice(i, i + kh), slice(j, j + kw)",
    ),
)

slip(
    _PLACES,
    "places_one_apart",
    "The output has the size that the stride asks for, but the kernel is laid down one pixel further each time.",
    (
        "slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)",
        "slice(i, i + kh), slice(j, j + kw)",
    ),
)

slip(
    _PLACES,
    "too_many_zeros_between",
    "The output is too large: two neighboring inputs lie as many pixels apart as the stride says, not one more.",
    ("(h - 1) * stride + kh, (w - 1) * stride + kw", "(h - 1) * (stride + 1) + kh, (w - 1) * (stride + 1) + kw"),
    (
        "slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)",
        "slice(i * (stride + 1), i * (stride + 1) + kh), slice(j * (stride + 1), j * (stride + 1) + kw)",
    ),
)

slip(
    _PLACES,
    "size_by_the_stride_alone",
    "The size of out is that of x times the stride: kernel and padding count, too.",
    (
        "out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]",
        "out = torch.nn.functional.pad(out, (0, w * stride, 0, h * stride))\n"
        "    out = out[:, :, padding : padding + h * stride, padding : padding + w * stride]",
    ),
)

slip(
    _PLACES,
    "padding_ignored",
    "The argument padding is not used.",
    (
        "out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]\n    return out",
        "return out",
    ),
)

slip(
    _PLACES,
    "padding_enlarges",
    "Padding made the output larger: here it takes rows and columns away, on each of the four sides.",
    (
        "out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]",
        "out = torch.nn.functional.pad(out, (padding,) * 4)",
    ),
)

slip(
    _PLACES,
    "cropped_at_the_start",
    "The result is shifted: all rows and columns that padding takes away were cut off at the top and at the left.",
    ("padding : out.shape[2] - padding, padding : out.shape[3] - padding", "2 * padding :, 2 * padding :"),
)

slip(
    _PLACES,
    "cropped_at_the_end",
    "The result is shifted: all rows and columns that padding takes away were cut off at the bottom and at the right.",
    (
        "padding : out.shape[2] - padding, padding : out.shape[3] - padding",
        ": out.shape[2] - 2 * padding, : out.shape[3] - 2 * padding",
    ),
)

for place, part in (
    ("top_and_left", "padding:, padding:"),
    ("bottom_and_right", ": out.shape[2] - padding, : out.shape[3] - padding"),
):
    slip(
        _PLACES,
        f"cropped_at_{place}_only",
        "Rows and columns were cut off on two sides: padding takes them away on all four.",
        (
            "padding : out.shape[2] - padding, padding : out.shape[3] - padding",
            part,
        ),
    )

slip(
    _PLACES,
    "cropped_by_minus_padding",
    "With padding 0 the result is empty: think of what a slice that ends at -0 holds.",
    ("padding : out.shape[2] - padding, padding : out.shape[3] - padding", "padding:-padding, padding:-padding"),
)

slip(
    _PLACES,
    "bias_with_every_kernel",
    "The bias was added with every kernel that is laid down; each output gets it once.",
    ("reshape(n, o, kh, kw)", "reshape(n, o, kh, kw) + bias[:, None, None]"),
    ("return out + bias[:, None, None], (", "return out, ("),
)

slip(
    _PLACES,
    "bias_with_every_channel",
    "The bias was added once for each channel of x; each output gets it once.",
    ("return out + bias[:, None, None], (", "return out + x.shape[1] * bias[:, None, None], ("),
)

slip(
    _PLACES,
    "bias_with_every_kernel_of_every_channel",
    "The bias was added with every kernel that is laid down; each output gets it once.",
    ("reshape(n, o, kh, kw)", "reshape(n, o, kh, kw) + x.shape[1] * bias[:, None, None]"),
    ("return out + bias[:, None, None], (", "return out, ("),
)

slip(
    _PLACES,
    "bias_where_a_kernel_was",
    "Where no kernel was laid down the bias is missing: each output gets it.",
    ("    for i in range(h):", "    hit = torch.zeros_like(out)\n    for i in range(h):"),
    ("            out[place] +=", "            hit[place] = 1\n            out[place] +="),
    ("    out = out[:, :,", "    out = out + hit * bias[:, None, None]\n    out = out[:, :,"),
    ("return out + bias[:, None, None], (", "return out, ("),
)

slip(
    _PLACES,
    "no_bias",
    "The bias is not used.",
    ("return out + bias[:, None, None], (", "return out, ("),
)

slip(
    _PLACES,
    "overlaps_overwritten",
    "Where kernels overlap only the last one is kept; they must be added up.",
    ("out[place] += ", "out[place] = "),
)

slip(
    _PLACES,
    "overlaps_averaged",
    "Where kernels overlap their numbers are averaged; they must be added up.",
    ("    for i in range(h):", "    times = torch.zeros_like(out)\n    for i in range(h):"),
    ("            out[place] +=", "            times[place] += 1\n            out[place] +="),
    ("    out = out[:, :,", "    out = out / times.clamp(min=1)\n    out = out[:, :,"),
)

slip(
    _PLACES,
    "first_channel_only",
    "Only the first input channel counts: what all of them give is added up.",
    ("x[:, :, i, j] @ weight.reshape", "x[:, :1, i, j] @ weight[:1].reshape"),
)

slip(
    _PLACES,
    "last_channel_only",
    "Only the last input channel counts: what all of them give is added up.",
    ("x[:, :, i, j] @ weight.reshape", "x[:, -1:, i, j] @ weight[-1:].reshape"),
)

slip(
    _PLACES,
    "channels_averaged",
    "What the input channels give was averaged; it must be added up.",
    ("reshape(n, o, kh, kw)", "reshape(n, o, kh, kw) / x.shape[1]"),
)

slip(
    _TAPS,
    "kernel_width_from_height",
    "Part of the kernel is never used: its width was taken from its height.",
    ("for b in range(kw):", "for b in range(kh):"),
)

slip(
    _PLACES,
    "image_width_from_height",
    "The last columns of x are never used: its width was taken from its height.",
    ("for j in range(w):", "for j in range(min(h, w)):"),
)

slip(
    _PLACES,
    "single_precision",
    "The result is float32 whatever the dtype of x is: a tensor was made without saying of which dtype.",
    (", dtype=x.dtype, device=x.device)", ")"),
    ("reshape(n, o, kh, kw)", "reshape(n, o, kh, kw).cpu()"),
    ("return out + bias[:, None, None], (", "return out + bias[:, None, None].float().cpu(), ("),
)


def conv_transpose2d_forward__convolution(x, weight, bias, stride=1, padding=0):
    """This is a convolution: the output is smaller than x. Here each input is spread over a kernel."""
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    return torch.einsum("nchwab,coab->nohw", windows, weight) + bias[:, None, None], (x, weight, stride, padding)


def conv_transpose2d_backward__windows(dout, cache):
    x, weight, stride, padding = cache
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(dout, (padding,) * 4)
    windows = padded.unfold(2, kh, stride).unfold(3, kw, stride)
    dx = torch.einsum("nohwab,coab->nchw", windows, weight)
    dweight = torch.einsum("nohwab,nchw->coab", windows, x)
    return dx, dweight, dout.sum((0, 2, 3))


def conv_transpose2d_backward__place_by_place(dout, cache):
    x, weight, stride, padding = cache
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(dout, (padding,) * 4)
    dx, dweight, dbias = torch.zeros_like(x), torch.zeros_like(weight), torch.zeros_like(weight[0, :, 0, 0])
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            here = padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            dx[:, :, i, j] = here.flatten(1) @ weight.flatten(1).T
            dweight += (x[:, :, i, j].T @ here.flatten(1)).reshape(weight.shape)
    dbias += dout.sum((0, 2, 3))
    return dx, dweight, dbias


def conv_transpose2d_backward__loop_over_kernel(dout, cache):
    x, weight, stride, padding = cache
    (n, _, h, w), (_, o, kh, kw) = x.shape, weight.shape
    padded = dout.new_zeros(n, o, dout.shape[2] + 2 * padding, dout.shape[3] + 2 * padding)
    padded[:, :, padding : padding + dout.shape[2], padding : padding + dout.shape[3]] = dout
    dx, dweight = torch.zeros_like(x), torch.zeros_like(weight)
    for a in range(kh):
        for b in range(kw):
            part = padded[:, :, a : a + stride * (h - 1) + 1 : stride, b : b + stride * (w - 1) + 1 : stride]
            dx += torch.einsum("nohw,co->nchw", part, weight[:, :, a, b])
            dweight[:, :, a, b] = torch.einsum("nohw,nchw->co", part, x)
    return dx, dweight, dout.transpose(0, 1).flatten(1).sum(dim=1)


def conv_transpose2d_backward__columns(dout, cache):
    x, weight, stride, padding = cache
    cols = torch.nn.functional.unfold(dout, weight.shape[2:], padding=padding, stride=stride)
    kernels = weight.flatten(1)
    dx = (kernels @ cols).reshape(x.shape)
    dweight = (x.flatten(2) @ cols.transpose(1, 2)).sum(dim=0).reshape(weight.shape)
    return dx, dweight, dout.sum(dim=[0, 2, 3])


def conv_transpose2d_backward__channel_by_channel(dout, cache):
    x, weight, stride, padding = cache
    padded = torch.nn.functional.pad(dout, [padding] * 4)
    dx, dweight = torch.empty_like(x), torch.empty_like(weight)
    windows = padded.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    for channel in range(len(weight)):
        dx[:, channel] = (windows * weight[channel, :, None, None]).sum(dim=(1, 4, 5))
        dweight[channel] = (windows * x[:, channel, None, :, :, None, None]).sum(dim=(0, 2, 3))
    return dx, dweight, dout.sum(3).sum(2).sum(0)


@follows(conv_transpose2d_forward__scattered)
def conv_transpose2d_backward__closure(dout, cache):
    return cache(dout)


_WINDOWS = conv_transpose2d_backward__windows
_BACK = conv_transpose2d_backward__place_by_place

slip(
    _WINDOWS,
    "without_upstream",
    "dout has no influence: these are the gradients for a dout of ones.",
    ("    kh, kw =", "    dout = torch.ones_like(dout)\n    kh, kw ="),
)

slip(
    _WINDOWS,
    "kernel_turned_around",
    "dx has the entries of the kernel in the wrong places: no kernel is turned around here.",
    ('"nohwab,coab->nchw", windows, weight)', '"nohwab,coab->nchw", windows, weight.flip(2, 3))'),
)

slip(
    _WINDOWS,
    "dweight_turned_around",
    "dweight is turned around, top to bottom and left to right: the forward function lays the kernel down as it is.",
    ("return dx, dweight,", "return dx, dweight.flip(2, 3),"),
)

slip(
    _WINDOWS,
    "weight_as_oihw",
    "The weight was read with the outputs first, as that of a convolution: here the input channel comes first.",
    ('"nohwab,coab->nchw"', '"nohwab,ocab->nchw"'),
)

slip(
    _WINDOWS,
    "dweight_as_oihw",
    "dweight has its first two dimensions exchanged: a gradient has the shape of what it belongs to.",
    ("nchw->coab", "nchw->ocab"),
)

slip(
    _BACK,
    "padding_forgotten",
    "The windows are shifted: what padding took away belongs around dout before a window is cut.",
    (
        "torch.nn.functional.pad(dout, (padding,) * 4)",
        "torch.nn.functional.pad(dout, (0, 2 * padding, 0, 2 * padding))",
    ),
)

slip(
    _BACK,
    "padded_at_the_start",
    "The windows are shifted: padding took away rows and columns on four sides, and all of them came back on two.",
    (
        "torch.nn.functional.pad(dout, (padding,) * 4)",
        "torch.nn.functional.pad(dout, (2 * padding, 0, 2 * padding, 0))",
    ),
)

slip(
    _BACK,
    "stride_ignored",
    "The windows are taken one pixel apart: on the way back the stride is not used.",
    ("i * stride : i * stride + kh, j * stride : j * stride + kw", "i : i + kh, j : j + kw"),
)

slip(
    _WINDOWS,
    "bias_averaged",
    "dbias is an average; the chain rule adds up, over the images and over the places.",
    ("dout.sum((0, 2, 3))", "dout.mean((0, 2, 3))"),
)

slip(
    _WINDOWS,
    "bias_averaged_over_the_images",
    "dbias was divided by the number of images; the chain rule adds up.",
    ("dout.sum((0, 2, 3))", "dout.sum((0, 2, 3)) / len(dout)"),
)

slip(
    _WINDOWS,
    "bias_not_over_space",
    "dbias has one number for each place: one bias serves every place of its channel, so their gradients add up.",
    ("dout.sum((0, 2, 3))", "dout.sum(0)"),
)

slip(
    _WINDOWS,
    "bias_with_every_kernel",
    "dbias counts an output as often as kernels lie on it: the bias was added to each output once.",
    ("dout.sum((0, 2, 3))", "windows.sum((0, 2, 3, 4, 5))"),
)

slip(
    _WINDOWS,
    "weight_averaged",
    "dweight is divided by the number of images; the chain rule adds up.",
    ("windows, x)", "windows, x) / len(x)"),
)

slip(
    _BACK,
    "dweight_overwritten",
    "dweight holds what the last place gave; each place gives a part, and the parts must be added up.",
    ("dweight += ", "dweight = "),
)

slip(
    _WINDOWS,
    "dweight_of_one_image",
    "dweight comes from one image alone: what all of them give is added up.",
    ('"nohwab,nchw->coab", windows, x)', '"ohwab,chw->coab", windows[-1], x[-1])'),
)

slip(
    _WINDOWS,
    "dweight_without_x",
    "x has no influence on dweight: each number of x was multiplied by the kernel.",
    ("windows, x)", "windows, torch.ones_like(x))"),
)

slip(
    _WINDOWS,
    "dx_of_one_filter",
    "dx comes from one output channel alone: each number of x has a part in all of them.",
    ('"nohwab,coab->nchw", windows, weight)', '"nhwab,cab->nchw", windows[:, -1], weight[:, -1])'),
)

slip(
    _WINDOWS,
    "dx_without_the_weight",
    "The weight has no influence on dx: each number of x was multiplied by the kernel.",
    ('"nohwab,coab->nchw", windows, weight)', '"nohwab,coab->nchw", windows, torch.ones_like(weight))'),
)


def conv_transpose2d_backward__kernel_width_from_height(dout, cache):
    """Part of the kernel gets no gradient and gives none: its width was taken from its height."""
    x, weight, stride, padding = cache
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    padded = torch.nn.functional.pad(dout, (padding,) * 4)
    dx, dweight = torch.zeros_like(x), torch.zeros_like(weight)
    for a in range(kh):
        for b in range(min(kh, kw)):
            part = padded[:, :, a : a + stride * (h - 1) + 1 : stride, b : b + stride * (w - 1) + 1 : stride]
            dx += torch.einsum("nohw,co->nchw", part, weight[:, :, a, b])
            dweight[:, :, a, b] = torch.einsum("nohw,nchw->co", part, x)
    return dx, dweight, dout.sum((0, 2, 3))


slip(
    _BACK,
    "image_width_from_height",
    "The last columns of x get no gradient: its width was taken from its height.",
    ("for j in range(x.shape[3]):", "for j in range(min(x.shape[2:])):"),
)

slip(
    _WINDOWS,
    "single_precision",
    "A gradient is float32 whatever the dtype of dout is: a tensor was made without saying of which dtype.",
    (
        "return dx, dweight, dout.sum((0, 2, 3))",
        "return torch.zeros(x.shape) + dx.cpu().float(), torch.zeros(weight.shape) + dweight.cpu().float(), "
        "dout.sum((0, 2, 3))",
    ),
)

slip(
    _WINDOWS,
    "order",
    "The gradients come in the wrong order: they follow the arguments of the forward function.",
    ("return dx, dweight, dout.sum((0, 2, 3))", "return dweight, dx, dout.sum((0, 2, 3))"),
)
