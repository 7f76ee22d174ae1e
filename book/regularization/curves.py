"""The small network of the figure that moves, with its gradients written by hand, in float64."""

import torch

POINTS, UNITS, EPOCHS, RATE = 20, 40, 1000, 0.015


def pseudo_random(count):
    """Numbers from -1 to 1 that JavaScript can make, too."""
    numbers, state = [], 1
    for _ in range(count):
        state = (state * 1103 + 7) % 65537
        numbers.append(2 * state / 65537 - 1)
    return torch.tensor(numbers, dtype=torch.float64)


def overfit(noise, penalty, dropout):
    """Training and test error before each epoch; the penalty is L2, and every run has the same masks."""
    drawn = pseudo_random(4 * POINTS + 3 * UNITS + EPOCHS * UNITS)
    x, test, error, _ = drawn[: 4 * POINTS].view(4, POINTS)
    w, b, v = drawn[4 * POINTS : 4 * POINTS + 3 * UNITS].view(3, UNITS)
    w, b, v = 8 * w, 4 * b, v / UNITS
    y, truth = torch.sin(3 * x) + noise * error, torch.sin(3 * test)
    masks = drawn[4 * POINTS + 3 * UNITS :].view(EPOCHS, UNITS)
    found = []
    for mask in masks:
        found.append(
            [((torch.tanh(at[:, None] * w + b) @ v - right) ** 2).mean() for at, right in [(x, y), (test, truth)]]
        )
        kept = (mask >= 2 * dropout - 1) / (1 - dropout)
        h = torch.tanh(x[:, None] * w + b)
        off = 2 * ((h * kept) @ v - y) / POINTS
        back = off[:, None] * v * kept * (1 - h**2)
        slopes = [x @ back + 2 * penalty * w / 64, back.sum(0), (h * kept).T @ off + 2 * penalty * v]
        w, b, v = (value - RATE * slope for value, slope in zip((w, b, v), slopes, strict=True))
    return torch.tensor(found)
