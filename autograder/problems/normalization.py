"""The problem set `normalization`: batch, layer, instance, group and local response normalization.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.

Cases first, then for each function its right and wrong programs and the two problems that they belong to.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from autograder.calls import backward, forward
from autograder.problem import Case, Cases, Problem, programs
from autograder.references import gradients_of, value_of, values_of
from autograder.references import normalization as reference

NEXT_CALL = "another call before this one's results are used"

# What normalizes in torch's dispatcher, or by torch's public names where those are made of simpler operations.
NORMALIZERS = frozenset(
    {
        *("batch_norm", "native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "quantized_batch_norm"),
        *("_native_batch_norm_legit", "_native_batch_norm_legit_functional", "_native_batch_norm_legit_no_training"),
        *("_batch_norm_no_update", "_batch_norm_with_update", "_batch_norm_with_update_functional"),
        *("batch_norm_stats", "batch_norm_update_stats", "batch_norm_elemt", "batch_norm_gather_stats"),
        *("batch_norm_gather_stats_with_counts", "layer_norm", "native_layer_norm", "group_norm", "native_group_norm"),
        *("instance_norm", "rms_norm", "_fused_rms_norm", "var_mean", "std_mean"),
    }
)
NORMALIZERS_BACKWARD = (
    NORMALIZERS
    | {f"{name}_backward" for name in NORMALIZERS}
    | {"batch_norm_backward_reduce", "batch_norm_backward_elemt"}
)

# A case in the making: name, criterion, the shape of x, and what is special about it.
Row = tuple[str, str, tuple[int, ...], Mapping[str, Any]]
# (generator, x, options) to the arguments of the call, in its order.
Arguments = Callable[[torch.Generator, torch.Tensor, dict[str, Any]], dict[str, Any]]


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


def _channels(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Random numbers with a mean of its own for each channel of dim 1."""
    return _normal(generator, *shape) + _normal(generator, 1, shape[1], *[1] * (len(shape) - 2))


def _small(x: torch.Tensor) -> torch.Tensor:
    """Numbers so small that the default eps counts."""
    return 0.003 * x


def _far(x: torch.Tensor) -> torch.Tensor:
    """Numbers around 1000 with a standard deviation of about 1."""
    return 1000 + x / 2


def _off(x: torch.Tensor) -> torch.Tensor:
    """Numbers around 100: farther out, a good algorithm in one pass would lose digits of the running variance."""
    return 100 + x / 2


def _draws(rows: Iterable[Row], arguments: Arguments, gradient: bool) -> Cases:
    """The cases of `rows`.

    `changed` changes the x that was drawn, `zero_weight` sets the first weight to 0; what else a row says is a field
    of the case or an option of the call. A row whose `gradient` is False is for the forward function alone.
    """

    def cases(generator: torch.Generator) -> list[Case]:
        found = []
        for name, criterion, shape, special in rows:
            special = dict(special)
            if not special.pop("gradient", True) and gradient:
                continue
            fields = {key: special.pop(key) for key in ("dtype", "layout", "another_call") if key in special}
            changed, zero_weight = special.pop("changed", None), special.pop("zero_weight", False)
            x = _channels(generator, *shape)
            given = arguments(generator, changed(x) if changed else x, special)
            if zero_weight:
                given["weight"][0] = 0
            dout = _normal(generator, *shape) if gradient else None
            found.append(Case(name, criterion, given, dout, **fields))
        return found

    return cases


def _pair(
    function,
    operation,
    rows,
    arguments,
    points,
    forwards,
    backwards,
    forward_mistakes,
    backward_mistakes,
    companion,
    wrt=("x", "weight", "bias"),
    forbidden=NORMALIZERS,
    forbidden_backward=NORMALIZERS_BACKWARD,
) -> tuple[Problem, Problem]:
    """The forward and the backward problem of one normalization without running statistics."""
    return (
        Problem(
            name=f"{function}_forward",
            call=forward,
            returns=("out",),
            cases=_draws(rows, arguments, gradient=False),
            expected=value_of(operation),
            points=points[0],
            forbidden=forbidden,
            mistakes=forward_mistakes,
            alternatives=(*programs(companion), *forwards),
        ),
        Problem(
            name=f"{function}_backward",
            call=backward,
            returns=tuple(f"d{name}" for name in wrt),
            cases=_draws(rows, arguments, gradient=True),
            expected=gradients_of(operation, wrt=wrt),
            points=points[1],
            forbidden=forbidden_backward,
            mistakes=backward_mistakes,
            alternatives=backwards,
            companions=(companion,),
        ),
    )


# Batch normalization


def _constant_channel(x: torch.Tensor) -> torch.Tensor:
    # A power of two, as are the counts: its mean is exact in every order of summation.
    x[:, 1] = 2.0
    return x


def _batch_norm_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    c = x.shape[1]
    return {
        "x": x,
        "weight": _normal(generator, c),
        "bias": _normal(generator, c),
        "running_mean": x.mean([0, *range(2, x.dim())]) + 0.5 * _normal(generator, c),
        # Below 1, so that `another_call` makes no negative ones of them.
        "running_var": 0.5 + 0.4 * torch.rand(c, generator=generator, dtype=torch.float64),
        **options,
    }


BATCH_NORM_ROWS: tuple[Row, ...] = (
    ("training, x (6, 4)", "values", (6, 4), {"training": True}),
    ("training, x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {"training": True}),
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
    ("training, variances near eps", "edge cases", (7, 4), {"training": True, "changed": _small}),
    ("training, a constant channel", "edge cases", (4, 3, 2, 8), {"training": True, "changed": _constant_channel}),
    ("training, one image", "edge cases", (1, 3, 4, 5), {"training": True}),
    ("training, one channel", "edge cases", (3, 1, 4, 2), {"training": True}),
    ("evaluation, one row", "edge cases", (1, 4), {"training": False}),
    ("training, a weight of 0", "edge cases", (4, 3, 2, 5), {"training": True, "zero_weight": True}),
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


def batch_norm_forward__eps_outside_root(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """eps is added in the wrong place: the order of adding it and taking the root matters."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = 1 / (var.sqrt() + eps)
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__eps_omitted(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """eps is not used: where the variance is small, or 0, it decides."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = var.rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


def batch_norm_forward__eps_fixed(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """The argument eps is not used: it may differ from its default."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(axes)
    inverse_std = (var + 1e-5).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


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


def batch_norm_forward__running_deviation(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """The standard deviation went into running_var; its name says what it holds."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (running_mean, running_var)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.std(axes)
    inverse_std = (var + eps).rsqrt()
    normalized = (x - mean.reshape(shape)) * inverse_std.reshape(shape)
    out = normalized * weight.reshape(shape) + bias.reshape(shape)
    return out, (running_mean, running_var), (normalized, inverse_std, weight, training)


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


def batch_norm_backward__images_counted_only(dout, cache):
    """For images the terms of mean and variance are too large: count every number that a mean was taken over."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dweight, dbias = (dout * normalized).sum(axes), dout.sum(axes)
    dx = dout
    if training:
        dx = dx - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / len(dout)
    return dx * (weight * inverse_std).reshape(shape), dweight, dbias


def batch_norm_backward__one_less_than_the_count(dout, cache):
    """The means in dx were divided by one less than the count."""
    normalized, inverse_std, weight, training = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dweight, dbias = (dout * normalized).sum(axes), dout.sum(axes)
    dx = dout
    if training:
        n = dout.numel() // len(weight) - 1
        dx = dx - (dbias.reshape(shape) + normalized * dweight.reshape(shape)) / n
    return dx * (weight * inverse_std).reshape(shape), dweight, dbias


def batch_norm_backward__training_gradient_in_evaluation(dout, cache):
    """In evaluation mean and variance are constants, but dx still contains the ways through them."""
    normalized, inverse_std, weight, _ = cache
    axes, shape = [0, *range(2, dout.dim())], (1, -1, *[1] * (dout.dim() - 2))
    dx = dout - dout.mean(axes, keepdim=True) - normalized * (dout * normalized).mean(axes, keepdim=True)
    return dx * (weight * inverse_std).reshape(shape), (dout * normalized).sum(axes), dout.sum(axes)


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


BATCH_NORM = (
    Problem(
        name="batch_norm_forward",
        call=forward,
        returns=("out", ("new running_mean", "new running_var")),
        cases=_draws(BATCH_NORM_ROWS, _batch_norm_arguments, gradient=False),
        expected=values_of(reference.batch_norm),
        points={"values": 8, "edge cases": 4, "contract": 2},
        forbidden=NORMALIZERS,
        mistakes=programs(
            batch_norm_forward__eps_outside_root,
            batch_norm_forward__eps_omitted,
            batch_norm_forward__eps_fixed,
            batch_norm_forward__momentum_fixed,
            batch_norm_forward__running_variance_biased,
            batch_norm_forward__normalized_with_unbiased,
            batch_norm_forward__variances_swapped,
            batch_norm_forward__momentum_reversed,
            batch_norm_forward__running_not_updated,
            batch_norm_forward__batch_statistics_returned,
            batch_norm_forward__running_in_place,
            batch_norm_forward__batch_statistics_in_evaluation,
            batch_norm_forward__running_statistics_in_training,
            batch_norm_forward__updated_in_evaluation,
            batch_norm_forward__whole_tensor,
            batch_norm_forward__each_image_by_itself,
            batch_norm_forward__weight_and_bias_unused,
            batch_norm_forward__divided_by_variance,
            batch_norm_forward__running_deviation,
            batch_norm_forward__difference_of_squares,
        ),
        alternatives=programs(
            batch_norm_forward__keeps_normalized,
            batch_norm_forward__loop_over_channels,
            batch_norm_forward__channels_as_rows,
            batch_norm_forward__one_scale_and_shift,
        ),
    ),
    Problem(
        name="batch_norm_backward",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=_draws(BATCH_NORM_ROWS, _batch_norm_arguments, gradient=True),
        expected=gradients_of(reference.batch_norm_out, wrt=("x", "weight", "bias")),
        points={"values": 10, "edge cases": 4, "contract": 2},
        forbidden=NORMALIZERS_BACKWARD,
        mistakes=programs(
            batch_norm_backward__direct_term_only,
            batch_norm_backward__mean_term_missing,
            batch_norm_backward__variance_term_missing,
            batch_norm_backward__divided_twice,
            batch_norm_backward__images_counted_only,
            batch_norm_backward__one_less_than_the_count,
            batch_norm_backward__training_gradient_in_evaluation,
            (batch_norm_backward__dweight_from_input, batch_norm_forward__keeps_input),
            batch_norm_backward__summed_over_the_batch_only,
            batch_norm_backward__averaged_over_the_batch,
            batch_norm_backward__dweight_times_weight,
            batch_norm_backward__no_weight_in_dx,
            batch_norm_backward__no_deviation_in_dx,
            batch_norm_backward__sign_of_variance_term,
            batch_norm_backward__order,
            batch_norm_backward__changes_dout,
        ),
        alternatives=programs(
            batch_norm_backward__two_sums,
            batch_norm_backward__two_means,
            batch_norm_backward__loop_over_channels,
            (batch_norm_backward__step_by_step, batch_norm_forward__keeps_every_step),
            (batch_norm_backward__closure, batch_norm_forward__closure),
        ),
        companions=(batch_norm_forward__keeps_normalized,),
    ),
)


# Layer normalization


def _constant_sample(x: torch.Tensor) -> torch.Tensor:
    # As for a channel: 64 numbers, all 2.
    x[1] = 2.0
    return x


def _layer_norm_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    return {"x": x, "weight": _normal(generator, *x.shape[1:]), "bias": _normal(generator, *x.shape[1:]), **options}


LAYER_NORM_ROWS: tuple[Row, ...] = (
    ("x (4, 6)", "values", (4, 6), {}),
    ("x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {}),
    ("eps 0.5", "edge cases", (3, 4, 5, 2), {"eps": 0.5}),
    ("variances near eps", "edge cases", (4, 6), {"changed": _small}),
    ("x (2, 5, 3)", "edge cases", (2, 5, 3), {}),
    ("one sample", "edge cases", (1, 3, 4, 5), {}),
    ("one channel", "edge cases", (3, 1, 4, 2), {}),
    ("a constant sample", "edge cases", (3, 4, 2, 8), {"changed": _constant_sample}),
    ("a channel with weights of 0", "edge cases", (4, 3, 2, 5), {"zero_weight": True}),
    ("mean 1000", "edge cases", (11, 3, 2, 2), {"changed": _far, "gradient": False}),
    ("float64, eps 0.1/7", "contract", (4, 3, 2, 5), {"eps": 0.1 / 7, "dtype": torch.float64}),
    ("inputs with gaps in memory", "contract", (4, 3, 2, 5), {"layout": "strided"}),
    ("inputs transposed in memory", "contract", (4, 3, 2, 5), {"layout": "transposed"}),
    (NEXT_CALL, "contract", (4, 3, 2, 5), {"another_call": True}),
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


def layer_norm_forward__eps_outside_root(x, weight, bias, eps=1e-5):
    """eps is added in the wrong place: the order of adding it and taking the root matters."""
    axes = list(range(1, x.dim()))
    inverse_std = 1 / (x.std(axes, correction=0, keepdim=True) + eps)
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__eps_omitted(x, weight, bias, eps=1e-5):
    """eps is not used: where the variance is small, or 0, it decides."""
    axes = list(range(1, x.dim()))
    inverse_std = x.var(axes, correction=0, keepdim=True).rsqrt()
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__eps_fixed(x, weight, bias, eps=1e-5):
    """The argument eps is not used: it may differ from its default."""
    axes = list(range(1, x.dim()))
    inverse_std = (x.var(axes, correction=0, keepdim=True) + 1e-5).rsqrt()
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


def layer_norm_forward__unbiased(x, weight, bias, eps=1e-5):
    """The variance was divided by one less than the count: torch's var and std do so unless they are told."""
    axes = list(range(1, x.dim()))
    inverse_std = (x.var(axes, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


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


def layer_norm_forward__each_channel_by_itself(x, weight, bias, eps=1e-5):
    """For images each channel was normalized by itself: one mean belongs to all entries of a sample."""
    axes = list(range(2, x.dim())) or [1]
    inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized * weight + bias, (normalized, inverse_std, weight)


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


def layer_norm_forward__weight_and_bias_unused(x, weight, bias, eps=1e-5):
    """The result has mean 0 and variance 1 in every sample: the last step of the formula is missing."""
    axes = list(range(1, x.dim()))
    inverse_std = (x.var(axes, correction=0, keepdim=True) + eps).rsqrt()
    normalized = (x - x.mean(axes, keepdim=True)) * inverse_std
    return normalized, (normalized, inverse_std, weight)


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


def layer_norm_forward__keeps_input(x, weight, bias, eps=1e-5):
    rows = x.flatten(1)
    mean = rows.mean(1)
    var = ((rows - mean[:, None]) ** 2).mean(1)
    shape = (-1, *[1] * (x.dim() - 1))
    out = (x - mean.reshape(shape)) / (var.reshape(shape) + eps) ** 0.5 * weight + bias
    return out, {"x": x, "weight": weight, "mean": mean, "var": var + eps}


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


def layer_norm_backward__mean_term_missing(dout, cache):
    """dx must add up to 0 in every sample: the way through the mean is missing."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (dout * normalized).sum(0), dout.sum(0)


def layer_norm_backward__variance_term_missing(dout, cache):
    """The variance depends on x as well: the way through it is missing in dx."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True))
    return dx, (dout * normalized).sum(0), dout.sum(0)


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


def layer_norm_backward__means_over_the_batch(dout, cache):
    """The means in dx were taken over the samples: these are the axes of batch normalization."""
    normalized, inverse_std, weight = cache
    axes = [0, *range(2, dout.dim())]
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (dout * normalized).sum(0), dout.sum(0)


def layer_norm_backward__summed_within_the_samples(dout, cache):
    """dweight and dbias must have the shape of weight: look at which entries of dout one weight has touched."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (dout * normalized).sum(axes), dout.sum(axes)


def layer_norm_backward__one_for_each_channel(dout, cache):
    """For images dweight and dbias have one entry for each channel: here every place of a sample has its own."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    batch = [0, *range(2, dout.dim())]
    return dx, (dout * normalized).sum(batch), dout.sum(batch)


def layer_norm_backward__averaged_over_the_batch(dout, cache):
    """dweight and dbias were averaged; the chain rule adds up."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (dout * normalized).mean(0), dout.mean(0)


def layer_norm_backward__dweight_times_weight(dout, cache):
    """dweight contains the weight as a factor; but how fast out grows with the weight does not depend on the weight."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    dx = inverse_std * (g - g.mean(axes, keepdim=True) - normalized * (g * normalized).mean(axes, keepdim=True))
    return dx, (g * normalized).sum(0), dout.sum(0)


def layer_norm_backward__divided_twice(dout, cache):
    """The terms of mean and variance are too small: something was divided by the count twice."""
    normalized, inverse_std, weight = cache
    axes = list(range(1, dout.dim()))
    g = dout * weight
    through = g.mean(axes, keepdim=True) + normalized * (g * normalized).mean(axes, keepdim=True)
    return inverse_std * (g - through / weight.numel()), (dout * normalized).sum(0), dout.sum(0)


LAYER_NORM = _pair(
    "layer_norm",
    reference.layer_norm,
    LAYER_NORM_ROWS,
    _layer_norm_arguments,
    ({"values": 4, "edge cases": 1, "contract": 1}, {"values": 6, "edge cases": 2, "contract": 1}),
    forwards=programs(
        layer_norm_forward__loop_over_samples,
        layer_norm_forward__samples_as_rows,
    ),
    backwards=programs(
        layer_norm_backward__two_means,
        layer_norm_backward__one_sample_at_a_time,
        (layer_norm_backward__by_rows, layer_norm_forward__keeps_input),
    ),
    forward_mistakes=programs(
        layer_norm_forward__eps_outside_root,
        layer_norm_forward__eps_omitted,
        layer_norm_forward__eps_fixed,
        layer_norm_forward__unbiased,
        layer_norm_forward__last_dimension_only,
        layer_norm_forward__channels_only,
        layer_norm_forward__each_channel_by_itself,
        layer_norm_forward__over_the_batch,
        layer_norm_forward__whole_tensor,
        layer_norm_forward__weight_and_bias_unused,
        layer_norm_forward__difference_of_squares,
        layer_norm_forward__in_place,
    ),
    backward_mistakes=programs(
        layer_norm_backward__direct_term_only,
        layer_norm_backward__mean_term_missing,
        layer_norm_backward__variance_term_missing,
        layer_norm_backward__weight_after_the_means,
        layer_norm_backward__no_weight_in_dx,
        layer_norm_backward__means_over_the_batch,
        layer_norm_backward__summed_within_the_samples,
        layer_norm_backward__one_for_each_channel,
        layer_norm_backward__averaged_over_the_batch,
        layer_norm_backward__dweight_times_weight,
        layer_norm_backward__divided_twice,
    ),
    companion=layer_norm_forward__keeps_normalized,
)


# Instance normalization


def _constant_plane(x: torch.Tensor) -> torch.Tensor:
    # 16 numbers, all 2.
    x[1, 0] = 2.0
    return x


def _affine_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    c = x.shape[1]
    return {"x": x, "weight": _normal(generator, c), "bias": _normal(generator, c), **options}


INSTANCE_NORM_ROWS: tuple[Row, ...] = (
    ("x (4, 3, 2, 5)", "values", (4, 3, 2, 5), {}),
    ("x (2, 4, 5, 3)", "values", (2, 4, 5, 3), {}),
    ("eps 0.5", "edge cases", (3, 4, 5, 2), {"eps": 0.5}),
    ("variances near eps", "edge cases", (3, 4, 5, 2), {"changed": _small}),
    ("one image", "edge cases", (1, 3, 4, 5), {}),
    ("one channel", "edge cases", (3, 1, 4, 2), {}),
    ("one row of pixels", "edge cases", (2, 3, 1, 5), {}),
    ("a constant channel in one image", "edge cases", (3, 4, 2, 8), {"changed": _constant_plane}),
    ("a weight of 0", "edge cases", (4, 3, 2, 5), {"zero_weight": True}),
    ("mean 1000", "edge cases", (5, 3, 2, 4), {"changed": _far, "gradient": False}),
    ("float64, eps 0.1/7", "contract", (4, 3, 2, 5), {"eps": 0.1 / 7, "dtype": torch.float64}),
    ("inputs with gaps in memory", "contract", (4, 3, 2, 5), {"layout": "strided"}),
    ("x transposed in memory", "contract", (4, 3, 2, 5), {"layout": "transposed"}),
    (NEXT_CALL, "contract", (4, 3, 2, 5), {"another_call": True}),
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


def instance_norm_backward__averaged_over_the_batch(dout, cache):
    """dweight and dbias were averaged; the chain rule adds up."""
    normalized, inverse_std, weight = cache
    g = dout - dout.mean((2, 3), keepdim=True) - normalized * (dout * normalized).mean((2, 3), keepdim=True)
    dweight, dbias = (dout * normalized).sum((2, 3)).mean(0), dout.sum((2, 3)).mean(0)
    return inverse_std * weight[:, None, None] * g, dweight, dbias


def instance_norm_backward__no_weight_in_dx(dout, cache):
    """dx does not know the weight: on its way back dout meets it first."""
    normalized, inverse_std, _ = cache
    g = dout - dout.mean((2, 3), keepdim=True) - normalized * (dout * normalized).mean((2, 3), keepdim=True)
    return inverse_std * g, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


INSTANCE_NORM = _pair(
    "instance_norm",
    reference.instance_norm,
    INSTANCE_NORM_ROWS,
    _affine_arguments,
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 4, "edge cases": 1, "contract": 1}),
    forwards=programs(
        instance_norm_forward__planes_as_rows,
        instance_norm_forward__loops,
    ),
    backwards=programs(
        instance_norm_backward__two_means,
        instance_norm_backward__two_sums,
        instance_norm_backward__loops,
    ),
    forward_mistakes=programs(
        instance_norm_forward__eps_outside_root,
        instance_norm_forward__eps_omitted,
        instance_norm_forward__eps_fixed,
        instance_norm_forward__unbiased,
        instance_norm_forward__over_the_batch,
        instance_norm_forward__over_the_channels,
        instance_norm_forward__rows_only,
        instance_norm_forward__weight_and_bias_unused,
        instance_norm_forward__difference_of_squares,
    ),
    backward_mistakes=programs(
        instance_norm_backward__direct_term_only,
        instance_norm_backward__mean_term_missing,
        instance_norm_backward__variance_term_missing,
        instance_norm_backward__count_of_the_batch,
        instance_norm_backward__means_over_the_batch,
        instance_norm_backward__one_for_each_image,
        instance_norm_backward__averaged_over_the_batch,
        instance_norm_backward__no_weight_in_dx,
    ),
    companion=instance_norm_forward__keeps_normalized,
)


# Group normalization


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
        "weight": _normal(generator, c),
        "bias": _normal(generator, c),
        **options,
    }


GROUP_NORM_ROWS: tuple[Row, ...] = (
    ("6 channels in 2 groups", "values", (4, 6, 2, 5), {"num_groups": 2}),
    ("6 channels in 3 groups", "values", (2, 6, 5, 3), {"num_groups": 3}),
    ("2 groups, eps 0.5", "edge cases", (3, 8, 5, 2), {"num_groups": 2, "eps": 0.5}),
    ("2 groups, variances near eps", "edge cases", (3, 8, 5, 2), {"num_groups": 2, "changed": _small}),
    ("2 groups of 2", "edge cases", (3, 4, 2, 5), {"num_groups": 2}),
    ("one group", "edge cases", (2, 4, 3, 5), {"num_groups": 1}),
    ("a group for each channel", "edge cases", (2, 4, 3, 5), {"num_groups": 4}),
    ("3 groups, one image", "edge cases", (1, 6, 4, 5), {"num_groups": 3}),
    ("2 groups, one of them constant", "edge cases", (3, 4, 2, 8), {"num_groups": 2, "changed": _constant_group}),
    ("3 groups, a weight of 0", "edge cases", (4, 6, 2, 5), {"num_groups": 3, "zero_weight": True}),
    ("2 groups, mean 1000", "edge cases", (5, 6, 2, 4), {"num_groups": 2, "changed": _far, "gradient": False}),
    ("float64, eps 0.1/7", "contract", (4, 6, 2, 5), {"num_groups": 3, "eps": 0.1 / 7, "dtype": torch.float64}),
    ("inputs with gaps in memory", "contract", (4, 6, 2, 5), {"num_groups": 3, "layout": "strided"}),
    ("x transposed in memory", "contract", (4, 6, 2, 5), {"num_groups": 3, "layout": "transposed"}),
    (NEXT_CALL, "contract", (4, 6, 2, 5), {"num_groups": 3, "another_call": True}),
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


def group_norm_forward__eps_outside_root(x, num_groups, weight, bias, eps=1e-5):
    """eps is added in the wrong place: the order of adding it and taking the root matters."""
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = 1 / (groups.std(2, correction=0, keepdim=True) + eps)
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__eps_omitted(x, num_groups, weight, bias, eps=1e-5):
    """eps is not used: where the variance is small, or 0, it decides."""
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = groups.var(2, correction=0, keepdim=True).rsqrt()
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__eps_fixed(x, num_groups, weight, bias, eps=1e-5):
    """The argument eps is not used: it may differ from its default."""
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = (groups.var(2, correction=0, keepdim=True) + 1e-5).rsqrt()
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__unbiased(x, num_groups, weight, bias, eps=1e-5):
    """The variance was divided by one less than the count: torch's var and std do so unless they are told."""
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = (groups.var(2, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__groups_interleaved(x, num_groups, weight, bias, eps=1e-5):
    """The groups were cut the other way: the channels of a group are neighbors."""
    n, c, h, w = x.shape
    groups = x.reshape(n, c // num_groups, num_groups, h, w)
    inverse_std = (groups.var((1, 3, 4), correction=0, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean((1, 3, 4), keepdim=True)) * inverse_std).reshape(x.shape)
    inverse_std = inverse_std.reshape(n, num_groups, 1)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__number_taken_for_size(x, num_groups, weight, bias, eps=1e-5):
    """num_groups says how many groups there are, not how many channels are in one."""
    num_groups = x.shape[1] // num_groups
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


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


def group_norm_forward__over_the_batch(x, num_groups, weight, bias, eps=1e-5):
    """All images share the statistics of a group: here an image knows nothing of the others."""
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = (groups.var((0, 2), correction=0, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean((0, 2), keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized * weight[:, None, None] + bias[:, None, None], (normalized, inverse_std, weight, num_groups)


def group_norm_forward__mean_of_variances(x, num_groups, weight, bias, eps=1e-5):
    """The variance of a group is not the mean of its channels' variances: their means differ as well."""
    n, c, h, w = x.shape
    groups = x.reshape(n, num_groups, c // num_groups, h * w)
    mean = groups.mean((2, 3), keepdim=True)
    inverse_std = (groups.var(3, correction=0, keepdim=True).mean(2, keepdim=True) + eps).rsqrt()
    normalized = ((groups - mean) * inverse_std).reshape(x.shape)
    cache = (normalized, inverse_std.flatten(2), weight, num_groups)
    return normalized * weight[:, None, None] + bias[:, None, None], cache


def group_norm_forward__weight_and_bias_unused(x, num_groups, weight, bias, eps=1e-5):
    """The result has mean 0 and variance 1 in every group: the last step of the formula is missing."""
    groups = x.reshape(len(x), num_groups, -1)
    inverse_std = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt()
    normalized = ((groups - groups.mean(2, keepdim=True)) * inverse_std).reshape(x.shape)
    return normalized, (normalized, inverse_std, weight, num_groups)


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


def group_norm_backward__direct_term_only(dout, cache):
    """x also acts through the mean and the variance: those two ways are missing in dx."""
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    dx = inverse_std * g
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__mean_term_missing(dout, cache):
    """dx must add up to 0 in every group: the way through the mean is missing."""
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - z * (g * z).mean(2, keepdim=True))
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__variance_term_missing(dout, cache):
    """The variance depends on x as well: the way through it is missing in dx."""
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    dx = inverse_std * (g - g.mean(2, keepdim=True))
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__weight_after_the_means(dout, cache):
    """The weight was put in last, as for batch normalization: here it differs within a mean, so the order matters."""
    normalized, inverse_std, weight, num_groups = cache
    g = dout.reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))
    dx = dx.reshape(dout.shape) * weight[:, None, None]
    return dx, (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__no_weight_in_dx(dout, cache):
    """dx does not know the weight: on its way back dout meets it first."""
    normalized, inverse_std, _, num_groups = cache
    g = dout.reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__means_of_each_channel(dout, cache):
    """The means in dx were taken over one channel; forward they were taken over the whole group."""
    normalized, inverse_std, weight, num_groups = cache
    g = dout * weight[:, None, None]
    dx = g - g.mean((2, 3), keepdim=True) - normalized * (g * normalized).mean((2, 3), keepdim=True)
    dx = inverse_std * dx.reshape(len(dout), num_groups, -1)
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__pixels_counted_only(dout, cache):
    """The terms of mean and variance are too large: a mean was over all channels of the group, too."""
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    n = dout.shape[2] * dout.shape[3]
    dx = inverse_std * (g - (g.sum(2, keepdim=True) + z * (g * z).sum(2, keepdim=True)) / n)
    return dx.reshape(dout.shape), (dout * normalized).sum((0, 2, 3)), dout.sum((0, 2, 3))


def group_norm_backward__one_for_each_group(dout, cache):
    """dweight and dbias have one entry for each group: every channel has its own weight."""
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))
    d = dout.reshape(g.shape)
    return dx.reshape(dout.shape), (d * z).sum((0, 2)), d.sum((0, 2))


def group_norm_backward__one_for_each_image(dout, cache):
    """dweight and dbias have one row for each image: all images share one weight for a channel."""
    normalized, inverse_std, weight, num_groups = cache
    g = (dout * weight[:, None, None]).reshape(len(dout), num_groups, -1)
    z = normalized.reshape(g.shape)
    dx = inverse_std * (g - g.mean(2, keepdim=True) - z * (g * z).mean(2, keepdim=True))
    return dx.reshape(dout.shape), (dout * normalized).sum((2, 3)), dout.sum((2, 3))


GROUP_NORM = _pair(
    "group_norm",
    reference.group_norm,
    GROUP_NORM_ROWS,
    _group_norm_arguments,
    ({"values": 5, "edge cases": 2, "contract": 1}, {"values": 6, "edge cases": 3, "contract": 1}),
    forwards=programs(
        group_norm_forward__loop_over_groups,
        group_norm_forward__five_dimensions,
    ),
    backwards=programs(
        group_norm_backward__two_means,
        group_norm_backward__loops,
        group_norm_backward__from_channel_sums,
    ),
    forward_mistakes=programs(
        group_norm_forward__eps_outside_root,
        group_norm_forward__eps_omitted,
        group_norm_forward__eps_fixed,
        group_norm_forward__unbiased,
        group_norm_forward__groups_interleaved,
        group_norm_forward__number_taken_for_size,
        group_norm_forward__each_channel_by_itself,
        group_norm_forward__whole_image,
        group_norm_forward__over_the_batch,
        group_norm_forward__mean_of_variances,
        group_norm_forward__weight_and_bias_unused,
        group_norm_forward__difference_of_squares,
    ),
    backward_mistakes=programs(
        group_norm_backward__direct_term_only,
        group_norm_backward__mean_term_missing,
        group_norm_backward__variance_term_missing,
        group_norm_backward__weight_after_the_means,
        group_norm_backward__no_weight_in_dx,
        group_norm_backward__means_of_each_channel,
        group_norm_backward__pixels_counted_only,
        group_norm_backward__one_for_each_group,
        group_norm_backward__one_for_each_image,
    ),
    companion=group_norm_forward__keeps_normalized,
)


# Local response normalization


def _response_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    return {"x": x, **{name: options[name] for name in ("size", "alpha", "beta", "k") if name in options}}


def _strong(x: torch.Tensor) -> torch.Tensor:
    """Numbers so large that the default alpha counts."""
    return 30 * x


def _with_zeros(x: torch.Tensor) -> torch.Tensor:
    x[:, ::2] = 0
    return x


LOCAL_RESPONSE_NORM_ROWS: tuple[Row, ...] = (
    ("window of 3, alpha 1, beta 0.6, k 2", "values", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "beta": 0.6, "k": 2.0}),
    ("window of 5, all else left out", "values", (3, 6, 4, 2), {"size": 5, "changed": _strong}),
    ("window of 4", "edge cases", (2, 7, 3, 4), {"size": 4, "alpha": 1.5, "beta": 0.75, "k": 1.0}),
    ("window of 2", "edge cases", (2, 5, 4, 3), {"size": 2, "alpha": 1.5, "beta": 0.75, "k": 1.0}),
    ("window of 1", "edge cases", (2, 5, 4, 3), {"size": 1, "alpha": 0.1, "beta": 0.75, "k": 1.0}),
    ("window wider than x", "edge cases", (2, 3, 4, 5), {"size": 9, "alpha": 2.0, "beta": 0.75, "k": 0.5}),
    ("even window wider than x", "edge cases", (2, 3, 4, 5), {"size": 10, "alpha": 2.0, "beta": 0.75, "k": 0.5}),
    ("one image, one channel", "edge cases", (1, 1, 4, 5), {"size": 3, "alpha": 0.5, "beta": 0.75, "k": 1.0}),
    (
        "channels of zeros",
        "edge cases",
        (2, 5, 4, 3),
        {"size": 3, "alpha": 1.0, "beta": 0.75, "k": 2.0, "changed": _with_zeros},
    ),
    (
        "float64, alpha 1/7, beta 5/7, k 13/7",
        "contract",
        (2, 7, 3, 4),
        {"size": 3, "alpha": 1 / 7, "beta": 5 / 7, "k": 13 / 7, "dtype": torch.float64},
    ),
    ("x with gaps in memory", "contract", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "layout": "strided"}),
    ("x transposed in memory", "contract", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "layout": "transposed"}),
    (NEXT_CALL, "contract", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "beta": 0.6, "k": 1.5, "another_call": True}),
)


def local_response_norm_forward__keeps_base(x, size, alpha=1e-4, beta=0.75, k=1.0):
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__matrix_of_windows(x, size, alpha=1e-4, beta=0.75, k=1.0):
    channel = torch.arange(x.shape[1], device=x.device)
    offset = channel - channel[:, None]
    inside = ((offset >= -(size // 2)) & (offset <= (size - 1) // 2)).to(x.dtype)
    base = k + alpha * torch.einsum("cd,ndhw->nchw", inside, x**2) / size
    return x / base**beta, (x, base, size, alpha, beta)


def local_response_norm_forward__loop_over_channels(x, size, alpha=1e-4, beta=0.75, k=1.0):
    base = torch.empty_like(x)
    for c in range(x.shape[1]):
        first, last = max(0, c - size // 2), min(x.shape[1] - 1, c + (size - 1) // 2)
        base[:, c] = k + alpha * x[:, first : last + 1].square().sum(dim=1) / size
    return x * torch.exp(-beta * torch.log(base)), (x, base, size, alpha, beta)


def local_response_norm_forward__unfolded(x, size, alpha=1e-4, beta=0.75, k=1.0):
    windows = torch.nn.functional.pad(x, (0, 0, 0, 0, size // 2, (size - 1) // 2)).unfold(1, size, 1)
    base = k + alpha * (windows * windows).mean(-1)
    return x / base.pow(beta), (x, base, size, alpha, beta)


def local_response_norm_forward__alpha_not_divided(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """alpha counts too much: compare what stands before the sum."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__divided_by_what_is_there(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """At the first and last channels the mean was taken over those inside; alpha is divided by the same everywhere."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    there = torch.nn.functional.pad(torch.ones_like(x), (0, 0, 0, 0, size // 2, (size - 1) // 2))
    count = sum(there[:, i : i + c] for i in range(size))
    base = k + alpha * sum(padded[:, i : i + c] for i in range(size)) / count
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__window_over_space(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The window moved over neighboring pixels; it belongs over neighboring channels."""
    w = x.shape[3]
    padded = torch.nn.functional.pad(x * x, (size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[..., i : i + w] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__even_window_forward(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """A window of even size lies one channel too far forward."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__even_window_too_wide(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """A window of even size has one channel too many: count them."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, size // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(2 * (size // 2) + 1))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__even_window_too_narrow(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """A window of even size lacks a channel: count them."""
    c, half = x.shape[1], (size - 1) // 2
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, half, half))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(2 * half + 1))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__window_not_centered(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The window begins at the channel itself; it should lie around it."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, 0, size - 1))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__size_taken_for_radius(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The window reaches size channels to either side: size is the whole of it."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size, size))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(2 * size + 1))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__around_the_corner(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The first channel has the last one as its neighbor: beyond the ends there is nothing."""
    shifts = range(-((size - 1) // 2), size // 2 + 1)
    base = k + alpha / size * sum((x * x).roll(shift, dims=1) for shift in shifts)
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__fixed_constant(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The argument k is not used."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = 1 + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__constant_left_out(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The constant in front of the sum is missing: small responses come out large."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__sign_of_exponent(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Strong neighbors make the result larger; they should make it smaller."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**beta, (x, base, size, alpha, beta)


def local_response_norm_forward__fixed_exponent(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The argument beta is not used."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-0.75, (x, base, size, alpha, beta)


def local_response_norm_forward__not_squared(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The sum is over the absolute values; it belongs over something that grows faster."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x.abs(), (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__without_the_channel_itself(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The sum leaves out the channel itself; it is one of those in the window."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha / size * (sum(padded[:, i : i + c] for i in range(size)) - x * x)
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_backward__reversed_window(dout, cache):
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * collected


def local_response_norm_backward__matrix_of_windows(dout, cache):
    x, base, size, alpha, beta = cache
    channel = torch.arange(x.shape[1], device=x.device)
    offset = channel - channel[:, None]
    inside = ((offset >= -(size // 2)) & (offset <= (size - 1) // 2)).to(x.dtype)
    dbase = dout * x * -beta / base ** (beta + 1)
    dsquares = torch.einsum("nchw,cd->ndhw", dbase, inside) * alpha / size
    return dout / base**beta + 2 * x * dsquares


def local_response_norm_backward__loops(dout, cache):
    x, base, size, alpha, beta = cache
    dx = dout / base**beta
    for j in range(x.shape[1]):
        for i in range(max(0, j - size // 2), min(x.shape[1], j + (size - 1) // 2 + 1)):
            slope = -beta * base[:, j] ** (-beta - 1) * 2 * alpha / size * x[:, i]
            dx[:, i] += dout[:, j] * x[:, j] * slope
    return dx


def local_response_norm_backward__direct_term_only(dout, cache):
    """A channel also acts through the sums of its neighbors: that way is missing."""
    _, base, _, _, beta = cache
    return dout * base**-beta


def local_response_norm_backward__own_sum_only(dout, cache):
    """Only the channel's own sum was differentiated: x stands in the sums of its neighbors as well."""
    x, base, size, alpha, beta = cache
    return dout * base**-beta - 2 * alpha * beta / size * x * x * dout * base ** (-beta - 1)


def local_response_norm_backward__upstream_of_itself(dout, cache):
    """dout was taken of the channel itself; what comes back from a neighbor brings the neighbor's dout."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * dout * collected


def local_response_norm_backward__base_of_itself(dout, cache):
    """The sum of squares was taken of the channel itself; a neighbor sends back through its own."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    padded = torch.nn.functional.pad(dout * x, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * base ** (-beta - 1) * collected


def local_response_norm_backward__window_not_reversed(dout, cache):
    """For windows of even size the wrong channels were added up: ask in which windows a channel lies."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * collected


def local_response_norm_backward__missing_factor_two(dout, cache):
    """The second term is half as large as it should be: look at the derivative of a square."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - alpha * beta / size * x * collected


def local_response_norm_backward__missing_beta(dout, cache):
    """The second term lacks the factor that the derivative of a power brings down."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha / size * x * collected


def local_response_norm_backward__exponent_not_lowered(dout, cache):
    """The second term has the exponent of the function; its derivative has another."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base**-beta
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * collected


def local_response_norm_backward__alpha_not_divided(dout, cache):
    """In the second term alpha counts too much."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta * x * collected


def local_response_norm_backward__sign(dout, cache):
    """The second term has the wrong sign: a stronger channel weakens its neighbors."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta + 2 * alpha * beta / size * x * collected


RESPONSE = frozenset({"local_response_norm", "cross_map_lrn2d"})

LOCAL_RESPONSE_NORM = _pair(
    "local_response_norm",
    reference.local_response_norm,
    LOCAL_RESPONSE_NORM_ROWS,
    _response_arguments,
    ({"values": 4, "edge cases": 2, "contract": 1}, {"values": 6, "edge cases": 2, "contract": 1}),
    forwards=programs(
        local_response_norm_forward__matrix_of_windows,
        local_response_norm_forward__loop_over_channels,
        local_response_norm_forward__unfolded,
    ),
    backwards=programs(
        local_response_norm_backward__reversed_window,
        local_response_norm_backward__matrix_of_windows,
        local_response_norm_backward__loops,
    ),
    forward_mistakes=programs(
        local_response_norm_forward__alpha_not_divided,
        local_response_norm_forward__divided_by_what_is_there,
        local_response_norm_forward__window_over_space,
        local_response_norm_forward__even_window_forward,
        local_response_norm_forward__even_window_too_wide,
        local_response_norm_forward__even_window_too_narrow,
        local_response_norm_forward__window_not_centered,
        local_response_norm_forward__size_taken_for_radius,
        local_response_norm_forward__around_the_corner,
        local_response_norm_forward__fixed_constant,
        local_response_norm_forward__constant_left_out,
        local_response_norm_forward__sign_of_exponent,
        local_response_norm_forward__fixed_exponent,
        local_response_norm_forward__not_squared,
        local_response_norm_forward__without_the_channel_itself,
    ),
    backward_mistakes=programs(
        local_response_norm_backward__direct_term_only,
        local_response_norm_backward__own_sum_only,
        local_response_norm_backward__upstream_of_itself,
        local_response_norm_backward__base_of_itself,
        local_response_norm_backward__window_not_reversed,
        local_response_norm_backward__missing_factor_two,
        local_response_norm_backward__missing_beta,
        local_response_norm_backward__exponent_not_lowered,
        local_response_norm_backward__alpha_not_divided,
        local_response_norm_backward__sign,
    ),
    companion=local_response_norm_forward__keeps_base,
    wrt=("x",),
    forbidden=RESPONSE,
    forbidden_backward=RESPONSE,
)


PROBLEMS = (*BATCH_NORM, *LAYER_NORM, *INSTANCE_NORM, *GROUP_NORM, *LOCAL_RESPONSE_NORM)
