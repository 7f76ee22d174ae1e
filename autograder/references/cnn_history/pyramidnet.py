"""PyramidNet (Han, Kim & Kim 2017, "Deep pyramidal residual networks")."""

import torch
import torch.nn.functional as F
from torch import nn


class PyramidalBlock(nn.Module):
    """BN, 3×3, BN, ReLU, 3×3, BN: no ReLU before the first convolution, a BN after the last (figure 6d).

    The shortcut has no parameters: the mean of 2×2 where the grid is halved, zeros for the maps that are new.
    """

    def __init__(self, inplanes: int, planes: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes)
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv1(self.bn1(x))
        out = self.bn3(self.conv2(F.relu(self.bn2(out))))
        shortcut = F.avg_pool2d(x, self.stride) if self.stride > 1 else x
        new = out.shape[1] - x.shape[1]
        return out + F.pad(shortcut, (0, 0, 0, 0, 0, new))


class PyramidNet(nn.Module):
    """Input (N, 3, 32, 32), logits (N, num_classes).

    The maps grow by α / (number of blocks) with every block, not by doubling at a stage (equation 2).
    """

    def __init__(self, depth: int, alpha: int, num_classes: int):
        super().__init__()
        count = (depth - 2) // 6
        widths = [round(16 + alpha * i / (3 * count)) for i in range(3 * count + 1)]
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            *(
                PyramidalBlock(widths[i], widths[i + 1], stride=2 if i in (count, 2 * count) else 1)
                for i in range(3 * count)
            )
        )
        self.bn = nn.BatchNorm2d(widths[-1])
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.bn1(self.conv1(x)))
        return self.fc(F.relu(self.bn(x)).mean(dim=(2, 3)))


def pyramidnet(num_classes: int = 10) -> PyramidNet:
    """For CIFAR-10: 110 layers, α = 270, from 16 to 286 maps in steps of 5."""
    return PyramidNet(110, 270, num_classes)
