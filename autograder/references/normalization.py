"""References of the problem set `normalization`."""

import torch
import torch.nn.functional as F


def batch_norm(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Each channel over the batch (Ioffe & Szegedy 2015): out, new running mean, new running variance.

    x (N, C) or (N, C, H, W), the others (C,). In evaluation the running statistics normalize, and stay as they are.
    """
    new_mean, new_var = running_mean.clone(), running_var.clone()
    out = F.batch_norm(x, new_mean, new_var, weight, bias, training, momentum, eps)
    return out, new_mean, new_var


def batch_norm_out(*arguments, **options) -> torch.Tensor:
    """The output of `batch_norm` alone."""
    return batch_norm(*arguments, **options)[0]


def layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """Each sample over all its entries (Ba et al. 2016); weight and bias have the shape of x[0]."""
    return F.layer_norm(x, x.shape[1:], weight, bias, eps)


def instance_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """Each channel of each image (Ulyanov et al. 2016): x (N, C, H, W); weight and bias (C,)."""
    return F.instance_norm(x, weight=weight, bias=bias, eps=eps)


def group_norm(
    x: torch.Tensor, num_groups: int, weight: torch.Tensor, bias: torch.Tensor, eps: float = 1e-5
) -> torch.Tensor:
    """Each group of neighboring channels of each image (Wu & He 2018): x (N, C, H, W); weight and bias (C,)."""
    return F.group_norm(x, num_groups, weight, bias, eps)


def local_response_norm(
    x: torch.Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> torch.Tensor:
    """Each entry over a window of channels (Krizhevsky et al. 2012), alpha divided by size; x (N, C, H, W)."""
    return F.local_response_norm(x, size, alpha, beta, k)
