"""Residual blocks with batch normalization and ReLU before the convolutions (He et al. 2016, "Identity mappings")."""

import torch
import torch.nn.functional as F
from torch import nn


class PreActivationBlock(nn.Module):
    """BN, ReLU, 3×3, BN, ReLU, 3×3, and nothing after the sum: y = F(x) + x (figure 1b).

    Where the shape changes, the shortcut is a 1×1 convolution without batch normalization. It takes what the first BN
    and ReLU have made, as in the authors' code. The stride is that of the first convolution.
    """

    def __init__(self, inplanes: int, planes: int, stride: int = 1):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Conv2d(inplanes, planes, kernel_size=1, stride=stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        active = F.relu(self.bn1(x))
        out = self.conv1(active)
        out = self.conv2(F.relu(self.bn2(out)))
        return out + (x if self.downsample is None else self.downsample(active))
