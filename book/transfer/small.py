"""A small network on the digits, and runs of it with different settings."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import digits, split_indices
from autograder.trials import SideBySide, cross_entropies

images, labels = digits()
pixels = images.flatten(1)
# To learn from, to choose with, and to look at once, at the end.
rest, test = split_indices(len(images), 497)
learn, check = (rest[part] for part in split_indices(len(rest), 300))


def mlp(seed, scale=1.0):
    """64 pixels, 64 hidden units with ReLU, 10 logits; `scale` times He's weights."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    for layer in (net[0], net[2]):
        nn.init.kaiming_normal_(layer.weight)
        layer.weight.data *= scale
        nn.init.zeros_(layer.bias)
    return net


def loss_on(net, places):
    with torch.no_grad():
        return F.cross_entropy(net(pixels[places]), labels[places]).item()


def wrong_on(net, places):
    """Percent of wrong answers."""
    with torch.no_grad():
        found = net(pixels[places]).argmax(1)
    return 100 * (found != labels[places]).double().mean().item()


def run(lr, epochs, seed=0, decay=0.0, places=learn, scale=1.0, loss=F.cross_entropy):
    """Train by gradient descent with momentum 0.9, on batches of 32.

    Returns the network, and after each epoch the training loss and the
    loss on the digits to choose with, (epochs, 2).
    """
    net, curve = mlp(seed, scale), []
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=decay)
    for _ in range(epochs):
        for batch in places[torch.randperm(len(places))].split(32):
            optimizer.zero_grad()
            loss(net(pixels[batch]), labels[batch]).backward()
            optimizer.step()
        curve.append((loss_on(net, places), loss_on(net, check)))
    return net, torch.tensor(curve)


def run_side_by_side(settings, epochs):
    """The networks of `run` for many settings (rate, seed, decay), trained at once and so in less time."""
    nets, generators = [], []
    for _, seed, _ in settings:
        nets.append(mlp(seed))
        # `run` draws its batches from where the weights have left the random numbers.
        generators.append(torch.Generator().set_state(torch.get_rng_state()))
    both = SideBySide(nets, len(nets))
    groups = [
        {"params": block, "lr": lr, "weight_decay": decay}
        for block, (lr, _, decay) in zip(both.blocks, settings, strict=True)
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9, fused=True)
    for _ in range(epochs):
        orders = torch.stack([learn[torch.randperm(len(learn), generator=g)] for g in generators])
        for batch in orders.split(32, 1):
            both.backward(cross_entropies(both(pixels[batch]), labels[batch]))
            optimizer.step()
    return nets
