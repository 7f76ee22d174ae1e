"""Methods against overfitting that more than one page of this chapter uses."""

import torch
import torch.nn.functional as F
from networks import dense_net, measure, test, validate
from torch import nn

from autograder.trials import SEEDS


def at_best(train, strengths):
    """The strength with the highest mean on the validation digits, and the test digits right with it (%), seed by seed.

    `train(seed, strength)` returns a trained network.
    """
    tried = {}
    for strength in strengths:
        nets = [train(seed, strength) for seed in SEEDS]
        tried[strength] = [[measure(net, place)[1] for net in nets] for place in (validate, test)]
    best = max(tried, key=lambda strength: sum(tried[strength][0]))
    return best, tried[best][1]


class DropConnect(nn.Linear):
    """A linear layer that loses weights while it is trained."""

    def __init__(self, inputs, outputs, p=0.5):
        super().__init__(inputs, outputs)
        self.p = p

    def forward(self, x):
        return F.linear(x, F.dropout(self.weight, self.p, self.training), self.bias)


def connected(seed, p):
    """The small network with DropConnect in its last layer."""
    net = dense_net(seed)
    layer = DropConnect(net[4].in_features, 10, p)
    layer.load_state_dict(net[4].state_dict())
    return nn.Sequential(*net[:4], layer)


def crops(seen, targets):
    """Each image moved by a pixel at most; what is uncovered is paper."""
    padded = F.pad(seen, [1] * 4)
    down, across = torch.randint(0, 3, (2, len(seen))).tolist()
    moved = [p[:, d : d + 8, a : a + 8] for p, d, a in zip(padded, down, across, strict=True)]
    return torch.stack(moved), targets


def cutouts(seen, targets, size=3):
    """Each image with a square of `size` by `size` pixels cut out."""
    seen = seen.clone()
    for image, (row, column) in zip(seen, torch.randint(0, 9 - size, (len(seen), 2)).tolist(), strict=True):
        image[:, row : row + size, column : column + size] = 0
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
