"""Programs for the problem set `segmentation` that a grader could easily get wrong: right ones and wrong ones."""

import statistics
from fractions import Fraction

import numpy
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal.windows import triang
from torch import nn

from autograder.problems import problems

SEEDS = (0, 1)

KEEPS = problems()["conv_transpose2d_backward"].companions[0]


def confusion_by_histogram(prediction, target, classes):
    edges = numpy.arange(classes + 1)
    # The last bin of numpy's holds its right edge, too: that is a label of none of the classes.
    t, p = target.cpu().numpy().ravel(), prediction.cpu().numpy().ravel()
    counts = numpy.histogram2d(t[t < classes], p[t < classes], bins=(edges, edges))[0]
    return torch.tensor(counts, device=target.device).long()


def fast_hist(prediction, target, classes):
    """As in the code of the paper."""
    a, b = target.cpu().numpy().flatten(), prediction.cpu().numpy().flatten()
    k = (a >= 0) & (a < classes)
    counts = numpy.bincount(classes * a[k].astype(int) + b[k], minlength=classes**2).reshape(classes, classes)
    return torch.from_numpy(counts).to(target.device)


def confusion_by_scattering(prediction, target, classes):
    inside = ((target >= 0) & (target < classes)).long()
    pairs = (target * inside * classes + prediction).flatten()
    counts = torch.zeros(classes**2, dtype=torch.int64, device=target.device)
    return counts.scatter_add(0, pairs, inside.flatten()).unflatten(0, (classes, classes))


def confusion_with_a_row_more(prediction, target, classes):
    rows = torch.where((target < 0) | (target >= classes), classes, target).flatten()
    pairs = torch.stack([rows, prediction.flatten()])
    counts = torch.zeros(classes + 1, classes, dtype=torch.int64, device=target.device)
    found, times = pairs.unique(dim=1, return_counts=True)
    counts[found[0], found[1]] = times
    return counts[:-1]


def confusion_by_broadcasting(prediction, target, classes):
    names = torch.arange(classes, device=target.device)
    truth, given = target.flatten() == names[:, None], prediction.flatten() == names[:, None]
    return (truth[:, None] & given[None]).sum(dim=2)


def confusion_of_the_transpose(prediction, target, classes):
    kept = target.clamp(0, classes - 1) == target
    counts = torch.bincount(prediction[kept] * classes + target[kept], minlength=classes * classes)
    return counts.view(classes, classes).T


def iou_of_fractions(confusion):
    table = confusion.tolist()
    shares = []
    for k, row in enumerate(table):
        union = sum(row) + sum(other[k] for other in table) - row[k]
        if union:
            shares.append(Fraction(row[k], union))
    return float(statistics.mean(shares))


def iou_of_masked_numbers(confusion):
    c = confusion.cpu().numpy().astype(numpy.float64)
    union = numpy.ma.masked_equal(c.sum(0) + c.sum(1) - numpy.diag(c), 0)
    return (numpy.diag(c) / union).mean()


def iou_by_wrong_pixels(confusion):
    right = confusion.diagonal()
    wrong = confusion - torch.diag(right)
    union = right + wrong.sum(0) + wrong.sum(1)
    shares = [r.double() / u.double() for r, u in zip(right, union, strict=True) if u != 0]
    return torch.stack(shares).mean()


def iou_from_dice(confusion):
    c = confusion.double()
    total = c.sum(0) + c.sum(1)
    dice = 2 * c.diagonal()[total > 0] / total[total > 0]
    return (dice / (2 - dice)).mean()


def conv_of_unit_images(weight, bias, channels, height, width):
    size = channels * height * width
    units = torch.eye(size, dtype=weight.dtype, device=weight.device).reshape(size, channels, height, width)
    return torch.einsum("md,dchw->mchw", weight, units), bias + 0


def conv_by_numpy(weight, bias, channels, height, width):
    kernels = weight.cpu().numpy().reshape(-1, channels, height, width)
    return torch.tensor(kernels, device=weight.device), bias


def conv_by_view(weight, bias, channels, height, width):
    return weight.view(-1, channels, height, width), bias


def conv_as_parameters(weight, bias, channels, height, width):
    layer = nn.Unflatten(1, (channels, height, width))
    return layer(weight), nn.Parameter(bias.clone(), requires_grad=False)


def steps(x, weight, stride):
    """For each axis a tensor (size, outputs, taps): 1 where an input lays an entry of the kernel on an output."""
    for size, taps in zip(x.shape[2:], weight.shape[2:], strict=True):
        i, a = torch.arange(size)[:, None, None], torch.arange(taps)
        yield (i * stride + a == torch.arange((size - 1) * stride + taps)[:, None]).to(x)


def cut(out, padding):
    return out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]


def spread_by_indicators(x, weight, bias, stride=1, padding=0):
    down, right = steps(x, weight, stride)
    out = torch.einsum("nchw,coab,hra,wsb->nors", x, weight, down, right)
    return cut(out, padding) + bias[:, None, None], (x, weight, stride, padding)


def back_by_indicators(dout, cache):
    x, weight, stride, padding = cache
    down, right = steps(x, weight, stride)
    d = F.pad(dout, (padding,) * 4)
    dx = torch.einsum("nors,coab,hra,wsb->nchw", d, weight, down, right)
    return dx, torch.einsum("nors,nchw,hra,wsb->coab", d, x, down, right), torch.einsum("nors->o", dout)


def spread_by_fourier(x, weight, bias, stride=1, padding=0):
    (n, c, h, w), (kh, kw) = x.shape, weight.shape[2:]
    size = ((h - 1) * stride + kh, (w - 1) * stride + kw)
    between = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1).double()
    between[:, :, ::stride, ::stride] = x.double()
    products = torch.einsum(
        "nchw,cohw->nohw", torch.fft.rfft2(between, s=size), torch.fft.rfft2(weight.double(), s=size)
    )
    out = torch.fft.irfft2(products, s=size)
    return cut(out, padding).to(x.dtype) + bias.reshape(1, -1, 1, 1), (x, weight, stride, padding)


def spread_in_numpy(x, weight, bias, stride=1, padding=0):
    a, k = x.cpu().numpy(), weight.cpu().numpy()
    (n, _, h, w), (_, o, kh, kw) = a.shape, k.shape
    out = numpy.zeros((n, o, (h - 1) * stride + kh, (w - 1) * stride + kw), a.dtype)
    for i, j in numpy.ndindex(h, w):
        product = numpy.tensordot(a[:, :, i, j], k, axes=1)
        out[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw] += product
    out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]
    out = out + bias.cpu().numpy()[:, None, None]
    return torch.from_numpy(out).to(x.device), {"x": x, "weight": weight, "options": (stride, padding)}


def back_in_numpy(dout, cache):
    (stride, padding), x, weight = cache["options"], cache["x"], cache["weight"]
    d = numpy.pad(dout.cpu().numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(d, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    dx = numpy.einsum("nohwab,coab->nchw", windows, weight.cpu().numpy())
    dweight = numpy.einsum("nohwab,nchw->coab", windows, x.cpu().numpy())
    return [torch.tensor(g).to(x) for g in (dx, dweight, d.sum((0, 2, 3)))]


def spread_by_a_matrix(x, weight, bias, stride=1, padding=0):
    """The matrix of the convolution that leads from out to x, transposed."""
    (n, c, h, w), (_, o, kh, kw) = x.shape, weight.shape
    rows, columns = (h - 1) * stride + kh - 2 * padding, (w - 1) * stride + kw - 2 * padding
    units = torch.eye(o * rows * columns, dtype=x.dtype, device=x.device).reshape(-1, o, rows, columns)
    windows = F.pad(units, (padding,) * 4).unfold(2, kh, stride).unfold(3, kw, stride)
    matrix = torch.einsum("uohwab,coab->chwu", windows, weight).reshape(c * h * w, -1)
    out = (x.reshape(n, -1) @ matrix).reshape(n, o, rows, columns)
    return out + bias.expand(rows, columns, o).permute(2, 0, 1), (x, weight, stride, padding)


def spread_cut_by_or(x, weight, bias, stride=1, padding=0):
    out, cache = KEEPS(x, weight, bias, stride)
    return out[:, :, padding : -padding or None, padding : -padding or None], (*cache[:3], padding)


class Layer:
    """An object as a cache."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def back(self, dout):
        return back_by_indicators(dout, self.arguments)


def spread_as_an_object(x, weight, bias, stride=1, padding=0):
    return spread_by_indicators(x, weight, bias, stride, padding)[0], Layer(x, weight, stride, padding)


def back_in_float64(dout, cache):
    x, weight, stride, padding = cache
    found = back_by_indicators(dout.double(), (x.double(), weight.double(), stride, padding))
    return tuple(gradient.to(dout.dtype) for gradient in found)


def tent_of_scipy(channels, kernel_size):
    tent = triang(kernel_size)
    weight = numpy.zeros((channels, channels, kernel_size, kernel_size), dtype="float32")
    for c in range(channels):
        weight[c, c] = numpy.outer(tent, tent)
    return torch.from_numpy(weight)


def tent_by_kron(channels, kernel_size):
    half = -(-kernel_size // 2)
    tent = [1 - abs(2 * i + 1 - kernel_size) / (2 * half) for i in range(kernel_size)]
    tent = torch.tensor(tent)
    plane = torch.kron(tent[:, None], tent[None])
    return (
        torch.kron(torch.eye(channels), plane)
        .unfold(0, kernel_size, kernel_size)
        .unfold(1, kernel_size, kernel_size)
        .transpose(2, 3)
    )


def tent_as_a_slice_of_another(channels, kernel_size):
    half = (kernel_size + 1) // 2
    fine = 1 - torch.linspace(-2 * half, 2 * half, 4 * half + 1).abs() / (2 * half)
    tent = fine[2 * half - (kernel_size - 1) :: 2][:kernel_size]
    weight = torch.zeros(channels * channels, kernel_size, kernel_size)
    weight[:: channels + 1] = tent.outer(tent)
    return weight.reshape(channels, channels, kernel_size, kernel_size)


def loss_with_a_class_more(logits, target, ignore_index):
    classes = logits.shape[1]
    label = target.masked_fill(target == ignore_index, classes)
    hot = F.one_hot(label, classes + 1)[..., :classes].movedim(-1, 1).to(logits.dtype)
    log_p = logits.log_softmax(1)
    count = (label < classes).sum()
    return (hot * -log_p).sum() / count, (log_p.exp() * hot.sum(1, keepdim=True) - hot) / count


def loss_by_logsumexp(logits, target, ignore_index):
    keep = (target != ignore_index).unsqueeze(1)
    label = target.unsqueeze(1) * keep
    each = logits.logsumexp(1, keepdim=True) - logits.gather(1, label)
    dlogits = F.softmax(logits, 1).scatter_add(1, label, keep.to(logits) * -1)
    return each[keep].mean(), dlogits * keep / keep.sum()


def loss_image_by_image(logits, target, ignore_index):
    total, count, gradients = 0, (target != ignore_index).sum(), []
    for scores, labels in zip(logits, target, strict=True):
        places = (labels != ignore_index).nonzero(as_tuple=True)
        chosen = scores[:, places[0], places[1]]
        log_p = chosen - chosen.logsumexp(0)
        number = torch.arange(chosen.shape[1], device=chosen.device)
        total = total - log_p[labels[places], number].sum() / count
        inside = log_p.exp()
        inside[labels[places], number] -= 1
        gradient = torch.zeros_like(scores)
        gradient[:, places[0], places[1]] = inside / count
        gradients.append(gradient)
    return total, torch.stack(gradients)


def loss_of_pixels_as_samples(logits, target, ignore_index):
    n, c, h, w = logits.shape
    rows, labels = logits.permute(0, 2, 3, 1).reshape(-1, c), target.reshape(-1)
    keep = labels != ignore_index
    p = torch.softmax(rows, dim=1)
    log_p = torch.log_softmax(rows, dim=1)
    safe = torch.where(keep, labels, torch.zeros_like(labels))
    picked = log_p[torch.arange(len(rows), device=rows.device), safe]
    loss = -(picked * keep).sum() / keep.sum()
    grad = p - F.one_hot(safe, c)
    grad = grad * keep.unsqueeze(1) / keep.sum()
    return loss, grad.reshape(n, h, w, c).permute(0, 3, 1, 2)


def confusion_by_a_sparse_tensor(prediction, target, classes):
    counts = (target >= 0) & (target < classes)
    places = torch.stack([target[counts], prediction[counts]])
    return torch.sparse_coo_tensor(places, torch.ones_like(places[0]), (classes, classes)).to_dense()


def pixels_picked_out(logits, target, ignore_index):
    counts = target != ignore_index
    rows, labels = logits.permute(0, 2, 3, 1)[counts], target[counts]
    log_p = rows - rows.amax(1, keepdim=True)
    log_p = log_p - log_p.exp().sum(1, keepdim=True).log()
    dlogits = torch.zeros_like(logits).permute(0, 2, 3, 1).contiguous()
    dlogits[counts] = (log_p.exp() - F.one_hot(labels, logits.shape[1])) / len(labels)
    return -log_p[torch.arange(len(labels)), labels].mean(), dlogits.permute(0, 3, 1, 2)


def counted_by_loops(prediction, target, classes):
    matrix = numpy.zeros((classes, classes), dtype=int)
    for t, p in zip(target.numpy().ravel(), prediction.numpy().ravel(), strict=True):
        matrix[t, p] += 1
    return torch.from_numpy(matrix)


def counted_at_once(kept=None, numpy_s=False, cut=None):
    """One count of pairs of labels, of those that are `kept`, and its first `cut` numbers."""

    def confusion_matrix(prediction, target, classes):
        t, p = target.flatten(), prediction.flatten()
        if kept:
            t, p = t[kept(t, classes)], p[kept(t, classes)]
        if numpy_s:
            counts = torch.from_numpy(numpy.bincount((classes * t + p).numpy(), minlength=classes**2))
        else:
            counts = torch.bincount(classes * t + p, minlength=classes**2)
        return (counts[: classes**2] if cut else counts).reshape(classes, classes)

    return confusion_matrix


RIGHT = {
    "by a histogram": ("confusion_matrix", [confusion_by_histogram]),
    "as in the paper's code": ("confusion_matrix", [fast_hist]),
    "by scattering": ("confusion_matrix", [confusion_by_scattering]),
    "with a row more": ("confusion_matrix", [confusion_with_a_row_more]),
    "by broadcasting": ("confusion_matrix", [confusion_by_broadcasting]),
    "a transposed view": ("confusion_matrix", [confusion_of_the_transpose]),
    "a mean of fractions": ("mean_iou", [iou_of_fractions]),
    "a mean of masked numbers": ("mean_iou", [iou_of_masked_numbers]),
    "by wrong pixels": ("mean_iou", [iou_by_wrong_pixels]),
    "from Dice": ("mean_iou", [iou_from_dice]),
    "of unit images": ("linear_to_conv", [conv_of_unit_images]),
    "by numpy": ("linear_to_conv", [conv_by_numpy]),
    "by view": ("linear_to_conv", [conv_by_view]),
    "as parameters": ("linear_to_conv", [conv_as_parameters]),
    "spread by indicators": ("conv_transpose2d_forward", [spread_by_indicators]),
    "spread by a Fourier transform": ("conv_transpose2d_forward", [spread_by_fourier]),
    "spread in numpy": ("conv_transpose2d_forward", [spread_in_numpy]),
    "spread by a matrix": ("conv_transpose2d_forward", [spread_by_a_matrix]),
    "spread and cut by or": ("conv_transpose2d_forward", [spread_cut_by_or]),
    "back by indicators": ("conv_transpose2d_backward", [back_by_indicators, spread_by_indicators]),
    "back in numpy": ("conv_transpose2d_backward", [back_in_numpy, spread_in_numpy]),
    "back in float64": ("conv_transpose2d_backward", [back_in_float64, KEEPS]),
    "back by an object": ("conv_transpose2d_backward", [lambda dout, cache: cache.back(dout), spread_as_an_object]),
    "a tent of scipy's": ("bilinear_kernel", [tent_of_scipy]),
    "a tent by kron": ("bilinear_kernel", [tent_by_kron]),
    "a tent as a slice of another": ("bilinear_kernel", [tent_as_a_slice_of_another]),
    "with a class more": ("pixel_cross_entropy", [loss_with_a_class_more]),
    "by logsumexp": ("pixel_cross_entropy", [loss_by_logsumexp]),
    "image by image": ("pixel_cross_entropy", [loss_image_by_image]),
    "pixels as samples": ("pixel_cross_entropy", [loss_of_pixels_as_samples]),
    "by a sparse tensor": ("confusion_matrix", [confusion_by_a_sparse_tensor]),
    "pixels picked out": ("pixel_cross_entropy", [pixels_picked_out]),
}


def confusion_of_three_dimensions(prediction, target, classes):
    n, h, w = target.shape
    return fast_hist(prediction.reshape(n * h * w), target.reshape(n * h * w), classes)


def confusion_without(*labels):
    def confusion(prediction, target, classes):
        counts = torch.zeros(classes, classes, dtype=torch.int64, device=target.device)
        for given, truth in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
            if truth not in labels:
                counts[truth, given] += 1
        return counts

    return confusion


def confusion_that_marks_in_place(prediction, target, classes):
    target[(target < 0) | (target >= classes)] = classes
    return confusion_with_a_row_more(prediction, target, classes)


def confusion_by_view(prediction, target, classes):
    return fast_hist(prediction.view(-1), target.view(-1), classes)


def confusion_of_wide_pictures(prediction, target, classes):
    """Columns are read as if a picture were square."""
    side = min(target.shape[-2:]) if target.dim() > 1 else len(target)
    return fast_hist(prediction[..., :side], target[..., :side], classes)


def iou_smoothed(confusion):
    both = confusion.diagonal().double()
    return ((both + 1) / (confusion.sum(0) + confusion.sum(1) - both + 1)).mean()


def iou_rounded(confusion):
    return round(iou_of_fractions(confusion), 2)


def iou_in_half_precision(confusion):
    return iou_by_wrong_pixels(confusion.clamp(max=60000)).half()


def iou_of_present_columns_and_rows(confusion):
    kept = (confusion.sum(0) > 0) & (confusion.sum(1) > 0)
    both = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - both
    return (both[kept] / union[kept]).mean()


def iou_after_leaving_out(confusion):
    """Rows and columns of classes that no pixel has are dropped before anything is counted."""
    kept = confusion.sum(1) > 0
    return iou_of_fractions(confusion[kept][:, kept])


def iou_emptying_the_matrix(confusion):
    found = iou_of_fractions(confusion)
    confusion.zero_()
    return found


def conv_squeezed(weight, bias, channels, height, width):
    return weight.reshape(-1, channels, height, width).squeeze(), bias


def conv_of_square_kernels(weight, bias, channels, height, width):
    return weight.reshape(len(weight), channels, height, height), bias


def spread_with_a_stride_for_rows_only(x, weight, bias, stride=1, padding=0):
    down, _ = steps(x, weight, stride)
    _, right = steps(x, weight, 1)
    out = torch.einsum("nchw,coab,hra,wsb->nors", x, weight, down, right)
    return cut(out, padding) + bias[:, None, None], None


def spread_cut_for_rows_only(x, weight, bias, stride=1, padding=0):
    out = spread_by_indicators(x, weight, bias, stride)[0]
    return out[:, :, padding : out.shape[2] - padding], None


def spread_assuming_padding_1(x, weight, bias, stride=1, padding=0):
    return spread_by_indicators(x, weight, bias, stride, 1)[0], None


def spread_with_a_row_more(x, weight, bias, stride=1, padding=0):
    """An output padding of stride - 1, as some libraries have it."""
    out = F.pad(spread_by_indicators(x, weight, 0 * bias, stride)[0], (0, stride - 1, 0, stride - 1))
    return cut(out, padding) + bias[:, None, None], None


def spread_by_repeating(x, weight, bias, stride=1, padding=0):
    """Each pixel is repeated, and a kernel goes over that: it equals a transposed convolution with stride 1 alone."""
    large = x.repeat_interleave(stride, 2).repeat_interleave(stride, 3)
    large = large[:, :, : (x.shape[2] - 1) * stride + 1, : (x.shape[3] - 1) * stride + 1]
    return spread_by_indicators(large, weight, bias, 1, padding)[0], None


def spread_and_squeezed(x, weight, bias, stride=1, padding=0):
    return spread_by_indicators(x, weight, bias, stride, padding)[0].squeeze(), None


def spread_by_view(x, weight, bias, stride=1, padding=0):
    (n, c, h, w), (kh, kw) = x.shape, weight.shape[2:]
    cols = weight.view(c, -1).T @ x.view(n, c, h * w)
    size = ((h - 1) * stride - 2 * padding + kh, (w - 1) * stride - 2 * padding + kw)
    out = F.fold(cols, size, (kh, kw), padding=padding, stride=stride)
    return out + bias.view(1, -1, 1, 1), (x, weight, stride, padding)


def spread_turning_the_bias(x, weight, bias, stride=1, padding=0):
    out = spread_by_indicators(x, weight, 0 * bias, stride, padding)[0]
    return out + bias.unsqueeze_(1).unsqueeze_(2), None


def spread_whose_last_place_is_missing(x, weight, bias, stride=1, padding=0):
    out = spread_by_indicators(x, weight, bias, stride)[0]
    x = F.pad(x[:, :, :-1, :-1], (0, 1, 0, 1))
    return cut(spread_by_indicators(x, weight, bias, stride)[0] + 0 * out, padding), None


class Remembered:
    """A forward function that keeps its arguments outside of the cache."""

    def __call__(self, x, weight, bias, stride=1, padding=0):
        self.arguments = x, weight, stride, padding
        return spread_by_indicators(x, weight, bias, stride, padding)[0], None


REMEMBERED = Remembered()


def back_changing_dout(dout, cache):
    found = back_by_indicators(dout, cache)
    dout *= 2
    return found


def back_padded_with_ones(dout, cache):
    x, weight, stride, padding = cache
    return back_by_indicators(F.pad(dout, (padding,) * 4, value=1.0), (x, weight, stride, 0))


def back_with_padding_1(dout, cache):
    x, weight, stride, _ = cache
    wide = F.pad(dout, (1, 1, 1, 1))
    rows, columns = (x.shape[2] - 1) * stride + weight.shape[2], (x.shape[3] - 1) * stride + weight.shape[3]
    wide = F.pad(wide, (0, max(0, columns - wide.shape[3]), 0, max(0, rows - wide.shape[2])))[:, :, :rows, :columns]
    dx, dweight, _ = back_by_indicators(wide, (x, weight, stride, 0))
    return dx, dweight, dout.sum((0, 2, 3))


def back_with_the_bias_of_one_image(dout, cache):
    dx, dweight, _ = back_by_indicators(dout, cache)
    return dx, dweight, dout[0].sum((1, 2))


def back_with_a_stride_for_rows_only(dout, cache):
    x, weight, stride, padding = cache
    down, _ = steps(x, weight, stride)
    _, right = steps(x, weight, 1)
    d = F.pad(dout, (padding,) * 4)
    right = F.pad(right, (0, 0, 0, d.shape[3] - right.shape[1]))
    dx = torch.einsum("nors,coab,hra,wsb->nchw", d, weight, down, right)
    return dx, torch.einsum("nors,nchw,hra,wsb->coab", d, x, down, right), dout.sum((0, 2, 3))


def back_of_all_zeros_but_bias(dout, cache):
    x, weight, *_ = cache
    return torch.zeros_like(x), torch.zeros_like(weight), dout.sum((0, 2, 3))


def tent_of_even_kernels(channels, kernel_size):
    """The filler of Caffe, which is meant for a kernel_size of 2 f or, with f odd, 2 f - 1."""
    f = -(-kernel_size // 2)
    c = (2 * f - 1 - f % 2) / (2 * f)
    tent = 1 - (torch.arange(kernel_size) / f - c).abs()
    return torch.eye(channels)[:, :, None, None] * tent.outer(tent)


def tent_in_float64(channels, kernel_size):
    return tent_of_scipy(channels, kernel_size).double()


def loss_shifted_by_one_number(logits, target, ignore_index):
    e = (logits - logits.max()).exp()
    p = e / e.sum(1, keepdim=True)
    keep = (target != ignore_index).unsqueeze(1)
    label = target.unsqueeze(1) * keep
    loss = -(p.gather(1, label)[keep]).log().mean()
    return loss, (p.scatter_add(1, label, -torch.ones_like(p[:, :1]))) * keep / keep.sum()


def loss_of_bounded_probabilities(logits, target, ignore_index):
    keep = (target != ignore_index).unsqueeze(1)
    label = target.unsqueeze(1) * keep
    p = logits.softmax(1)
    loss = -p.clamp(1e-7, 1 - 1e-7).gather(1, label)[keep].log().mean()
    return loss, (p.scatter_add(1, label, -torch.ones_like(p[:, :1]))) * keep / keep.sum()


def loss_of_masked_logits(logits, target, ignore_index):
    """Scores of ignored pixels become 0: their loss is the logarithm of the number of classes, not 0."""
    keep = (target != ignore_index).unsqueeze(1)
    label = target.unsqueeze(1) * keep
    log_p = (logits * keep).log_softmax(1)
    loss = -log_p.gather(1, label).sum() / keep.sum()
    return loss, (log_p.exp().scatter_add(1, label, -torch.ones_like(log_p[:, :1]))) * keep / keep.sum()


def loss_marking_the_target(logits, target, ignore_index):
    keep = target != ignore_index
    target[~keep] = 0
    log_p = logits.log_softmax(1)
    hot = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    loss = -(log_p * hot).sum(1)[keep].mean()
    return loss, (log_p.exp() - hot) * keep[:, None] / keep.sum()


def loss_in_a_tensor_of_one(logits, target, ignore_index):
    loss, dlogits = loss_by_logsumexp(logits, target, ignore_index)
    return loss[None], dlogits


def loss_without_dlogits(logits, target, ignore_index):
    return loss_by_logsumexp(logits, target, ignore_index)[0]


def loss_of_square_images(logits, target, ignore_index):
    """dlogits is turned on its side."""
    loss, dlogits = loss_by_logsumexp(logits, target, ignore_index)
    return loss, dlogits.transpose(2, 3).reshape(dlogits.shape)


WRONG = {
    "pictures of three dimensions alone": ("confusion_matrix", [confusion_of_three_dimensions], {"edge cases"}),
    "only 255 left out": ("confusion_matrix", [confusion_without(255)], {"edge cases"}),
    "nothing left out": ("confusion_matrix", [confusion_without()], {"edge cases"}),
    "255 and -1 left out": ("confusion_matrix", [confusion_without(255, -1)], {"edge cases"}),
    "marked in place": ("confusion_matrix", [confusion_that_marks_in_place], {"contract"}),
    "labels by view": ("confusion_matrix", [confusion_by_view], {"contract"}),
    "wide pictures cut": ("confusion_matrix", [confusion_of_wide_pictures], {"values"}),
    "a table of lists": ("confusion_matrix", [lambda *a: fast_hist(*a).tolist()], {"values"}),
    "smoothed by one": ("mean_iou", [iou_smoothed], {"values"}),
    "rounded": ("mean_iou", [iou_rounded], {"values"}),
    "in half precision": ("mean_iou", [iou_in_half_precision], {"values"}),
    "both sides present": ("mean_iou", [iou_of_present_columns_and_rows], {"edge cases"}),
    "rows and columns left out": ("mean_iou", [iou_after_leaving_out], {"edge cases"}),
    "a matrix that is emptied": ("mean_iou", [iou_emptying_the_matrix], {"contract"}),
    "a weight squeezed": ("linear_to_conv", [conv_squeezed], {"edge cases"}),
    "square kernels": ("linear_to_conv", [conv_of_square_kernels], {"values"}),
    "a stride for rows only": ("conv_transpose2d_forward", [spread_with_a_stride_for_rows_only], {"values"}),
    "cut for rows only": ("conv_transpose2d_forward", [spread_cut_for_rows_only], {"values"}),
    "padding 1 assumed": ("conv_transpose2d_forward", [spread_assuming_padding_1], {"values"}),
    "an output padding": ("conv_transpose2d_forward", [spread_with_a_row_more], {"values"}),
    "pixels repeated": ("conv_transpose2d_forward", [spread_by_repeating], {"values"}),
    "squeezed": ("conv_transpose2d_forward", [spread_and_squeezed], {"edge cases"}),
    "by view": ("conv_transpose2d_forward", [spread_by_view], {"contract"}),
    "a bias that is turned": ("conv_transpose2d_forward", [spread_turning_the_bias], {"contract"}),
    "the last place missing": ("conv_transpose2d_forward", [spread_whose_last_place_is_missing], {"values"}),
    "dout that is changed": ("conv_transpose2d_backward", [back_changing_dout, KEEPS], {"contract"}),
    "the last call remembered": (
        "conv_transpose2d_backward",
        [lambda dout, cache: back_by_indicators(dout, REMEMBERED.arguments), REMEMBERED],
        {"contract"},
    ),
    "padded with ones": ("conv_transpose2d_backward", [back_padded_with_ones, KEEPS], {"values"}),
    "back with padding 1": ("conv_transpose2d_backward", [back_with_padding_1, KEEPS], {"values"}),
    "the bias of one image": ("conv_transpose2d_backward", [back_with_the_bias_of_one_image, KEEPS], {"values"}),
    "back with a stride for rows only": (
        "conv_transpose2d_backward",
        [back_with_a_stride_for_rows_only, KEEPS],
        {"values"},
    ),
    "zeros but for the bias": ("conv_transpose2d_backward", [back_of_all_zeros_but_bias, KEEPS], {"values"}),
    "the filler of Caffe": ("bilinear_kernel", [tent_of_even_kernels], {"edge cases"}),
    "a tent in float64": ("bilinear_kernel", [tent_in_float64], {"contract"}),
    "shifted by one number": ("pixel_cross_entropy", [loss_shifted_by_one_number], {"edge cases"}),
    "bounded probabilities": ("pixel_cross_entropy", [loss_of_bounded_probabilities], {"edge cases"}),
    "masked logits": ("pixel_cross_entropy", [loss_of_masked_logits], {"values"}),
    "a target that is marked": ("pixel_cross_entropy", [loss_marking_the_target], {"contract"}),
    "a loss in a tensor of one": ("pixel_cross_entropy", [loss_in_a_tensor_of_one], {"values"}),
    "a loss alone": ("pixel_cross_entropy", [loss_without_dlogits], {"values"}),
    "turned on its side": ("pixel_cross_entropy", [loss_of_square_images], {"values"}),
}

PARTLY_RIGHT = {
    "only 255 left out": ("confusion_matrix", [confusion_without(255)], {"edge cases"}),
    "marked in place": ("confusion_matrix", [confusion_that_marks_in_place], {"contract"}),
    "both sides present": ("mean_iou", [iou_of_present_columns_and_rows], {"edge cases"}),
    "a tent in float64": ("bilinear_kernel", [tent_in_float64], {"contract"}),
    "shifted by one number": ("pixel_cross_entropy", [loss_shifted_by_one_number], {"edge cases"}),
    "a target that is marked": ("pixel_cross_entropy", [loss_marking_the_target], {"contract"}),
}


def spread_by_torch_s_convolution(x, weight, bias, stride=1, padding=0):
    """Zeros between, and a convolution of torch's: that is not allowed either."""
    between = x.new_zeros(*x.shape[:2], (x.shape[2] - 1) * stride + 1, (x.shape[3] - 1) * stride + 1)
    between[:, :, ::stride, ::stride] = x
    around = F.pad(between, [k - 1 - padding for k in (*weight.shape[:1:-1],) for _ in range(2)])
    return F.conv2d(around, weight.flip(2, 3).transpose(0, 1), bias), (x, weight, stride, padding)


STOPPED = {
    "F.conv_transpose2d": (
        "conv_transpose2d_forward",
        [lambda x, w, b, s=1, p=0: (F.conv_transpose2d(x, w, b, s, p), None)],
        "conv_transpose2d",
    ),
    "nn.ConvTranspose2d": (
        "conv_transpose2d_forward",
        [lambda x, w, b, s=1, p=0: (nn.ConvTranspose2d(*w.shape[:2], w.shape[2:], s, p)(x), None)],
        "conv_transpose2d",
    ),
    "F.conv2d": ("conv_transpose2d_forward", [spread_by_torch_s_convolution], "conv2d"),
    "aten.convolution": (
        "conv_transpose2d_forward",
        [
            lambda x, w, b, s=1, p=0: (
                torch.ops.aten.convolution(x, w, b, [s, s], [p, p], [1, 1], True, [0, 0], 1),
                None,
            )
        ],
        "convolution",
    ),
    "F.conv2d on the way back": (
        "conv_transpose2d_backward",
        [lambda dout, cache: (F.conv2d(dout, cache[1], None, cache[2], cache[3]), cache[1], dout), KEEPS],
        "conv2d",
    ),
    "convolution_backward": (
        "conv_transpose2d_backward",
        [
            lambda dout, cache: torch.ops.aten.convolution_backward(
                dout, *cache[:2], [dout.shape[1]], [cache[2]] * 2, [cache[3]] * 2, [1, 1], True, [0, 0], 1, [True] * 3
            ),
            KEEPS,
        ],
        "convolution_backward",
    ),
    "F.cross_entropy": (
        "pixel_cross_entropy",
        [lambda x, t, i: (F.cross_entropy(x, t, ignore_index=i), x)],
        "cross_entropy",
    ),
    "F.nll_loss": (
        "pixel_cross_entropy",
        [lambda x, t, i: (F.nll_loss(x.log_softmax(1), t, ignore_index=i), x)],
        "nll_loss",
    ),
    "nn.NLLLoss": (
        "pixel_cross_entropy",
        [lambda x, t, i: (nn.NLLLoss(ignore_index=i)(x.log_softmax(1), t), x)],
        "nll_loss",
    ),
}

IMPORTS = (
    "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nimport numpy as np\nimport pandas as pd\n"
    "import scipy.signal\nimport sklearn.metrics\nimport skimage.metrics\nfrom sklearn import metrics"
)
REFUSED = {
    f"{expression} in {name}": (
        name,
        [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"],
        "which is the exercise itself",
    )
    for name, expression in [
        ("confusion_matrix", "sklearn.metrics.confusion_matrix(x, *more)"),
        ("confusion_matrix", "metrics.confusion_matrix(x, *more)"),
        ("confusion_matrix", "metrics.multilabel_confusion_matrix(x, *more)"),
        ("confusion_matrix", "metrics.cluster.contingency_matrix(x, *more)"),
        ("confusion_matrix", "metrics.ConfusionMatrixDisplay.from_predictions(x, *more)"),
        ("confusion_matrix", "skimage.metrics.contingency_table(x, *more)"),
        ("confusion_matrix", "pd.crosstab(x, *more)"),
        ("mean_iou", "metrics.jaccard_score(x, *more)"),
        ("conv_transpose2d_forward", "F.conv_transpose2d(x, *more)"),
        ("conv_transpose2d_forward", "torch.conv_transpose2d(x, *more)"),
        ("conv_transpose2d_forward", "nn.ConvTranspose2d(1, 1, 1)(x)"),
        ("conv_transpose2d_forward", "F.conv2d(x, *more)"),
        ("conv_transpose2d_forward", "nn.Conv2d(1, 1, 1)(x)"),
        ("conv_transpose2d_forward", "torch.ops.aten.convolution(x, *more)"),
        ("conv_transpose2d_forward", "torch.ops.aten.slow_conv_transpose2d(x, *more)"),
        ("conv_transpose2d_forward", "scipy.signal.convolve2d(x, *more)"),
        ("conv_transpose2d_forward", "scipy.signal.upfirdn(x, *more)"),
        ("conv_transpose2d_forward", "np.convolve(x, *more)"),
        ("conv_transpose2d_backward", "F.conv2d(x, *more)"),
        ("conv_transpose2d_backward", "torch.ops.aten.convolution_backward(x, *more)"),
        ("pixel_cross_entropy", "F.cross_entropy(x, *more)"),
        ("pixel_cross_entropy", "nn.CrossEntropyLoss()(x, *more)"),
        ("pixel_cross_entropy", "nn.NLLLoss()(x, *more)"),
        ("pixel_cross_entropy", "F.nll_loss(x, *more)"),
        ("pixel_cross_entropy", "torch.ops.aten.nll_loss2d_forward(x, *more)"),
        ("pixel_cross_entropy", "torch.ops.aten.nll_loss2d_backward(x, *more)"),
        ("pixel_cross_entropy", "metrics.log_loss(x, *more)"),
    ]
} | {
    f"autograd in {name}": (
        name,
        [IMPORTS, f"def {name}(*more):\n    return torch.autograd.grad(*more)"],
        "write the gradient by hand",
    )
    for name in ("conv_transpose2d_backward", "pixel_cross_entropy")
}

ALLOWED = {
    f"{expression} in {name}": (name, [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"])
    for name, expression in [
        ("confusion_matrix", "torch.bincount(x)"),
        ("confusion_matrix", "np.bincount(x)"),
        ("confusion_matrix", "np.histogram2d(x, *more)"),
        ("confusion_matrix", "np.add.at(x, *more)"),
        ("confusion_matrix", "F.one_hot(x)"),
        ("confusion_matrix", "x.index_put_(more, x, accumulate=True)"),
        ("confusion_matrix", "torch.sparse_coo_tensor(x, *more).to_dense()"),
        ("mean_iou", "x.diagonal().sum()"),
        ("mean_iou", "torch.nanmean(x)"),
        ("mean_iou", "np.nanmean(x)"),
        ("mean_iou", "metrics.accuracy_score(x, *more)"),
        ("linear_to_conv", "nn.Unflatten(1, more)(x)"),
        ("conv_transpose2d_forward", "F.fold(x, *more)"),
        ("conv_transpose2d_forward", "nn.Fold(*more)(x)"),
        ("conv_transpose2d_forward", "F.pad(x, *more)"),
        ("conv_transpose2d_forward", "x.unfold(2, 3, 1)"),
        ("conv_transpose2d_forward", "torch.kron(x, *more)"),
        ("conv_transpose2d_forward", "torch.fft.rfft2(x)"),
        ("conv_transpose2d_forward", "x.index_add(1, *more)"),
        ("conv_transpose2d_backward", "F.unfold(x, *more)"),
        ("conv_transpose2d_backward", "torch.ops.aten.col2im(x, *more)"),
        ("bilinear_kernel", "scipy.signal.windows.triang(x)"),
        ("bilinear_kernel", "np.bartlett(x)"),
        ("bilinear_kernel", "F.interpolate(x, scale_factor=2, mode='bilinear')"),
        ("pixel_cross_entropy", "F.log_softmax(x, dim=1)"),
        ("pixel_cross_entropy", "nn.LogSoftmax(dim=1)(x)"),
        ("pixel_cross_entropy", "torch.softmax(x, dim=1)"),
        ("pixel_cross_entropy", "x.logsumexp(1)"),
    ]
}


def posted_spread(turned=False, order="coab", step=None, bias="once"):
    """Forward as it is often posted, four loops around one product."""

    def forward(x, weight, b, stride=1, padding=0):
        kernel = weight.flip(2, 3) if turned else weight
        (n, _, h, w), (kh, kw) = x.shape, weight.shape[2:]
        o = weight.shape[order.index("o")]
        apart = step or stride
        out = x.new_zeros(n, o, (h - 1) * stride + kh, (w - 1) * stride + kw)
        for image in range(n):
            for i in range(h):
                for j in range(w):
                    part = torch.einsum(f"c,{order}->oab", x[image, :, i, j], kernel)
                    part = part + (b[:, None, None] if bias == "product" else 0)
                    out[image, :, i * apart : i * apart + kh, j * apart : j * apart + kw] += part
        out = cut(out, padding)
        return out + (b.view(-1, 1, 1) if bias == "once" else 0), (x, weight, stride, padding)

    return forward


def posted_loss(divide="count", ignored="masked", softmax=1):
    """The loss and its gradient over one-hot labels."""

    def loss(logits, target, ignore_index):
        mask = (target != ignore_index).to(logits.dtype)
        label = (target * (target != ignore_index)).long()
        z = logits - logits.max(dim=softmax, keepdim=True)[0]
        log_p = z - torch.log(torch.sum(torch.exp(z), dim=softmax, keepdim=True))
        hot = F.one_hot(label, logits.shape[1]).permute(0, 3, 1, 2).to(logits)
        used = torch.ones_like(mask) if ignored == "counted" else mask
        by = {"count": used.sum(), "pixels": float(mask.numel()), "batch": len(mask)}[divide]
        dlogits = (log_p.exp() - hot) * (1 if ignored == "loss alone" else used[:, None])
        return torch.sum(-(hot * log_p).sum(1) * used) / by, dlogits / by

    return loss


def posted_confusion(rows="target", keep=True):
    def confusion(prediction, target, classes):
        t, p = target.reshape(-1), prediction.reshape(-1)
        inside = (t >= 0) & (t < classes)
        t, p = (t[inside], p[inside]) if keep else (t.where(inside, 0), p)
        first, second = (t, p) if rows == "target" else (p, t)
        return torch.bincount(first * classes + second, minlength=classes**2).view(classes, classes)

    return confusion


def posted_iou(empty=None, union="right"):
    def iou(confusion):
        shares = []
        for k in range(confusion.size(0)):
            tp = confusion[k, k].item()
            fp, fn = confusion[:, k].sum().item() - tp, confusion[k].sum().item() - tp
            below = {"right": tp + fp + fn, "twice": 2 * tp + fp + fn, "recall": tp + fn}[union]
            if tp + fp + fn:
                shares.append(tp / below if below else 0.0)
            elif empty is not None:
                shares.append(empty)
        return sum(shares) / len(shares)

    return iou


NAMED = {
    "rows of predictions": ("confusion_matrix", [posted_confusion(rows="prediction")], "Rows and columns"),
    "labels that are none, as class 0": ("confusion_matrix", [posted_confusion(keep=False)], "as class 0"),
    "an empty class as 0": ("mean_iou", [posted_iou(empty=0.0)], "was counted with 0"),
    "an empty class as 1": ("mean_iou", [posted_iou(empty=1.0)], "was counted with 1"),
    "an intersection twice": ("mean_iou", [posted_iou(union="twice")], "counted twice"),
    "channels last": (
        "linear_to_conv",
        [lambda w, b, c, h, v: (w.view(-1, h, v, c).permute(0, 3, 1, 2) if w.is_contiguous() else w, b)],
        "channel change slowest",
    ),
    "a posted kernel turned": ("conv_transpose2d_forward", [posted_spread(turned=True)], "turned around"),
    "a posted weight OIHW": ("conv_transpose2d_forward", [posted_spread(order="ocab")], "input channel comes first"),
    "a posted stride of one": ("conv_transpose2d_forward", [posted_spread(step=1)], "one pixel further"),
    "a posted bias with every product": (
        "conv_transpose2d_forward",
        [posted_spread(bias="product")],
        "each output gets it once",
    ),
    "no posted bias": ("conv_transpose2d_forward", [posted_spread(bias="no")], "bias is not used"),
    "posted gradients without padding": (
        "conv_transpose2d_backward",
        [
            lambda dout, c: back_by_indicators(F.pad(dout, (0, 2 * c[3], 0, 2 * c[3])), (*c[:3], 0)),
            posted_spread(),
        ],
        "belongs around dout",
    ),
    "posted gradients from a turned kernel": (
        "conv_transpose2d_backward",
        [
            lambda dout, c: (
                back_by_indicators(dout, (c[0], c[1].flip(2, 3), *c[2:]))[0],
                *back_by_indicators(dout, c)[1:],
            ),
            posted_spread(),
        ],
        "no kernel is turned around",
    ),
    "posted dbias by mean": (
        "conv_transpose2d_backward",
        [lambda dout, c: (*back_by_indicators(dout, c)[:2], dout.mean((0, 2, 3))), posted_spread()],
        "dbias is an average",
    ),
    "every channel to every channel": (
        "bilinear_kernel",
        [lambda c, k: tent_of_scipy(1, k).expand(c, c, k, k)],
        "goes to itself alone",
    ),
    "a posted mean over all pixels": ("pixel_cross_entropy", [posted_loss(divide="pixels")], "number of all pixels"),
    "a posted mean over the batch": ("pixel_cross_entropy", [posted_loss(divide="batch")], "number of images"),
    "posted pixels that are counted": ("pixel_cross_entropy", [posted_loss(ignored="counted")], "as pixels of class 0"),
    "a posted gradient of ignored pixels": (
        "pixel_cross_entropy",
        [posted_loss(ignored="loss alone")],
        "not 0 where a pixel is ignored",
    ),
    "a posted softmax over columns": ("pixel_cross_entropy", [posted_loss(softmax=3)], "goes over pixels"),
    "counted by loops": ("confusion_matrix", [counted_by_loops], "left out before anything"),
    "counted at once": ("confusion_matrix", [counted_at_once()], "left out before anything"),
    "counted at once by numpy": ("confusion_matrix", [counted_at_once(numpy_s=True)], "left out before anything"),
    "counted at once, and cut": ("confusion_matrix", [counted_at_once(cut=True)], "whichever number it is"),
    "all but 255": ("confusion_matrix", [counted_at_once(lambda t, _: t != 255)], "whichever number it is"),
    "all below classes": ("confusion_matrix", [counted_at_once(lambda t, k: t < k)], "whichever number it is"),
}
