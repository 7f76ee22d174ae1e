"""EfficientNet (Tan & Le 2019)."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder.references.cnn_history.squeeze_excitation import SqueezeExcitation


def compound_scaling(
    phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> tuple[float, float, float]:
    """How many times the depth, the width and the resolution: α^φ, β^φ, γ^φ (equation 3)."""
    return alpha**phi, beta**phi, gamma**phi


class InvertedResidual(nn.Module):
    """MBConv: 1×1 up to expand_ratio times the channels, depthwise, squeeze and excitation, 1×1 down (table 1).

    Swish follows the first two convolutions, nothing the last: the block is thick inside and thin between, where no
    activation function loses what it carries. With `expand_ratio` 1 there is no first convolution. The gates squeeze to
    a quarter of the block's own input channels. The input is added where the shape stays: stride 1, equal channels.
    In training, `drop_path` is how often an image skips such a block.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        expand_ratio: int,
        drop_path: float = 0.0,
    ):
        super().__init__()
        hidden = in_channels * expand_ratio
        self.expand = None
        if expand_ratio != 1:
            self.expand = nn.Conv2d(in_channels, hidden, kernel_size=1, bias=False)
            self.bn1 = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(
            hidden, hidden, kernel_size, stride=stride, padding=kernel_size // 2, groups=hidden, bias=False
        )
        self.bn2 = nn.BatchNorm2d(hidden)
        self.se = SqueezeExcitation(hidden, max(1, in_channels // 4), activation=F.silu)
        self.project = nn.Conv2d(hidden, out_channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.keeps_shape = stride == 1 and in_channels == out_channels
        self.drop_path = drop_path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x if self.expand is None else F.silu(self.bn1(self.expand(x)))
        out = F.silu(self.bn2(self.depthwise(out)))
        out = self.bn3(self.project(self.se(out)))
        return stochastic_depth(out, self.drop_path, self.training) + x if self.keeps_shape else out


def stochastic_depth(x: torch.Tensor, p: float, training: bool) -> torch.Tensor:
    """Each image of the batch is 0 with probability p, else divided by 1 − p (Huang et al. 2016)."""
    return x * F.dropout(x.new_ones(len(x), 1, 1, 1), p, training)


# Table 1, the network B0: expansion, maps, blocks, stride, kernel.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class EfficientNet(nn.Module):
    """Input (N, 3, resolution, resolution), logits (N, num_classes).

    `width` multiplies the maps of B0, `depth` its blocks. In training a block with a shortcut is left out for some
    images of the batch: never the first, in steps up to one in five (section 5.2, "stochastic depth").
    """

    def __init__(self, width: float, depth: float, dropout: float, num_classes: int):
        super().__init__()
        channels = scaled_width(32, width)
        self.conv = nn.Conv2d(3, channels, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        total = sum(math.ceil(count * depth) for _, _, count, _, _ in STAGES)
        blocks: list[nn.Module] = []
        for expand_ratio, maps, count, stride, kernel_size in STAGES:
            out = scaled_width(maps, width)
            for i in range(math.ceil(count * depth)):
                dropped = 0.2 * len(blocks) / total
                blocks.append(
                    InvertedResidual(channels, out, kernel_size, stride if i == 0 else 1, expand_ratio, dropped)
                )
                channels = out
        self.blocks = nn.Sequential(*blocks)
        out = scaled_width(1280, width)
        self.head = nn.Conv2d(channels, out, kernel_size=1, bias=False)
        self.head_bn = nn.BatchNorm2d(out)
        self.fc = nn.Linear(out, num_classes)
        self.dropout = dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(F.silu(self.bn(self.conv(x))))
        x = F.silu(self.head_bn(self.head(x))).mean(dim=(2, 3))
        return self.fc(F.dropout(x, self.dropout, self.training))


def scaled_width(maps: int, width: float) -> int:
    """The nearest multiple of 8 to maps · width, and never less than nine tenths of it, as in the authors' code."""
    nearest = max(8, int(maps * width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * maps * width else nearest


def efficientnet_b0(num_classes: int = 1000) -> EfficientNet:
    """Resolution 224; 5,288,548 parameters."""
    return EfficientNet(1.0, 1.0, dropout=0.2, num_classes=num_classes)


def efficientnet_b1(num_classes: int = 1000) -> EfficientNet:
    """Resolution 240; 7,794,184 parameters."""
    return EfficientNet(1.0, 1.1, dropout=0.2, num_classes=num_classes)


def efficientnet_b2(num_classes: int = 1000) -> EfficientNet:
    """Resolution 260; 9,109,994 parameters."""
    return EfficientNet(1.1, 1.2, dropout=0.3, num_classes=num_classes)


def efficientnet_b3(num_classes: int = 1000) -> EfficientNet:
    """Resolution 300; 12,233,232 parameters."""
    return EfficientNet(1.2, 1.4, dropout=0.3, num_classes=num_classes)


def efficientnet_b4(num_classes: int = 1000) -> EfficientNet:
    """Resolution 380; 19,341,616 parameters."""
    return EfficientNet(1.4, 1.8, dropout=0.4, num_classes=num_classes)


def efficientnet_b5(num_classes: int = 1000) -> EfficientNet:
    """Resolution 456; 30,389,784 parameters."""
    return EfficientNet(1.6, 2.2, dropout=0.4, num_classes=num_classes)


def efficientnet_b6(num_classes: int = 1000) -> EfficientNet:
    """Resolution 528; 43,040,704 parameters."""
    return EfficientNet(1.8, 2.6, dropout=0.5, num_classes=num_classes)


def efficientnet_b7(num_classes: int = 1000) -> EfficientNet:
    """Resolution 600; 66,347,960 parameters."""
    return EfficientNet(2.0, 3.1, dropout=0.5, num_classes=num_classes)
