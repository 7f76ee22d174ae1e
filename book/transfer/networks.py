"""The tasks of this chapter, and the ways to use a trained network."""

import copy
import functools

import torch
import torch.nn.functional as F
from torch import nn

from autograder.calls.models import build
from autograder.datasets import digits, face_patches
from autograder.references.transfer import SIZE, SOURCE, placed, source_state
from autograder.trials import Task, right

images, labels = digits()


def source():
    """A copy of the network that was trained on the digits 0 to 4."""
    return build(SOURCE, copy.deepcopy(source_state()))


def fresh(seed):
    """The same layers with random weights that are as large as He's."""
    state, generator = {}, torch.Generator().manual_seed(seed)
    for name, trained in source_state().items():
        std = (2 / max(1, trained[0].numel())) ** 0.5 * (trained.dim() > 1)
        state[name] = std * torch.randn(trained.shape, generator=generator)
    return build(SOURCE, state)


def new_head(net, classes):
    """The network with a new last layer; it begins with zeros."""
    net.head = nn.Linear(net.head.in_features, classes)
    nn.init.zeros_(net.head.weight)
    nn.init.zeros_(net.head.bias)
    return net


def train_only(net, parts):
    """Freeze all but the parts with these names; none of our names begins with another one."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith(tuple(parts))


def two_rates(net, backbone_lr, head_lr):
    """Groups of parameters for an optimizer."""
    rates = {net.features: backbone_lr, net.head: head_lr}
    return [{"params": part.parameters(), "lr": rate} for part, rate in rates.items()]


@functools.cache
def new_digits(count, seed, classes=(5, 6, 7, 8, 9), tested=100):
    """`count` digits of each class to learn from, 100 to test with."""
    generator = torch.Generator().manual_seed(seed)
    x = placed(images, generator)
    return _split(x, labels, classes, count, tested, generator)


def faces(count, seed, tested=40):
    """Patches of photographs, 12 by 12 pixels: 0 is no face, 1 is a face."""
    generator = torch.Generator().manual_seed(seed)
    patches, is_face = face_patches()
    x = F.interpolate(patches, (SIZE, SIZE), mode="area")
    return _split(x, is_face, (0, 1), count, tested, generator)


def _split(x, labels, classes, count, tested, generator):
    learn, test = [], []
    for place in classes:
        found = (labels == place).nonzero()[:, 0]
        found = found[torch.randperm(len(found), generator=generator)]
        learn.append(found[:count])
        test.append(found[count : count + tested])
    learn, test = torch.cat(learn), torch.cat(test)
    first = classes[0]
    return Task(x[learn], labels[learn] - first, x[test], labels[test] - first)


def fit(net, task, rate, steps=100, groups=None, seed=0):
    """Adam on batches of up to 64 samples; returns the net."""
    torch.manual_seed(seed)
    # Where the numbers lie in memory: pixel by pixel is faster than map by map.
    net.to(memory_format=torch.channels_last)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(groups or trained, lr=rate, fused=True)
    layers = [*net.features, net.head]
    first = next(place for place, layer in enumerate(layers) if any(p.requires_grad for p in layer.parameters()))
    # What is frozen before the first trained layer says the same in every step.
    with torch.no_grad():
        inputs = nn.Sequential(*layers[:first])(task.inputs)
    rest = nn.Sequential(*layers[first:])
    for _ in range(steps):
        batch = torch.randperm(len(inputs))[:64]
        optimizer.zero_grad()
        F.cross_entropy(rest(inputs[batch]), task.labels[batch]).backward()
        optimizer.step()
    return net


# What is trained, and from what it begins.
WAYS = {
    "from scratch": (fresh, ("features", "head"), 6e-3),
    "head": (lambda seed: source(), ("head",), 1e-2),
    "last layers": (lambda seed: source(), ("features.conv2", "head"), 3e-3),
    "everything": (lambda seed: source(), ("features", "head"), 6e-3),
}


def share_of(way, task, seed, steps=100, rate=None):
    """Percent of the test samples right after training in one of the ways."""
    begin, trained, usual = WAYS[way]
    net = new_head(begin(seed), int(task.labels.max()) + 1)
    train_only(net, trained)
    fit(net, task, rate or usual, steps, seed=seed)
    return right(net, task.test_inputs, task.test_labels)
