"""LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, section II.B)."""

import torch
import torch.nn.functional as F
from torch import nn

# Table I of the paper: for each map of C3 the maps of S2 that it sees.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


class LeNetC3(nn.Module):
    """The third layer: 16 maps of 5×5 kernels, each of which sees only some of the 6 maps before (table I).

    No two maps see the same ones, so they must learn different features. 1,516 parameters, where a convolution that
    sees all has 2,416.
    """

    def __init__(self):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, kernel_size=5) for seen in C3_TABLE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([conv(x[:, seen]) for conv, seen in zip(self.maps, C3_TABLE, strict=True)], dim=1)


class Subsampling(nn.Module):
    """The sum of 2×2 values, times a trainable coefficient, plus a trainable bias: one of each for a map."""

    def __init__(self, maps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.full((maps, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * F.avg_pool2d(x, kernel_size=2, divisor_override=1) + self.bias


class RBFOutput(nn.Module):
    """Minus the squared distance from the 84 values to each class's picture, 7×12 pixels of −1 and 1.

    The pictures are fixed. The paper draws its characters by hand (figure 3); these are the digits of a clock, with the
    same size. With minus the distances as logits, the cross-entropy is the paper's loss without its constant j
    (equation 9).
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("centres", torch.stack([clock_digit(lit).flatten() for lit in CLOCK]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -(x[:, None, :] - self.centres).square().sum(dim=2)


# The bars that are lit for the digits 0 to 9, and where they are on 12 rows of 7 pixels.
CLOCK = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
BARS = {
    "a": (slice(0, 2), slice(0, 7)),
    "b": (slice(0, 7), slice(5, 7)),
    "c": (slice(5, 12), slice(5, 7)),
    "d": (slice(10, 12), slice(0, 7)),
    "e": (slice(5, 12), slice(0, 2)),
    "f": (slice(0, 7), slice(0, 2)),
    "g": (slice(5, 7), slice(0, 7)),
}


def clock_digit(lit: str) -> torch.Tensor:
    """A digit as 12 rows of 7 pixels, 1 where a bar is lit and −1 elsewhere."""
    picture = torch.full((12, 7), -1.0)
    for bar in lit:
        picture[BARS[bar]] = 1
    return picture


class LeNet5(nn.Module):
    """Input (N, 1, 32, 32), the digit in the middle 20×20; logits (N, 10). 60,000 trainable parameters.

    Every weighted sum up to F6 goes through 1.7159 tanh(2a / 3), which maps ±1 to ±1. Common versions see all maps in
    C3, average with no trainable numbers, and end in a linear layer: 61,706 parameters.
    """

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)
        self.s2 = Subsampling(6)
        self.c3 = LeNetC3()
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = RBFOutput()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = scaled_tanh(self.s2(scaled_tanh(self.c1(x))))
        x = scaled_tanh(self.s4(scaled_tanh(self.c3(x))))
        x = scaled_tanh(self.c5(x)).flatten(1)
        return self.output(scaled_tanh(self.f6(x)))


def scaled_tanh(a: torch.Tensor) -> torch.Tensor:
    """The paper's squashing function (appendix A)."""
    return 1.7159 * torch.tanh(2 / 3 * a)


def lenet5() -> LeNet5:
    """LeNet-5 for the ten digits."""
    return LeNet5()
