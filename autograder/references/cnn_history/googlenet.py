"""GoogLeNet, or Inception v1 (Szegedy et al. 2015, "Going deeper with convolutions")."""

import torch
from torch import nn

from autograder.references.cnn_history.convolutions import ConvReLU


class InceptionModule(nn.Module):
    """Four branches side by side, their maps stacked (figure 2b).

    The 1×1 convolutions before the 3×3 and the 5×5 make their input thin and so their cost small. A ReLU follows every
    convolution. The maps are stacked in the order 1×1, 3×3, 5×5, pool.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv: type[nn.Module] = ConvReLU,
    ):
        super().__init__()
        self.conv1x1 = conv(in_channels, ch1x1, kernel_size=1)
        self.conv3x3_reduce = conv(in_channels, ch3x3red, kernel_size=1)
        self.conv3x3 = conv(ch3x3red, ch3x3, kernel_size=3, padding=1)
        self.conv5x5_reduce = conv(in_channels, ch5x5red, kernel_size=1)
        self.conv5x5 = conv(ch5x5red, ch5x5, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.pool_project = conv(in_channels, pool_proj, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = [
            self.conv1x1(x),
            self.conv3x3(self.conv3x3_reduce(x)),
            self.conv5x5(self.conv5x5_reduce(x)),
            self.pool_project(self.pool(x)),
        ]
        return torch.cat(branches, dim=1)
