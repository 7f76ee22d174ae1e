"""How ILSVRC judges a classifier."""

import torch


def top_k_error(logits: torch.Tensor, target: torch.Tensor, k: int) -> torch.Tensor:
    """The share of the images whose class is not among the k with the greatest logits (Russakovsky et al. 2015).

    logits (N, C), target (N,). Of classes with equal logits the lower one goes first. Returns a number between 0 and 1.
    """
    first = logits.sort(dim=1, descending=True, stable=True).indices[:, :k]
    return 1 - (first == target[:, None]).any(dim=1).to(logits.dtype).mean()
