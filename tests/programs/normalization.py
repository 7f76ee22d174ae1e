"""Programs for the problem set `normalization` that a grader could easily get wrong: right ones and wrong ones."""

from collections import namedtuple

import numpy
import torch
import torch.nn.functional as F

from autograder.problems import problems

Kept = namedtuple("Kept", "z std weight training")


def over(x):
    return [d for d in range(x.dim()) if d != 1]


def along(values, x):
    return values.reshape(-1, *[1] * (x.dim() - 2))


def batch_norm(
    x,
    weight,
    bias,
    running_mean,
    running_var,
    training,
    momentum=0.1,
    eps=1e-5,
    *,
    unbiased_from=lambda x: x.var(over(x)),
    scaled=None,
):
    """Right, but for what is put in place of a part of it."""
    mean, var = (x.mean(over(x)), x.var(over(x), correction=0)) if training else (running_mean, running_var)
    std = along(torch.sqrt(var + eps), x)
    z = (x - along(mean, x)) / std
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * unbiased_from(x)
    out = scaled(z, weight, bias) if scaled else along(weight, x) * z + along(bias, x)
    return out, (running_mean, running_var), Kept(z, std, weight, training)


def put(**parts):
    return lambda *arguments: batch_norm(*arguments, **parts)


def batch_norm_gradient(dout, kept):
    g = dout * along(kept.weight, dout)
    if kept.training:
        g = g - g.mean(over(g), keepdim=True) - kept.z * (g * kept.z).mean(over(g), keepdim=True)
    return g / kept.std, (dout * kept.z).sum(over(dout)), dout.sum(over(dout))


def then(change):
    """The right backward program, and what a student did with its result."""
    return lambda dout, kept: change(dout, kept, *batch_norm_gradient(dout, kept))


def from_the_output(x, weight, bias, *others):
    out, running, kept = batch_norm(x, weight, bias, *others)
    return out, running, (out, bias, kept)


def normalized_from_the_output(dout, cache):
    out, bias, kept = cache
    z = (out - along(bias, out)) / along(kept.weight, out)
    return batch_norm_gradient(dout, kept._replace(z=z))


def training_forgotten_in_the_cache(*arguments):
    out, running, kept = batch_norm(*arguments)
    return out, running, kept._replace(training=True)


CACHE = {}


def cache_in_a_global(*arguments):
    out, running, kept = batch_norm(*arguments)
    CACHE["kept"] = kept
    return out, running, None


def layer_norm(x, weight, bias, eps=1e-5, axes=None):
    axes = axes(x) if axes else list(range(1, x.dim()))
    std = torch.sqrt(x.var(axes, correction=0, keepdim=True) + eps)
    z = (x - x.mean(axes, keepdim=True)) / std
    return z * weight + bias, (z, std, weight)


def group_norm(x, num_groups, weight, bias, eps=1e-5, cut=lambda x, g: x.reshape(len(x), g, -1)):
    groups = cut(x, num_groups)
    std = torch.sqrt(groups.var(2, correction=0, keepdim=True) + eps)
    z = ((groups - groups.mean(2, keepdim=True)) / std).reshape(x.shape)
    return z * along(weight, x) + along(bias, x), (z, std, weight, num_groups)


def instance_norm(x, weight, bias, eps=1e-5):
    return group_norm(x, x.shape[1], weight, bias, eps)


def response(x, size, alpha=1e-4, beta=0.75, k=1.0, *, back=lambda size: size // 2):
    squares = F.pad(x * x, (0, 0, 0, 0, back(size), size - 1 - back(size)))
    base = k + alpha / size * squares.unfold(1, size, 1).sum(-1)
    return x / base**beta, (x, base, size, alpha, beta)


def only_where_it_fits(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The first and last channels have no whole window and are left as they are."""
    base = torch.ones_like(x)
    for c in range(size // 2, x.shape[1] - (size - 1) // 2):
        base[:, c] = k + alpha / size * (x[:, c - size // 2 : c + (size - 1) // 2 + 1] ** 2).sum(1)
    return x / base**beta, None


def negative_slice(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """A slice that begins below 0 is empty, or begins at the end."""
    total = [(x[:, c - size // 2 : c + (size - 1) // 2 + 1] ** 2).sum(1) for c in range(x.shape[1])]
    return x / (k + alpha / size * torch.stack(total, 1)) ** beta, None


SEEDS = range(3)

WRONG = {
    "another default of eps": (
        "batch_norm_forward",
        [lambda *a: batch_norm(*a[:7], eps=a[7] if len(a) > 7 else 1e-3)],
        {"values", "edge cases"},
    ),
    "unbiased by the number of images": (
        "batch_norm_forward",
        [put(unbiased_from=lambda x: x.var(over(x), correction=0) * len(x) / max(1, len(x) - 1))],
        {"values", "edge cases"},
    ),
    "one bias for all channels": (
        "batch_norm_forward",
        [put(scaled=lambda z, w, b: along(w, z) * z + b.mean())],
        {"values"},
    ),
    "eps in the running variance": (
        "batch_norm_forward",
        [lambda *a: batch_norm(*a, unbiased_from=lambda x: x.var(over(x)) + (a[7] if len(a) > 7 else 1e-5))],
        {"edge cases"},
    ),
    "eps added twice": (
        "batch_norm_forward",
        [lambda *a: batch_norm(*a[:7], *([0.1] if len(a) < 7 else []), 2 * (a[7] if len(a) > 7 else 1e-5))],
        {"edge cases"},
    ),
    "squeezed": (
        "batch_norm_forward",
        [lambda *a: (batch_norm(*a)[0].squeeze(), *batch_norm(*a)[1:])],
        {"edge cases"},
    ),
    "the result in float32": (
        "batch_norm_forward",
        [lambda *a: (batch_norm(*a)[0].float(), *batch_norm(*a)[1:])],
        {"contract"},
    ),
    "running statistics of float32": (
        "batch_norm_forward",
        [lambda *a: (batch_norm(*a)[0], tuple(r.float() for r in batch_norm(*a)[1]), None)],
        {"contract"},
    ),
    "normalized from the output": (
        "batch_norm_backward",
        [normalized_from_the_output, from_the_output],
        {"edge cases"},
    ),
    "evaluation forgotten in the cache": (
        "batch_norm_backward",
        [batch_norm_gradient, training_forgotten_in_the_cache],
        {"values"},
    ),
    "cache in a global": (
        "batch_norm_backward",
        [lambda dout, _: batch_norm_gradient(dout, CACHE["kept"]), cache_in_a_global],
        {"contract"},
    ),
    "gradient centered once more": (
        "batch_norm_backward",
        [then(lambda dout, kept, dx, dw, db: (dx - dx.mean(over(dx), keepdim=True), dw, db)), batch_norm],
        {"values"},
    ),
    "weight's size in place of its sign": (
        "batch_norm_backward",
        [then(lambda dout, kept, dx, dw, db: (dx * along(kept.weight.sign(), dx), dw, db)), batch_norm],
        {"values"},
    ),
    "dweight of the weight's shape by chance": (
        "batch_norm_backward",
        [then(lambda dout, kept, dx, dw, db: (dx, dw.sum().expand_as(dw), db)), batch_norm],
        {"values"},
    ),
    "layer norm over matrices' rows and images' pixels": (
        "layer_norm_forward",
        [lambda *a: layer_norm(*a, axes=lambda x: [1] if x.dim() == 2 else [2, 3] if x.dim() == 4 else [1, 2])],
        {"values"},
    ),
    "layer norm over the last three dimensions": (
        "layer_norm_forward",
        [lambda *a: layer_norm(*a, axes=lambda x: [1] if x.dim() == 2 else [-3, -2, -1])],
        {"edge cases"},
    ),
    "groups over the pixels": (
        "group_norm_forward",
        [lambda *a: group_norm(*a, cut=lambda x, g: x.flatten(2).mT.reshape(len(x), g, -1))],
        {"values"},
    ),
    "channels cut before images": (
        "group_norm_forward",
        [lambda *a: group_norm(*a, cut=lambda x, g: x.transpose(0, 1).reshape(len(x), g, -1))],
        {"values"},
    ),
    "even windows reach forward": (
        "local_response_norm_forward",
        [lambda *a: response(*a, back=lambda size: (size - 1) // 2)],
        {"edge cases"},
    ),
    "only where the window fits": ("local_response_norm_forward", [only_where_it_fits], {"values"}),
    "negative slices": ("local_response_norm_forward", [negative_slice], {"values"}),
}


def batch_norm_by_numpy(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    a, axes = x.double().numpy(), tuple(over(x))
    mean, var = running_mean.double().numpy(), running_var.double().numpy()
    new = running_mean, running_var
    if training:
        mean, var = a.mean(axes), a.var(axes)
        unbiased = a.var(axes, ddof=1)
        new = tuple(
            torch.from_numpy((1 - momentum) * old.double().numpy() + momentum * of_batch).to(x.dtype)
            for old, of_batch in ((running_mean, mean), (running_var, unbiased))
        )
    z = torch.from_numpy((numpy.moveaxis(a, 1, -1) - mean) / numpy.sqrt(var + eps)).movedim(-1, 1).to(x.dtype)
    return along(weight, x) * z + along(bias, x), new, None


def batch_norm_by_welford(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps)
    mean, squares, n = torch.zeros_like(weight), torch.zeros_like(weight), 0
    for column in x.transpose(0, 1).flatten(1).unbind(1):
        n += 1
        before = column - mean
        mean = mean + before / n
        squares = squares + before * (column - mean)
    z = (x - along(mean, x)) * along((squares / n + eps) ** -0.5, x)
    new = (
        running_mean * (1 - momentum) + mean * momentum,
        running_var * (1 - momentum) + squares / (n - 1) * momentum,
    )
    return z * along(weight, x) + along(bias, x), new, None


def batch_norm_by_covariance(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if training:
        rows = x.transpose(0, 1).flatten(1)
        n, mean = rows.shape[1], rows.mean(1)
        var = torch.cov(rows, correction=0).reshape(len(rows), -1).diagonal()
        new = (
            torch.lerp(running_mean, mean, momentum),
            running_var.mul(1 - momentum).add(var, alpha=momentum * n / (n - 1)),
        )
    else:
        mean, var, new = running_mean, running_var, (running_mean, running_var)
    own = x.clone()
    own -= along(mean, x)
    own /= along(torch.sqrt(var + eps), x)
    return own.mul_(along(weight, x)).add_(along(bias, x)), new, None


class BatchNorm:
    """An object in place of a function."""

    def __call__(self, *arguments, momentum=0.1, eps=1e-5):
        return batch_norm(*arguments)


def layer_norm_by_batch_norm(x, weight, bias, eps=1e-5):
    rows = x.flatten(1).T
    one, zero = rows.new_ones(len(x)), rows.new_zeros(len(x))
    z = batch_norm(rows, one, zero, zero, one, True, 0.1, eps)[0].T.reshape(x.shape)
    return z * weight + bias, z


def layer_norm_by_jacobian(dout, cache):
    z, std, weight = cache
    d = weight.numel()
    z, g = z.reshape(len(z), d), (dout * weight).reshape(len(z), d)
    slopes = torch.eye(d, dtype=z.dtype) - 1 / d - z[:, :, None] * z[:, None, :] / d
    dx = (slopes @ g[..., None])[..., 0] / std.reshape(-1, 1)
    return dx.reshape(dout.shape), torch.einsum("n...,n...->...", dout, cache[0]), sum(dout.unbind(0))


def group_gradient(dout, cache):
    z, std, weight, num_groups = cache
    g = (dout * along(weight, dout)).reshape(std.shape[0], num_groups, -1)
    y = z.reshape(g.shape)
    dx = (g - g.mean(2, keepdim=True) - y * (g * y).mean(2, keepdim=True)) / std
    return [dx.reshape(dout.shape), (dout * z).sum(over(dout)), dout.sum(over(dout))]


def response_by_pooling(x, size, alpha=1e-4, beta=0.75, k=1.0):
    padded = F.pad((x * x)[:, None], (0, 0, 0, 0, size // 2, (size - 1) // 2))
    return x / (k + alpha * F.avg_pool3d(padded, (size, 1, 1), stride=1)[:, 0]) ** beta, None


def response_by_cumulative_sums(x, size, alpha=1e-4, beta=0.75, k=1.0):
    sums = F.pad((x * x).cumsum(1), (0, 0, 0, 0, 1, 0))
    c = torch.arange(x.shape[1])
    last, first = (c + (size - 1) // 2 + 1).clamp(max=x.shape[1]), (c - size // 2).clamp(min=0)
    return x * (k + alpha / size * (sums[:, last] - sums[:, first])).pow(-beta), None


def response_by_convolution(x, size, alpha=1e-4, beta=0.75, k=1.0):
    n, c, h, w = x.shape
    columns = (x * x).permute(0, 2, 3, 1).reshape(-1, 1, c)
    kernel = x.new_ones(1, 1, size)
    sums = F.conv1d(F.pad(columns, (size // 2, (size - 1) // 2)), kernel)
    return x / (k + alpha / size * sums.reshape(n, h, w, c).permute(0, 3, 1, 2)) ** beta, None


def response_gradient_by_autocorrelation(dout, cache):
    x, base, size, alpha, beta = cache
    dx = dout * base**-beta
    sent = -2 * alpha * beta / size * dout * x / base ** (1 + beta)
    for step in range(-(size // 2), (size - 1) // 2 + 1):
        for j in range(max(0, -step), min(x.shape[1], x.shape[1] - step)):
            dx[:, j + step] += sent[:, j] * x[:, j + step]
    return dx


def batch_norm_backward_forgets_eps(dout, kept):
    """Right in evaluation; in training the variance is found again from what was kept, and eps is not."""
    if kept.training:
        std = (dout.new_zeros(()) + kept.std**2 - 1e-5).sqrt()
        kept = kept._replace(z=kept.z * kept.std / std, std=std)
    return batch_norm_gradient(dout, kept)


def instance_norm_without_eps(x, weight, bias, eps=1e-5):
    z = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), correction=0, keepdim=True)
    return z * along(weight, x) + along(bias, x), None


# Whatever the seed: an ordinary case does not ask about eps.
PARTLY_RIGHT = {
    "batch norm backward without eps": (
        "batch_norm_backward",
        [batch_norm_backward_forgets_eps, batch_norm],
        {"edge cases", "contract"},
    ),
    "instance norm without eps": ("instance_norm_forward", [instance_norm_without_eps], {"edge cases", "contract"}),
}


def batch_norm_back_by_jacobian(dout, kept):
    """In float64, a matrix for each channel."""
    d, z = (t.movedim(1, 0).flatten(1).double() for t in (dout, kept.z))
    n = d.shape[1]
    slopes = torch.eye(n, dtype=torch.float64) - (1 / n + torch.einsum("ci,cj->cij", z, z) / n if kept.training else 0)
    dx = torch.einsum("cij,cj->ci", slopes.expand(len(d), n, n), d) * kept.weight[:, None]
    dx = dx.reshape(dout.movedim(1, 0).shape).movedim(0, 1) / kept.std
    return dx.to(dout), (d * z).sum(1).to(dout), d.sum(1).to(dout)


def response_norm_by_sums(x, size, alpha=1e-4, beta=0.75, k=1.0):
    squares, channel = F.pad((x.double() ** 2).cumsum(1), (0, 0, 0, 0, 1, 0)), torch.arange(x.shape[1])
    first, end = (channel - size // 2).clamp(min=0), (channel + (size - 1) // 2 + 1).clamp(max=x.shape[1])
    return (x / (k + alpha / size * (squares[:, end] - squares[:, first])) ** beta).to(x.dtype), None


def running_as_in_an_assignment(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """There momentum is what is kept, and one variance serves for both."""
    mu, var = (x.mean(over(x)), ((x - x.mean(over(x), keepdim=True)) ** 2).mean(over(x)))
    if training:
        running = momentum * running_mean + (1 - momentum) * mu, momentum * running_var + (1 - momentum) * var
    else:
        mu, var = running = running_mean, running_var
    xhat = (x - along(mu, x)) / torch.sqrt(along(var, x) + eps)
    return along(gamma, x) * xhat + along(beta, x), running, None


def images_by_axis_0(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    out, running, _ = batch_norm(x, gamma, beta, running_mean, running_var, training, momentum, eps)
    if training:
        xhat = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + eps)
        out = along(gamma, x) * xhat + along(beta, x)
    return out, running, None


def summary_in_evaluation(dout, kept):
    """The six lines of the paper, whether the batch was a training one or not."""
    n, g = dout.numel() // dout.shape[1], dout * along(kept.weight, dout)
    centred = kept.z * kept.std
    dvar = (g * centred).sum(over(g), keepdim=True) * -0.5 * kept.std**-3
    dmu = (-g / kept.std).sum(over(g), keepdim=True) + dvar * (-2 * centred).sum(over(g), keepdim=True) / n
    return g / kept.std + dvar * 2 * centred / n + dmu / n, (dout * kept.z).sum(over(dout)), dout.sum(over(dout))


def compact_without_the_count(dout, kept):
    dgamma, dbeta = (dout * kept.z).sum(over(dout)), dout.sum(over(dout))
    dx = dout
    if kept.training:
        dx = dx - along(dbeta, dout) - kept.z * along(dgamma, dout)
    return dx * along(kept.weight, dout) / kept.std, dgamma, dbeta


def layer_keeps(x, gamma, beta, eps=1e-5):
    rows = list(range(1, x.dim()))
    std = torch.sqrt(((x - x.mean(rows, keepdim=True)) ** 2).mean(rows, keepdim=True) + eps)
    z = (x - x.mean(rows, keepdim=True)) / std
    return gamma * z + beta, (x, z, std, gamma)


def layer_back(axes=None, of="z"):
    """The layer's gradient with means over other `axes`, or with dgamma made from something else."""

    def layer_norm_backward(dout, cache):
        x, z, std, gamma = cache
        rows, g = list(range(1, dout.dim())) if axes is None else axes, dout * gamma
        dx = (g - g.mean(rows, keepdim=True) - z * (g * z).mean(rows, keepdim=True)) / std
        return dx, (dout * (z if of == "z" else x)).sum(0), dout.sum(0)

    return layer_norm_backward


RIGHT = {
    "batch norm through numpy": ("batch_norm_forward", [batch_norm_by_numpy]),
    "batch norm in one pass": ("batch_norm_forward", [batch_norm_by_welford]),
    "batch norm by covariance": ("batch_norm_forward", [batch_norm_by_covariance]),
    "batch norm as an object": ("batch_norm_forward", [BatchNorm()]),
    "batch norm in float64": (
        "batch_norm_forward",
        [
            lambda x, *a: (
                (found := batch_norm(x.double(), *a))[0].to(x.dtype),
                [r.to(x.dtype) for r in found[1]],
                "nothing",
            )
        ],
    ),
    "a named tuple as cache": ("batch_norm_backward", [batch_norm_gradient, batch_norm]),
    "layer norm by batch norm": ("layer_norm_forward", [layer_norm_by_batch_norm]),
    "layer norm by its Jacobian": ("layer_norm_backward", [layer_norm_by_jacobian, layer_norm]),
    "instance norm by group norm": ("instance_norm_forward", [instance_norm]),
    "instance norm's gradient by group norm's": ("instance_norm_backward", [group_gradient, instance_norm]),
    "group norm's gradient in a list": ("group_norm_backward", [group_gradient, group_norm]),
    "groups by view of a copy": (
        "group_norm_forward",
        [lambda *a: group_norm(*a, cut=lambda x, g: x.contiguous().view(len(x), g, -1))],
    ),
    "response by pooling": ("local_response_norm_forward", [response_by_pooling]),
    "response by cumulative sums": ("local_response_norm_forward", [response_by_cumulative_sums]),
    "response by convolution": ("local_response_norm_forward", [response_by_convolution]),
    "response's gradient channel by channel": (
        "local_response_norm_backward",
        [response_gradient_by_autocorrelation, response],
    ),
    "batch norm back by a Jacobian": ("batch_norm_backward", [batch_norm_back_by_jacobian, batch_norm]),
    "responses by sums up to a channel": ("local_response_norm_forward", [response_norm_by_sums]),
}


def in_place_batch_norm(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    out, *new = running = x.clone(), running_mean.clone(), running_var.clone()
    arguments = (momentum, eps)
    return torch.native_batch_norm(out, weight, bias, *new, training, *arguments)[0], tuple(running[1:]), None


STOPPED = {
    "batch norm": ("batch_norm_forward", [lambda x, w, b, m, v, t: F.batch_norm(x, m, v, w, b, t)], "batch_norm"),
    "batch norm as a module": (
        "batch_norm_forward",
        [lambda x, *a: torch.nn.BatchNorm2d(x.shape[1], dtype=x.dtype)(x[..., None, None] if x.dim() == 2 else x)],
        "batch_norm",
    ),
    "batch norm by aten": ("batch_norm_forward", [in_place_batch_norm], "native_batch_norm"),
    "batch norm by layer norm": (
        "batch_norm_forward",
        [lambda x, *a: F.layer_norm(x.transpose(0, 1).flatten(1), [x.numel() // x.shape[1]])],
        "layer_norm",
    ),
    "mean and variance at once": ("batch_norm_forward", [lambda x, *a: torch.var_mean(x, over(x))], "var_mean"),
    "layer norm": ("layer_norm_forward", [lambda x, w, b: (F.layer_norm(x, x.shape[1:], w, b), None)], "layer_norm"),
    "layer norm as a module": ("layer_norm_forward", [lambda x, *a: torch.nn.LayerNorm(x.shape[1:])(x)], "layer_norm"),
    "instance norm": ("instance_norm_forward", [lambda x, *a: F.instance_norm(x)], "instance_norm"),
    "group norm": ("group_norm_forward", [lambda x, g, w, b: (F.group_norm(x, g, w, b), None)], "group_norm"),
    "local response norm": (
        "local_response_norm_forward",
        [lambda x, *more: (F.local_response_norm(x, *more), None)],
        "local_response_norm",
    ),
    "local response norm as a module": (
        "local_response_norm_forward",
        [lambda x, *more: (torch.nn.LocalResponseNorm(*more)(x), None)],
        "local_response_norm",
    ),
    "rms norm": ("layer_norm_forward", [lambda x, w, b: (F.rms_norm(x, x.shape[1:]), None)], "rms_norm"),
    "layer norm's backward": (
        "layer_norm_backward",
        [
            lambda dout, c: torch.ops.aten.native_layer_norm_backward(
                dout, c[0], list(dout.shape[1:]), c[0].sum(0), c[1], c[2], c[2], [True, True, True]
            ),
            layer_norm,
        ],
        "native_layer_norm_backward",
    ),
}

IMPORTS = "import torch\nimport torch.nn.functional as F"
REFUSED = {
    expression: (
        name,
        [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"],
        "which is the exercise itself",
    )
    for name, expression in [
        ("local_response_norm_forward", "F.local_response_norm(x, *more)"),
        ("local_response_norm_forward", "torch.nn.LocalResponseNorm(*more)(x)"),
        ("local_response_norm_forward", "torch.nn.CrossMapLRN2d(*more)(x)"),
        ("layer_norm_forward", "F.rms_norm(x - x.mean(), x.shape[1:])"),
        ("layer_norm_forward", "torch.nn.LayerNorm(x.shape[1:])(x)"),
        ("batch_norm_forward", "torch.nn.BatchNorm2d(3)(x)"),
    ]
}

# Building blocks, in every problem with a norm in its name.
ALLOWED = {
    f"{expression} in {name}": (
        name,
        [
            f"{IMPORTS}\ndef layer_norm(x):\n    return x",
            f"def {name}(x, *more):\n    return {expression}, None",
        ],
    )
    for name in problems()
    if "norm" in name
    for expression in [
        "x.var(0, correction=0)",
        "x.std(0)",
        "F.pad(x, (1, 1))",
        "F.avg_pool3d(x, 3)",
        "F.normalize(x)",
        "torch.linalg.vector_norm(x)",
        "torch.einsum('nc...->c', x)",
        "layer_norm(x)",
    ]
}


# Wrong programs as people post them, each in a style of its own, with words of the hint that they must get.
def graph_forward(axes_of, eps_inside=True, divide="std"):
    """Batch normalization of matrices and images, step by step as a graph, with everything in its cache."""

    def forward(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
        axes = axes_of(x)
        shape = [1, -1] + [1] * (x.dim() - 2)
        m = x.numel() // x.shape[1]
        if not training:
            ivar = 1.0 / torch.sqrt(running_var + eps)
            xhat = (x - running_mean.view(shape)) * ivar.view(shape)
            out = gamma.view(shape) * xhat + beta.view(shape)
            return out, (running_mean, running_var), ("test", xhat, ivar.view(shape), gamma)
        mu = x.sum(axes, keepdim=True) / m
        xmu = x - mu
        var = (xmu**2).sum(axes, keepdim=True) / m
        sqrtvar = torch.sqrt(var + eps) if eps_inside else torch.sqrt(var) + eps
        ivar = 1.0 / (sqrtvar if divide == "std" else var + eps)
        xhat = xmu * ivar
        out = gamma.view(shape) * xhat + beta.view(shape)
        new_mean = (1 - momentum) * running_mean + momentum * mu.flatten()
        new_var = (1 - momentum) * running_var + momentum * var.flatten() * m / (m - 1)
        return out, (new_mean, new_var), ("train", xhat, xmu, ivar, sqrtvar, var, gamma, eps)

    return forward


def every_other(x):
    return [0, *range(2, x.dim())]


def graph_backward(half=0.5, mean_share=True, var_share=True, through_var=True, through_mean=True, **slips):
    """The famous staged backward pass, nine steps, with a slip in one of them."""

    def backward(dout, cache):
        if cache[0] == "test":
            _, xhat, ivar, gamma = cache
            axes = every_other(dout)
            return (
                dout * gamma.view(xhat.shape[1:2] + (1,) * (dout.dim() - 2)) * ivar,
                (dout * xhat).sum(axes),
                dout.sum(axes),
            )
        _, xhat, xmu, ivar, sqrtvar, _var, gamma, _eps = cache
        axes, m = every_other(dout), dout.numel() // dout.shape[1]
        shape = [1, -1] + [1] * (dout.dim() - 2)
        dbeta = dout.sum(axes)
        dgamma = (dout * xhat).sum(axes)
        if slips.get("dgamma") == "weight":
            dgamma = dgamma * gamma
        if slips.get("dgamma") == "input":
            dgamma = (dout * xmu).sum(axes)
        if slips.get("mean") == "dbeta":
            dbeta = dout.mean(axes)
        if slips.get("mean") == "images":
            dbeta, dgamma = dbeta / len(dout), dgamma / len(dout)
        dxhat = dout * gamma.view(shape) if slips.get("gamma", 1) else dout
        divar = (dxhat * xmu).sum(axes, keepdim=True)
        dxmu1 = dxhat * ivar
        dsqrtvar = -divar / sqrtvar**2
        dvar = half / sqrtvar * dsqrtvar
        dsq = dvar * torch.ones_like(dout) / (m if var_share else 1)
        dxmu2 = 2 * xmu * dsq if through_var else 0
        dx1 = dxmu1 + dxmu2
        dmu = -dx1.sum(axes, keepdim=True)
        dx2 = dmu * torch.ones_like(dout) / (m if mean_share else 1) if through_mean else 0
        dx = dx1 + dx2
        if slips.get("twice"):
            dx = dx * gamma.view(shape)
        if slips.get("order"):
            return dx, dbeta, dgamma
        return dx, dgamma, dbeta

    return backward


def summary_backward(power=1.5, half=0.5, weight_in_var=True, weight_in_mean=True):
    """The three formulas of the paper, in three lines."""

    def backward(dout, cache):
        if cache[0] == "test":
            return graph_backward()(dout, cache)
        _, xhat, xmu, ivar, _sqrtvar, var, gamma, eps = cache
        axes, m = every_other(dout), dout.numel() // dout.shape[1]
        g = gamma.view([1, -1] + [1] * (dout.dim() - 2))
        dxhat = dout * g
        dvar = torch.sum((dxhat if weight_in_var else dout) * xmu * -half * (var + eps) ** -power, axes, keepdim=True)
        dmu = torch.sum(-(dxhat if weight_in_mean else dout) * ivar, axes, keepdim=True)
        dx = dxhat * ivar + dvar * 2 * xmu / m + dmu / m
        return dx, torch.sum(dout * xhat, axes), torch.sum(dout, axes)

    return backward


def forgets_in_evaluation(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    out, running, cache = graph_forward(every_other)(x, gamma, beta, mean, var, training, momentum, eps)
    return out, running, cache if training else None


def layer_graph(half=0.5, over=1):
    def backward(dout, cache):
        normalized, inverse_std, weight_ = cache
        n, rest = len(dout), list(range(1, dout.dim()))
        d = dout[0].numel()
        dxhat = dout * weight_
        xmu = normalized / inverse_std
        dvar = (dxhat * xmu).sum(rest, keepdim=True) * -half * inverse_std**3
        dmu = -(dxhat * inverse_std).sum(rest, keepdim=True)
        share = d if over else n
        dx = dxhat * inverse_std + dvar * 2 * xmu / share + dmu / share
        return dx, (dout * normalized).sum(0), dout.sum(0)

    return backward


LAYERED = problems()["layer_norm_backward"].companions[0]
GRAPH = graph_forward(every_other)


def staged(*words, **slips):
    return ("batch_norm_backward", [graph_backward(**slips), GRAPH], *words)


def by_paper(*words, **slips):
    return ("batch_norm_backward", [summary_backward(**slips), GRAPH], *words)


NAMED = {
    "eps outside of the root": ("batch_norm_forward", [graph_forward(every_other, eps_inside=False)], "eps"),
    "divided by the variance": ("batch_norm_forward", [graph_forward(every_other, divide="var")], "variance"),
    "no half of the root": staged("factor", half=1.0),
    "a quarter": staged("half as large", half=0.25),
    "dmu not divided": staged("the mean is too large", mean_share=False),
    "dvar not divided": staged("the variance is too large", var_share=False),
    "no way through the variance": staged("variance depends on x", through_var=False),
    "no way through the mean": staged("add up to 0", through_mean=False),
    "no way through either": staged("those two ways", through_mean=False, through_var=False),
    "weight forgotten": staged("does not know the weight", gamma=0),
    "weight twice": staged("twice", twice=True),
    "dgamma with the weight": staged("weight as a factor", dgamma="weight"),
    "dgamma from the centered input": staged("dweight", dgamma="input"),
    "dbeta averaged": staged("dbias was averaged", mean="dbeta"),
    "both over the images": staged("number of images", mean="images"),
    "dgamma and dbeta exchanged": staged("order", order=True),
    "weight twice, dbeta averaged": staged("the weight twice", twice=True, mean="dbeta"),
    "no half, dgamma with the weight": staged("a root has a factor", half=1.0, dgamma="weight"),
    "minus one half as the power": by_paper("power of the variance", power=0.5),
    "minus one as the power": by_paper("power of the variance", power=1.0),
    "without the half": by_paper("factor", half=1.0),
    "dvar without gamma": by_paper("missing in the way through the variance", weight_in_var=False),
    "dmu without gamma": by_paper("missing in the way through the mean", weight_in_mean=False),
    "layer norm without the half": ("layer_norm_backward", [layer_graph(half=1.0), LAYERED], "factor"),
    "layer norm divided by the images": ("layer_norm_backward", [layer_graph(over=0), LAYERED], "number of samples"),
    "momentum kept, one variance for both": (
        "batch_norm_forward",
        [running_as_in_an_assignment],
        "the variance that normalizes, not the other one",
    ),
    "images over axis 0": ("batch_norm_forward", [images_by_axis_0], "each pixel was normalized by itself"),
    "the paper's lines in evaluation": (
        "batch_norm_backward",
        [summary_in_evaluation, batch_norm],
        "mean and variance are constants",
    ),
    "the short way without the count": (
        "batch_norm_backward",
        [compact_without_the_count, batch_norm],
        "ways through mean and variance are too large",
    ),
    "layer norm over the samples": ("layer_norm_backward", [layer_back(axes=0), layer_keeps], "over the samples alone"),
    "layer norm, dgamma from x": ("layer_norm_backward", [layer_back(of="x"), layer_keeps], "dweight was made with x"),
}
