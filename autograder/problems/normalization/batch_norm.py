"""`batch_norm_forward` and `batch_norm_backward`: cases, reference, right and wrong programs."""

from typing import Any

import torch

from autograder.calls.kinds import backward, forward
from autograder.problem import Problem
from autograder.problems.drawing import NEXT_CALL, uniform, wide_normal
from autograder.problems.forbidden import NORMALIZERS, NORMALIZERS_BACKWARD
from autograder.problems.normalization.cases import Row, drawn, large, small
from autograder.programs import slip
from autograder.references import gradients_of, values_of
from autograder.references import normalization as reference


def _off(x: torch.Tensor) -> torch.Tensor:
    """Numbers around 100: farther out, a good algorithm in one pass would lose digits of the running variance."""
    return 100 + x / 2


def _constant_channel(x: torch.Tensor) -> torch.Tensor:
    # A power of two, as are the counts: its mean is exact in every order of summation.
    x[:, 1] = 2.0
    return x


def _batch_norm_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    c = x.shape[1]
    return {
        "x": x,
        "weight": wide_normal(generator, c),
        "bias": wide_normal(generator, c),
        "running_mean": x.mean([0, *range(2, x.dim())]) + 0.5 * wide_normal(generator, c),
        # Below 1, so that `another_call` makes no negative ones of them; where they are used, so small that the place
        # of eps always shows, whatever the seed.
        "running_var": uniform(generator, *((0.5, 0.9) if options["training"] else (0.02, 0.06)), c),
        **options,
    }


BATCH_NORM_ROWS: tuple[Row, ...] = (
    ("training, x (6, 4)", "values", (6, 4), {"training": True, "changed": large}),
    ("training, x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {"training": True, "changed": large}),
    ("evaluation, x (6, 4)", "values", (6, 4), {"training": False}),
    ("evaluation, x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {"training": False}),
    (
        "training, momentum 0.3, eps 0.5",
        "edge cases",
        (3, 4, 5, 2),
        {"training": True, "momentum": 0.3, "eps": 0.5},
    ),
    (
        "evaluation, momentum 0.3, eps 0.5",
        "edge cases",
        (3, 4, 5, 2),
        {"training": False, "momentum": 0.3, "eps": 0.5},
    ),
    ("training, variances near eps", "edge cases", (7, 4), {"training": True, "changed": small}),
    ("training, a constant channel", "edge cases", (4, 3, 2, 8), {"training": True, "changed": _constant_channel}),
    ("training, one image", "edge cases", (1, 3, 4, 5), {"training": True}),
    ("training, one channel", "edge cases", (3, 1, 4, 2), {"training": True}),
    ("evaluation, one row", "edge cases", (1, 4), {"training": False}),
    ("training, a weight of 0", "edge cases", (4, 3, 2, 5), {"training": True, "zero_weight": True}),
    ("training, two rows", "edge cases", (2, 4), {"training": True, "gradient": False}),
    ("training, mean 100", "edge cases", (3, 16, 2, 2), {"training": True, "changed": _off, "gradient": False}),
    (
        "training, float64, momentum 1/7, eps 0.1/7",
        "contract",
        (4, 3, 2, 5),
        {"training": True, "momentum": 1 / 7, "eps": 0.1 / 7, "dtype": torch.float64},
    ),
    (
        "evaluation, float64, momentum 1/7, eps 0.1/7",
        "contract",
        (6, 4),
        {"training": False, "momentum": 1 / 7, "eps": 0.1 / 7, "dtype": torch.float64},
    ),
    *(
        (
            f"{mode}, float64, momentum and eps left out",
            "contract",
            (4, 3, 2, 5),
            {"training": mode == "training", "changed": small, "dtype": torch.float64},
        )
        for mode in ("training", "evaluation")
    ),
    (
        "training, inputs with gaps in memory",
        "contract",
        (4, 3, 2, 5),
        {"training": True, "layout": "strided"},
    ),
    (
        "training, x transposed in memory",
        "contract",
        (4, 3, 2, 5),
        {"training": True, "layout": "transposed"},
    ),
    (
        "evaluation, x transposed in memory",
        "contract",
        (4, 3, 2, 5),
        {"training": False, "layout": "transposed"},
    ),
    (f"training, {NEXT_CALL}", "contract", (4, 3, 2, 5), {"training": True, "another_call": True}),
    (f"evaluation, {NEXT_CALL}", "contract", (4, 3, 2, 5), {"training": False, "another_call": True}),
)

PROBLEMS = (
    Problem(
        name="batch_norm_forward",
        call=forward,
        returns=("out", ("new running_mean", "new running_var")),
        cases=drawn(BATCH_NORM_ROWS, _batch_norm_arguments, gradient=False),
        expected=values_of(reference.batch_norm),
        points={"values": 8, "edge cases": 4, "contract": 2},
        shares={"out": 4, "new running_mean": 2, "new running_var": 2},
        forbidden=NORMALIZERS,
        modules=(__name__,),
    ),
    Problem(
        name="batch_norm_backward",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=drawn(BATCH_NORM_ROWS, _batch_norm_arguments, gradient=True),
        expected=gradients_of(reference.batch_norm_out, wrt=("x", "weight", "bias")),
        points={"values": 10, "edge cases": 4, "contract": 2},
        shares={"dx": 6, "dweight": 2, "dbias": 2},
        forbidden=NORMALIZERS_BACKWARD,
        modules=(__name__, f"{__name__}_backward"),
    ),
)


def batch_norm_forward__keeps_normalized(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    if training:
        mean, var = x.mean(axes), x.var(axes, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    else:
        mean, var = running_mean, running_var
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__loop_over_channels(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    out, normalized = torch.empty_like(x), torch.empty_like(x)
    running_mean, running_var = running_mean.clone(), running_var.clone()
    inverse_std = torch.empty_like(weight)
    for c in range(x.shape[1]):
        numbers = x[:, c].flatten()
        if training:
            n = len(numbers)
            mean = sum(numbers) / n
            squares = sum((numbers - mean) ** 2)
            var = squares / n
            running_mean[c] += momentum * (mean - running_mean[c])
            running_var[c] += momentum * (squares / (n - 1) - running_var[c])
        else:
            mean, var = running_mean[c], running_var[c]
        inverse_std[c] = 1 / (var + eps) ** 0.5
        normalized[:, c] = (x[:, c] - mean) * inverse_std[c]
        out[:, c] = weight[c] * normalized[:, c] + bias[c]
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__channels_as_rows(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    rows = x.transpose(0, 1).flatten(1)
    mean, var = running_mean, running_var
    new_mean, new_var = running_mean, running_var
    if training:
        n = rows.shape[1]
        mean = torch.einsum("cn->c", rows) / n
        centered = rows - mean[:, None]
        var = torch.einsum("cn,cn->c", centered, centered) / n
        new_mean = torch.lerp(running_mean, mean, momentum)
        new_var = torch.lerp(running_var, var * n / (n - 1), momentum)
    std = torch.sqrt(var + eps)
    normalized = (rows - mean[:, None]) / std[:, None]
    like = x.transpose(0, 1).shape
    out = torch.addcmul(bias[:, None], weight[:, None], normalized).reshape(like).transpose(0, 1)
    return out, [new_mean, new_var], (normalized.reshape(like).transpose(0, 1), 1 / std, weight, training)


def batch_norm_forward__one_scale_and_shift(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    axes, shape = [d for d in range(x.dim()) if d != 1], [-1] + [1] * (x.dim() - 2)
    mean, var = (x.mean(axes), x.std(axes, correction=0) ** 2) if training else (running_mean, running_var)
    inverse_std = 1 / torch.sqrt(var + eps)
    scale = (weight * inverse_std).reshape(shape)
    shift = bias.reshape(shape) - mean.reshape(shape) * scale
    if training:
        n = x.numel() // x.shape[1]
        running_mean = running_mean - momentum * (running_mean - mean)
        running_var = running_var - momentum * (running_var - var * (n / (n - 1)))
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    return x * scale + shift, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__keeps_every_step(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, shape = [0, *range(2, x.dim())], [1, x.shape[1]] + [1] * (x.dim() - 2)
    n = x.numel() // x.shape[1]
    mean, var = running_mean.reshape(shape), running_var.reshape(shape)
    if training:
        mean = x.sum(axes, keepdim=True) / n
        var = ((x - mean) ** 2).sum(axes, keepdim=True) / n
        running_mean = (1 - momentum) * running_mean + momentum * mean.flatten()
        running_var = (1 - momentum) * running_var + momentum * var.flatten() * n / (n - 1)
    steps = {"x": x, "weight": weight, "mean": mean, "var": var, "eps": eps, "training": training}
    out = weight.reshape(shape) * (x - mean) / torch.sqrt(var + eps) + bias.reshape(shape)
    return out, (running_mean, running_var), steps


def batch_norm_forward__closure(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    std = torch.sqrt(var + eps).reshape(shape)
    z = (x - mean.reshape(shape)) / std
    w = weight.reshape(shape)

    def gradients(dout):
        within = (lambda t: t - t.mean(axes, keepdim=True)) if training else (lambda t: t)
        along = (dout * z).mean(axes, keepdim=True) if training else 0
        return w / std * (within(dout) - z * along), (dout * z).sum(axes), dout.sum(axes)

    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    return w * z + bias.reshape(shape), (running_mean, running_var), gradients


def batch_norm_forward__keeps_input(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (x, normalized, inverse_std, weight, training)


slip(
    batch_norm_forward__keeps_input,
    "eps_outside_root",
    "eps is added in the wrong place: the order of adding it and taking the root matters.",
    (
        "inverse_std = (var + eps).rsqrt()",
        "inverse_std = 1 / (var.sqrt() + eps)",
    ),
    (
        "return out, (running_mean, running_var), (x, normalized, inverse_std, weight, training)",
        "return out, (running_mean, running_var), (normalized, inverse_std, weight, training)",
    ),
)

slip(
    batch_norm_forward__keeps_input,
    "eps_omitted",
    "eps is not used: where the variance is small, or 0, it decides.",
    (
        "inverse_std = (var + eps).rsqrt()",
        "inverse_std = var.rsqrt()",
    ),
    (
        "return out, (running_mean, running_var), (x, normalized, inverse_std, weight, training)",
        "return out, (running_mean, running_var), (normalized, inverse_std, weight, training)",
    ),
)

slip(
    batch_norm_forward__keeps_input,
    "eps_fixed",
    "The argument eps is not used: it may differ from its default.",
    (
        "inverse_std = (var + eps).rsqrt()",
        "inverse_std = (var + 1e-5).rsqrt()",
    ),
    (
        "return out, (running_mean, running_var), (x, normalized, inverse_std, weight, training)",
        "return out, (running_mean, running_var), (normalized, inverse_std, weight, training)",
    ),
)


def batch_norm_forward__momentum_fixed(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """The argument momentum is not used: it may differ from its default."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = 0.9 * running_mean + 0.1 * mean
        running_var = 0.9 * running_var + 0.1 * x.var(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__running_variance_biased(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The running variance got the variance that normalizes; it should get the other one of the two."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__normalized_with_unbiased(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The variance that normalizes was divided by one less than the count: torch's var does so unless it is told."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__variances_swapped(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """The two variances are swapped: look at which one normalizes and which one is remembered."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes, correction=0)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__momentum_reversed(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """The running statistics forget too fast: here momentum is the share of the new batch."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * x.var(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__running_not_updated(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The running statistics come back from training as they went in."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__batch_statistics_returned(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The statistics of this batch alone came back: the running ones also remember earlier batches."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean, running_var = mean, x.var(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__running_in_place(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """The running statistics that were given are overwritten: += and operations whose name ends in _ work in place."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (x.var(axes) - running_var)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__batch_statistics_in_evaluation(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """In evaluation the result still depends on the other rows of the batch."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = x.mean(axes), x.var(axes, correction=0)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__running_statistics_in_training(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """In training the running statistics normalized; they are for evaluation."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * x.mean(axes)
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = (running_var + eps).rsqrt()
    normalized = (x - running_mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__updated_in_evaluation(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The running statistics change in evaluation too; there the batch must leave no trace."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    n = max(2, x.numel() // x.shape[1])
    running_mean = (1 - momentum) * running_mean + momentum * x.mean(axes)
    running_var = (1 - momentum) * running_var + momentum * x.var(axes, correction=0) * n / (n - 1)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__whole_tensor(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """One mean and one variance serve all channels: each channel has its own."""
    shape = (1, -1, *[1] * (x.dim() - 2))
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean().expand(x.shape[1]), x.var(correction=0).expand(x.shape[1])
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var()
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__each_image_by_itself(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """Each image was normalized by itself: the statistics of a channel are those of the whole batch."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    inner = list(range(2, x.dim())) or [0]
    mean, var = running_mean.reshape(shape), running_var.reshape(shape)
    if training:
        mean, var = x.mean(inner, keepdim=True), x.var(inner, correction=0, keepdim=True)
        running_mean = (1 - momentum) * running_mean + momentum * x.mean(axes)
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    normalized = (x - mean) / torch.sqrt(var + eps)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, (running_var + eps).rsqrt(), weight, training)


def batch_norm_forward__weight_and_bias_unused(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The result has mean 0 and variance 1 in every channel: the last step of the formula is missing."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    return normalized, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__divided_by_variance(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """The centered x was divided by a variance; look at what makes the new variance 1."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = 1 / (var + eps)
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


slip(
    batch_norm_forward__keeps_input,
    "running_deviation",
    "The standard deviation went into running_var; its name says what it holds.",
    (
        "running_var = (1 - momentum) * running_var + momentum * x.var(axes)",
        "running_var = (1 - momentum) * running_var + momentum * x.std(axes)",
    ),
    (
        "return out, (running_mean, running_var), (x, normalized, inverse_std, weight, training)",
        "return out, (running_mean, running_var), (normalized, inverse_std, weight, training)",
    ),
)


def batch_norm_forward__difference_of_squares(
    x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """When the mean is large, two large numbers cancel in the variance and its digits are lost: center x first."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = running_mean, running_var
    if training:
        n = x.numel() // x.shape[1]
        mean = x.mean(axes)
        var = (x * x).mean(axes) - mean * mean
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


slip(
    batch_norm_forward__channels_as_rows,
    "reshaped_without_exchanging",
    "For images numbers of several channels share a mean: reshape keeps the order of the numbers, so exchange the "
    "dimensions first.",
    ("rows = x.transpose(0, 1).flatten(1)", "rows = x.reshape(x.shape[1], -1)"),
    ("like = x.transpose(0, 1).shape\n", "like = x.shape\n"),
    ("normalized).reshape(like).transpose(0, 1)\n", "normalized).reshape(like)\n"),
)


slip(
    batch_norm_forward__keeps_input,
    "momentum_reversed_and_biased",
    "The running statistics forget too fast: here momentum is the share of the new batch; and running_var got the "
    "variance that normalizes, not the other one of the two.",
    ("(1 - momentum) * running_mean + momentum * mean", "momentum * running_mean + (1 - momentum) * mean"),
    ("(1 - momentum) * running_var + momentum * x.var(axes)", "momentum * running_var + (1 - momentum) * var"),
)

slip(
    batch_norm_forward__keeps_input,
    "over_the_batch_only",
    "For images each pixel was normalized by itself: one mean belongs to all places of a channel.",
    ("    if training:\n", "    if training:\n        mean, var = x.mean(0), x.var(0, correction=0)\n"),
    ("momentum * mean\n", "momentum * x.mean(axes)\n"),
    (
        "inverse_std = (var + eps).rsqrt()\n    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)",
        "like = x.shape[1:] if training else shape\n    inverse_std = (var + eps).rsqrt()\n"
        "    normalized = (x - mean.reshape(like)) * inverse_std.reshape(like)",
    ),
)
