"""`group_norm_forward` and `group_norm_backward`: cases, reference, right and wrong programs."""

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


def _constant_group(x: torch.Tensor) -> torch.Tensor:
    # Two channels of 16 numbers, all 2.
    x[1, :2] = 2.0
    return x


def _group_norm_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    c = x.shape[1]
    num_groups = options.pop("num_groups")
    return {
        "x": x,
        "num_groups": num_groups,
        "weight": wide_normal(generator, c),
        "bias": wide_normal(generator, c),
        **options,
    }


GROUP_NORM_ROWS: tuple[Row, ...] = (
    ("6 channels in 2 groups", "values", (4, 6, 2, 5), {"num_groups": 2, "changed": large}),
    ("6 channels in 3 groups", "values", (2, 6, 5, 3), {"num_groups": 3, "changed": large}),
    ("2 groups, eps 0.5", "edge cases", (3, 8, 5, 2), {"num_groups": 2, "eps": 0.5}),
    ("2 groups, variances near eps", "edge cases", (3, 8, 5, 2), {"num_groups": 2, "changed": small}),
    ("2 groups of 2", "edge cases", (3, 4, 2, 5), {"num_groups": 2}),
    ("one group", "edge cases", (2, 4, 3, 5), {"num_groups": 1}),
    ("a group for each channel", "edge cases", (2, 4, 3, 5), {"num_groups": 4}),
    ("3 groups, one image", "edge cases", (1, 6, 4, 5), {"num_groups": 3}),
    ("2 groups, one of them constant", "edge cases", (3, 4, 2, 8), {"num_groups": 2, "changed": _constant_group}),
    ("3 groups, a weight of 0", "edge cases", (4, 6, 2, 5), {"num_groups": 3, "zero_weight": True}),
    ("2 groups, mean 1000", "edge cases", (5, 6, 2, 4), {"num_groups": 2, "changed": far, "gradient": False}),
    ("float64, eps 0.1/7", "contract", (4, 6, 2, 5), {"num_groups": 3, "eps": 0.1 / 7, "dtype": torch.float64}),
    (
        "float64, eps left out",
        "contract",
        (4, 6, 2, 5),
        {"num_groups": 3, "changed": small, "dtype": torch.float64},
    ),
    ("inputs with gaps in memory", "contract", (4, 6, 2, 5), {"num_groups": 3, "layout": "strided"}),
    ("x transposed in memory", "contract", (4, 6, 2, 5), {"num_groups": 3, "layout": "transposed"}),
    (NEXT_CALL, "contract", (4, 6, 2, 5), {"num_groups": 3, "another_call": True}),
)

PROBLEMS = pair(
    "group_norm",
    reference.group_norm,
    partial(drawn, GROUP_NORM_ROWS, _group_norm_arguments),
    ({"values": 5, "edge cases": 2, "contract": 1}, {"values": 6, "edge cases": 3, "contract": 1}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 4, "dweight": 1, "dbias": 1},
    forbidden=NORMALIZERS,
    forbidden_backward=NORMALIZERS_BACKWARD,
)


def group_norm_forward__keeps_normalized(x, num_groups, weight, bias, eps=1e-5):
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__loop_over_groups(x, num_groups, weight, bias, eps=1e-5):
    size = x.shape[1] // num_groups
    normalized = torch.empty_like(x)
    inverse_std = []
    for g in range(num_groups):
        part = x[:, g * size : (g + 1) * size]
        centered = part - part.mean((1, 2, 3), keepdim=True)
        std = torch.sqrt((centered**2).mean((1, 2, 3), keepdim=True) + eps)
        normalized[:, g * size : (g + 1) * size] = centered / std
        inverse_std.append(1 / std.reshape(-1, 1, 1))
    out = weight.reshape(1, -1, 1, 1) * normalized + bias.reshape(1, -1, 1, 1)
    return out, (normalized, torch.cat(inverse_std, dim=1), weight, num_groups)


def group_norm_forward__five_dimensions(x, num_groups, weight, bias, eps=1e-5):
    _, c, h, w = x.shape
    parts = torch.stack(x.chunk(num_groups, dim=1), dim=1)
    mean = torch.einsum("ngchw->ng", parts) * num_groups / (c * h * w)
    centered = parts - mean[..., None, None, None]
    var = torch.einsum("ngchw,ngchw->ng", centered, centered) * num_groups / (c * h * w)
    inverse_std = 1 / torch.sqrt(var + eps)
    normalized = torch.einsum("ngchw,ng->ngchw", centered, inverse_std).flatten(1, 2)
    out = torch.einsum("nchw,c->nchw", normalized, weight) + bias[None, :, None, None]
    return out, (normalized, inverse_std[..., None], weight, num_groups)


slip(
    group_norm_forward__keeps_normalized,
    "eps_outside_root",
    "eps is added in the wrong place: the order of adding it and taking the root matters.",
    (
        "inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = 1 / (groups.std(2, correction=0, keepdim=True) + eps)",
    ),
)

slip(
    group_norm_forward__keeps_normalized,
    "eps_omitted",
    "eps is not used: where the variance is small, or 0, it decides.",
    (
        "inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = groups.var(2, correction=0, keepdim=True).rsqrt()",
    ),
)

slip(
    group_norm_forward__keeps_normalized,
    "eps_fixed",
    "The argument eps is not used: it may differ from its default.",
    (
        "inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = (groups.var(2, correction=0, keepdim=True) + 1e-5).rsqrt()",
    ),
)

slip(
    group_norm_forward__keeps_normalized,
    "unbiased",
    "The variance was divided by one less than the count: torch's var and std do so unless they are told.",
    (
        "inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = (groups.var(2, keepdim=True) + eps).rsqrt()",
    ),
)


def group_norm_forward__groups_interleaved(x, num_groups, weight, bias, eps=1e-5):
    """The groups were cut the other way: the channels of a group are neighbors."""
    n, c, h, w = x.shape
    groups = x.reshape(n, c // num_groups, num_groups, h, w)
    inverse_std = (groups.var((1, 3, 4), correction=0, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean((1, 3, 4), keepdim=True)) * inverse_std).reshape(x.shape)
    inverse_std = inverse_std.reshape(n, num_groups, 1)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


slip(
    group_norm_forward__keeps_normalized,
    "number_taken_for_size",
    "num_groups says how many groups there are, not how many channels are in one.",
    (
        "groups = x.reshape(len(x), num_groups, -1)",
        "num_groups = x.shape[1] // num_groups\n    groups = x.reshape(len(x), num_groups, -1)",
    ),
)


def group_norm_forward__each_channel_by_itself(x, num_groups, weight, bias, eps=1e-5):
    """Each channel was normalized by itself: that is instance normalization, whatever num_groups says."""
    inverse_std = (x.var((2, 3), correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((2, 3), keepdim=True)) * inverse_std
    cache = (normalized, inverse_std.flatten(2), weight, x.shape[1])
    return normalized * weight[:, None, None] + bias[:, None, None], cache


def group_norm_forward__whole_image(x, num_groups, weight, bias, eps=1e-5):
    """All channels of an image share the statistics, whatever num_groups says."""
    inverse_std = (x.var((1, 2, 3), correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean((1, 2, 3), keepdim=True)) * inverse_std
    cache = (normalized, inverse_std.flatten(2), weight, 1)
    return normalized * weight[:, None, None] + bias[:, None, None], cache


slip(
    group_norm_forward__keeps_normalized,
    "over_the_batch",
    "All images share the statistics of a group: here an image knows nothing of the others.",
    (
        "inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()\n"
        "    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)",
        "inverse_std = (groups.var((0, 2), correction=0, keepdim=True) + eps).rsqrt()\n"
        "    normalized = ((groups - groups.mean((0, 2), keepdim=True)) * inverse_std).reshape(x.shape)",
    ),
)


def group_norm_forward__mean_of_variances(x, num_groups, weight, bias, eps=1e-5):
    """The variance of a group is not the mean of its channels' variances: their means differ as well."""
    n, c, h, w = x.shape
    groups = x.reshape(n, num_groups, c // num_groups, h * w)
    mean = groups.mean((2, 3), keepdim=True)
    inverse_std = (groups.var(3, correction=0, keepdim=True).mean(2, keepdim=True) + eps).rsqrt()
    normalized = ((groups - mean) * inverse_std).reshape(x.shape)
    cache = (normalized, inverse_std.flatten(2), weight, num_groups)
    return normalized * weight[:, None, None] + bias[:, None, None], cache


slip(
    group_norm_forward__keeps_normalized,
    "weight_and_bias_unused",
    "The result has mean 0 and variance 1 in every group: the last step of the formula is missing.",
    (
        "return normalized * weight[:, None, None] + bias[:, None, None], (",
        "return normalized, (",
    ),
)


def group_norm_forward__difference_of_squares(x, num_groups, weight, bias, eps=1e-5):
    """When the mean is large, two large numbers cancel in the variance and its digits are lost: center x first."""
    groups = x.reshape(len(x), num_groups, -1)
    mean = groups.mean(2, keepdim=True)
    inverse_std = ((groups * groups).mean(2, keepdim=True) - mean * mean + eps).rsqrt()
    normalized = ((groups - mean) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_backward__two_means(dout, cache):
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__loops(dout, cache):
    normalized, inverse_std, weight, num_groups = cache
    size = len(weight) // num_groups
    dx = torch.zeros_like(dout)
    for n in range(len(dout)):
        for i in range(num_groups):
            channels = slice(i * size, (i + 1) * size)
            g = dout[n, channels] * weight[channels].reshape(-1, 1, 1)
            z = normalized[n, channels]
            dx[n, channels] = inverse_std[n, i] * (g - g.mean() - z * (g * z).mean())
    dweight = torch.stack([(dout[:, c] * normalized[:, c]).sum() for c in range(len(weight))])
    return dx, dweight, torch.stack([dout[:, c].sum() for c in range(len(weight))])


def group_norm_backward__from_channel_sums(dout, cache):
    normalized, inverse_std, weight, num_groups = cache
    n, c, h, w = dout.shape
    size = c // num_groups
    by_channel = (dout * normalized).sum((2, 3)), dout.sum((2, 3))
    along, total = (
        (weight * sums).reshape(n, num_groups, size).sum(2).repeat_interleave(size, dim=1)[..., None, None]
        for sums in by_channel
    )
    dx = weight[None, :, None, None] * dout - (total + normalized * along) / (size * h * w)
    dx = dx * inverse_std.reshape(n, num_groups).repeat_interleave(size, dim=1)[..., None, None]
    return dx, by_channel[0].sum(0), by_channel[1].sum(0)


slip(
    group_norm_backward__two_means,
    "direct_term_only",
    "x also acts through the mean and the variance: those two ways are missing in dx.",
    (
        "z = normalized.reshape(g.shape)\n"
        "    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))",
        "dx = inverse_std * g",
    ),
)

slip(
    group_norm_backward__two_means,
    "mean_term_missing",
    "dx must add up to 0 in every group: the way through the mean is missing.",
    (
        "dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))",
        "dx = inverse_std * (g - z * (g * z).mean(2, keepdim=True))",
    ),
)

slip(
    group_norm_backward__two_means,
    "variance_term_missing",
    "The variance depends on x as well: the way through it is missing in dx.",
    (
        "z = normalized.reshape(g.shape)\n"
        "    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))",
        "dx = inverse_std * (g - g.mean(2, keepdim=True))",
    ),
)


def group_norm_backward__weight_after_the_means(dout, cache):
    """The weight was put in last, as for batch normalization: here it differs within a mean, so the order matters."""
    normalized, inverse_std, weight, num_groups = cache
    g = dout.reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))
    dx = dx.reshape(dout.shape) * weight[:, None, None]
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


slip(
    group_norm_backward__two_means,
    "no_weight_in_dx",
    "dx does not know the weight: on its way back dout meets it first.",
    (
        "normalized, inverse_std, weight, num_groups = cache\n"
        "    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)",
        "normalized, inverse_std, _, num_groups = cache\n    g = dout.reshape(len(dout), num_groups, -1)",
    ),
)


def group_norm_backward__means_of_each_channel(dout, cache):
    """The means in dx were taken over one channel; forward they were taken over the whole group."""
    normalized, inverse_std, weight, num_groups = cache
    g = dout * weight[:, None, None]
    dx = g - g.mean((2, 3), keepdim=True) - normalized * (g * normalized).mean((2, 3), keepdim=True)
    dx = inverse_std * dx.reshape(len(dout), num_groups, -1)
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


slip(
    group_norm_backward__two_means,
    "pixels_counted_only",
    "The terms of mean and variance are too large: a mean was over all channels of the group, too.",
    (
        "dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))",
        "n = dout.shape[2] * dout.shape[3]\n"
        "    dx = inverse_std * (g - (g.sum(2, keepdim=True) + z * (g * z).sum(2, keepdim=True)) / n)",
    ),
)

slip(
    group_norm_backward__two_means,
    "one_for_each_group",
    "dweight and dbias have one entry for each group: every channel has its own weight.",
    (
        "return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))",
        "d = dout.reshape(g.shape)\n    return dx.reshape(dout.shape), (d * z).sum((0, 2)), d.sum((0, 2))",
    ),
)

slip(
    group_norm_backward__two_means,
    "one_for_each_image",
    "dweight and dbias have one row for each image: all images share one weight for a channel.",
    (
        "return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))",
        "return dx.reshape(dout.shape), (dout * normalized).sum((2, 3)), dout.sum((2, 3))",
    ),
)


slips_in_two_ways(
    group_norm_backward__two_means,
    line="dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))",
    mean="g.mean(2, keepdim=True)",
    variance="z * (g * z).mean(2, keepdim=True)",
    std="inverse_std",
)

slip(
    group_norm_backward__two_means,
    "weight_twice_in_dx",
    "dx contains the weight twice: on its way back dout meets it once.",
    ("return dx.reshape(dout.shape), (", "return dx.reshape(dout.shape) * weight[:, None, None], ("),
)
