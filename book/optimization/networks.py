"""The digits, a small network and the training loop that the pages of this chapter share."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import BatchSampler, RandomSampler

from autograder.datasets import digits, split_indices
from autograder.trials import SEEDS, SideBySide, Task, cross_entropies

images, labels = digits()
learn, test = split_indices(len(images), 597)
pixels = images.flatten(1) - images[learn].flatten(1).mean(0)
# 1,200 digits to learn from and 597 to test with; no pixel has a mean.
task = Task(pixels[learn], labels[learn], pixels[test], labels[test])


def small_net(seed):
    """Two hidden layers of 64 units with ReLU, from He's weights."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        *(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()),
        nn.Linear(64, 10),
    )
    for layer in net[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return net


def deal(samples, batch_size, generator):
    """The batches of one epoch, in a new order: lists of indices."""
    order = RandomSampler(range(samples), generator=generator)
    return BatchSampler(order, batch_size, drop_last=False)


def descend(net, optimizer, steps, batch_size, seed, rate_at=None):
    """Train on shuffled batches, epoch after epoch, for a number of steps.

    `rate_at(step)` gives the learning rate of a step; without it the rate
    stays as it is. Returns the loss of every step; nan from where a run is
    no longer a number.
    """
    generator = torch.Generator().manual_seed(seed)
    losses, batches = torch.full((steps,), math.nan), []
    for step in range(steps):
        if not batches:
            batches = list(deal(len(task.inputs), batch_size, generator))
        batch = batches.pop(0)
        if rate_at is not None:
            optimizer.param_groups[0]["lr"] = rate_at(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(task.inputs[batch]), task.labels[batch])
        if not loss.isfinite():
            break
        loss.backward()
        optimizer.step()
        losses[step] = loss.item()
    return losses


def descend_side_by_side(make, rates, steps, batch_size, share_at=None):
    """What `descend` makes of a network for each rate and seed, all trained at once: {rate: [net of each seed]}.

    `make(groups)` gives the optimizer. `share_at(step)` says which share of each rate a step has.
    """
    nets = {rate: [small_net(seed) for seed in SEEDS] for rate in rates}
    both = SideBySide([net for some in nets.values() for net in some], len(rates))
    optimizer = make([{"params": block, "lr": rate} for rate, block in zip(rates, both.blocks, strict=True)])
    generators, batches = [torch.Generator().manual_seed(seed) for seed in SEEDS], []
    for step in range(steps):
        if not batches:
            batches = list(zip(*(deal(len(task.inputs), batch_size, g) for g in generators), strict=True))
        batch = torch.tensor(batches.pop(0)).repeat(len(rates), 1)
        if share_at is not None:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share_at(step)
        both.backward(cross_entropies(both(task.inputs[batch]), task.labels[batch]))
        optimizer.step()
    return nets


def loss_on(net, inputs, labels):
    """The mean loss over all samples; infinite where it is no number."""
    with torch.no_grad():
        found = F.cross_entropy(net(inputs), labels).item()
    return found if math.isfinite(found) else math.inf
