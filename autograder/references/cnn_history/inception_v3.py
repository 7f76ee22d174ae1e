"""Inception v3 (Szegedy et al. 2016, "Rethinking the Inception architecture", table 3)."""

from torch import nn

from autograder.references.cnn_history.convolutions import ConvNormReLU
from autograder.references.cnn_history.inception_modules import (
    AuxiliaryHead,
    FactorizedInception,
    FactorizedNetwork,
    reduction_17_to_8,
    reduction_35_to_17,
    small_inception,
    wide_inception,
)


def inception_v3(num_classes: int = 1000) -> FactorizedNetwork:
    """The network of the authors' code: 27,161,264 parameters, without the auxiliary head 23,834,568.

    Its auxiliary head has batch normalization. The other steps from v2 to v3 are in the training: RMSProp, and label
    smoothing of 0.1. The code's stem, its 5×5 branch and its four 17×17 modules are not those of table 1.
    """
    stem = nn.Sequential(
        ConvNormReLU(3, 32, kernel_size=3, stride=2),
        ConvNormReLU(32, 32, kernel_size=3),
        ConvNormReLU(32, 64, kernel_size=3, padding=1),
        nn.MaxPool2d(kernel_size=3, stride=2),
        ConvNormReLU(64, 80, kernel_size=1),
        ConvNormReLU(80, 192, kernel_size=3),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )
    grid35 = nn.Sequential(
        small_inception(192, 32, kernel_size=5),
        small_inception(256, 64, kernel_size=5),
        small_inception(288, 64, kernel_size=5),
    )
    grid17 = nn.Sequential(
        reduction_35_to_17(288), *(FactorizedInception(768, inside) for inside in (128, 160, 160, 192))
    )
    grid8 = nn.Sequential(reduction_17_to_8(768), wide_inception(1280), wide_inception(2048))
    return FactorizedNetwork(stem, (grid35, grid17, grid8), AuxiliaryHead(num_classes, ConvNormReLU), num_classes)
