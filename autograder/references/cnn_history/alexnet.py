"""AlexNet (Krizhevsky, Sutskever & Hinton 2012)."""

import torch
from torch import nn


class AlexNetGroupedConv(nn.Module):
    """A convolution on two GPUs: each sees half of the channels and makes half of the maps (section 3.2, figure 2).

    The first halves are the first GPU's. It has half of the weights and multiply-adds of a convolution that sees all,
    and is what `nn.Conv2d` does with `groups=2`.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.gpu1 = nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride, padding)
        self.gpu2 = nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride, padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.cat([self.gpu1(first), self.gpu2(second)], dim=1)
