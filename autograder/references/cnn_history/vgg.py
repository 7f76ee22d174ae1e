"""VGG (Simonyan & Zisserman 2015): nothing but 3×3 convolutions and 2×2 pools, 16 or 19 layers with weights."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.references.cnn_history.convolutions import ConvReLU


class VGG(nn.Module):
    """Input (N, 3, 224, 224), logits (N, num_classes).

    `convolutions` says how many there are before each of the five pools. The maps double after a pool, up to 512.
    """

    def __init__(self, convolutions: tuple[int, ...], num_classes: int = 1000):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for count, width in zip(convolutions, (64, 128, 256, 512, 512), strict=True):
            for _ in range(count):
                layers.append(ConvReLU(channels, width, kernel_size=3, padding=1))
                channels = width
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        self.features = nn.Sequential(*layers)
        self.fc6 = nn.Linear(512 * 7 * 7, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x).flatten(1)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)
        return self.fc8(x)


def vgg16(num_classes: int = 1000) -> VGG:
    """Configuration D of table 1."""
    return VGG((2, 2, 3, 3, 3), num_classes)


def vgg19(num_classes: int = 1000) -> VGG:
    """Configuration E of table 1."""
    return VGG((2, 2, 4, 4, 4), num_classes)
