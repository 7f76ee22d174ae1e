"""The digits and the deep networks that the pages of this chapter train."""

import math

import torch
from torch import nn

from autograder.datasets import digits, split_indices
from autograder.trials import Task

images, labels = digits()
# The places of the images to learn from and of those to test with.
learn, test = split_indices(len(images), 500)
pixels = images.flatten(1)
standardized = (pixels - pixels[learn].mean()) / pixels[learn].std()
task = Task(standardized[learn], labels[learn], standardized[test], labels[test])


class MaxoutLayer(nn.Module):
    """Two linear pieces, the larger wins: (N, inputs) to (N, units)."""

    def __init__(self, inputs, units):
        super().__init__()
        self.one = nn.Linear(inputs, units)
        self.two = nn.Linear(inputs, units)

    def forward(self, x):
        return torch.maximum(self.one(x), self.two(x))


# The module that stands behind a linear layer, and the gain of its weights.
FUNCTIONS = {
    "sigmoid": (nn.Sigmoid, 1.0),
    "tanh": (nn.Tanh, 1.0),
    "ReLU": (nn.ReLU, math.sqrt(2)),
    "leaky ReLU": (nn.LeakyReLU, math.sqrt(2 / (1 + 0.01**2))),
    "PReLU": (nn.PReLU, math.sqrt(2 / (1 + 0.25**2))),
    "Maxout": (None, 1.0),
    "ELU": (nn.ELU, 1.25),
    "SELU": (nn.SELU, 1.0),
    "GELU": (nn.GELU, 1.5335),
    "SiLU": (nn.SiLU, 1.6766),
}


def deep_net(name, depth, width, factor=1.0, seed=0):
    """Hidden layers with one function, from `factor` times its gain."""
    torch.manual_seed(seed)
    activation, gain = FUNCTIONS[name]
    layers, inputs = [], 64
    for _ in range(depth):
        layers += [MaxoutLayer(inputs, width)] if activation is None else [nn.Linear(inputs, width), activation()]
        inputs = width
    net = nn.Sequential(*layers, nn.Linear(inputs, 10))
    for module in net.modules():
        if isinstance(module, nn.Linear):
            deviation = factor * gain / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, 0, deviation)
            nn.init.zeros_(module.bias)
    return net
