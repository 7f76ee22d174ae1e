"""GoogLeNet, or Inception v1 (Szegedy et al. 2015, "Going deeper with convolutions")."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.references.cnn_history.convolutions import ConvReLU


class InceptionModule(nn.Module):
    """Four branches side by side, their maps stacked (figure 2b).

    The 1×1 convolutions before the 3×3 and the 5×5 make their input thin and so their cost small. A ReLU follows every
    convolution. The maps are stacked in the order 1×1, 3×3, 5×5, pool.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv: type[nn.Module] = ConvReLU,
    ):
        super().__init__()
        self.conv1x1 = conv(in_channels, ch1x1, kernel_size=1)
        self.conv3x3_reduce = conv(in_channels, ch3x3red, kernel_size=1)
        self.conv3x3 = conv(ch3x3red, ch3x3, kernel_size=3, padding=1)
        self.conv5x5_reduce = conv(in_channels, ch5x5red, kernel_size=1)
        self.conv5x5 = conv(ch5x5red, ch5x5, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.pool_project = conv(in_channels, pool_proj, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = [
            self.conv1x1(x),
            self.conv3x3(self.conv3x3_reduce(x)),
            self.conv5x5(self.conv5x5_reduce(x)),
            self.pool_project(self.pool(x)),
        ]
        return torch.cat(branches, dim=1)


class AuxiliaryHead(nn.Module):
    """A second classifier in the middle of the network, for training alone (section 5).

    The mean of 5×5 every 3, a 1×1 convolution to 128 maps, two fully connected layers with dropout of 70 % between.
    """

    def __init__(self, in_channels: int, num_classes: int, conv: type[nn.Module] = ConvReLU):
        super().__init__()
        self.pool = nn.AvgPool2d(kernel_size=5, stride=3)
        self.conv = conv(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(self.pool(x)).flatten(1)
        return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.7, self.training))


class GoogLeNet(nn.Module):
    """Input (N, 3, 224, 224). 22 layers with weights; 13,378,280 parameters, without the two auxiliary heads 6,998,552.

    In evaluation mode returns the logits (N, num_classes); in training mode (logits, auxiliary1, auxiliary2), whose
    losses are added with the weights 1, 0.3 and 0.3. The pools round up.

    torchvision's has batch normalization (`conv=ConvNormReLU`), no local response normalization, by an old mistake 3×3
    in the place of 5×5, and other pools before the last two modules and in the heads: 6,624,904 parameters without the
    heads.
    """

    def __init__(self, num_classes: int = 1000, conv: type[nn.Module] = ConvReLU):
        super().__init__()
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.norm1 = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
        self.conv2_reduce = conv(64, 64, kernel_size=1)
        self.conv2 = conv(64, 192, kernel_size=3, padding=1)
        self.norm2 = nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.inception3a = InceptionModule(192, 64, 96, 128, 16, 32, 32, conv)
        self.inception3b = InceptionModule(256, 128, 128, 192, 32, 96, 64, conv)
        self.pool3 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.inception4a = InceptionModule(480, 192, 96, 208, 16, 48, 64, conv)
        self.inception4b = InceptionModule(512, 160, 112, 224, 24, 64, 64, conv)
        self.inception4c = InceptionModule(512, 128, 128, 256, 24, 64, 64, conv)
        self.inception4d = InceptionModule(512, 112, 144, 288, 32, 64, 64, conv)
        self.inception4e = InceptionModule(528, 256, 160, 320, 32, 128, 128, conv)
        self.pool4 = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        self.inception5a = InceptionModule(832, 256, 160, 320, 32, 128, 128, conv)
        self.inception5b = InceptionModule(832, 384, 192, 384, 48, 128, 128, conv)
        self.auxiliary1 = AuxiliaryHead(512, num_classes, conv)
        self.auxiliary2 = AuxiliaryHead(528, num_classes, conv)
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        x = self.norm1(self.pool1(self.conv1(x)))
        x = self.pool2(self.norm2(self.conv2(self.conv2_reduce(x))))
        x = self.pool3(self.inception3b(self.inception3a(x)))
        first = self.inception4a(x)
        second = self.inception4d(self.inception4c(self.inception4b(first)))
        x = self.pool4(self.inception4e(second))
        x = self.inception5b(self.inception5a(x))
        logits = self.fc(F.dropout(x.mean(dim=(2, 3)), 0.4, self.training))
        return (logits, self.auxiliary1(first), self.auxiliary2(second)) if self.training else logits


def googlenet(num_classes: int = 1000, conv: type[nn.Module] = ConvReLU) -> GoogLeNet:
    """GoogLeNet for ImageNet, as in the paper; `conv=ConvNormReLU` gives it batch normalization."""
    return GoogLeNet(num_classes, conv)
