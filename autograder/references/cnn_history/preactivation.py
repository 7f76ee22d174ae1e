"""Residual blocks with batch normalization and ReLU before the convolutions (He et al. 2016, "Identity mappings")."""

import torch
import torch.nn.functional as F
from torch import nn


class PreActivationBlock(nn.Module):
    """BN, ReLU, 3×3, BN, ReLU, 3×3, and nothing after the sum: y = F(x) + x (figure 1b).

    Where the shape changes, the shortcut is a 1×1 convolution without batch normalization. It takes what the first BN
    and ReLU have made, as in the authors' code. The stride is that of the first convolution.
    """

    expansion = 1

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


class PreActivationBottleneck(nn.Module):
    """BN, ReLU, 1×1 down, BN, ReLU, 3×3, BN, ReLU, 1×1 up to four times `planes`, and the shortcut as above."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1):
        super().__init__()
        outplanes = planes * self.expansion
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outplanes, kernel_size=1, bias=False)
        self.downsample = None
        if stride != 1 or inplanes != outplanes:
            self.downsample = nn.Conv2d(inplanes, outplanes, kernel_size=1, stride=stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        active = F.relu(self.bn1(x))
        out = self.conv1(active)
        out = self.conv2(F.relu(self.bn2(out)))
        out = self.conv3(F.relu(self.bn3(out)))
        return out + (x if self.downsample is None else self.downsample(active))


class PreActivationResNet(nn.Module):
    """The network around the blocks, for the 32×32 images of CIFAR: three stages of `count` blocks.

    The last sum has had no activation, so a BN and a ReLU follow it.
    """

    def __init__(self, block: type[nn.Module], count: int, planes: tuple[int, ...], num_classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False)
        stages: list[nn.Module] = []
        inplanes = 16
        for stage, width in enumerate(planes):
            blocks: list[nn.Module] = []
            for i in range(count):
                blocks.append(block(inplanes, width, stride=2 if stage > 0 and i == 0 else 1))
                inplanes = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3 = stages
        self.bn = nn.BatchNorm2d(inplanes)
        self.fc = nn.Linear(inplanes, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.fc(F.relu(self.bn(x)).mean(dim=(2, 3)))
