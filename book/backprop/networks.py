"""The digits, a network with one hidden layer, two ways to its gradient, and what computing takes."""

import math
import time

import torch
import torch.nn.functional as F

from autograder.datasets import digits

images, digit_labels = digits()
pixels = images.flatten(1).double()


def start_params(hidden, dtype=torch.float64, seed=0):
    """Random weights, by their names; the biases are 0."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return {
        "W1": normal(hidden, 64) * math.sqrt(2 / 64),
        "b1": torch.zeros(hidden, dtype=dtype),
        "W2": normal(10, hidden) * math.sqrt(1 / hidden),
        "b2": torch.zeros(10, dtype=dtype),
    }


def network_loss(params, x, target):
    """64 pixels, a hidden layer with ReLU, ten classes, one loss."""
    h = torch.relu(x @ params["W1"].T + params["b1"])
    return F.cross_entropy(h @ params["W2"].T + params["b2"], target)


def gradient_by_nudging(params, x, target, eps=1e-6):
    """The loss and its slopes: one run of the network for each weight."""
    with torch.no_grad():
        before = network_loss(params, x, target)
        grads = {}
        for name, weight in params.items():
            slopes, entries = torch.zeros_like(weight), weight.view(-1)
            for i in range(weight.numel()):
                kept = entries[i].item()
                entries[i] = kept + eps
                after = network_loss(params, x, target)
                entries[i] = kept
                slopes.view(-1)[i] = (after - before) / eps
            grads[name] = slopes
    return before.item(), grads


def gradient_by_backprop(params, x, target):
    """The loss and its slopes: one run forward and one run backward."""
    leaves = {k: v.detach().requires_grad_() for k, v in params.items()}
    loss = network_loss(leaves, x, target)
    loss.backward()
    return loss.item(), {k: v.grad for k, v in leaves.items()}


def seconds(run, repeats=15):
    """The shortest of several runs, in computing time of this thread."""
    run()
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)
