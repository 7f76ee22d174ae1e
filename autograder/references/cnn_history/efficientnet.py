"""EfficientNet (Tan & Le 2019)."""

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
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, expand_ratio: int):
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x if self.expand is None else F.silu(self.bn1(self.expand(x)))
        out = F.silu(self.bn2(self.depthwise(out)))
        out = self.bn3(self.project(self.se(out)))
        return out + x if self.keeps_shape else out
