"""References of the problem set `activations`."""

import torch
import torch.nn.functional as F


def sigmoid(x: torch.Tensor) -> torch.Tensor:
    """1 / (1 + e^-x), elementwise."""
    return torch.sigmoid(x)


def tanh(x: torch.Tensor) -> torch.Tensor:
    """(e^x - e^-x) / (e^x + e^-x), elementwise."""
    return torch.tanh(x)


def relu(x: torch.Tensor) -> torch.Tensor:
    """max(0, x), elementwise (Nair & Hinton 2010)."""
    return F.relu(x)


def leaky_relu(x: torch.Tensor, negative_slope: float = 0.01) -> torch.Tensor:
    """x where x > 0, else negative_slope * x (Maas et al. 2013)."""
    return F.leaky_relu(x, negative_slope)


def prelu(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x (N, C, ...) where x > 0, else weight * x; weight (1,) or (C,) along dim 1 (He et al. 2015)."""
    return F.prelu(x, weight)


def elu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """x where x > 0, else alpha * (e^x - 1) (Clevert et al. 2016)."""
    return F.elu(x, alpha)


def selu(x: torch.Tensor) -> torch.Tensor:
    """ELU with the fixed alpha and scale of Klambauer et al. 2017."""
    return F.selu(x)


def maxout(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The largest of K linear pieces (Goodfellow et al. 2013): x (N, D), weight (K, M, D), bias (K, M) to (N, M).

    Of equal pieces the first one counts; it alone receives the gradient.
    """
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    return pieces.gather(1, pieces.argmax(dim=1, keepdim=True)).squeeze(1)
