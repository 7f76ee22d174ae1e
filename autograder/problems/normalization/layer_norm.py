"""`layer_norm_forward` and `layer_norm_backward`: cases, reference, right and wrong programs."""

from functools import partial
from typing import Any

import torch

from autograder.problems.drawing import NEXT_CALL, wide_normal
from autograder.problems.forbidden import NORMALIZERS, NORMALIZERS_BACKWARD
from autograder.problems.normalization.cases import Row, drawn, far, large, small
from autograder.problems.normalization.ways import slips_in_two_ways
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import normalization as reference


def _constant_sample(x: torch.Tensor) -> torch.Tensor:
    # As for a channel: 64 numbers, all 2.
    x[1] = 2.0
    return x


def _layer_norm_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "x": x,
        "weight": wide_normal(generator, *x.shape[1:]),
        "bias": wide_normal(generator, *x.shape[1:]),
        **options,
    }


LAYER_NORM_ROWS: tuple[Row, ...] = (
    ("x (4, 6)", "values", (4, 6), {"changed": large}),
    ("x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {"changed": large}),
    ("eps 0.5", "edge cases", (3, 4, 5, 2), {"eps": 0.5}),
    ("variances near eps", "edge cases", (4, 6), {"changed": small}),
    ("x (2, 5, 3)", "edge cases", (2, 5, 3), {}),
    ("one sample", "edge cases", (1, 3, 4, 5), {}),
    ("one channel", "edge cases", (3, 1, 4, 2), {}),
    ("a constant sample", "edge cases", (3, 4, 2, 8), {"changed": _constant_sample}),
    ("a channel with weights of 0", "edge cases", (4, 3, 2, 5), {"zero_weight": True}),
    ("mean 1000", "edge cases", (11, 3, 2, 2), {"changed": far, "gradient": False}),
    ("float64, eps 0.1/7", "contract", (4, 3, 2, 5), {"eps": 0.1 / 7, "dtype": torch.float64}),
    ("float64, eps left out", "contract", (4, 3, 2, 5), {"changed": small, "dtype": torch.float64}),
    ("inputs with gaps in memory", "contract", (4, 3, 2, 5), {"layout": "strided"}),
    ("inputs transposed in memory", "contract", (4, 3, 2, 5), {"layout": "transposed"}),
    (NEXT_CALL, "contract", (4, 3, 2, 5), {"another_call": True}),
)

PROBLEMS = pair(
    "layer_norm",
    reference.layer_norm,
    partial(drawn, LAYER_NORM_ROWS, _layer_norm_arguments),
    ({"values": 4, "edge cases": 1, "contract": 1}, {"values": 6, "edge cases": 2, "contract": 1}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 4, "dweight": 1, "dbias": 1},
    forbidden=NORMALIZERS,
    forbidden_backward=NORMALIZERS_BACKWARD,
)


def layer_norm_forward__keeps_normalized(x, weight, bias, eps=1e-5):
    axes = list(range(1, x.dim()))
    inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__loop_over_samples(x, weight, bias, eps=1e-5):
    normalized = torch.zeros_like(x)
    inverse_std = []
    for i, sample in enumerate(x):
        n, total, squares = sample.numel(), 0.0, 0.0
        for number in sample.flatten():
            total = total + number
        for number in sample.flatten():
            squares = squares + (number - total / n) ** 2
        inverse_std.append(1 / torch.sqrt(squares / n + eps))
        normalized[i] = (sample - total / n) * inverse_std[i]
    inverse_std = torch.stack(inverse_std).reshape(-1, *[1] * (x.dim() - 1))
    return weight * normalized + bias, (normalized, inverse_std, weight)


def layer_norm_forward__samples_as_rows(x, weight, bias, eps=1e-5):
    rows = x.reshape(len(x), -1)
    centered = rows - rows.sum(1, keepdim=True) / rows.shape[1]
    std = torch.sqrt(torch.einsum("nd,nd->n", centered, centered) / rows.shape[1] + eps)
    normalized = (centered / std[:, None]).reshape(x.shape)
    out = torch.addcmul(bias, weight, normalized)
    return out, (normalized, (1 / std).reshape(-1, *[1] * (x.dim() - 1)), weight)


def layer_norm_forward__keeps_input(x, weight, bias, eps=1e-5):
    rows = x.flatten(1)
    mean = rows.mean(1)
    var = ((rows - mean[:, None]) ** 2).mean(1)
    shape = (-1, *[1] * (x.dim() - 1))
    out = (x - mean.reshape(shape)) / (var.reshape(shape) + eps) ** 0.5 * weight + bias
    return out, {"x": x, "weight": weight, "mean": mean, "var": var + eps}


slip(
    layer_norm_forward__keeps_normalized,
    "eps_outside_root",
    "eps is added in the wrong place: the order of adding it and taking the root matters.",
    (
        "inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = 1 / (x.std(axes, correction=0, keepdim=True) + eps)",
    ),
)

slip(
    layer_norm_forward__keeps_normalized,
    "eps_omitted",
    "eps is not used: where the variance is small, or 0, it decides.",
    (
        "inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = x.var(axes, correction=0, keepdim=True).rsqrt()",
    ),
)

slip(
    layer_norm_forward__keeps_normalized,
    "eps_fixed",
    "The argument eps is not used: it may differ from its default.",
    (
        "inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = (x.var(axes, correction=0, keepdim=True) + 1e-5).rsqrt()",
    ),
)

slip(
    layer_norm_forward__keeps_normalized,
    "unbiased",
    "The variance was divided by one less than the count: torch's var and std do so unless they are told.",
    (
        "inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()",
        "inverse_std = (x.var(axes, keepdim=True) + eps).rsqrt()",
    ),
)


def layer_norm_forward__last_dimension_only(x, weight, bias, eps=1e-5):
    """For images each row of pixels was normalized by itself: one mean belongs to all entries of a sample."""
    inverse_std = (x.var(-1, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(-1, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__channels_only(x, weight, bias, eps=1e-5):
    """For images each pixel was normalized by itself, over the channels: one mean belongs to a whole sample."""
    inverse_std = (x.var(1, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(1, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


slip(
    layer_norm_forward__keeps_normalized,
    "each_channel_by_itself",
    "For images each channel was normalized by itself: one mean belongs to all entries of a sample.",
    (
        "axes = list(range(1, x.dim()))",
        "axes = list(range(2, x.dim())) or [1]",
    ),
)


def layer_norm_forward__over_the_batch(x, weight, bias, eps=1e-5):
    """Each entry was normalized over the samples; here a sample knows nothing of the others."""
    inverse_std = (x.var(0, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(0, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__whole_tensor(x, weight, bias, eps=1e-5):
    """One mean and one variance serve all samples: each sample has its own."""
    inverse_std = (x.var(correction=0) + eps).rsqrt()
    normalized = (x - x.mean()) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


slip(
    layer_norm_forward__keeps_normalized,
    "weight_and_bias_unused",
    "The result has mean 0 and variance 1 in every sample: the last step of the formula is missing.",
    (
        "return normalized * weight + bias, (normalized, inverse_std, weight)",
        "return normalized, (normalized, inverse_std, weight)",
    ),
)


def layer_norm_forward__difference_of_squares(x, weight, bias, eps=1e-5):
    """When the mean is large, two large numbers cancel in the variance and its digits are lost: center x first."""
    axes = list(range(1, x.dim()))
    mean = x.mean(axes, keepdim=True)
    inverse_std = ((x * x).mean(axes, keepdim=True) - mean * mean + eps).rsqrt()
    normalized = (x - mean) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__in_place(x, weight, bias, eps=1e-5):
    """x itself was overwritten: -=, /= and operations whose name ends in _ work in place."""
    axes = list(range(1, x.dim()))
    inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()
    x -= x.mean(axes, keepdim=True)
    x *= inverse_std
    return x * weight + bias, (x, inverse_std, weight)


def layer_norm_backward__two_means(dout, cache):
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (dout * normalized).sum(0), dout.sum(0)


def layer_norm_backward__one_sample_at_a_time(dout, cache):
    normalized, inverse_std, weight = cache
    dx, dweight, dbias = torch.empty_like(dout), torch.zeros_like(weight), torch.zeros_like(weight)
    for i in range(len(dout)):
        dweight, dbias = dweight + dout[i] * normalized[i], dbias + dout[i]
        g, z = (dout[i] * weight).flatten(), normalized[i].flatten()
        slopes = torch.eye(len(g), dtype=g.dtype, device=g.device) - 1 / len(g) - torch.outer(z, z) / len(g)
        dx[i] = inverse_std[i] * (slopes @ g).reshape(weight.shape)
    return dx, dweight, dbias


@follows(layer_norm_forward__keeps_input)
def layer_norm_backward__by_rows(dout, cache):
    rows, std = cache["x"].flatten(1), cache["var"].sqrt()
    d = rows.shape[1]
    z = (rows - cache["mean"][:, None]) / std[:, None]
    g = torch.einsum("nd,d->nd", dout.flatten(1), cache["weight"].flatten())
    total, along = g.sum(1), torch.einsum("nd,nd->n", g, z)
    dx = (d * g - total[:, None] - z * along[:, None]) / (d * std[:, None])
    dweight = torch.einsum("nd,nd->d", dout.flatten(1), z)
    shape = cache["weight"].shape
    return dx.reshape(dout.shape), dweight.reshape(shape), dout.sum(dim=0)


def layer_norm_backward__direct_term_only(dout, cache):
    """x also acts through the mean and the variance: those two ways are missing in dx."""
    normalized, inverse_std, weight = cache
    return inverse_std * dout * weight, (dout * normalized).sum(0), dout.sum(0)


slip(
    layer_norm_backward__two_means,
    "mean_term_missing",
    "dx must add up to 0 in every sample: the way through the mean is missing.",
    (
        "dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))",
        "dx = inverse_std * (g - normalized * (g * normalized).mean(axes, keepdim=True))",
    ),
)

slip(
    layer_norm_backward__two_means,
    "variance_term_missing",
    "The variance depends on x as well: the way through it is missing in dx.",
    (
        "dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))",
        "dx = inverse_std * (g - g.mean(axes, keepdim=True))",
    ),
)


def layer_norm_backward__weight_after_the_means(dout, cache):
    """The weight was put in last, as for batch normalization: here it differs within a mean, so the order matters."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    dx = dout - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return inverse_std * weight * dx, (dout * normalized).sum(0), dout.sum(0)


def layer_norm_backward__no_weight_in_dx(dout, cache):
    """dx does not know the weight: on its way back dout meets it first."""
    normalized, inverse_std, _ = cache
    axes = list(range(1, dout.dim()))
    dx = dout - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return inverse_std * dx, (dout * normalized).sum(0), dout.sum(0)


slip(
    layer_norm_backward__two_means,
    "means_over_the_batch",
    "The means in dx were taken over the samples: these are the axes of batch normalization.",
    (
        "axes = list(range(1, dout.dim()))",
        "axes = [0, *range(2, dout.dim())]",
    ),
)

slip(
    layer_norm_backward__two_means,
    "summed_within_the_samples",
    "dweight and dbias must have the shape of weight: look at which entries of dout one weight has touched.",
    (
        "return dx, (dout * normalized).sum(0), dout.sum(0)",
        "return dx, (dout * normalized).sum(axes), dout.sum(axes)",
    ),
)

slip(
    layer_norm_backward__two_means,
    "one_for_each_channel",
    "For images dweight and dbias have one entry for each channel: here every place of a sample has its own.",
    (
        "return dx, (dout * normalized).sum(0), dout.sum(0)",
        "batch = [0, *range(2, dout.dim())]\n    return dx, (dout * normalized).sum(batch), dout.sum(batch)",
    ),
)

slip(
    layer_norm_backward__two_means,
    "averaged_over_the_batch",
    "dweight and dbias were averaged; the chain rule adds up.",
    (
        "return dx, (dout * normalized).sum(0), dout.sum(0)",
        "return dx, (dout * normalized).mean(0), dout.mean(0)",
    ),
)

slip(
    layer_norm_backward__two_means,
    "dweight_times_weight",
    "dweight contains the weight as a factor; but how fast out grows with the weight does not depend on the weight.",
    (
        "return dx, (dout * normalized).sum(0), dout.sum(0)",
        "return dx, (g * normalized).sum(0), dout.sum(0)",
    ),
)

slip(
    layer_norm_backward__two_means,
    "divided_twice",
    "The terms of mean and variance are too small: something was divided by the count twice.",
    (
        "dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))\n"
        "    return dx, (dout * normalized).sum(0), dout.sum(0)",
        "through = g.mean(axes, keepdim=True) + normalized * (g * normalized).mean(axes, keepdim=True)\n"
        "    return inverse_std * (g - through / weight.numel()), (dout * normalized).sum(0), dout.sum(0)",
    ),
)


slips_in_two_ways(
    layer_norm_backward__two_means,
    line="dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))",
    mean="g.mean(axes, keepdim=True)",
    variance="normalized * (g * normalized).mean(axes, keepdim=True)",
    std="inverse_std",
)

slip(
    layer_norm_backward__two_means,
    "weight_twice_in_dx",
    "dx contains the weight twice: on its way back dout meets it once.",
    ("dx = inverse_std * (", "dx = inverse_std * weight * ("),
)

slip(
    layer_norm_backward__two_means,
    "no_weight_in_the_mean_term",
    "The weight is missing in the way through the mean: dout meets the weight first, then it goes all ways.",
    ("(g - g.mean(axes, keepdim=True) -", "(g - dout.mean(axes, keepdim=True) -"),
)

slip(
    layer_norm_backward__two_means,
    "no_weight_in_the_variance_term",
    "The weight is missing in the way through the variance: dout meets the weight first, then it goes all ways.",
    ("(g * normalized).mean(axes, keepdim=True)", "(dout * normalized).mean(axes, keepdim=True)"),
)

slip(
    layer_norm_backward__two_means,
    "divided_by_the_images",
    "The terms of mean and variance were divided by the number of samples: count the entries of one sample.",
    ("g = dout * weight\n", "g, count = dout * weight, len(dout)\n"),
    ("g.mean(axes, keepdim=True) -", "g.sum(axes, keepdim=True) / count -"),
    ("(g * normalized).mean(axes, keepdim=True)", "(g * normalized).sum(axes, keepdim=True) / count"),
)


slip(
    layer_norm_backward__two_means,
    "over_the_samples",
    "The means in dx were taken over the samples alone: forward they were taken over the entries of each sample.",
    ("g.mean(axes, keepdim=True) -", "g.mean(0) -"),
    ("(g * normalized).mean(axes, keepdim=True)", "(g * normalized).mean(0)"),
)


@follows(layer_norm_forward__keeps_input)
def layer_norm_backward__dweight_from_input(dout, cache):
    """dweight was made with x; look at what the weight was multiplied by."""
    x, axes = cache["x"], list(range(1, dout.dim()))
    inverse_std = cache["var"].rsqrt().reshape(-1, *[1] * (x.dim() - 1))
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    g = dout * cache["weight"]
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (dout * x).sum(0), dout.sum(0)
