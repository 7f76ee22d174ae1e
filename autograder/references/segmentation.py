"""References of the problem set `segmentation`."""

from collections import Counter

import torch
import torch.nn.functional as F


def confusion_matrix(prediction: torch.Tensor, target: torch.Tensor, classes: int) -> torch.Tensor:
    """Pixels by their true class (rows) and the class that they are given, int64 (classes, classes)."""
    pairs = Counter(zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True))
    counts = [[pairs[truth, given] for given in range(classes)] for truth in range(classes)]
    return torch.tensor(counts, dtype=torch.int64, device=target.device)


def mean_iou(confusion: torch.Tensor) -> torch.Tensor:
    """The mean over the classes with a union of intersection over union (Everingham et al. 2010)."""
    shares = []
    for k in range(len(confusion)):
        # All pixels but those that have nothing to do with class k.
        rest = torch.arange(len(confusion), device=confusion.device) != k
        union = int(confusion.sum() - confusion[rest][:, rest].sum())
        shares += [int(confusion[k, k]) / union] if union else []
    return torch.tensor(shares, dtype=torch.float64, device=confusion.device).mean()


def linear_to_conv(
    weight: torch.Tensor, bias: torch.Tensor, channels: int, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The weight (M, C, H, W) and the bias of a convolution that does on one window what a linear layer did."""
    return weight.unflatten(1, (channels, height, width)), bias


def conv_transpose2d(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int = 1, padding: int = 0
) -> torch.Tensor:
    """Transposed convolution of x (N, C, H, W) with weight (C, O, kh, kw), plus bias (O,)."""
    return F.conv_transpose2d(x, weight, bias, stride, padding)


def bilinear_kernel(channels: int, kernel_size: int) -> torch.Tensor:
    """A weight (C, C, k, k) that upsamples each channel by itself (Long et al. 2015): a tent, made of two boxes."""
    half = (kernel_size + 1) // 2
    box = torch.ones(1, 1, half, device="cpu")
    tent = F.conv1d(box, box / half, padding=half - 1)
    if kernel_size % 2 == 0:
        tent = F.conv1d(tent, torch.full((1, 1, 2), 0.5, device="cpu"), padding=1)
    tent = tent.flatten()
    return torch.eye(channels, device="cpu")[:, :, None, None] * torch.outer(tent, tent)


def pixel_cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, ignore_index: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean over the pixels that count of -log softmax(logits) at the target, and autograd's gradient."""
    leaf = logits.detach().clone().requires_grad_()
    with torch.enable_grad():
        loss = F.cross_entropy(leaf, target, ignore_index=ignore_index)
        return loss.detach(), *torch.autograd.grad(loss, leaf)
