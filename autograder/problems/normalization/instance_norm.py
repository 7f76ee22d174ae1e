"""`instance_norm_forward` and `instance_norm_backward`: cases, reference, right and wrong programs."""

from functools import partial
from typing import Any

import torch

from autograder.problems.drawing import NEXT_CALL, wide_normal
from autograder.problems.forbidden import NORMALIZERS, NORMALIZERS_BACKWARD
from autograder.problems.normalization.cases import Row, drawn, far, large, small
from autograder.problems.normalization.ways import slips_in_two_ways
from autograder.problems.pairs import pair
from autograder.programs import slip
from autograder.references import normalization as reference


def _constant_plane(x: torch.Tensor) -> torch.Tensor:
    # 16 numbers, all 2.
    x[1, 0] = 2.0
    return x


def _affine_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    c = x.shape[1]
    return {"x": x, "weight": wide_normal(generator, c), "bias": wide_normal(generator, c), **options}


INSTANCE_NORM_ROWS: tuple[Row, ...] = (
    ("x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {"changed": large}),
    ("x (2, 4, 5, 3)", "values", (2, 4, 5, 3), {"changed": large}),
    ("eps 0.5", "edge cases", (3, 4, 5, 2), {"eps": 0.5}),
    ("variances near eps", "edge cases", (3, 4, 5, 2), {"changed": small}),
    ("one image", "edge cases", (1, 3, 4, 5), {}),
    ("one channel", "edge cases", (3, 1, 4, 2), {}),
    ("one row of pixels", "edge cases", (2, 3, 1, 5), {}),
    ("a constant channel in one image", "edge cases", (3, 4, 2, 8), {"changed": _constant_plane}),
    ("a weight of 0", "edge cases", (4, 3, 2, 5), {"zero_weight": True}),
    ("mean 1000", "edge cases", (5, 3, 2, 4), {"changed": far, "gradient": False}),
    ("float64, eps 0.1/7", "contract", (4, 3, 2, 5), {"eps": 0.1 / 7, "dtype": torch.float64}),
    ("float64, eps left out", "contract", (4, 3, 2, 5), {"changed": small, "dtype": torch.float64}),
    ("inputs with gaps in memory", "contract", (4, 3, 2, 5), {"layout": "strided"}),
    ("x transposed in memory", "contract", (4, 3, 2, 5), {"layout": "transposed"}),
    (NEXT_CALL, "contract", (4, 3, 2, 5), {"another_call": True}),
)

PROBLEMS = pair(
    "instance_norm",
    reference.instance_norm,
    partial(drawn, INSTANCE_NORM_ROWS, _affine_arguments),
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 4, "edge cases": 1, "contract": 1}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 2, "dweight": 1, "dbias": 1},
    forbidden=NORMALIZERS,
    forbidden_backward=NORMALIZERS_BACKWARD,
)


def instance_norm_forward__keeps_normalized(x, weight, bias, eps=1e-5):
    inverse_std = (x.var((2, 3), correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__planes_as_rows(x, weight, bias, eps=1e-5):
    rows = x.flatten(2)
    centered = rows - torch.einsum("ncp->nc", rows)[..., None] / rows.shape[2]
    std = (torch.einsum("ncp,ncp->nc", centered, centered) / rows.shape[2] + eps).sqrt()[..., None]
    out = weight.reshape(1, -1, 1) * centered / std + bias.reshape(1, -1, 1)
    normalized = (centered / std).unflatten(2, x.shape[2:])
    return out.unflatten(2, x.shape[2:]), (normalized, (1 / std)[..., None], weight)


def instance_norm_forward__loops(x, weight, bias, eps=1e-5):
    out, normalized, inverse_std = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x[:, :, :1, :1])
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            plane = x[n, c]
            inverse_std[n, c] = 1 / (((plane - plane.mean()) ** 2).mean() + eps).sqrt()
            normalized[n, c] = (plane - plane.mean()) * inverse_std[n, c]
            out[n, c] = weight[c] * normalized[n, c] + bias[c]
    return out, (normalized, inverse_std, weight)


def instance_norm_forward__eps_outside_root(x, weight, bias, eps=1e-5):
    """eps is added in the wrong place: the order of adding it and taking the root matters."""
    inverse_std = 1 / (x.std((2, 3), correction=0, keepdim=True) + eps)
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__eps_omitted(x, weight, bias, eps=1e-5):
    """eps is not used: where the variance is small, or 0, it decides."""
    inverse_std = x.var((2, 3), correction=0, keepdim=True).rsqrt()
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__eps_fixed(x, weight, bias, eps=1e-5):
    """The argument eps is not used: it may differ from its default."""
    inverse_std = (x.var((2, 3), correction=0, keepdim=True) + 1e-5).rsqrt()
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__unbiased(x, weight, bias, eps=1e-5):
    """The variance was divided by one less than the count: torch's var and std do so unless they are told."""
    inverse_std = (x.var((2, 3), keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__over_the_batch(x, weight, bias, eps=1e-5):
    """All images share the statistics of a channel: that is batch normalization."""
    inverse_std = (x.var((0, 2, 3), correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((0, 2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__over_the_channels(x, weight, bias, eps=1e-5):
    """All channels of an image share the statistics: those are layer normalization's."""
    inverse_std = (x.var((1, 2, 3), correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((1, 2, 3), keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__rows_only(x, weight, bias, eps=1e-5):
    """Each row of pixels was normalized by itself: one mean belongs to a whole channel of an image."""
    inverse_std = (x.var(3, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(3, keepdim=True)) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_forward__weight_and_bias_unused(x, weight, bias, eps=1e-5):
    """The result has mean 0 and variance 1 in every channel: the last step of the formula is missing."""
    inverse_std = (x.var((2, 3), correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    return normalized, (normalized, inverse_std, weight)


def instance_norm_forward__difference_of_squares(x, weight, bias, eps=1e-5):
    """When the mean is large, two large numbers cancel in the variance and its digits are lost: center x first."""
    mean = x.mean((2, 3), keepdim=True)
    inverse_std = ((x * x).mean((2, 3), keepdim=True) - mean * mean + eps).rsqrt()
    normalized = (x - mean) * inverse_std
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight)


def instance_norm_backward__two_means(dout, cache):
    normalized, inverse_std, weight = cache
    g = dout - dout.mean((2, 3), keepdim=True) - normalized * (dout * normalized).mean((2, 3), keepdim=True)
    dx = inverse_std * weight[:, None, None] * g
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def instance_norm_backward__two_sums(dout, cache):
    normalized, inverse_std, weight = cache
    n = dout.shape[2] * dout.shape[3]
    along = torch.einsum("nchw,nchw->nc", dout, normalized)
    total = torch.einsum("nchw->nc", dout)
    dx = n * dout - total[..., None, None] - normalized * along[..., None, None]
    return dx * inverse_std * weight.reshape(1, -1, 1, 1) / n, along.sum(0), total.sum(0)


def instance_norm_backward__loops(dout, cache):
    normalized, inverse_std, weight = cache
    dx, dweight, dbias = torch.zeros_like(dout), torch.zeros_like(weight), torch.zeros_like(weight)
    for n in range(dout.shape[0]):
        for c in range(dout.shape[1]):
            d, z = dout[n, c], normalized[n, c]
            dweight[c] += (d * z).sum()
            dbias[c] += d.sum()
            dx[n, c] = weight[c] * inverse_std[n, c] * (d - d.mean() - z * (d * z).mean())
    return dx, dweight, dbias


def instance_norm_backward__direct_term_only(dout, cache):
    """x also acts through the mean and the variance: those two ways are missing in dx."""
    normalized, inverse_std, weight = cache
    dx = inverse_std * weight[:, None, None] * dout
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def instance_norm_backward__mean_term_missing(dout, cache):
    """dx must add up to 0 in every channel of an image: the way through the mean is missing."""
    normalized, inverse_std, weight = cache
    dx = inverse_std * weight[:, None, None] * (dout - normalized * (dout * normalized).mean((2, 3), keepdim=True))
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def instance_norm_backward__variance_term_missing(dout, cache):
    """The variance depends on x as well: the way through it is missing in dx."""
    normalized, inverse_std, weight = cache
    dx = inverse_std * weight[:, None, None] * (dout - dout.mean((2, 3), keepdim=True))
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def instance_norm_backward__count_of_the_batch(dout, cache):
    """The sums in dx were divided by the count of the whole batch; a mean here is over one channel of one image."""
    normalized, inverse_std, weight = cache
    n = dout.numel() // len(weight)
    sums = dout.sum((2, 3), keepdim=True) + normalized * (dout * normalized).sum((2, 3), keepdim=True)
    dx = inverse_std * weight[:, None, None] * (dout - sums / n)
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def instance_norm_backward__means_over_the_batch(dout, cache):
    """The means in dx were taken over the images as well: that is batch normalization."""
    normalized, inverse_std, weight = cache
    axes = (0, 2, 3)
    g = dout - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return inverse_std * weight[:, None, None] * g, (dout * normalized).sum(axes), dout.sum(axes)


def instance_norm_backward__one_for_each_image(dout, cache):
    """dweight and dbias have one row for each image: all images share one weight for a channel."""
    normalized, inverse_std, weight = cache
    g = dout - dout.mean((2, 3), keepdim=True) - normalized * (dout * normalized).mean((2, 3), keepdim=True)
    return inverse_std * weight[:, None, None] * g, (dout * normalized).sum((2, 3)), dout.sum((2, 3))


slip(
    instance_norm_backward__two_means,
    "averaged_over_the_batch",
    "dweight and dbias were averaged; the chain rule adds up.",
    (
        "dx = inverse_std * weight[:, None, None] * g\n"
        "    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))",
        "dweight, dbias = (dout * normalized).sum((2, 3)).mean(0), dout.sum((2, 3)).mean(0)\n"
        "    return inverse_std * weight[:, None, None] * g, dweight, dbias",
    ),
)


def instance_norm_backward__no_weight_in_dx(dout, cache):
    """dx does not know the weight: on its way back dout meets it first."""
    normalized, inverse_std, _ = cache
    g = dout - dout.mean((2, 3), keepdim=True) - normalized * (dout * normalized).mean((2, 3), keepdim=True)
    return inverse_std * g, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


slips_in_two_ways(
    instance_norm_backward__two_means,
    line="g = dout - dout.mean((2, 3), keepdim=True) - normalized * (dout * normalized).mean((2, 3), keepdim=True)",
    mean="dout.mean((2, 3), keepdim=True)",
    variance="normalized * (dout * normalized).mean((2, 3), keepdim=True)",
    std="inverse_std",
)

slip(
    instance_norm_backward__two_means,
    "weight_twice_in_dx",
    "dx contains the weight twice: on its way back dout meets it once.",
    ("dx = inverse_std * weight[:, None, None] * g", "dx = inverse_std * weight[:, None, None] ** 2 * g"),
)
