"""AlexNet (Krizhevsky, Sutskever & Hinton 2012)."""

import torch
import torch.nn.functional as F
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


class AlexNet(nn.Module):
    """Input (N, 3, 227, 227), logits (N, num_classes). 60,965,224 parameters.

    The paper says 224, but only 227 gives its 55×55 maps without padding. The third convolution sees the maps of both
    GPUs. The pools overlap: 3×3 every 2. Local response normalization divides each value by those of 5 neighbouring
    channels at the same place; torch divides `alpha` by 5, so the paper's 1e-4 is 5e-4 here.

    torchvision's AlexNet is another network, that of Krizhevsky 2014: one GPU, 64 and 192 maps at the beginning, no
    normalization, 61,100,840 parameters.
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, kernel_size=11, stride=4)
        self.norm1 = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv2 = AlexNetGroupedConv(96, 256, kernel_size=5, padding=2)
        self.norm2 = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, padding=1)
        self.conv4 = AlexNetGroupedConv(384, 384, kernel_size=3, padding=1)
        self.conv5 = AlexNetGroupedConv(384, 256, kernel_size=3, padding=1)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(self.norm1(F.relu(self.conv1(x))))
        x = self.pool2(self.norm2(F.relu(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool5(F.relu(self.conv5(x))).flatten(1)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)
        return self.fc8(x)


def alexnet(num_classes: int = 1000) -> AlexNet:
    """AlexNet for ImageNet."""
    return AlexNet(num_classes)
