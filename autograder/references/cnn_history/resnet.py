"""ResNet (He, Zhang, Ren & Sun 2016, "Deep residual learning for image recognition", table 1).

The depth counts the first convolution, those of the blocks, and the linear layer, but not the projections:
1 + 2 · (2 + 2 + 2 + 2) + 1 = 18 with basic blocks, 1 + 3 · (3 + 4 + 6 + 3) + 1 = 50 with bottlenecks.
"""

from autograder.references.cnn_history.residual import BasicBlock, Bottleneck, ResNet


def resnet18(num_classes: int = 1000) -> ResNet:
    """11,689,512 parameters."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes)


def resnet34(num_classes: int = 1000) -> ResNet:
    """21,797,672 parameters."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes)


def resnet50(num_classes: int = 1000) -> ResNet:
    """25,557,032 parameters: bottlenecks cost hardly more than the 34 layers of basic blocks."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes)


def resnet101(num_classes: int = 1000) -> ResNet:
    """44,549,160 parameters."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes)


def resnet152(num_classes: int = 1000) -> ResNet:
    """60,192,808 parameters. An ensemble of such networks won ILSVRC 2015."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes)
