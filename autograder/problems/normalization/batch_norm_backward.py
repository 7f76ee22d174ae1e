"""`batch_norm_backward`: right and wrong programs. Its cases stand beside those of `batch_norm_forward`."""

import torch

from autograder.problems.normalization.batch_norm import (
    batch_norm_forward__closure,
    batch_norm_forward__keeps_every_step,
    batch_norm_forward__keeps_input,
)
from autograder.problems.normalization.ways import slips_in_two_ways
from autograder.programs import follows, slip


def batch_norm_backward__two_sums(dout, cache):
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dweight, dbias = (dout * normalized).sum(axes), dout.sum(axes)
    dx = dout
    if training:
        n = dout.numel() // len(weight)
        dx = dout - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / n
    return dx * (weight * inverse_std).reshape(shape), dweight, dbias


def batch_norm_backward__two_means(dout, cache):
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    g = dout * weight.reshape(shape)
    if training:
        g = g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True)
    dx = inverse_std.reshape(shape) * g
    return dx, torch.einsum("nc...,nc...->c", dout, normalized), torch.einsum("nc...->c", dout)


def batch_norm_backward__loop_over_channels(dout, cache):
    normalized, inverse_std, weight, training = cache
    dx, dweight, dbias = torch.zeros_like(dout), torch.zeros_like(weight), torch.zeros_like(weight)
    for c in range(dout.shape[1]):
        d, z = dout[:, c].flatten(), normalized[:, c].flatten()
        dweight[c], dbias[c] = d @ z, d.sum()
        slopes = torch.eye(len(d), dtype=d.dtype, device=d.device)
        if training:
            slopes = slopes - (1 + torch.outer(z, z)) / len(d)
        dx[:, c] = (weight[c] * inverse_std[c] * (slopes @ d)).reshape(dx[:, c].shape)
    return dx, dweight, dbias


@follows(batch_norm_forward__keeps_every_step)
def batch_norm_backward__step_by_step(dout, cache):
    x, weight, mean = cache["x"], cache["weight"], cache["mean"]
    axes, n = [0, *range(2, x.dim())], x.numel() // x.shape[1]
    centered, std = x - mean, torch.sqrt(cache["var"] + cache["eps"])
    dnormalized = dout * weight.reshape(mean.shape)
    dcentered = dnormalized / std
    if cache["training"]:
        dstd = -(dnormalized * centered / std**2).sum(axes, keepdim=True)
        dvar = dstd / (2 * std)
        dcentered = dcentered + dvar * 2 * centered / n
        dcentered = dcentered - dcentered.sum(axes, keepdim=True) / n
    return dcentered, (dout * centered / std).sum(axes), dout.sum(axes)


@follows(batch_norm_forward__closure)
def batch_norm_backward__closure(dout, cache):
    return cache(dout)


def batch_norm_backward__direct_term_only(dout, cache):
    """In training x also acts through the mean and the variance: those two ways are missing in dx."""
    normalized, inverse_std, weight, _ = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    return dout * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__mean_term_missing(dout, cache):
    """dx of a training batch must add up to 0 in every channel: the way through the mean is missing."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__variance_term_missing(dout, cache):
    """In training the variance depends on x as well: the way through it is missing in dx."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__divided_twice(dout, cache):
    """The terms of mean and variance are too small: something was divided by the count twice."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        n = dout.numel() // len(weight)
        through = dout.mean(axes, keepdim=True) + normalized * (dout * normalized).mean(axes, keepdim=True)
        dx = dx - through / n
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


slip(
    batch_norm_backward__two_sums,
    "images_counted_only",
    "For images the terms of mean and variance are too large: count every number that a mean was taken over.",
    (
        "n = dout.numel() // len(weight)\n"
        "        dx = dout - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / n",
        "dx = dx - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / len(dout)",
    ),
)

slip(
    batch_norm_backward__two_sums,
    "one_less_than_the_count",
    "The means in dx were divided by one less than the count.",
    (
        "n = dout.numel() // len(weight)\n"
        "        dx = dout - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / n",
        "n = dout.numel() // len(weight) - 1\n"
        "        dx = dx - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / n",
    ),
)


def batch_norm_backward__training_gradient_in_evaluation(dout, cache):
    """In evaluation mean and variance are constants, but dx still contains the ways through them."""
    normalized, inverse_std, weight, _ = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


@follows(batch_norm_forward__keeps_input)
def batch_norm_backward__dweight_from_input(dout, cache):
    """dweight was made with x; look at what the weight was multiplied by."""
    x, normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * x).sum(axes), dout.sum(axes)


def batch_norm_backward__summed_over_the_batch_only(dout, cache):
    """For images dweight and dbias have one entry for each pixel: one number serves all places of a channel."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(0), dout.sum(0)


def batch_norm_backward__averaged_over_the_batch(dout, cache):
    """dweight and dbias were averaged; the chain rule adds up."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).mean(axes), dout.mean(axes)


def batch_norm_backward__dweight_times_weight(dout, cache):
    """dweight contains the weight as a factor; but how fast out grows with the weight does not depend on the weight."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    g = dout * weight.reshape(shape)
    dx = g
    if training:
        dx = dx - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True)
    return dx * inverse_std.reshape(shape), (g * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__no_weight_in_dx(dout, cache):
    """dx does not know the weight: on its way back dout meets it first."""
    normalized, inverse_std, _, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * inverse_std.reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__no_deviation_in_dx(dout, cache):
    """dx does not know by how much x was divided."""
    normalized, _, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * weight.reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__sign_of_variance_term(dout, cache):
    """The way through the variance has the wrong sign."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) + normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


def batch_norm_backward__order(dout, cache):
    """The gradients come in the wrong order: first dx, then dweight, then dbias."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout
    if training:
        dx = dx - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), dout.sum(axes), (dout * normalized).sum(axes)


def batch_norm_backward__changes_dout(dout, cache):
    """dout itself was overwritten: -=, *= and operations whose name ends in _ work in place."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dweight, dbias = (dout * normalized).sum(axes), dout.sum(axes)
    if training:
        dout -= (dbias.reshape(shape) + normalized * dweight.reshape(shape)) * len(weight) / dout.numel()
    dout *= (weight * inverse_std).reshape(shape)
    return dout, dweight, dbias


slips_in_two_ways(
    batch_norm_backward__two_means,
    line="g = g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True)",
    mean="g.mean(axes, keepdim=True)",
    variance="normalized * (g * normalized).mean(axes, keepdim=True)",
    std="inverse_std.reshape(shape)",
)

slip(
    batch_norm_backward__two_means,
    "no_weight_in_the_mean_term",
    "The weight is missing in the way through the mean: dout meets the weight first, then it goes all ways.",
    ("g = g - g.mean(axes, keepdim=True) -", "g = g - dout.mean(axes, keepdim=True) -"),
)

slip(
    batch_norm_backward__two_means,
    "no_weight_in_the_variance_term",
    "The weight is missing in the way through the variance: dout meets the weight first, then it goes all ways.",
    ("(g * normalized).mean(axes, keepdim=True)", "(dout * normalized).mean(axes, keepdim=True)"),
)

slip(
    batch_norm_backward__two_means,
    "weight_twice_in_dx",
    "dx contains the weight twice: on its way back dout meets it once.",
    ("dx = inverse_std.reshape(shape) * g", "dx = (weight * inverse_std).reshape(shape) * g"),
)

slip(
    batch_norm_backward__two_means,
    "averaged_over_the_images",
    "dweight and dbias were divided by the number of images; the chain rule adds up.",
    (
        'return dx, torch.einsum("nc...,nc...->c", dout, normalized), torch.einsum("nc...->c", dout)',
        'return dx, torch.einsum("nc...,nc...->c", dout, normalized) / len(dout), dout.sum(axes) / len(dout)',
    ),
)

slip(
    batch_norm_backward__two_means,
    "dbias_averaged",
    "dbias was averaged; the chain rule adds up.",
    ('torch.einsum("nc...->c", dout)', "dout.mean(axes)"),
)

slip(
    batch_norm_backward__two_means,
    "dbias_averaged_over_the_images",
    "dbias was divided by the number of images; the chain rule adds up.",
    ('torch.einsum("nc...->c", dout)', "dout.sum(axes) / len(dout)"),
)

slip(
    batch_norm_backward__two_means,
    "dweight_from_centered_input",
    "dweight was made with the centered x; look at what the weight was multiplied by.",
    (
        'return dx, torch.einsum("nc...,nc...->c", dout, normalized)',
        'return dx, torch.einsum("nc...,nc...->c", dout, normalized / inverse_std.reshape(shape))',
    ),
)


def batch_norm_backward__training_steps_in_evaluation(dout, cache):
    """In evaluation mean and variance are constants, but dx still contains the ways through them."""
    normalized, inverse_std, weight, _ = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    along = (dout * normalized).mean(axes, keepdim=True)
    dx = dout - dout.mean(axes, keepdim=True) - (normalized - normalized.mean(axes, keepdim=True)) * along
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)
