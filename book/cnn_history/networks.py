"""The small task of this chapter, and small networks that isolate one idea each."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import digits, split_indices
from autograder.trials import SEEDS, SideBySide, Task, cross_entropies, right, span

images, labels = digits()
learn, test = split_indices(len(images), 400)


def placed(side=12, seed=0):
    """Every digit at a random place of an empty image of side x side pixels."""
    generator = torch.Generator().manual_seed(seed)
    canvas = torch.zeros(len(images), 1, side, side)
    corners = torch.randint(0, side - 7, (len(images), 2), generator=generator)
    for image, empty, (row, column) in zip(images, canvas, corners.tolist(), strict=True):
        empty[:, row : row + 8, column : column + 8] = image
    return canvas


def task_of(inputs):
    return Task(inputs[learn], labels[learn], inputs[test], labels[test])


def he(net, seed):
    """Random weights of He's size; biases begin at 0."""
    generator = torch.Generator().manual_seed(seed)
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in = layer.weight[0].numel()
            with torch.no_grad():
                layer.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    return net


def count(net):
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in net.parameters())


def conv(c_in, c_out, size, stride=1, groups=1):
    """A convolution with batch normalization and ReLU behind it."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
    )


def fit(net, task, rate, steps, seed=0):
    """Adam on batches of 64 samples; returns the net in evaluation mode."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    net.train()
    for _ in range(steps):
        batch = torch.randint(0, len(task.inputs), (64,))
        optimizer.zero_grad()
        F.cross_entropy(net(task.inputs[batch]), task.labels[batch]).backward()
        optimizer.step()
    return net.eval()


def fit_side_by_side(make, task, rates, steps):
    """What `fit` makes of a network for each rate and seed, in a fraction of its time: {rate: [net of each seed]}."""
    nets = {rate: [he(make(), seed) for seed in SEEDS] for rate in rates}
    both = SideBySide([net for some in nets.values() for net in some], len(rates))
    groups = [{"params": block, "lr": rate} for rate, block in zip(rates, both.blocks, strict=True)]
    optimizer = torch.optim.Adam(groups, fused=True)
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    for _ in range(steps):
        batches = [torch.randint(0, len(task.inputs), (64,), generator=g) for g in generators]
        batch = torch.stack(batches).repeat(len(rates), 1)
        both.backward(cross_entropies(both(task.inputs[batch]), task.labels[batch]))
        optimizer.step()
    return nets


def compare(contenders, task, rates, steps):
    """Each contender at its best rate: the lowest mean training error.

    Returns {name: (rate, training errors, test errors)} and prints all rates.
    """
    found = {}
    for name, make in contenders.items():
        nets = fit_side_by_side(make, task, rates, steps)
        learned = {rate: [100 - right(net, task.inputs, task.labels) for net in nets[rate]] for rate in rates}
        best = min(rates, key=lambda rate: sum(learned[rate]))
        tested = [100 - right(net, task.test_inputs, task.test_labels) for net in nets[best]]
        found[name] = (best, learned[best], tested)
        print(f"{name}, {count(make()):,} parameters. Wrong in training (%):")
        print("   ", ", ".join(f"{span(learned[rate])} at {rate}" for rate in rates))
    return found
