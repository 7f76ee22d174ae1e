"""What the functions cost, in percent of a linear layer."""

import math
import time

import torch
import torch.nn.functional as F
from torch import nn


def best_times(functions, rounds=20):
    """Best time of `rounds` in seconds for each function, [forward, backward].

    functions: name to (function, the tensors besides its input that get a
    gradient).
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 1024, generator=generator).requires_grad_()
    upstream = torch.randn(256, 1024, generator=generator)
    best = {name: [math.inf, math.inf] for name in functions}
    for _ in range(rounds):
        for name, (f, others) in functions.items():
            start = time.thread_time()
            y = f(x)
            middle = time.thread_time()
            torch.autograd.grad(y, [x, *others], upstream)
            end = time.thread_time()
            best[name] = [
                min(best[name][0], middle - start),
                min(best[name][1], end - middle),
            ]
    return best


def measure_costs():
    """Percent of a linear layer of 1024 units: [forward, backward]."""
    linear, prelu = nn.Linear(1024, 1024), nn.PReLU()
    second = torch.randn(256, 1024).requires_grad_()
    functions = {
        "ReLU": (torch.relu, []),
        "leaky ReLU": (F.leaky_relu, []),
        "PReLU": (prelu, [prelu.weight]),
        "Maxout (the maximum alone)": (
            lambda x: torch.maximum(x, second),
            [second],
        ),
        "sigmoid": (torch.sigmoid, []),
        "tanh": (torch.tanh, []),
        "ELU": (F.elu, []),
        "SELU": (F.selu, []),
        "GELU": (F.gelu, []),
        "SiLU": (F.silu, []),
    }
    layer = {"linear layer, 1024 units": (linear, [linear.weight, linear.bias])}
    best = best_times(functions) | best_times(layer)
    unit = sum(best["linear layer, 1024 units"]) / 100
    return {name: [t / unit for t in times] for name, times in best.items()}
