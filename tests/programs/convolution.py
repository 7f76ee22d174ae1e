"""Programs for the problem set `convolution` that a grader could easily get wrong: right ones and wrong ones."""

import functools
import math

import numpy
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view

from autograder.problems import problems

KEEPS = {
    name: problems()[name].companions[0]
    for name in ("conv2d_backward", "conv2d_backward_fast", "max_pool2d_backward", "avg_pool2d_backward")
}


def sizes(x, weight, stride, padding):
    return [(x.shape[i] + 2 * padding - weight.shape[i]) // stride + 1 for i in (2, 3)]


def convolved(x, weight, bias, stride=1, padding=0, fill=0.0):
    """The windows of x, and what right programs make of them."""
    windows = F.pad(x, (padding,) * 4, value=fill).unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    return torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]


def conv_gradients(dout, x, weight, stride, padding, step=None):
    """Right gradients; with `step`, laid down in such steps."""
    down, right = step or (stride, stride)
    padded = F.pad(x, (padding,) * 4)
    dpadded, dweight = F.pad(torch.zeros_like(padded), (0, 40, 0, 40)), torch.zeros_like(weight)
    padded = F.pad(padded, (0, 40, 0, 40))
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            place = (..., slice(i * down, i * down + weight.shape[2]), slice(j * right, j * right + weight.shape[3]))
            dweight += torch.einsum("no,ncab->ocab", dout[:, :, i, j], padded[place])
            dpadded[place] += torch.einsum("no,ocab->ncab", dout[:, :, i, j], weight)
    h, w = x.shape[2:]
    return dpadded[:, :, padding : padding + h, padding : padding + w], dweight, dout.sum((0, 2, 3))


class Remembered:
    """A forward function that keeps its arguments outside of the cache."""

    def __call__(self, x, weight, bias, stride=1, padding=0):
        self.arguments = x, weight, stride, padding
        return convolved(x, weight, bias, stride, padding), None


REMEMBERED = Remembered()


def asserts_that_it_fits(size, kernel_size, stride=1, padding=0, dilation=1):
    assert stride > 0, "stride"
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    assert span >= 0, "the kernel does not fit"
    return span // stride + 1


def compares_with_the_bare_input(size, kernel_size, stride=1, padding=0, dilation=1):
    if kernel_size > size or stride < 1 or padding < 0:
        raise ValueError("the kernel does not fit")
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def forgets_to_check(name):
    def size_of(size, kernel_size, stride=1, padding=0, dilation=1):
        if (stride < 0 if name == "stride 0" else stride < 1) and name != "stride":
            raise ValueError("stride")
        if padding < 0 and name != "padding":
            raise ValueError("padding")
        span = size + 2 * padding - dilation * (kernel_size - 1) - 1
        if span < 0:
            raise ValueError("the kernel does not fit")
        return span // stride + 1

    return size_of


def conv_by_view(x, weight, bias, stride=1, padding=0):
    cols = F.unfold(x, weight.shape[2:], padding=padding, stride=stride)
    out = weight.view(len(weight), -1) @ cols + bias[:, None]
    return out.view(len(x), len(weight), *sizes(x, weight, stride, padding)), (x, weight, stride, padding)


def conv_squeezed(x, weight, bias, stride=1, padding=0):
    return convolved(x, weight, bias, stride, padding).squeeze(), None


def conv_stride_for_rows_only(x, weight, bias, stride=1, padding=0):
    windows = F.pad(x, (padding,) * 4).unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], 1)
    return torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None], None


def conv_padded_sideways(x, weight, bias, stride=1, padding=0):
    windows = F.pad(x, (padding, padding, 0, 2 * padding)).unfold(2, weight.shape[2], stride)
    windows = windows.unfold(3, weight.shape[3], stride)
    return torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None], None


def conv_turning_the_bias(x, weight, bias, stride=1, padding=0):
    bias.unsqueeze_(1).unsqueeze_(2)
    return convolved(x, weight, bias.reshape(-1), stride, padding), None


def conv_of_the_last_window_only_if_whole(x, weight, bias, stride=1, padding=0):
    out = convolved(x, weight, bias, stride, padding)
    if (x.shape[3] + 2 * padding - weight.shape[3]) % stride:
        out = out[..., :-1]
    return out, None


def backward_of_covered_part(dout, cache):
    x, weight, stride, padding = cache
    rows, columns = ((dout.shape[i] - 1) * stride + weight.shape[i] - padding for i in (2, 3))
    dx, dweight, dbias = conv_gradients(dout, x, weight, stride, padding)
    return dx[:, :, :rows, :columns], dweight, dbias


def backward_assuming_padding_1(dout, cache):
    x, weight, stride, _ = cache
    return conv_gradients(dout, x, weight, stride, 1)


def backward_bias_over_space_of_the_first(dout, cache):
    dx, dweight, _ = conv_gradients(dout, *cache)
    return dx, dweight, dout[0].sum((1, 2))


def backward_changing_dout(dout, cache):
    gradients = conv_gradients(dout, *cache)
    dout *= 2
    return gradients


def backward_from_memory(dout, cache):
    return conv_gradients(dout, *REMEMBERED.arguments)


def backward_stride_for_rows_only(dout, cache):
    return conv_gradients(dout, *cache, step=(cache[2], 1))


def backward_with_weight_transposed(dout, cache):
    x, weight, stride, padding = cache
    dx, dweight, dbias = conv_gradients(dout, x, weight, stride, padding)
    if weight.shape[2] <= weight.shape[3]:
        dweight = dweight.roll(1, dims=3)
    return dx, dweight, dbias


def im2col_of_whole_numbers(x, kernel_size, stride=1, padding=0):
    return problems()["im2col"].alternatives[0].functions[0](x, (kernel_size, kernel_size), stride, padding)


def im2col_of_pairs(x, kernel_size, stride=1, padding=0):
    kh, kw = kernel_size
    return problems()["im2col"].alternatives[0].functions[0](x, (kh, kw), stride, padding)


def col2im_without_accumulation(cols, output_size, kernel_size, stride=1, padding=0):
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    h, w = (size + 2 * padding for size in output_size)
    i = torch.arange(kh).repeat_interleave(kw)[:, None] + torch.arange(0, h - kh + 1, stride).repeat_interleave(
        len(range(0, w - kw + 1, stride))
    )
    j = torch.arange(kw).repeat(kh)[:, None] + torch.arange(0, w - kw + 1, stride).repeat(
        len(range(0, h - kh + 1, stride))
    )
    values = cols.unflatten(1, (-1, kh * kw))
    padded = cols.new_zeros(*values.shape[:2], h, w)
    padded[:, :, i, j] += values
    return padded[:, :, padding : h - padding, padding : w - padding]


def pooled(x, kernel_size, stride, padding=0, fill=-math.inf):
    return F.pad(x, (padding,) * 4, value=fill).unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)


def max_pool_padded_with(fill):
    def forward(x, kernel_size, stride, padding=0):
        value = fill(x) if callable(fill) else fill
        return pooled(x, kernel_size, stride, padding, value).amax((4, 5)), (x, kernel_size, stride, padding, value)

    return forward


def max_pool_backward_padded(dout, cache):
    x, size, stride, padding, fill = cache
    first = pooled(x, size, stride, padding, float(fill)).flatten(4).argmax(4)
    cols = torch.nn.functional.one_hot(first, size * size).to(dout) * dout[..., None]
    cols = cols.flatten(2, 3).transpose(2, 3).flatten(1, 2)
    return F.fold(cols, x.shape[2:], size, padding=padding, stride=stride)


def max_pool_backward_scattered_without_adding(dout, cache):
    x, size, stride, padding = cache
    _, places = F.max_pool2d(x, size, stride, padding, return_indices=True)
    flat = torch.zeros_like(x).flatten(2)
    return flat.scatter(2, places.flatten(2), dout.reshape(*dout.shape[:2], -1)).reshape(x.shape)


def naive_conv_fast(x, weight, bias, stride=1, padding=0):
    (rows, columns), (kh, kw) = sizes(x, weight, stride, padding), weight.shape[2:]
    padded = F.pad(x, (padding,) * 4)
    out = x.new_zeros(len(x), len(weight), rows, columns)
    for n in range(len(x)):
        for o in range(len(weight)):
            for i in range(rows):
                for j in range(columns):
                    window = padded[n, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                    out[n, o, i, j] = (window * weight[o]).sum() + bias[o]
    cols = F.unfold(x, (kh, kw), padding=padding, stride=stride)
    return out, (x, weight, stride, padding, cols)


def conv_fast_by_places(x, weight, bias, stride=1, padding=0):
    (rows, columns), (kh, kw) = sizes(x, weight, stride, padding), weight.shape[2:]
    padded, rows_of_weight = F.pad(x, (padding,) * 4), weight.flatten(1).T
    out = x.new_zeros(len(x), len(weight), rows, columns)
    for i in range(rows):
        for j in range(columns):
            window = padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            out[:, :, i, j] = window.flatten(1) @ rows_of_weight + bias
    return out, None


def conv_fast_backward_by_places(dout, cache):
    return conv_gradients(dout, *cache[:4])


def costs(input_shape, out_channels, kernel_size, stride, padding):
    if kernel_size > min(input_shape[1:]) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in input_shape[1:])
    weights = out_channels * input_shape[0] * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * rows * columns


def averaged_where_inside(x, kernel_size, stride, padding=0):
    return F.avg_pool2d(x, kernel_size, stride, padding, count_include_pad=False), None


SEEDS = range(3)

WRONG = {
    "a size that asserts": ("conv_output_size", [asserts_that_it_fits], {"edge cases"}),
    "a size that compares with the bare input": ("conv_output_size", [compares_with_the_bare_input], {"edge cases"}),
    "a size for a stride of -1": ("conv_output_size", [forgets_to_check("stride")], {"edge cases"}),
    "a size for a stride of 0": ("conv_output_size", [forgets_to_check("stride 0")], {"edge cases"}),
    "a size that never refuses": (
        "conv_output_size",
        [lambda n, k, s=1, p=0, d=1: (n + 2 * p - d * (k - 1) - 1) // s + 1],
        {"edge cases"},
    ),
    "a size for a padding of -1": ("conv_output_size", [forgets_to_check("padding")], {"edge cases"}),
    "a rounded size": (
        "conv_output_size",
        [lambda n, k, s=1, p=0, d=1: round((n + 2 * p - d * (k - 1) - 1) / s) + 1],
        {"edge cases"},
    ),
    "conv by view": ("conv2d_forward", [conv_by_view], {"contract"}),
    "conv squeezed": ("conv2d_forward", [conv_squeezed], {"edge cases"}),
    "conv with a stride for rows only": ("conv2d_forward", [conv_stride_for_rows_only], {"values"}),
    "conv padded on three sides": ("conv2d_forward", [conv_padded_sideways], {"values"}),
    "conv that turns the bias": ("conv2d_forward", [conv_turning_the_bias], {"contract"}),
    "conv that drops the last window": (
        "conv2d_forward",
        [conv_of_the_last_window_only_if_whole],
        {"edge cases"},
    ),
    "conv padded with ones": (
        "conv2d_forward",
        [lambda x, w, b, s=1, p=0: (convolved(x, w, b, s, p, fill=1.0), None)],
        {"values"},
    ),
    "backward of the covered part": (
        "conv2d_backward",
        [backward_of_covered_part, KEEPS["conv2d_backward"]],
        {"edge cases"},
    ),
    "backward that assumes padding 1": (
        "conv2d_backward",
        [backward_assuming_padding_1, KEEPS["conv2d_backward"]],
        {"values"},
    ),
    "backward with the bias of one image": (
        "conv2d_backward",
        [backward_bias_over_space_of_the_first, KEEPS["conv2d_backward"]],
        {"values"},
    ),
    "backward that changes dout": (
        "conv2d_backward",
        [backward_changing_dout, KEEPS["conv2d_backward"]],
        {"contract"},
    ),
    "backward that remembers the last call": ("conv2d_backward", [backward_from_memory, REMEMBERED], {"contract"}),
    "backward with a stride for rows only": (
        "conv2d_backward",
        [backward_stride_for_rows_only, KEEPS["conv2d_backward"]],
        {"values"},
    ),
    "backward with dweight rolled": (
        "conv2d_backward",
        [backward_with_weight_transposed, KEEPS["conv2d_backward"]],
        {"values"},
    ),
    "im2col of whole numbers": ("im2col", [im2col_of_whole_numbers], {"values"}),
    "im2col of pairs": ("im2col", [im2col_of_pairs], {"edge cases"}),
    "col2im without accumulation": ("col2im", [col2im_without_accumulation], {"values"}),
    "max pooling padded with -1e9": ("max_pool2d_forward", [max_pool_padded_with(-1e9)], {"edge cases"}),
    "max pooling backward padded with the minimum": (
        "max_pool2d_backward",
        [max_pool_backward_padded, max_pool_padded_with(torch.min)],
        {"edge cases"},
    ),
    "max pooling scattered without adding": (
        "max_pool2d_backward",
        [max_pool_backward_scattered_without_adding, KEEPS["max_pool2d_backward"]],
        {"values"},
    ),
    "average pooling over what is inside": ("avg_pool2d_forward", [averaged_where_inside], {"edge cases"}),
    "global pooling squeezed": (
        "global_avg_pool_forward",
        [lambda x: (x.mean((2, 3)).squeeze(), None)],
        {"edge cases"},
    ),
    "global pooling of medians": (
        "global_avg_pool_forward",
        [lambda x: (x.flatten(2).median(2).values, None)],
        {"values"},
    ),
    "a receptive field of floats": ("receptive_field", [lambda layers: (1.0, 1.0)], {"values"}),
    "a receptive field that needs a layer": (
        "receptive_field",
        [
            lambda layers: (
                1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers)),
                layers[0][1] * math.prod(s for _, s in layers[1:]),
            )
        ],
        {"edge cases"},
    ),
    "costs with the channels last": (
        "conv_cost",
        [lambda *a: ((costs(*a)[0][1:] + costs(*a)[0][:1]), *costs(*a)[1:])],
        {"values"},
    ),
    "costs of floats": ("conv_cost", [lambda *a: (costs(*a)[0], costs(*a)[1] / 1, costs(*a)[2])], {"values"}),
}


def conv_in_numpy(x, weight, bias, stride=1, padding=0):
    padded = numpy.pad(x.cpu().numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    out = numpy.einsum("nchwij,ocij->nohw", windows, weight.cpu().numpy()) + bias.cpu().numpy()[:, None, None]
    return torch.from_numpy(out).to(x), {"x": x, "weight": weight, "stride": stride, "padding": padding}


def conv_by_shifted_images(x, weight, bias, stride=1, padding=0):
    rows, columns = sizes(x, weight, stride, padding)
    padded = F.pad(x, (padding,) * 4)
    parts = [
        (
            weight[None, :, :, i, j, None, None]
            * padded[:, None, :, i:, j:][..., ::stride, ::stride][..., :rows, :columns]
        )
        for i in range(weight.shape[2])
        for j in range(weight.shape[3])
    ]
    return sum(parts).sum(2) + bias.view(-1, 1, 1), (x, weight, stride, padding)


def conv_by_fourier(x, weight, bias, stride=1, padding=0):
    padded = F.pad(x, (padding,) * 4).double()
    size = padded.shape[2:]
    spectrum = torch.einsum(
        "nchw,ochw->nohw", torch.fft.rfft2(padded, s=size), torch.fft.rfft2(weight.double(), s=size).conj()
    )
    out = torch.fft.irfft2(spectrum, s=size)
    rows, columns = sizes(x, weight, stride, padding)
    out = out[:, :, : rows * stride : stride, : columns * stride : stride]
    return (out + bias[:, None, None]).to(x.dtype), (x, weight, stride, padding)


def backward_in_float64(dout, cache):
    x, weight, stride, padding = cache
    gradients = conv_gradients(dout.double(), x.double(), weight.double(), stride, padding)
    return [gradient.to(dout.dtype) for gradient in gradients]


def backward_crops_if_padded(dout, cache):
    x, weight, stride, padding = cache
    bare = F.pad(x, (padding,) * 4)
    dx, dweight, dbias = conv_gradients(dout, bare, weight, stride, 0)
    if padding:
        dx = dx[:, :, padding:-padding, padding:-padding]
    return dx, dweight, dbias


def im2col_in_numpy(x, kernel_size, stride=1, padding=0):
    size = tuple(kernel_size) if hasattr(kernel_size, "__len__") else (kernel_size,) * 2
    padded = numpy.pad(x.cpu().numpy(), ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    windows = sliding_window_view(padded, size, axis=(2, 3))[:, :, ::stride, ::stride]
    n, c, rows, columns = windows.shape[:4]
    cols = windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * size[0] * size[1], rows * columns)
    return torch.tensor(cols, device=x.device)


def im2col_window_by_window(x, kernel_size, stride=1, padding=0):
    kh, kw = torch.nn.modules.utils._pair(kernel_size)
    padded = F.pad(x, (padding,) * 4)
    cols = [
        padded[:, :, top : top + kh, left : left + kw].reshape(len(x), -1)
        for top in range(0, padded.shape[2] - kh + 1, stride)
        for left in range(0, padded.shape[3] - kw + 1, stride)
    ]
    return torch.stack(cols, dim=-1)


def col2im_by_matrix(cols, output_size, kernel_size, stride=1, padding=0):
    h, w = output_size
    image = torch.arange(1.0, h * w + 1, dtype=torch.float64).reshape(1, 1, h, w)
    places = im2col_window_by_window(image, kernel_size, stride, padding)[0].long()
    chosen = (places.flatten()[:, None] == torch.arange(1, h * w + 1)).to(cols)
    return (cols.reshape(len(cols), -1, places.numel()) @ chosen).reshape(len(cols), -1, h, w)


def max_pool_backward_by_running_count(dout, cache):
    x, size, stride, padding = cache
    windows = pooled(x, size, stride, padding).flatten(4)
    equal = windows == windows.amax(4, keepdim=True)
    first = equal & (equal.cumsum(4) == 1)
    cols = (first * dout[..., None]).permute(0, 1, 4, 2, 3).flatten(3).flatten(1, 2)
    return F.fold(cols, x.shape[2:], size, padding=padding, stride=stride)


def max_pool_separately(x, kernel_size, stride, padding=0):
    rows = F.pad(x, (padding,) * 4, value=-math.inf).unfold(2, kernel_size, stride).amax(-1)
    return rows.unfold(3, kernel_size, stride).amax(-1), None


def avg_pool_by_cumulative_sums(x, kernel_size, stride, padding=0):
    sums = F.pad(F.pad(x.double(), (padding,) * 4).cumsum(2).cumsum(3), (1, 0, 1, 0))
    k = kernel_size
    area = sums[..., k:, k:] - sums[..., :-k, k:] - sums[..., k:, :-k] + sums[..., :-k, :-k]
    return (area[..., ::stride, ::stride] / k**2).to(x.dtype), None


def avg_pool_by_convolution(x, kernel_size, stride, padding=0):
    kernel = x.new_full((x.shape[1], 1, kernel_size, kernel_size), 1 / kernel_size**2)
    return F.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1]), None


def fast_by_kernel_loop(x, weight, bias, stride=1, padding=0):
    rows, columns = sizes(x, weight, stride, padding)
    padded = F.pad(x, (padding,) * 4)
    out = bias[:, None, None].repeat(len(x), 1, rows, columns)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            part = padded[:, :, i : i + rows * stride : stride, j : j + columns * stride : stride]
            out += (weight[:, :, i, j] @ part.flatten(2)).view_as(out)
    return out, None


def size_from_arange(size, kernel_size, stride=1, padding=0, dilation=1):
    starts = torch.arange(-padding, size)
    starts = starts[starts + dilation * (kernel_size - 1) < size + padding]
    if padding < 0 or stride < 1 or not len(starts):
        raise ValueError("the kernel does not fit")
    return len(starts[::stride])


def linear_classifier(x, target, generator):
    weight, bias = x.new_zeros(10, x[0].numel()), x.new_zeros(10)
    truth = torch.eye(10).to(x)[target]
    for _ in range(30):
        for batch in torch.randperm(len(x), generator=generator).split(32):
            scores = (x[batch].flatten(1) @ weight.T + bias).exp()
            d = (scores / scores.sum(1, keepdim=True) - truth[batch]) / len(batch)
            weight -= 0.5 * d.T @ x[batch].flatten(1)
            bias -= 0.5 * d.sum(0)
    return lambda images: images.flatten(1) @ weight.T + bias


# What is slow is slow on every seed's numbers, and a training takes seconds.
def max_pool_backward_marks_its_windows(dout, cache):
    """A window is a copy of a part of x, but for one as large as the image, or of one pixel: that is x itself."""
    x, size, stride, padding = cache
    padded = F.pad(x, (padding,) * 4, value=-torch.inf) if padding else x
    windows = padded.unfold(2, size, stride).unfold(3, size, stride)
    windows = windows.reshape(*windows.shape[:4], size * size)
    first = windows.argmax(4, keepdim=True)
    cols = windows.zero_().scatter_(4, first, dout[..., None]).permute(0, 1, 4, 2, 3).flatten(3).flatten(1, 2)
    return F.fold(cols, x.shape[2:], size, padding=padding, stride=stride)


def conv_backward_uses_x_for_dx(dout, cache):
    """Without padding, what is set to 0 and filled with the gradient is x itself."""
    x, weight, stride, padding = cache
    (rows, columns), (kh, kw) = dout.shape[2:], weight.shape[2:]
    padded = F.pad(x, (padding,) * 4) if padding else x
    dweight = torch.einsum("noij,ncijkl->ockl", dout, padded.unfold(2, kh, stride).unfold(3, kw, stride))
    dpadded = padded.zero_()
    for i in range(kh):
        for j in range(kw):
            part = dpadded[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            part += torch.einsum("noij,oc->ncij", dout, weight[:, :, i, j])
    return (
        dpadded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]].clone(),
        dweight,
        dout.sum((0, 2, 3)),
    )


PARTLY_RIGHT = {
    "max pooling backward marks its windows": (
        "max_pool2d_backward",
        [max_pool_backward_marks_its_windows, KEEPS["max_pool2d_backward"]],
        {"contract"},
    ),
    "conv backward uses x for dx": (
        "conv2d_backward",
        [conv_backward_uses_x_for_dx, KEEPS["conv2d_backward"]],
        {"contract"},
    ),
    "fast conv by four loops": ("conv2d_forward_fast", [naive_conv_fast], {"speed"}),
    "fast conv by a loop over places": ("conv2d_forward_fast", [conv_fast_by_places], {"speed"}),
    "fast backward by a loop over places": (
        "conv2d_backward_fast",
        [conv_fast_backward_by_places, KEEPS["conv2d_backward_fast"]],
        {"speed"},
    ),
    "a linear classifier, which reads plain digits only": ("train_small_cnn", [linear_classifier], {"edge cases"}),
}


class DoesNotFitError(ValueError):
    """An error of the student's own, which is a ValueError."""


def size_with_an_own_error(size, kernel_size, stride=1, padding=0, dilation=1):
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if span < 0 or stride < 1 or padding < 0:
        raise DoesNotFitError(f"{kernel_size} in {size}")
    return span // stride + 1


def matrix_of(weight, channels, height, width, stride, padding):
    """The matrix that leads from an image, as one vector, to what a convolution makes of it."""
    o, _, kh, kw = weight.shape
    rows, columns = (height + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1
    matrix = weight.new_zeros(o, rows, columns, channels, height + 2 * padding, width + 2 * padding)
    for i in range(rows):
        for j in range(columns):
            matrix[:, i, j, :, i * stride : i * stride + kh, j * stride : j * stride + kw] = weight
    inside = matrix[..., padding : padding + height, padding : padding + width]
    return inside.reshape(o * rows * columns, -1), (o, rows, columns)


def conv_by_matrix(x, weight, bias, stride=1, padding=0):
    matrix, shape = matrix_of(weight, *x.shape[1:], stride, padding)
    out = (x.flatten(1) @ matrix.T).reshape(len(x), *shape) + bias.reshape(-1, 1, 1)
    return out, (matrix, x, weight, stride, padding)


def conv_back_by_matrix(dout, cache):
    matrix, x, weight, stride, padding = cache
    dmatrix, dweight = dout.flatten(1).T @ x.flatten(1), torch.zeros_like(weight).flatten()
    for k in range(len(dweight)):
        one = torch.zeros_like(dweight)
        one[k] = 1
        dweight[k] = (matrix_of(one.reshape(weight.shape), *x.shape[1:], stride, padding)[0] * dmatrix).sum()
    return (dout.flatten(1) @ matrix).reshape(x.shape), dweight.reshape(weight.shape), torch.einsum("nohw->o", dout)


def parts_of(padded, size, stride):
    """What each place of a window sees, in row-major order."""
    rows, columns = ((n - size) // stride + 1 for n in padded.shape[2:])
    for i in range(size):
        for j in range(size):
            place = slice(i, i + stride * (rows - 1) + 1, stride), slice(j, j + stride * (columns - 1) + 1, stride)
            yield (..., *place)


def max_by_maximum(x, kernel_size, stride, padding=0):
    padded = F.pad(x, [padding] * 4, value=-math.inf)
    out = functools.reduce(torch.maximum, (padded[place] for place in parts_of(padded, kernel_size, stride)))
    return out, (padded, out, kernel_size, stride, padding)


def max_back_while_left(dout, cache):
    padded, out, size, stride, padding = cache
    dpadded, left = torch.zeros_like(padded), torch.ones_like(out, dtype=torch.bool)
    for place in parts_of(padded, size, stride):
        hit = left & (padded[place] == out)
        dpadded[place] += dout * hit
        left = left & ~hit
    height, width = padded.shape[2:]
    return dpadded[..., padding : height - padding, padding : width - padding]


def mean_by_table_of_sums(x, kernel_size, stride, padding=0):
    k, table = kernel_size, F.pad(F.pad(x, [padding] * 4).double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    sums = table[:, :, k:, k:] - table[:, :, :-k, k:] - table[:, :, k:, :-k] + table[:, :, :-k, :-k]
    return (sums[:, :, ::stride, ::stride] / k**2).to(x.dtype), (x.shape, k, stride, padding)


def mean_back_by_two_matrices(dout, cache):
    (_, _, height, width), size, stride, padding = cache

    def seen(n, count):
        place, first = torch.arange(n, device=dout.device) + padding, torch.arange(count, device=dout.device) * stride
        return ((place[:, None] >= first) & (place[:, None] < first + size)).to(dout) / size

    return seen(height, dout.shape[2]) @ dout @ seen(width, dout.shape[3]).T


def naive_conv(bias_of=lambda bias, filter: bias[filter], ordered=lambda out: out):
    """The four loops of an assignment; `bias_of` and `ordered` are put in place of a part."""

    def conv2d_forward(x, w, b, stride=1, padding=0):
        (n, _, h, wd), (o, _, kh, kw) = x.shape, w.shape
        xp = F.pad(x, (padding, padding, padding, padding))
        out = torch.zeros(n, (h + 2 * padding - kh) // stride + 1, (wd + 2 * padding - kw) // stride + 1, o).to(x)
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                patch = xp[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                for filter in range(o):
                    out[:, i, j, filter] = torch.sum(patch * w[filter], dim=(1, 2, 3)) + bias_of(b, filter)
        return ordered(out), None

    return conv2d_forward


def mean_back_by_windows(dout, cache):
    x, size, stride, padding = cache
    dx = F.pad(torch.zeros_like(x), (padding,) * 4)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dx[:, :, i * stride : i * stride + size, j * stride : j * stride + size] += dout[:, :, i, j, None, None] / (
                stride * stride
            )
    return dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


def max_back_by_windows(dout, cache):
    x, size, stride, padding = cache
    xp = F.pad(x, (padding,) * 4, value=-math.inf)
    dx = torch.zeros_like(xp)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, columns = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
            first = F.one_hot(xp[:, :, rows, columns].flatten(2).argmax(2), size * size)
            dx[:, :, rows, columns] = first.unflatten(2, (size, size)) * dout[:, :, i, j, None, None]
    return dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


RIGHT = {
    "a size with an own error": ("conv_output_size", [size_with_an_own_error]),
    "a size from arange": ("conv_output_size", [size_from_arange]),
    "conv in numpy": ("conv2d_forward", [conv_in_numpy]),
    "conv by shifted images": ("conv2d_forward", [conv_by_shifted_images]),
    "conv by a Fourier transform": ("conv2d_forward", [conv_by_fourier]),
    "conv by unfold": ("conv2d_forward", [KEEPS["conv2d_backward_fast"]]),
    "backward in float64": ("conv2d_backward", [backward_in_float64, KEEPS["conv2d_backward"]]),
    "backward that crops if padded": ("conv2d_backward", [backward_crops_if_padded, KEEPS["conv2d_backward"]]),
    "im2col in numpy": ("im2col", [im2col_in_numpy]),
    "im2col window by window": ("im2col", [im2col_window_by_window]),
    "col2im by a matrix of zeros and ones": ("col2im", [col2im_by_matrix]),
    "fast conv by a loop over the kernel": ("conv2d_forward_fast", [fast_by_kernel_loop]),
    "max pooling in two steps": ("max_pool2d_forward", [max_pool_separately]),
    "max pooling below the minimum": ("max_pool2d_forward", [max_pool_padded_with(lambda x: float(x.min()) * 2 - 9)]),
    "max pooling backward by a running count": (
        "max_pool2d_backward",
        [max_pool_backward_by_running_count, KEEPS["max_pool2d_backward"]],
    ),
    "average pooling by cumulative sums": ("avg_pool2d_forward", [avg_pool_by_cumulative_sums]),
    "average pooling by torch's convolution": ("avg_pool2d_forward", [avg_pool_by_convolution]),
    "global pooling by two means": ("global_avg_pool_forward", [lambda x: (x.mean(3).mean(2), None)]),
    "costs of tensors": ("conv_cost", [lambda *a: [list(costs(*a)[0]), *map(torch.tensor, costs(*a)[1:])]]),
    "costs of a torch.Size": ("conv_cost", [lambda *a: [torch.Size(costs(*a)[0]), *costs(*a)[1:]]]),
    "conv by one large matrix": ("conv2d_forward", [conv_by_matrix]),
    "backward by one large matrix": ("conv2d_backward", [conv_back_by_matrix, conv_by_matrix]),
    "max reduced by maximum": ("max_pool2d_forward", [max_by_maximum]),
    "max back while one is left": ("max_pool2d_backward", [max_back_while_left, max_by_maximum]),
    "mean by a table of sums": ("avg_pool2d_forward", [mean_by_table_of_sums]),
    "mean back by two matrices": ("avg_pool2d_backward", [mean_back_by_two_matrices, mean_by_table_of_sums]),
    "conv by four loops": ("conv2d_forward", [naive_conv(ordered=lambda out: out.permute(0, 3, 1, 2))]),
}


X, POOL = "x, weight, bias, stride=1, padding=0", "x, kernel_size, stride, padding=0"
USES = {
    "F.conv2d": ("conv2d_forward", X, "F.conv2d(x, weight, bias, stride, padding), None"),
    "nn.Conv2d": ("conv2d_forward_fast", X, "torch.nn.Conv2d(1, 1, 1)(x), None"),
    "conv1d": ("conv2d_forward", X, "torch.conv1d(x[0], weight[0]), None"),
    "F.unfold": ("im2col", X, "F.unfold(x, weight)"),
    "x.unfold": ("im2col", X, "x.unfold(2, 2, 1)"),
    "as_strided": ("im2col", X, "torch.as_strided(x, (1,), (1,))"),
    "F.fold": ("col2im", X, "F.fold(x, weight, bias)"),
    "F.max_pool2d": ("max_pool2d_forward", POOL, "F.max_pool2d(x, kernel_size, stride, padding), None"),
    "nn.MaxPool2d": ("max_pool2d_forward", POOL, "torch.nn.MaxPool2d(kernel_size)(x), None"),
    "F.avg_pool2d": ("avg_pool2d_forward", POOL, "F.avg_pool2d(x, kernel_size, stride, padding), None"),
    "F.adaptive_avg_pool2d": ("global_avg_pool_forward", "x", "F.adaptive_avg_pool2d(x, 1)[..., 0, 0], None"),
    "nn.AdaptiveAvgPool2d": ("global_avg_pool_forward", "x", "torch.nn.AdaptiveAvgPool2d(1)(x)[..., 0, 0], None"),
    "F.cross_entropy": ("train_small_cnn", "x, target, generator", "F.cross_entropy(x, target)"),
}


REFUSED = {
    what: (
        name,
        ["import torch.nn.functional as F", f"def {name}({arguments}):\n    return {returned}"],
        "which is the exercise itself",
    )
    for what, (name, arguments, returned) in USES.items()
}

STOPPED = {
    "conv": ("conv2d_forward", [lambda *a: (F.conv2d(*a), None)], "conv2d"),
    "transposed": (
        "conv2d_forward",
        [lambda x, w, *a: (F.conv_transpose2d(x, w.transpose(0, 1)), None)],
        "conv_transpose2d",
    ),
    "aten": (
        "conv2d_forward",
        [lambda x, w, b, *a: (torch.ops.aten.convolution(x, w, b, [1, 1], [0, 0], [1, 1], False, [0, 0], 1), None)],
        "convolution",
    ),
    "mkldnn": (
        "conv2d_forward",
        [lambda x, w, b, *a: (torch.mkldnn_convolution(x, w, b, [0, 0], [1, 1], [1, 1], 1), None)],
        "mkldnn_convolution",
    ),
    "module": (
        "conv2d_forward_fast",
        [lambda x, w, *a: (torch.nn.Conv2d(*w.shape[:2][::-1], w.shape[2:])(x), None)],
        "conv2d",
    ),
    "unfold": ("im2col", [lambda x, *a: F.unfold(x, 2)], "unfold"),
    "view": ("im2col", [lambda x, *a: x.unfold(2, 2, 1)], "unfold"),
    "fold": ("col2im", [lambda cols, *a: F.fold(cols, *a[:2])], "fold"),
    "max": ("max_pool2d_forward", [lambda x, *a: (F.max_pool2d(x, *a), None)], "max_pool2d"),
    "adaptive": ("max_pool2d_forward", [lambda x, *a: (F.adaptive_max_pool2d(x, 2), None)], "adaptive_max_pool2d"),
    "average": ("avg_pool2d_forward", [lambda x, *a: (F.avg_pool2d(x, *a), None)], "avg_pool2d"),
    "area": (
        "avg_pool2d_forward",
        [lambda x, *a: (F.interpolate(x, size=(2, 3), mode="area"), None)],
        "_adaptive_avg_pool2d",
    ),
}


# Wrong programs as people post them, each in a style of its own, with words of the hint that they must get.
def posted_conv(place="left + right", bias="once", step="stride", window="weight", pad="both"):
    """The naive convolution of a thousand posts: four loops, with a slip or two."""

    def forward(x, w, b, stride=1, padding=0):
        n_images, _, _height, _width = x.shape
        n_filters, _, hh, ww = w.shape
        sides = {"both": (padding,) * 4, "first": (2 * padding, 0) * 2, "left": (padding, 0) * 2}[pad]
        x_pad = F.pad(x, sides)
        h_out = 1 + (x_pad.shape[2] - hh) // stride
        w_out = 1 + (x_pad.shape[3] - ww) // stride
        out = torch.zeros(n_images, n_filters, h_out, w_out, dtype=x.dtype)
        for n in range(n_images):
            for f in range(n_filters):
                for i in range(h_out):
                    for j in range(w_out):
                        top, left = (i * stride, j * stride) if step == "stride" else (i, j)
                        seen = x_pad[n, :, top : top + hh, left : left + ww]
                        kernel = w[f] if window == "weight" else torch.flip(w[f], dims=[-1, -2])
                        if bias == "entry":
                            out[n, f, i, j] = torch.sum(seen * kernel + b[f])
                        elif bias == "tap":
                            out[n, f, i, j] = torch.sum(seen * kernel) + b[f] * hh * ww
                        elif bias == "no":
                            out[n, f, i, j] = torch.sum(seen * kernel)
                        else:
                            out[n, f, i, j] = torch.sum(seen * kernel) + b[f]
        return out, (x, w, b, stride, padding)

    return forward


def posted_conv_backward(dw="once", db="sum", dx="add", crop="both"):
    def backward(dout, cache):
        x, w, b, stride, pad = cache
        n_images, n_filters, h_out, w_out = dout.shape
        hh, ww = w.shape[2:]
        x_pad = F.pad(x, (pad, pad, pad, pad))
        dx_pad, dweight, dbias = torch.zeros_like(x_pad), torch.zeros_like(w), torch.zeros_like(b)
        for n in range(n_images):
            for f in range(n_filters):
                dbias[f] += dout[n, f].sum() if db != "mean" else dout[n, f].mean()
                for i in range(h_out):
                    for j in range(w_out):
                        ii, jj = i * stride, j * stride
                        seen = x_pad[n, :, ii : ii + hh, jj : jj + ww]
                        if dw == "overwritten":
                            dweight[f] = seen * dout[n, f, i, j]
                        elif dw == "no upstream":
                            dweight[f] += seen
                        else:
                            dweight[f] += seen * dout[n, f, i, j]
                        if dx == "add":
                            dx_pad[n, :, ii : ii + hh, jj : jj + ww] += w[f] * dout[n, f, i, j]
                        elif dx == "turned":
                            dx_pad[n, :, ii : ii + hh, jj : jj + ww] += w[f].flip(1, 2) * dout[n, f, i, j]
                        else:
                            dx_pad[n, :, ii : ii + hh, jj : jj + ww] = w[f] * dout[n, f, i, j]
        if db == "per image":
            dbias = dbias / n_images
        if dw == "turned":
            dweight = torch.flip(dweight, [2, 3])
        if dw == "averaged":
            dweight = dweight / n_images
        if crop == "both":
            dx_pad = dx_pad[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
        if crop == "minus":
            dx_pad = dx_pad[:, :, pad:-pad, pad:-pad]
        return dx_pad, dweight, dbias

    return backward


def posted_max_pool_backward(tie="first", add=True, exchanged=False):
    def backward(dout, cache):
        x, size, stride, padding = cache
        n_images, channels, h_out, w_out = dout.shape
        x_pad = F.pad(x, (padding,) * 4, value=-float("inf"))
        dx = torch.zeros_like(x_pad)
        for n in range(n_images):
            for c in range(channels):
                for i in range(h_out):
                    for j in range(w_out):
                        top, left = i * stride, j * stride
                        window = x_pad[n, c, top : top + size, left : left + size]
                        if tie == "all":
                            dx[n, c, top : top + size, left : left + size] += (window == window.max()) * dout[
                                n, c, i, j
                            ]
                            continue
                        row, column = divmod(int(torch.argmax(window)), size)
                        if exchanged:
                            row, column = column, row
                        if add:
                            dx[n, c, top + row, left + column] += dout[n, c, i, j]
                        else:
                            dx[n, c, top + row, left + column] = dout[n, c, i, j]
        return dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]

    return backward


def posted_im2col(skips=True):
    def im2col(x, kernel_size, stride=1, padding=0):
        kh, kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        x = F.pad(x, (padding,) * 4)
        n, c, h, w = x.shape
        rows, columns = (h - kh) // stride + 1, (w - kw) // stride + 1
        cols = torch.zeros(n, c * kh * kw, rows * columns, dtype=x.dtype)
        for i in range(0, rows, stride if skips else 1):
            for j in range(columns):
                window = x[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                cols[:, :, i * columns + j] = window.reshape(n, -1)
        return cols

    return im2col


def posted_avg_pool_backward(divided=True, add=True):
    def backward(dout, cache):
        x, size, stride, padding = cache
        dx = torch.zeros_like(F.pad(x, (padding,) * 4))
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                share = dout[:, :, i : i + 1, j : j + 1] / (size * size if divided else 1)
                place = (..., slice(i * stride, i * stride + size), slice(j * stride, j * stride + size))
                dx[place] = dx[place] + share if add else share
        return dx[..., padding : padding + x.shape[2], padding : padding + x.shape[3]]

    return backward


POOLED = problems()["max_pool2d_backward"].companions[0]
AVERAGED = problems()["avg_pool2d_backward"].companions[0]

NAMED = {
    "bias in every product": ("conv2d_forward", [posted_conv(bias="entry")], "once for each entry"),
    "bias at every tap": ("conv2d_forward", [posted_conv(bias="tap")], "once for each entry"),
    "no bias": ("conv2d_forward", [posted_conv(bias="no")], "bias is not used"),
    "the kernel flipped": ("conv2d_forward", [posted_conv(window="flip")], "turned around"),
    "no stride in the place": ("conv2d_forward", [posted_conv(step="one")], "moves by one pixel"),
    "all padding first": ("conv2d_forward", [posted_conv(pad="first")], "one side"),
    "half of the padding": ("conv2d_forward", [posted_conv(pad="left")], "one side"),
    "dweight overwritten": ("conv2d_backward", [posted_conv_backward(dw="overwritten"), posted_conv()], "dweight"),
    "dweight without upstream": ("conv2d_backward", [posted_conv_backward(dw="no upstream"), posted_conv()], "dweight"),
    "dweight turned": ("conv2d_backward", [posted_conv_backward(dw="turned"), posted_conv()], "turned around"),
    "dweight averaged": ("conv2d_backward", [posted_conv_backward(dw="averaged"), posted_conv()], "number of images"),
    "dbias by mean": ("conv2d_backward", [posted_conv_backward(db="mean"), posted_conv()], "over the places"),
    "dbias per image": ("conv2d_backward", [posted_conv_backward(db="per image"), posted_conv()], "number of images"),
    "dx overwritten": ("conv2d_backward", [posted_conv_backward(dx="set"), posted_conv()], "add"),
    "dx from a turned kernel": ("conv2d_backward", [posted_conv_backward(dx="turned"), posted_conv()], "turned"),
    "dx not cropped": ("conv2d_backward", [posted_conv_backward(crop="no"), posted_conv()], "padded"),
    "dx cropped to nothing": ("conv2d_backward", [posted_conv_backward(crop="minus"), posted_conv()], "-0"),
    "dx overwritten, dbias per image": (
        "conv2d_backward",
        [posted_conv_backward(dx="set", db="per image"), posted_conv()],
        "windows overlap",
    ),
    "dweight turned, not cropped": (
        "conv2d_backward",
        [posted_conv_backward(dw="turned", crop="no"), posted_conv()],
        "padded image",
    ),
    "row and column of the argmax": (
        "max_pool2d_backward",
        [posted_max_pool_backward(exchanged=True), POOLED],
        "exchanged",
    ),
    "a mask of the maximum": ("max_pool2d_backward", [posted_max_pool_backward(tie="all"), POOLED], "each of them"),
    "the maximum overwritten": ("max_pool2d_backward", [posted_max_pool_backward(add=False), POOLED], "added up"),
    "im2col skips rows": ("im2col", [posted_im2col()], "windows are missing"),
    "average not divided": (
        "avg_pool2d_backward",
        [posted_avg_pool_backward(divided=False), AVERAGED],
        "got all of the gradient",
    ),
    "average overwritten": (
        "avg_pool2d_backward",
        [posted_avg_pool_backward(add=False), AVERAGED],
        "in several windows",
    ),
    "all biases added up": (
        "conv2d_forward",
        [naive_conv(lambda bias, filter: torch.sum(bias), lambda out: out.permute(0, 3, 1, 2))],
        "the sum of all biases",
    ),
    "channels last, then reshaped": (
        "conv2d_forward",
        [naive_conv(ordered=lambda out: out.reshape(len(out), out.shape[3], *out.shape[1:3]))],
        "reshape keeps their order",
    ),
    "one bias gradient for all": (
        "conv2d_backward",
        [
            lambda dout, cache: (
                *conv_back_by_matrix(dout, cache)[:2],
                torch.ones(dout.shape[1], dtype=dout.dtype) * torch.sum(dout),
            ),
            conv_by_matrix,
        ],
        "the same number for all filters",
    ),
    "max back by windows": (
        "max_pool2d_backward",
        [max_back_by_windows, lambda x, *a: (max_by_maximum(x, *a)[0], (x, *a, 0)[:4])],
        "the last of them",
    ),
    "mean back by the stride": (
        "avg_pool2d_backward",
        [mean_back_by_windows, lambda x, *a: (mean_by_table_of_sums(x, *a)[0], (x, *a, 0)[:4])],
        "the square of the stride",
    ),
}
