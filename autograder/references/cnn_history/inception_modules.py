"""The modules of Inception v2 and v3 (Szegedy et al. 2016, "Rethinking the Inception architecture")."""

import torch
from torch import nn

from autograder.references.cnn_history.convolutions import ConvNormReLU


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
