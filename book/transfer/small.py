"""A small network on the digits, and runs of it with different settings."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import digits, split_indices

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
