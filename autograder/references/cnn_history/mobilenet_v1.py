"""MobileNet v1 (Howard et al. 2017)."""

import torch
import torch.nn.functional as F
from torch import nn


class DepthwiseSeparableConv(nn.Module):
    """3×3 for each channel alone, then 1×1 over the channels, each with batch normalization and ReLU (figure 3, right).

    The stride is that of the 3×3 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, kernel_size=3, stride=stride, padding=1, groups=in_channels, bias=False
        )
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(out)))


class MobileNetV1(nn.Module):
    """Input (N, 3, 224, 224), logits (N, num_classes) (table 1). 4,231,976 parameters.

    One ordinary convolution, 13 separable ones. Table 1 prints a stride of 2 for the last, where its own sizes need 1.
    The authors' code has ReLU6, a ReLU that is cut at 6, where the paper says ReLU.
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(32)
        widths = (32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)
        strides = (1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1)
        self.blocks = nn.Sequential(
            *(DepthwiseSeparableConv(widths[i], widths[i + 1], stride) for i, stride in enumerate(strides))
        )
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(F.relu(self.bn(self.conv(x))))
        return self.fc(x.mean(dim=(2, 3)))


def mobilenet_v1(num_classes: int = 1000) -> MobileNetV1:
    """MobileNet v1 with width multiplier 1 for ImageNet."""
    return MobileNetV1(num_classes)
