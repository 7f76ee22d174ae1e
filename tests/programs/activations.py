"""Programs for the problem set `activations` that a grader could easily get wrong: right ones and wrong ones."""

from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Thread

import torch
import torch.nn.functional as F

from autograder.problems import problems

Kept = namedtuple("Kept", "x slope")


def pieces_of(x, weight, bias):
    return torch.einsum("nd,kmd->nkm", x, weight) + bias


def maxout_parts(dout, x, weight, chosen):
    dpieces = chosen * dout.unsqueeze(1)
    return torch.einsum("nkm,kmd->nd", dpieces, weight), torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def running_maximum(x, weight, bias, start):
    out = torch.full((len(x), weight.shape[1]), start, dtype=x.dtype)
    for piece in pieces_of(x, weight, bias).unbind(1):
        out = torch.maximum(out, piece)
    return out, None


def flat_loop(x):
    out = torch.zeros_like(x)
    flat = out.reshape(-1)
    for i, value in enumerate(x.reshape(-1)):
        flat[i] = value if value > 0 else 0
    return out, x


def prelu_weight_for_images_only(x, weight):
    slope = weight.reshape(1, -1) if x.dim() == 2 else weight.reshape(1, -1, 1, 1)
    return torch.where(x > 0, x, slope * x), (x, slope)


def prelu_backward_squeezed(dout, cache):
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    d = (dout * x.clamp(max=0)).squeeze().transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), d if weight.numel() > 1 else d.sum().reshape(1)


SEEDS = range(5)
KEEPS = problems()["prelu_backward"].companions[0]

WRONG = {
    "sigmoid clipped at 14": (
        "sigmoid_forward",
        [lambda x: (1 / (1 + torch.exp(-x.clamp(-14, 14))), x)],
        {"edge cases"},
    ),
    "tanh clipped at 7": (
        "tanh_forward",
        [lambda x: (2 / (1 + torch.exp(-2 * x.clamp(-7, 7))) - 1, x)],
        {"edge cases"},
    ),
    "elu clipped on the left": (
        "elu_forward",
        [lambda x, alpha=1.0: (torch.where(x > 0, x, alpha * torch.expm1(x.clamp(-10, 0))), x)],
        {"edge cases"},
    ),
    "relu written into a copy's layout": ("relu_forward", [flat_loop], {"contract"}),
    "relu by view": ("relu_forward", [lambda x: (x.view(-1).clamp(min=0).view(x.shape), x)], {"contract"}),
    "relu squeezed": ("relu_forward", [lambda x: (x.squeeze().clamp(min=0), x)], {"edge cases"}),
    "leaky slope 0 taken for no slope": (
        "leaky_relu_forward",
        [lambda x, negative_slope=0.01: (torch.where(x > 0, x, (negative_slope or 0.01) * x), x)],
        {"edge cases"},
    ),
    "relu of vectors and the like": (
        "relu_forward",
        [lambda x: (torch.stack([r.clamp(min=0) for r in x]), x)],
        {"contract"},
    ),
    "prelu for matrices and images alone": ("prelu_forward", [prelu_weight_for_images_only], {"edge cases"}),
    "prelu squeezed": ("prelu_backward", [prelu_backward_squeezed, KEEPS], {"edge cases"}),
    "maxout from -20": ("maxout_forward", [partial(running_maximum, start=-20.0)], {"edge cases"}),
    "maxout squeezed": ("maxout_forward", [lambda *a: (pieces_of(*a).amax(1).squeeze(-1), None)], {"edge cases"}),
    "maxout one-hot of what was chosen": (
        "maxout_backward",
        [
            lambda dout, c: maxout_parts(dout, c[0], c[1], F.one_hot(c[2]).permute(0, 2, 1)),
            lambda *a: (pieces_of(*a).amax(1), (a[0], a[1], pieces_of(*a).argmax(1))),
        ],
        {"edge cases"},
    ),
}


class LeakyModule(torch.nn.Module):
    """A module in place of a function."""

    def forward(self, x, negative_slope=0.01):
        return x.clamp(min=0) + negative_slope * x.clamp(max=0), Kept(x, negative_slope)


def relu_with_out_argument(x):
    out = torch.empty_like(x)
    torch.clamp(x, min=0, out=out)
    return out, x


def tanh_by_own_sigmoid(x):
    def sigmoid(x):
        return 1 / (1 + torch.exp(-x))

    return [2 * sigmoid(2 * x) - 1, x]


def relu_by_list(x):
    rows = [max(float(v), 0.0) for v in x.flatten()]
    return torch.tensor(rows, dtype=x.dtype).reshape(x.shape), x


def elu_keeping_its_output(x, alpha=1.0):
    out = torch.where(x > 0, x, alpha * torch.expm1(x))
    return out, (out, alpha)


def relu_of_images_flattened(x):
    return (x.view(x.shape[0], -1).clamp(min=0).view(x.shape), x) if x.dim() == 4 else (x.clamp(min=0), x)


# The contract asks about every shape: what is done to one of them only is found.
PARTLY_RIGHT = {
    "relu of images flattened by view": ("relu_forward", [relu_of_images_flattened], {"contract"}),
    "relu of images in place": (
        "relu_forward",
        [lambda x: (x.clamp_(min=0) if x.dim() == 4 else x.clamp(min=0), None)],
        {"contract"},
    ),
    "relu of a row in place": (
        "relu_forward",
        [lambda x: (x.clamp_(min=0) if len(x) == 1 else x.clamp(min=0), None)],
        {"contract"},
    ),
    "relu of images in float64": (
        "relu_forward",
        [lambda x: (x.double().clamp(min=0) if x.dim() == 4 else x.clamp(min=0), None)],
        {"contract"},
    ),
}


def in_a_pool(function):
    def run(x):
        with ThreadPoolExecutor(2) as pool:
            return pool.submit(function, x).result(), x

    return run


def in_a_thread(function):
    def run(x):
        found = []
        thread = Thread(target=lambda: found.append(function(x.clone())))
        thread.start()
        thread.join()
        return found[0], x

    return run


def quietly(function):
    """`function` of x, or 0 where something is raised."""

    def run(x):
        try:
            return function(x)
        except Exception:
            return x * 0

    return run


STOPPED = {
    "hardtanh": ("relu_forward", [lambda x: (F.hardtanh(x, 0.0, float("inf")), x)], "hardtanh"),
    "nn.Hardtanh": ("relu_forward", [lambda x: (torch.nn.Hardtanh(0.0, float("inf"))(x), x)], "hardtanh"),
    "aten's hardtanh": ("relu_forward", [lambda x: (torch.ops.aten.hardtanh(x, 0.0, 1e30), x)], "hardtanh"),
    "relu6": ("relu_forward", [lambda x: (1e3 * F.relu6(x / 1e3), x)], "relu6"),
    "softplus, very steep": ("relu_forward", [lambda x: (F.softplus(x, 1e20), x)], "softplus"),
    "silu, very steep": ("relu_forward", [lambda x: (F.silu(x * 1e20) / 1e20, x)], "silu"),
    "gelu, very steep": ("relu_forward", [lambda x: (F.gelu(x * 1e20) / 1e20, x)], "gelu"),
    "torch.special.expit": ("sigmoid_forward", [lambda x: (torch.special.expit(x), x)], "special_expit"),
    "tanhshrink": ("tanh_forward", [lambda x: (x - F.tanhshrink(x), x)], "tanhshrink"),
    "relu in a pool": ("relu_forward", [in_a_pool(F.relu)], "relu"),
    "relu in a thread": ("relu_forward", [in_a_thread(quietly(F.relu))], "relu"),
    "aten's relu in a pool": ("relu_forward", [in_a_pool(torch.ops.aten.relu)], "relu"),
    "relu in the pool of a pool": ("relu_forward", [in_a_pool(lambda x: in_a_pool(F.relu)(x)[0])], "relu"),
}

RIGHT = {
    "relu in a pool": ("relu_forward", [in_a_pool(lambda x: x.clamp(min=0))]),
    "relu in a thread": ("relu_forward", [in_a_thread(lambda x: x.clamp(min=0))]),
    "relu by list": ("relu_forward", [relu_by_list]),
    "relu with out=": ("relu_forward", [relu_with_out_argument]),
    "relu through numpy": ("relu_forward", [lambda x: (torch.as_tensor(x.numpy().clip(min=0)), x)]),
    "relu in float64": ("relu_forward", [lambda x: (x.double().clamp(min=0).to(x.dtype), x)]),
    "relu without gradients": ("relu_forward", [torch.no_grad()(lambda x: (x.clamp(min=0), x))]),
    "relu by heaviside": ("relu_forward", [lambda x: (x * torch.heaviside(x, torch.zeros_like(x)), x)]),
    "sigmoid by softplus": ("sigmoid_forward", [lambda x: (torch.exp(-F.softplus(-x)), x)]),
    "tanh by an own sigmoid": ("tanh_forward", [tanh_by_own_sigmoid]),
    "leaky as a module": ("leaky_relu_forward", [LeakyModule()]),
    "leaky with a named tuple": (
        "leaky_relu_backward",
        [lambda dout, kept: torch.where(kept.x > 0, dout, kept.slope * dout), LeakyModule()],
    ),
    "leaky by slope - 1": (
        "leaky_relu_forward",
        [lambda x, negative_slope=0.01: (x - (1 - negative_slope) * x.clamp(max=0), x)],
    ),
    "elu from its output": (
        "elu_backward",
        [
            lambda dout, c: torch.where(c[0] > 0, dout, dout * (c[0] + c[1])),
            elu_keeping_its_output,
        ],
    ),
    "maxout by maximum": ("maxout_forward", [partial(running_maximum, start=float("-inf"))]),
    "maxout by max": ("maxout_forward", [lambda *a: (pieces_of(*a).max(dim=1).values, None)]),
}


# Wrong programs as people post them, each in a style of its own, with words of the hint that they must get.
def squash(x):
    return 1 / (1 + torch.exp(-x))


def keeps_squashed(x):
    return squash(x), squash(x)


def keeps_tanh(x):
    out = 2 * squash(2 * x) - 1
    return out, out


def row_by_row(function):
    """`function` of each row of a matrix, or of each image."""
    return lambda dout, cache: torch.stack([function(d, c) for d, c in zip(dout, cache, strict=True)])


def relu_keeps(x):
    return torch.maximum(x, torch.zeros_like(x)), x


def posted_prelu_backward(kind):
    def prelu_backward(dout, cache):
        x, weight = cache
        slope = weight.view([1, -1] + [1] * (x.dim() - 2))
        dx = dout * torch.where(x > 0, torch.ones_like(x), slope.expand_as(x))
        inner = dout * x * (x < 0) if kind != "no upstream" else x * (x < 0)
        if kind == "all inputs":
            inner = dout * x
        other_axes = [d for d in range(x.dim()) if d != 1]
        dw = inner.mean(other_axes) if kind == "mean" else inner.sum(other_axes)
        return dx, dw if weight.numel() > 1 else dw.sum().view(1)

    return prelu_backward


PRELU = problems()["prelu_backward"].companions[0]


def slope_of_all_channels(dout, cache):
    x, w = cache
    a = w.reshape(-1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, a * dout), torch.ones_like(w) * (dout * x.clamp(max=0)).sum()


NAMED = {
    "sigmoid by two exponentials": ("sigmoid_forward", [lambda x: (torch.exp(x) / (torch.exp(x) + 1), x)], "inf / inf"),
    "sigmoid of the wrong sign": ("sigmoid_forward", [lambda x: (torch.pow(1 + x.exp(), -1), x)], "falls where"),
    "sigmoid without parentheses": ("sigmoid_forward", [lambda x: (1 / 1 + torch.exp(-x), x)], "divides before"),
    "sigmoid applied again": (
        "sigmoid_backward",
        [lambda dout, out: dout * squash(out) * (1 - squash(out)), keeps_squashed],
        "been through it already",
    ),
    "sigmoid's derivative without dout": (
        "sigmoid_backward",
        [row_by_row(lambda d, out: out * (1 - out)), keeps_squashed],
        "chain rule",
    ),
    "tanh applied again": (
        "tanh_backward",
        [lambda dout, out: dout * (1 - keeps_tanh(out)[0] ** 2), keeps_tanh],
        "been through it already",
    ),
    "tanh as often written": (
        "tanh_forward",
        [lambda x: ((x.exp() - (-x).exp()) / (x.exp() + (-x).exp()), x)],
        "inf / inf",
    ),
    "tanh not squared": ("tanh_backward", [lambda dout, out: dout * (1 - out), keeps_tanh], "same at x and -x"),
    "relu's mask alone": ("relu_backward", [row_by_row(lambda d, x: (x > 0).to(d.dtype)), relu_keeps], "chain rule"),
    "relu's mask of dout": ("relu_backward", [lambda dout, x: dout * (dout > 0), relu_keeps], "dout"),
    "relu's slope at 0": ("relu_backward", [lambda dout, x: dout * (x >= 0), relu_keeps], "0"),
    "relu's x times dout": (
        "relu_backward",
        [lambda dout, x: relu_keeps(x)[0] * dout, relu_keeps],
        "output of the function",
    ),
    "prelu, all inputs": ("prelu_backward", [posted_prelu_backward("all inputs"), PRELU], "dweight"),
    "prelu, mean": ("prelu_backward", [posted_prelu_backward("mean"), PRELU], "average"),
    "prelu, no upstream": ("prelu_backward", [posted_prelu_backward("no upstream"), PRELU], "dweight"),
    "elu of alpha 1": (
        "elu_forward",
        [lambda x, alpha=1.0: (torch.where(x > 0, x, torch.exp(x.clamp(max=0)) - 1), (x, alpha))],
        "alpha",
    ),
    "one slope's gradient for all channels": (
        "prelu_backward",
        [
            slope_of_all_channels,
            lambda x, w: (torch.where(x > 0, x, w.reshape(-1, *[1] * (x.dim() - 2)) * x), (x, w)),
        ],
        "the same number for all channels",
    ),
}
