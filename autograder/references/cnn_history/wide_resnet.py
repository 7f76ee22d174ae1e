"""Wide ResNet (Zagoruyko & Komodakis 2016): fewer blocks with more maps."""

from autograder.references.cnn_history.preactivation import PreActivationBlock, PreActivationResNet
from autograder.references.cnn_history.residual import Bottleneck, ResNet


def wide_resnet28_10(num_classes: int = 10) -> PreActivationResNet:
    """For CIFAR-10: 28 layers, each ten times as wide as in a ResNet for CIFAR (table 1). 36.5 million parameters.

    The depth is 6 · 4 + 4: two convolutions in each of three stages' four blocks, the first one, and, as the authors
    count, the three projections. The paper also has a version with dropout between the two convolutions.
    """
    return PreActivationResNet(PreActivationBlock, 4, (160, 320, 640), num_classes)


def wide_resnet50_2(num_classes: int = 1000) -> ResNet:
    """For ImageNet: ResNet-50 with twice the maps in the 3×3 convolutions alone. 68,883,240 parameters (table 8)."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, base_width=128)
