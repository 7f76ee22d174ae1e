"""How the cases of the problem set `preprocessing` are drawn."""

import torch

from autograder.calls.case import Case
from autograder.problems.drawing import normal, uniform

# Standard errors from what is right to what is refused: a right program goes further once in 10^11 draws.
STANDARD_ERRORS = 7.0


def features(generator: torch.Generator, n: int, d: int) -> torch.Tensor:
    """n samples of d features, each with a mean and a scale of its own."""
    scale, offset = uniform(generator, 0.5, 3, d), uniform(generator, -2, 2, d)
    return offset + scale * normal(generator, n, d)


def constant_in(x: torch.Tensor, constants: dict[int, float]) -> torch.Tensor:
    """x with some columns constant."""
    x = x.clone()
    for column, constant in constants.items():
        x[:, column] = constant
    return x


def contract(arguments) -> list[Case]:
    """The contract's cases; `arguments` draws the arguments of one."""
    return [
        Case("float64", "contract", arguments(), dtype=torch.float64),
        Case("inputs with gaps in memory", "contract", arguments(), layout="strided"),
        Case("inputs transposed in memory", "contract", arguments(), layout="transposed"),
    ]


def cloud(generator: torch.Generator, n: int, d: int, *deviations: float) -> torch.Tensor:
    """n samples of d features whose covariance has these standard deviations, along random axes.

    Exactly these: components whose variances come close to each other would turn with every rounding. One
    mean is large, for the largest number in a result sets the tolerance. Every number is one that float32 can hold.
    """
    scores = normal(generator, n, len(deviations))
    scores = torch.linalg.qr(scores - scores.mean(dim=0)).Q * (n - 1) ** 0.5
    axes = torch.linalg.qr(normal(generator, d, len(deviations))).Q
    spread = uniform(generator, 0.9, 1.1) * torch.tensor(deviations, dtype=torch.float64)
    mean = uniform(generator, 0.3, 1, d) * signs(generator, d)
    mean[0] = uniform(generator, 2.5, 3)
    samples = scores * spread @ axes.T + mean
    return samples.float().double()


def signs(generator: torch.Generator, count: int) -> torch.Tensor:
    return 2 * torch.randint(0, 2, (count,), generator=generator).double() - 1
