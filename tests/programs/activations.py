"""Programs for the problem set `activations` that a grader could easily get wrong: right ones and wrong ones."""

from collections import namedtuple
from functools import partial

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


RIGHT = {
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
