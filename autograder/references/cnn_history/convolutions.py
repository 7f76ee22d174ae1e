"""Convolutions with what goes with them in many networks, and branches side by side."""

import torch
import torch.nn.functional as F
from torch import nn


class ConvReLU(nn.Conv2d):
    """A convolution with its bias, then a ReLU: the layer of the networks before batch normalization."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(super().forward(x))


class ConvNormReLU(nn.Module):
    """A convolution without bias, batch normalization, ReLU: the layer of the Inception networks from v2 on.

    The bias is left out because batch normalization subtracts it again. `eps` is 0.001, as in the authors' code.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv(x)))


class Concat(nn.ModuleList):
    """Branches that all take the same input; their maps are stacked."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self], dim=1)
