"""The modules of Inception v2 and v3 (Szegedy et al. 2016, "Rethinking the Inception architecture")."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.references.cnn_history.convolutions import Concat, ConvNormReLU


class FactorizedInception(nn.Module):
    """The module for the 17×17 grid: each 7×7 convolution is a 1×7 and a 7×1 (section 3.2, figure 6).

    Four branches of `branch_channels` maps: 1×1; 1×1, 1×7, 7×1; 1×1, 7×1, 1×7, 7×1, 1×7; average pool, 1×1. Inside of
    the second and the third there are `channels_7x7` maps. 1×7 is one row of seven columns. 14 weights stand where a
    7×7 kernel has 49.
    """

    def __init__(self, in_channels: int, channels_7x7: int, branch_channels: int = 192):
        super().__init__()
        c, out = channels_7x7, branch_channels
        self.branch1x1 = ConvNormReLU(in_channels, out, kernel_size=1)
        self.branch7x7_1 = ConvNormReLU(in_channels, c, kernel_size=1)
        self.branch7x7_2 = ConvNormReLU(c, c, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7_3 = ConvNormReLU(c, out, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = ConvNormReLU(in_channels, c, kernel_size=1)
        self.branch7x7dbl_2 = ConvNormReLU(c, c, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = ConvNormReLU(c, c, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = ConvNormReLU(c, c, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = ConvNormReLU(c, out, kernel_size=(1, 7), padding=(0, 3))
        self.pool = nn.AvgPool2d(kernel_size=3, stride=1, padding=1)
        self.branch_pool = ConvNormReLU(in_channels, out, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branch7x7 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        branch7x7dbl = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branch7x7dbl = self.branch7x7dbl_5(self.branch7x7dbl_4(branch7x7dbl))
        return torch.cat([self.branch1x1(x), branch7x7, branch7x7dbl, self.branch_pool(self.pool(x))], dim=1)


def small_inception(in_channels: int, pool_channels: int, kernel_size: int) -> Concat:
    """The module for the 35×35 grid, 224 + `pool_channels` maps.

    `kernel_size` is that of the second branch: 3 in figure 5, where no kernel is larger, but 5 in the authors' code of
    v3. The third branch has two 3×3 in the place of a 5×5.
    """
    return Concat(
        [
            ConvNormReLU(in_channels, 64, kernel_size=1),
            nn.Sequential(
                ConvNormReLU(in_channels, 48, kernel_size=1),
                ConvNormReLU(48, 64, kernel_size, padding=kernel_size // 2),
            ),
            nn.Sequential(
                ConvNormReLU(in_channels, 64, kernel_size=1),
                ConvNormReLU(64, 96, kernel_size=3, padding=1),
                ConvNormReLU(96, 96, kernel_size=3, padding=1),
            ),
            nn.Sequential(
                nn.AvgPool2d(kernel_size=3, stride=1, padding=1),
                ConvNormReLU(in_channels, pool_channels, kernel_size=1),
            ),
        ]
    )


def reduction_35_to_17(in_channels: int) -> Concat:
    """Half the grid, 480 maps more: convolutions with stride 2 beside a pool, so that nothing is thin (figure 10)."""
    return Concat(
        [
            ConvNormReLU(in_channels, 384, kernel_size=3, stride=2),
            nn.Sequential(
                ConvNormReLU(in_channels, 64, kernel_size=1),
                ConvNormReLU(64, 96, kernel_size=3, padding=1),
                ConvNormReLU(96, 96, kernel_size=3, stride=2),
            ),
            nn.MaxPool2d(kernel_size=3, stride=2),
        ]
    )


def reduction_17_to_8(in_channels: int) -> Concat:
    """Half the grid, 512 maps more."""
    return Concat(
        [
            nn.Sequential(
                ConvNormReLU(in_channels, 192, kernel_size=1),
                ConvNormReLU(192, 320, kernel_size=3, stride=2),
            ),
            nn.Sequential(
                ConvNormReLU(in_channels, 192, kernel_size=1),
                ConvNormReLU(192, 192, kernel_size=(1, 7), padding=(0, 3)),
                ConvNormReLU(192, 192, kernel_size=(7, 1), padding=(3, 0)),
                ConvNormReLU(192, 192, kernel_size=3, stride=2),
            ),
            nn.MaxPool2d(kernel_size=3, stride=2),
        ]
    )


def wide_inception(in_channels: int) -> Concat:
    """The module for the 8×8 grid, 2,048 maps: 1×3 and 3×1 side by side, not one after the other (figure 7)."""
    return Concat(
        [
            ConvNormReLU(in_channels, 320, kernel_size=1),
            nn.Sequential(ConvNormReLU(in_channels, 384, kernel_size=1), row_and_column(384)),
            nn.Sequential(
                ConvNormReLU(in_channels, 448, kernel_size=1),
                ConvNormReLU(448, 384, kernel_size=3, padding=1),
                row_and_column(384),
            ),
            nn.Sequential(
                nn.AvgPool2d(kernel_size=3, stride=1, padding=1),
                ConvNormReLU(in_channels, 192, kernel_size=1),
            ),
        ]
    )


def row_and_column(channels: int) -> Concat:
    return Concat(
        [
            ConvNormReLU(channels, channels, kernel_size=(1, 3), padding=(0, 1)),
            ConvNormReLU(channels, channels, kernel_size=(3, 1), padding=(1, 0)),
        ]
    )


class AuxiliaryHead(nn.Module):
    """The one auxiliary head that is left, on the last 17×17 grid. `conv=ConvNormReLU` is v3's "BN-auxiliary"."""

    def __init__(self, num_classes: int, conv: type[nn.Module]):
        super().__init__()
        self.pool = nn.AvgPool2d(kernel_size=5, stride=3)
        self.conv1 = conv(768, 128, kernel_size=1)
        self.conv2 = conv(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv2(self.conv1(self.pool(x))).mean(dim=(2, 3)))


class FactorizedNetwork(nn.Module):
    """Inception v2 and v3: a stem, the three grids, the head.

    Input (N, 3, 299, 299). In evaluation mode returns the logits (N, num_classes); in training mode (logits,
    auxiliary).
    """

    def __init__(self, stem: nn.Sequential, grids: tuple[nn.Sequential, ...], auxiliary: nn.Module, num_classes: int):
        super().__init__()
        self.stem = stem
        self.grid35, self.grid17, self.grid8 = grids
        self.auxiliary = auxiliary
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        middle = self.grid17(self.grid35(self.stem(x)))
        x = self.grid8(middle).mean(dim=(2, 3))
        logits = self.fc(F.dropout(x, 0.5, self.training))
        return (logits, self.auxiliary(middle)) if self.training else logits
