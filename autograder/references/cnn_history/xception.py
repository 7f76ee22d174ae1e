"""Xception (Chollet 2017): an Inception module taken to its end, one branch for each channel."""

import torch
import torch.nn.functional as F
from torch import nn


class SeparableConv(nn.Module):
    """3×3 for each channel alone, 1×1 over the channels, batch normalization, and nothing between (section 4.7).

    MobileNet has batch normalization and a ReLU between the two, which the paper finds to be worse here (figure 10).
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel_size=3, padding=1, groups=in_channels, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.pointwise(self.depthwise(x)))


class ReducingBlock(nn.Module):
    """Two separable convolutions and a pool; the shortcut is a 1×1 convolution with stride 2 (figure 5).

    The paper's first block has no ReLU in front. Its input comes from one, so that another changes nothing.
    """

    def __init__(self, in_channels: int, middle: int, out_channels: int):
        super().__init__()
        self.skip = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=2, bias=False)
        self.skip_bn = nn.BatchNorm2d(out_channels)
        self.conv1 = SeparableConv(in_channels, middle)
        self.conv2 = SeparableConv(middle, out_channels)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv1(F.relu(x))
        out = self.pool(self.conv2(F.relu(out)))
        return out + self.skip_bn(self.skip(x))


class MiddleBlock(nn.Module):
    """Three times ReLU and a separable convolution of 728 maps, and the identity (figure 5)."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(SeparableConv(728, 728) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        for conv in self.convs:
            out = conv(F.relu(out))
        return out + x


class Xception(nn.Module):
    """Input (N, 3, 299, 299), logits (N, num_classes). 22,855,952 parameters, as many as Inception v3 has."""

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.entry = nn.Sequential(
            ReducingBlock(64, 128, 128),
            ReducingBlock(128, 256, 256),
            ReducingBlock(256, 728, 728),
        )
        self.middle = nn.Sequential(*(MiddleBlock() for _ in range(8)))
        self.exit = ReducingBlock(728, 728, 1024)
        self.conv3 = SeparableConv(1024, 1536)
        self.conv4 = SeparableConv(1536, 2048)
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.exit(self.middle(self.entry(x)))
        x = F.relu(self.conv4(F.relu(self.conv3(x)))).mean(dim=(2, 3))
        return self.fc(F.dropout(x, 0.5, self.training))


def xception(num_classes: int = 1000) -> Xception:
    """Xception for ImageNet."""
    return Xception(num_classes)
