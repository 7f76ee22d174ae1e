"""What a trained network looks at (Zeiler & Fergus 2014)."""

import torch
import torch.nn.functional as F
from torch import nn


def occlusion_map(model: nn.Module, image: torch.Tensor, target: int, patch: int, stride: int) -> torch.Tensor:
    """The probability of the class `target` while a square of the image is covered (section 4.2, figure 7d).

    image (C, H, W), normalized, so that 0 is its mean grey. A square of `patch` × `patch` zeros goes over it in steps
    of `stride`, and never over the border. Returns (rows, columns): row i and column j for the square whose upper left
    corner is at (i · stride, j · stride). Where the probability falls, the network has looked. The image is left as it
    was, and so is the mode of the model: give it in evaluation mode.
    """
    _, height, width = image.shape
    covered = [
        [_covered(image, top, left, patch) for left in range(0, width - patch + 1, stride)]
        for top in range(0, height - patch + 1, stride)
    ]
    with torch.no_grad():
        return torch.stack([F.softmax(model(torch.stack(row)), dim=1)[:, target] for row in covered])


def _covered(image: torch.Tensor, top: int, left: int, patch: int) -> torch.Tensor:
    covered = image.clone()
    covered[:, top : top + patch, left : left + patch] = 0
    return covered
