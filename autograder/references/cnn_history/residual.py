"""The blocks of residual networks (He et al. 2016, "Deep residual learning"): F(x) + x, then the ReLU."""

import torch
import torch.nn.functional as F
from torch import nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (figure 5, left): y = ReLU(F(x) + x).

    The shortcut is the identity. Where the stride or the number of channels changes the shape, it is a 1×1 convolution
    with batch normalization (option B). The stride is that of the first convolution.
    """

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = projection(inplanes, planes, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1×1 down, 3×3, 1×1 up to four times `planes`, and a shortcut (figure 5, right).

    The 3×3 convolution has planes · base_width / 64 · groups channels: more in a Wide ResNet (`base_width` 128), and
    in groups in a ResNeXt (`groups` 32, `base_width` 4). The paper has the stride in the first 1×1 convolution; here it
    is in the 3×3, which reads all of its input, as in the ResNeXt paper and in nearly every implementation.
    """

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, groups: int = 1, base_width: int = 64):
        super().__init__()
        width = planes * base_width // 64 * groups
        outplanes = planes * self.expansion
        self.conv1 = nn.Conv2d(inplanes, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outplanes, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outplanes)
        self.downsample = projection(inplanes, outplanes, stride)

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.residual(x) + (x if self.downsample is None else self.downsample(x)))


def projection(inplanes: int, outplanes: int, stride: int) -> nn.Sequential | None:
    """The shortcut: none where the shape stays, else a 1×1 convolution and its batch normalization."""
    if stride == 1 and inplanes == outplanes:
        return None
    return nn.Sequential(
        nn.Conv2d(inplanes, outplanes, kernel_size=1, stride=stride, bias=False),
        nn.BatchNorm2d(outplanes),
    )


class ResNet(nn.Module):
    """The network around the blocks (table 1): 7×7 and pool, four stages, the mean of each map, one linear layer.

    Input (N, 3, 224, 224), logits (N, num_classes). `layers` says how many blocks each stage has. A stage's first block
    halves the grid, but for the first stage's; `arguments` are those of all blocks.
    """

    def __init__(self, block: type[nn.Module], layers: tuple[int, ...], num_classes: int = 1000, **arguments: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        stages: list[nn.Module] = []
        inplanes = 64
        for stage, count in enumerate(layers):
            planes = 64 * 2**stage
            blocks: list[nn.Module] = []
            for i in range(count):
                blocks.append(block(inplanes, planes, stride=2 if stage > 0 and i == 0 else 1, **arguments))
                inplanes = planes * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(inplanes, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))
