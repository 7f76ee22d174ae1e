"""The digits, the sheets and the networks that the pages of this chapter train."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import digits, split_indices
from autograder.trials import SEEDS, right

SHEET, MIDDLE = 20, 6
images, labels = digits()
# The places of the images to learn from and of those to test with.
learn, test = split_indices(len(images), 500)
moved = test[:125]


def on_sheet(digit_images, down=0, across=0):
    """The digits in the middle of dark sheets, moved by so many pixels."""
    sheets = torch.zeros(len(digit_images), 1, SHEET, SHEET)
    top, left = MIDDLE + down, MIDDLE + across
    sheets[:, :, top : top + 8, left : left + 8] = digit_images
    return sheets


def fully_connected_net(inputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 10))


def sheet_net(last_pooling):
    """Two convolutions for sheets; `last_pooling` makes each map a number."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        last_pooling,
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def small_cnn():
    """Two convolutions for digits of 8 × 8."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def shift_map(net, shifts):
    """Percent right of 125 test digits, for shifts down (rows) and across."""
    return torch.tensor(
        [[right(net, on_sheet(images[moved], down, across), labels[moved]) for across in shifts] for down in shifts]
    )


def parameter_count(module):
    return sum(p.numel() for p in module.parameters())


def fit(net, inputs, target, passes, seed, rate=0.005):
    """Adam, on batches of 64 in an order that the seed draws."""
    generator = torch.Generator().manual_seed(seed)
    # Where the numbers lie in memory: pixel by pixel is faster than map by map.
    net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    for _ in range(passes):
        order = torch.randperm(len(inputs), generator=generator)
        for batch in order.split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(inputs[batch]), target[batch]).backward()
            optimizer.step()
    return net


def fitted(make, inputs, passes, seed, rate=0.005):
    """A network whose first weights the seed draws, fitted to the digits."""
    torch.manual_seed(seed)
    return fit(make(), inputs[learn], labels[learn], passes, seed, rate)


def fitted_at_best(make, inputs, passes, rates):
    """Networks of three seeds, at the rate with the lowest training loss.

    The first seed looks for the rate. Returns the rate, the networks, their
    training losses, and {rate: loss from the first seed}.
    """

    def fit_one(seed, rate):
        return fitted(make, inputs, passes, seed, rate)

    def loss(net):
        with torch.no_grad():
            return F.cross_entropy(net(inputs[learn]), labels[learn]).item()

    tried = {rate: fit_one(SEEDS[0], rate) for rate in rates}
    found = {rate: loss(net) for rate, net in tried.items()}
    best = min(found, key=found.get)
    nets = [tried[best], *(fit_one(seed, best) for seed in SEEDS[1:])]
    return best, nets, [loss(net) for net in nets], found
