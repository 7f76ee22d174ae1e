"""ZFNet (Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks", figure 3)."""

import torch
import torch.nn.functional as F
from torch import nn


class ZFNet(nn.Module):
    """Input (N, 3, 224, 224), logits (N, num_classes). 62,357,608 parameters.

    AlexNet with a finer beginning, which its own pictures asked for: 7×7 every 2 in place of 11×11 every 4, then 5×5
    every 2. One GPU, so every convolution sees all maps. The pools round up, which gives the paper's 55, 13 and 6.
    Normalization comes after the pool. This is the paper's main model; a larger one has 512, 1024 and 512 maps in the
    last three convolutions.
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, kernel_size=7, stride=2, padding=1)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.norm1 = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
        self.conv2 = nn.Conv2d(96, 256, kernel_size=5, stride=2)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.norm2 = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, kernel_size=3, padding=1)
        self.conv5 = nn.Conv2d(384, 256, kernel_size=3, padding=1)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm1(self.pool1(F.relu(self.conv1(x))))
        x = self.norm2(self.pool2(F.relu(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool5(F.relu(self.conv5(x))).flatten(1)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)
        return self.fc8(x)


def zfnet(num_classes: int = 1000) -> ZFNet:
    """ZFNet for ImageNet."""
    return ZFNet(num_classes)
