"""`conv2d_forward_fast` and `conv2d_backward_fast`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.kinds import backward, forward
from autograder.measures.convolution import torch_conv2d, torch_conv2d_gradients
from autograder.problem import Problem
from autograder.problems.convolution.cases import convolutions
from autograder.problems.forbidden import CONVOLUTION, CONVOLUTION_BACKWARD
from autograder.programs import follows, slip

PROBLEMS = (
    Problem(
        name="conv2d_forward_fast",
        call=forward,
        returns=("out",),
        cases=convolutions(gradient=False, timed=True),
        expected=torch_conv2d,
        points={"values": 2, "edge cases": 1, "contract": 1, "speed": 3},
        forbidden=CONVOLUTION,
        speed=50,
        modules=(__name__,),
    ),
    Problem(
        name="conv2d_backward_fast",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=convolutions(gradient=True, timed=True),
        expected=torch_conv2d_gradients,
        points={"values": 3, "edge cases": 1, "contract": 1, "speed": 4},
        shares={"dx": 1, "dweight": 1.5, "dbias": 0.5},
        forbidden=CONVOLUTION_BACKWARD,
        speed=50,
        modules=(__name__,),
    ),
)


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


def conv2d_forward_fast__keeps_views(x, weight, bias, stride=1, padding=0):
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]
    return out, {"windows": windows, "weight": weight, "x": x, "stride": stride, "padding": padding}


slip(
    conv2d_forward_fast__by_columns,
    "axes_not_moved",
    "The shape is right, the numbers are mixed up: reshape reads the axes in the order in which they stand.",
    (
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
        "out = (cols.transpose(1, 2) @ weight.reshape(o, -1).T + bias).reshape(-1, o, rows, columns)",
    ),
)

slip(
    conv2d_forward_fast__by_columns,
    "width_before_height",
    "Rows and columns of the output are exchanged.",
    (
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, columns, rows)",
    ),
)

slip(
    conv2d_forward_fast__by_columns,
    "weight_in_another_order",
    "The weights of a filter stand in another order than the pixels of a column.",
    (
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
        "out = (weight.permute(0, 2, 3, 1).reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
    ),
)

slip(
    conv2d_forward_fast__by_columns,
    "flipped",
    "The kernel is turned around: that is convolution as mathematics has it; layers slide the kernel as it is.",
    (
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
        "out = (weight.flip(2, 3).reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
    ),
)

slip(
    conv2d_forward_fast__by_columns,
    "no_bias",
    "The bias is not used.",
    (
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)",
        "out = (weight.reshape(o, -1) @ cols).reshape(-1, o, rows, columns)",
    ),
)

slip(
    conv2d_forward_fast__by_columns,
    "stride_ignored",
    "The argument stride is not used.",
    (
        "rows, columns = (x.shape[2] + 2 * padding - kh) // stride + 1, (x.shape[3] + 2 * padding - kw) // stride + 1\n"
        "    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding, stride=stride)",
        "rows, columns = x.shape[2] + 2 * padding - kh + 1, x.shape[3] + 2 * padding - kw + 1\n"
        "    cols = torch.nn.functional.unfold(x, (kh, kw), padding=padding)",
    ),
)

slip(
    conv2d_forward_fast__by_columns,
    "first_image_only",
    "Every image of the batch has the output of the first.",
    (
        "out = (weight.reshape(o, -1) @ cols + bias[:, None]).reshape(-1, o, rows, columns)\n"
        "    return out, (x, weight, stride, padding, cols)",
        "out = (weight.reshape(o, -1) @ cols[0] + bias[:, None]).reshape(o, rows, columns)\n"
        "    return out.expand(len(x), -1, -1, -1), (x, weight, stride, padding, cols)",
    ),
)


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


@follows(conv2d_forward_fast__keeps_views)
def conv2d_backward_fast__from_views(dout, cache):
    weight, x = cache["weight"], cache["x"]
    dweight = torch.einsum("nohw,nchwij->ocij", dout, cache["windows"])
    dcols = torch.einsum("nohw,ocij->ncijhw", dout, weight).flatten(4).flatten(1, 3)
    how = {"padding": cache["padding"], "stride": cache["stride"]}
    return torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], **how), dweight, dout.sum((0, 2, 3))


slip(
    conv2d_backward_fast__by_columns,
    "without_upstream",
    "dout has no influence: these are the gradients for a dout of ones.",
    (
        "d = dout.flatten(2)",
        "d = torch.ones_like(dout).flatten(2)",
    ),
)


def conv2d_backward_fast__images_and_filters_mixed(dout, cache):
    """dweight mixes up images and filters: reshape reads the axes of dout in the order in which they stand."""
    x, weight, stride, padding, cols = cache
    d = dout.reshape(len(weight), -1)
    dweight = (d @ cols.transpose(1, 2).flatten(0, 1)).reshape(weight.shape)
    dcols = weight.flatten(1).T @ dout.flatten(2)
    dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)
    return dx, dweight, dout.sum((0, 2, 3))


slip(
    conv2d_backward_fast__by_columns,
    "weight_in_another_order",
    "The entries of dweight stand in another order than those of weight: compare with the rows of the columns.",
    (
        'd = dout.flatten(2)\n    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)',
        "(o, c, kh, kw), d = weight.shape, dout.flatten(2)\n"
        '    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(o, kh, kw, c).permute(0, 3, 1, 2)',
    ),
)

slip(
    conv2d_backward_fast__by_columns,
    "weight_averaged",
    "dweight is divided by the number of images; the chain rule adds up.",
    (
        'dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)',
        'dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape) / len(x)',
    ),
)

slip(
    conv2d_backward_fast__by_columns,
    "last_image_only",
    "dweight is that of the last image; every image of the batch has a part in it.",
    (
        'dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)',
        "dweight = (d[-1] @ cols[-1].T).reshape(weight.shape)",
    ),
)

slip(
    conv2d_backward_fast__by_columns,
    "bias_not_over_space",
    "dbias has one number for each place: one bias serves every place of its channel, so their gradients add up.",
    (
        "return dx, dweight, d.sum((0, 2))",
        "return dx, dweight, dout.sum(0)",
    ),
)

slip(
    conv2d_backward_fast__by_columns,
    "padding_not_cropped",
    "dx has the shape of the padded image, not that of x.",
    (
        "dx = torch.nn.functional.fold(dcols, x.shape[2:], weight.shape[2:], padding=padding, stride=stride)\n"
        "    return dx, dweight, d.sum((0, 2))",
        "size = (x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)\n"
        "    return torch.nn.functional.fold(dcols, size, weight.shape[2:], stride=stride), dweight, d.sum((0, 2))",
    ),
)


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
