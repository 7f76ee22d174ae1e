"""The digits and the networks that the pages of this chapter train."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import digits, split_indices
from autograder.trials import Task

images, labels = digits()
# The places of the images to learn from and of those to test with.
learn, test = split_indices(len(images), 500)
pixels = images.flatten(1)
pixels = (pixels - pixels[learn].mean(0)) / (pixels[learn].std(0) + 1e-3)
task = Task(pixels[learn], labels[learn], pixels[test], labels[test])


def deep_net(depth, start, layer=None, seed=0):
    """Hidden layers of 64 units with ReLU, from `start` times He's weights.

    `layer(64)` stands between each linear layer and its ReLU.
    """
    torch.manual_seed(seed)
    layers, inputs = [], 64
    for _ in range(depth):
        linear = nn.Linear(inputs, 64)
        nn.init.normal_(linear.weight, 0, start * math.sqrt(2 / inputs))
        nn.init.zeros_(linear.bias)
        between = nn.Identity() if layer is None else layer(64)
        layers += [linear, between, nn.ReLU()]
        inputs = 64
    return nn.Sequential(*layers, nn.Linear(64, 10))


def small_cnn(norm, last, seed):
    """Three convolutions, each with its normalizer; the last sees 1 × 1."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        norm(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1, bias=False),
        norm(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 2, bias=False),
        last(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def train_cnn(net):
    """Plain gradient descent on the digits: three passes, batches of 32."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        for batch in learn[torch.randperm(len(learn))].split(32):
            optimizer.zero_grad()
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    return net.eval()


def wrong(net, places, batch_size=500):
    """Percent of wrong answers, batch by batch, on a copy of the network."""
    net, count = copy.deepcopy(net), 0
    with torch.no_grad():
        for batch in places.split(batch_size):
            found = net(images[batch]).argmax(1)
            count += (found != labels[batch]).sum().item()
    return 100 * count / len(places)
