"""The small problem that the pages of this chapter share: few digits, some of them with a wrong label."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import digits, split_indices

images, labels = digits()
learn, test = split_indices(len(images), 1000)
learn, validate = learn[:200], learn[200:700]


def noisy_labels(share, seed=0):
    """The labels of the digits to learn from; a share of them is drawn anew, as by a careless person."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(0, 10, (len(learn),), generator=generator)
    wrong = torch.rand(len(learn), generator=generator) < share
    return torch.where(wrong, drawn, labels[learn])


def dense_net(seed, width=128, between=nn.Identity):
    """64 pixels, a hidden layer, 10 classes; `between` makes what stands behind the ReLU."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), between(), nn.Linear(width, 10))


def fit(net, targets, epochs, decay=0.0, smoothing=0.0, change=None, watch=None):
    """Gradient descent with momentum on all 200 digits at once: an epoch is one step.

    `change(images, targets)` makes other ones for each step; `watch(net)` is called after each.
    """
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9, weight_decay=decay)
    for _ in range(epochs):
        net.train()
        seen, asked = (images[learn], targets) if change is None else change(images[learn], targets)
        optimizer.zero_grad()
        F.cross_entropy(net(seen), asked, label_smoothing=smoothing).backward()
        optimizer.step()
        if watch is not None:
            watch(net)
    return net


def measure(net, place, targets=None):
    """Loss in nats and percent right on the digits at `place`."""
    net.eval()
    targets = labels[place] if targets is None else targets
    with torch.no_grad():
        logits = net(images[place])
    return F.cross_entropy(logits, targets).item(), 100 * (logits.argmax(1) == targets).double().mean().item()
