"""Methods against overfitting that more than one page of this chapter uses."""

import functools

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


def crops(seen, targets, most=1):
    """Each image moved by `most` pixels at most; what is uncovered is paper."""
    down, across = torch.randint(0, 2 * most + 1, (2, len(seen), 1, 1))
    side = torch.arange(seen.shape[-1])
    rows, columns = down + side[:, None], across + side
    which = torch.arange(len(seen))[:, None, None]
    return F.pad(seen, [most] * 4)[:, 0][which, rows, columns][:, None], targets


def cutouts(seen, targets, size=3):
    """Each image with a square of `size` by `size` pixels cut out."""
    row, column = torch.randint(0, 9 - size, (2, len(seen), 1, 1, 1))
    side = torch.arange(seen.shape[-1])
    down, across = side[:, None] - row, side - column
    hole = (down >= 0) & (down < size) & (across >= 0) & (across < size)
    return seen.masked_fill(hole, 0), targets


@functools.cache
def _beta(alpha):
    return torch.distributions.Beta(alpha, alpha)


def mixups(seen, targets, alpha=1.0):
    """Each image averaged with another one, the labels too; the share is drawn from Beta(alpha, alpha)."""
    lam, order = _beta(alpha).sample(), torch.randperm(len(seen))
    soft = F.one_hot(targets, 10).float()
    return lam * seen + (1 - lam) * seen[order], lam * soft + (1 - lam) * soft[order]


def cutmixes(seen, targets, most=4):
    """Each image with a box of another one in it, `most` pixels a side at most; the labels by area."""
    order, seen = torch.randperm(len(seen)), seen.clone()
    size = int(torch.randint(1, most + 1, ()))
    row, column = torch.randint(0, 9 - size, (2,)).tolist()
    box = slice(row, row + size), slice(column, column + size)
    seen[:, :, box[0], box[1]] = seen[order][:, :, box[0], box[1]]
    soft, share = F.one_hot(targets, 10).float(), size**2 / 64
    return seen, (1 - share) * soft + share * soft[order]
