"""The values, slopes and means of a function, and the drawing of both."""

import math

import matplotlib.pyplot as plt
import torch


def value_and_slope(f, at):
    """What f gives at one number, and how steep it is there."""
    x = torch.tensor(float(at), dtype=torch.float64, requires_grad=True)
    y = f(x)
    (slope,) = torch.autograd.grad(y, x)
    return round(y.item(), 6), round(slope.item(), 6)


generator = torch.Generator().manual_seed(0)
normal_inputs = torch.randn(1_000_000, generator=generator)


def mean_output(f):
    """The mean of f over a million normal numbers, mean 0, deviation 1."""
    return f(normal_inputs).mean().item()


def draw(curves, low=-6, high=6):
    """Left: functions; right: derivatives.

    curves: (label, function, its place on the left, and on the right).
    Shaded: the slope of the first function is below 0.01.
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.5))
    for index, (label, f, at_left, at_right) in enumerate(curves):
        x = torch.linspace(low, high, 1201, dtype=torch.float64, requires_grad=True)
        y = f(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        slope = slope.clone()
        slope[1:][slope.diff().abs() > 0.02] = math.nan
        style = {"color": f"C{index}", "linestyle": ["-", "--", ":"][index]}
        left.plot(x.detach(), y.detach(), **style)
        right.plot(x.detach(), slope, **style)
        left.text(*at_left, label, color=f"C{index}")
        right.text(*at_right, label, color=f"C{index}")
        if index == 0:
            for ax in (left, right):
                ax.fill_between(
                    x.detach(),
                    0,
                    1,
                    where=slope.abs() < 0.01,
                    transform=ax.get_xaxis_transform(),
                    color="C6",
                    alpha=0.2,
                    linewidth=0,
                )
    left.set(xlabel="input $x$", ylabel="output $f(x)$", title="function")
    right.set(xlabel="input $x$", ylabel="slope $f'(x)$", title="derivative")
    for ax in (left, right):
        ax.margins(y=0.13)
    plt.show()
