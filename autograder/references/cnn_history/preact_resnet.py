"""Pre-activation ResNet (He, Zhang, Ren & Sun 2016, "Identity mappings in deep residual networks")."""

from autograder.references.cnn_history.preactivation import PreActivationBottleneck, PreActivationResNet


def preact_resnet164(num_classes: int = 10) -> PreActivationResNet:
    """For CIFAR-10: 1 + 3 · 3 · 18 + 1 = 164 layers, 1.7 million parameters (table 4)."""
    return PreActivationResNet(PreActivationBottleneck, 18, (16, 32, 64), num_classes)
