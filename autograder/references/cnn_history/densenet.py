"""DenseNet (Huang, Liu, van der Maaten & Weinberger 2017)."""

import torch
import torch.nn.functional as F
from torch import nn


class DenseLayer(nn.Module):
    """BN, ReLU, 1×1 to bn_size · growth_rate maps, BN, ReLU, 3×3 to growth_rate maps (section 3, "DenseNet-B")."""

    def __init__(self, num_input_features: int, growth_rate: int, bn_size: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv1(F.relu(self.norm1(x)))
        return self.conv2(F.relu(self.norm2(out)))


class DenseBlock(nn.Module):
    """Each layer sees the input and all maps made before it, and adds `growth_rate` new ones (equation 2).

    The maps are stacked in the order in which they were made, the input first.
    """

    def __init__(self, num_layers: int, num_input_features: int, bn_size: int, growth_rate: int):
        super().__init__()
        self.layers = nn.ModuleList(
            DenseLayer(num_input_features + i * growth_rate, growth_rate, bn_size) for i in range(num_layers)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """Between two blocks: BN, ReLU, 1×1 to fewer maps, then the average of 2×2 (section 3, "transition layers").

    The networks have `num_output_features` = `num_input_features` / 2, the paper's compression θ = 0.5.
    """

    def __init__(self, num_input_features: int, num_output_features: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.conv(F.relu(self.norm(x))))


class DenseNet(nn.Module):
    """Input (N, 3, 224, 224), logits (N, num_classes) (table 1). Growth rate 32, compression 0.5."""

    def __init__(self, layers: tuple[int, ...], num_classes: int = 1000):
        super().__init__()
        growth_rate, features = 32, 64
        self.conv0 = nn.Conv2d(3, features, kernel_size=7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(features)
        self.pool0 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        stages: list[nn.Module] = []
        for count in layers:
            if stages:
                stages.append(Transition(features, features // 2))
                features //= 2
            stages.append(DenseBlock(count, features, bn_size=4, growth_rate=growth_rate))
            features += count * growth_rate
        self.stages = nn.Sequential(*stages)
        self.norm5 = nn.BatchNorm2d(features)
        self.classifier = nn.Linear(features, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool0(F.relu(self.norm0(self.conv0(x))))
        x = F.relu(self.norm5(self.stages(x)))
        return self.classifier(x.mean(dim=(2, 3)))


def densenet121(num_classes: int = 1000) -> DenseNet:
    """1 + 2 · (6 + 12 + 24 + 16) + 3 + 1 = 121 layers, 7,978,856 parameters."""
    return DenseNet((6, 12, 24, 16), num_classes)


def densenet169(num_classes: int = 1000) -> DenseNet:
    """14,149,480 parameters."""
    return DenseNet((6, 12, 32, 32), num_classes)


def densenet201(num_classes: int = 1000) -> DenseNet:
    """20,013,928 parameters."""
    return DenseNet((6, 12, 48, 32), num_classes)
