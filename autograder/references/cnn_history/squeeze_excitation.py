"""Squeeze and excitation (Hu, Shen & Sun 2018): a gate for each channel."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


class SqueezeExcitation(nn.Module):
    """The channels times gates between 0 and 1 that are computed from all of them (section 3).

    Squeeze: each channel's mean over height and width. Excitation: down to `squeeze_channels`, ReLU, up again, sigmoid.
    The two fully connected layers are written as 1×1 convolutions with biases, which is the same.
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Callable[[torch.Tensor], torch.Tensor] = F.relu,
    ):
        super().__init__()
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, kernel_size=1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, kernel_size=1)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squeezed = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(self.activation(self.fc1(squeezed))))
