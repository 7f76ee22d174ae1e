"""Methods against overfitting that more than one page of this chapter uses."""

import torch
import torch.nn.functional as F
from torch import nn


class DropConnect(nn.Linear):
    """A linear layer that loses weights while it is trained."""

    def forward(self, x, p=0.5):
        if not self.training:
            return super().forward(x)
        kept = (torch.rand(self.weight.shape) >= p) / (1 - p)
        return F.linear(x, self.weight * kept, self.bias)


def crops(seen, targets):
    """Each image moved by a pixel at most; what is uncovered is paper."""
    padded = F.pad(seen, [1] * 4)
    down, across = torch.randint(0, 3, (2, len(seen))).tolist()
    moved = [p[:, d : d + 8, a : a + 8] for p, d, a in zip(padded, down, across, strict=True)]
    return torch.stack(moved), targets


def cutouts(seen, targets):
    """Each image with a square of 3 by 3 pixels cut out."""
    seen = seen.clone()
    for image, (row, column) in zip(seen, torch.randint(0, 6, (len(seen), 2)).tolist(), strict=True):
        image[:, row : row + 3, column : column + 3] = 0
    return seen, targets


def mixups(seen, targets):
    """Each image averaged with another one, the labels too."""
    lam, order = torch.rand(()), torch.randperm(len(seen))
    soft = F.one_hot(targets, 10).float()
    return lam * seen + (1 - lam) * seen[order], lam * soft + (1 - lam) * soft[order]


def cutmixes(seen, targets):
    """Each image with a box of another one in it, the labels by area."""
    order, seen = torch.randperm(len(seen)), seen.clone()
    size, row, column = torch.randint(1, 5, (3,)).tolist()
    box = slice(row, row + size), slice(column, column + size)
    seen[:, :, box[0], box[1]] = seen[order][:, :, box[0], box[1]]
    soft, share = F.one_hot(targets, 10).float(), size**2 / 64
    return seen, (1 - share) * soft + share * soft[order]
