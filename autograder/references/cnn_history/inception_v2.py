"""Inception v2 (Szegedy et al. 2016, "Rethinking the Inception architecture", section 6 and table 1)."""

from torch import nn

from autograder.references.cnn_history.convolutions import ConvNormReLU, ConvReLU
from autograder.references.cnn_history.inception_modules import (
    AuxiliaryHead,
    FactorizedInception,
    FactorizedNetwork,
    reduction_17_to_8,
    reduction_35_to_17,
    small_inception,
    wide_inception,
)


def inception_v2(num_classes: int = 1000) -> FactorizedNetwork:
    """The layers of table 1: GoogLeNet's idea, with every large kernel factorized.

    The first 7×7 convolution is three 3×3 already here. The paper prints the widths between the modules and leaves
    those inside to a file; these are the widths of the authors' code of v3. What others call Inception v2 is often the
    earlier BN-Inception (Ioffe & Szegedy 2015), another network.
    """
    stem = nn.Sequential(
        ConvNormReLU(3, 32, kernel_size=3, stride=2),
        ConvNormReLU(32, 32, kernel_size=3),
        ConvNormReLU(32, 64, kernel_size=3, padding=1),
        nn.MaxPool2d(kernel_size=3, stride=2),
        ConvNormReLU(64, 80, kernel_size=3),
        ConvNormReLU(80, 192, kernel_size=3, stride=2),
        ConvNormReLU(192, 288, kernel_size=3, padding=1),
    )
    grid35 = nn.Sequential(*(small_inception(288, 64, kernel_size=3) for _ in range(3)))
    grid17 = nn.Sequential(
        reduction_35_to_17(288), *(FactorizedInception(768, inside) for inside in (128, 160, 160, 160, 192))
    )
    grid8 = nn.Sequential(reduction_17_to_8(768), wide_inception(1280), wide_inception(2048))
    return FactorizedNetwork(stem, (grid35, grid17, grid8), AuxiliaryHead(num_classes, ConvReLU), num_classes)
