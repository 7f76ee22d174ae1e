"""ResNeXt (Xie, Girshick, Dollár, Tu & He 2017)."""

from autograder.references.cnn_history.residual import Bottleneck, ResNet


def resnext50_32x4d(num_classes: int = 1000) -> ResNet:
    """ResNet-50 whose 3×3 convolutions are 32 groups of 4 maps (table 1; of 8, 16 and 32 in the later stages).

    A grouped convolution is 32 thin paths side by side, added up by the 1×1 convolution after it (figure 3).
    25,028,904 parameters, about as many as ResNet-50 has.
    """
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, groups=32, base_width=4)
