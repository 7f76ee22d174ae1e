"""The digits, and the plain networks that the pages of this chapter start and train."""

import math
from functools import lru_cache

import torch
from torch import nn

from autograder.datasets import digits, split_indices
from autograder.trials import Task

images, labels = digits()
pixels = images.flatten(1)
# The places of the images to learn from and of those to test with.
learn, test = split_indices(len(images), 500)


def task_of(data, learn=learn, test=test):
    """The digits to learn from and to test with, given as the rows of `data`."""
    return Task(data[learn], labels[learn], data[test], labels[test])


standardized = (pixels - pixels[learn].mean()) / pixels[learn].std(correction=0)


def xavier(n_in, n_out):
    return math.sqrt(2 / (n_in + n_out))


def he(n_in, n_out):
    return math.sqrt(2 / n_in)


def plain_net(depth, width, start, activation, seed=0):
    """Fully connected, biases 0, weights normal with deviation start(n_in, n_out)."""
    torch.manual_seed(seed)
    layers, n_in = [], 64
    for layer in range(depth):
        n_out = 10 if layer == depth - 1 else width
        linear = nn.Linear(n_in, n_out)
        nn.init.normal_(linear.weight, 0, start(n_in, n_out))
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
        n_in = n_out
    return nn.Sequential(*layers[:-1])


@lru_cache
def normal_numbers(seed, width, depth):
    """Normal numbers for the inputs (128, width) and for the weights of each square layer."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(128, width, generator=generator)
    return inputs, [torch.randn(width, width, generator=generator) for _ in range(depth)]


def through_layers(activation, alpha, seed, width=1024, depth=10):
    """The outputs of square layers, each (128, width), and their weights of deviation alpha."""
    inputs, normal = normal_numbers(seed, width, depth)
    outputs, weights = [inputs], [alpha * numbers for numbers in normal]
    for weight in weights:
        outputs.append(activation(outputs[-1] @ weight.T))
    return outputs[1:], weights


def size(x):
    """The root of the mean square."""
    return x.square().mean().sqrt().item()
