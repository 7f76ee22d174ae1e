"""Network in Network (Lin, Chen & Yan 2014)."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.references.cnn_history.convolutions import ConvReLU


def mlpconv(in_channels: int, kernel_size: int, *widths: int) -> nn.Sequential:
    """A convolution, then a small network at each pixel, which is what two 1×1 convolutions are (section 3.1)."""
    first, second, third = widths
    return nn.Sequential(
        ConvReLU(in_channels, first, kernel_size, padding=kernel_size // 2),
        ConvReLU(first, second, kernel_size=1),
        ConvReLU(second, third, kernel_size=1),
    )


class NetworkInNetwork(nn.Module):
    """Input (N, 3, 32, 32), logits (N, num_classes). 966,986 parameters for the ten classes of CIFAR-10.

    The last layer makes one map for each class, and a class's score is the mean of its map: global average pooling,
    with no fully connected layer (section 3.2). The widths are those of the authors' published configuration; the paper
    prints none.
    """

    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.block1 = mlpconv(3, 5, 192, 160, 96)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.block2 = mlpconv(96, 5, 192, 192, 192)
        self.pool2 = nn.AvgPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.block3 = mlpconv(192, 3, 192, 192, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.dropout(self.pool1(self.block1(x)), 0.5, self.training)
        x = F.dropout(self.pool2(self.block2(x)), 0.5, self.training)
        return self.block3(x).mean(dim=(2, 3))


def nin(num_classes: int = 10) -> NetworkInNetwork:
    """Network in Network for CIFAR-10."""
    return NetworkInNetwork(num_classes)
