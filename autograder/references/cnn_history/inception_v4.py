"""Inception v4 (Szegedy, Ioffe, Vanhoucke & Alemi 2017): the Inception network drawn anew, without shortcuts."""

import torch
import torch.nn.functional as F
from torch import nn

from autograder.references.cnn_history.convolutions import Concat, ConvNormReLU


def row(in_channels: int, out_channels: int, length: int) -> ConvNormReLU:
    return ConvNormReLU(in_channels, out_channels, kernel_size=(1, length), padding=(0, length // 2))


def column(in_channels: int, out_channels: int, length: int) -> ConvNormReLU:
    return ConvNormReLU(in_channels, out_channels, kernel_size=(length, 1), padding=(length // 2, 0))


def pool_branch(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AvgPool2d(kernel_size=3, stride=1, padding=1, count_include_pad=False),
        ConvNormReLU(in_channels, out_channels, kernel_size=1),
    )


def stem() -> nn.Sequential:
    """From 299×299×3 to 35×35×384 (figure 3): pools and convolutions side by side."""
    return nn.Sequential(
        ConvNormReLU(3, 32, kernel_size=3, stride=2),
        ConvNormReLU(32, 32, kernel_size=3),
        ConvNormReLU(32, 64, kernel_size=3, padding=1),
        Concat([nn.MaxPool2d(kernel_size=3, stride=2), ConvNormReLU(64, 96, kernel_size=3, stride=2)]),
        Concat(
            [
                nn.Sequential(ConvNormReLU(160, 64, kernel_size=1), ConvNormReLU(64, 96, kernel_size=3)),
                nn.Sequential(
                    ConvNormReLU(160, 64, kernel_size=1),
                    row(64, 64, 7),
                    column(64, 64, 7),
                    ConvNormReLU(64, 96, kernel_size=3),
                ),
            ]
        ),
        Concat([ConvNormReLU(192, 192, kernel_size=3, stride=2), nn.MaxPool2d(kernel_size=3, stride=2)]),
    )


def inception_a() -> Concat:
    """For the 35×35 grid (figure 4)."""
    return Concat(
        [
            ConvNormReLU(384, 96, kernel_size=1),
            nn.Sequential(ConvNormReLU(384, 64, kernel_size=1), ConvNormReLU(64, 96, kernel_size=3, padding=1)),
            nn.Sequential(
                ConvNormReLU(384, 64, kernel_size=1),
                ConvNormReLU(64, 96, kernel_size=3, padding=1),
                ConvNormReLU(96, 96, kernel_size=3, padding=1),
            ),
            pool_branch(384, 96),
        ]
    )


def reduction_a() -> Concat:
    """From 35×35×384 to 17×17×1024 (figure 7)."""
    return Concat(
        [
            ConvNormReLU(384, 384, kernel_size=3, stride=2),
            nn.Sequential(
                ConvNormReLU(384, 192, kernel_size=1),
                ConvNormReLU(192, 224, kernel_size=3, padding=1),
                ConvNormReLU(224, 256, kernel_size=3, stride=2),
            ),
            nn.MaxPool2d(kernel_size=3, stride=2),
        ]
    )


def inception_b() -> Concat:
    """For the 17×17 grid (figure 5)."""
    return Concat(
        [
            ConvNormReLU(1024, 384, kernel_size=1),
            nn.Sequential(ConvNormReLU(1024, 192, kernel_size=1), row(192, 224, 7), column(224, 256, 7)),
            nn.Sequential(
                ConvNormReLU(1024, 192, kernel_size=1),
                column(192, 192, 7),
                row(192, 224, 7),
                column(224, 224, 7),
                row(224, 256, 7),
            ),
            pool_branch(1024, 128),
        ]
    )


def reduction_b() -> Concat:
    """From 17×17×1024 to 8×8×1536 (figure 8)."""
    return Concat(
        [
            nn.Sequential(ConvNormReLU(1024, 192, kernel_size=1), ConvNormReLU(192, 192, kernel_size=3, stride=2)),
            nn.Sequential(
                ConvNormReLU(1024, 256, kernel_size=1),
                row(256, 256, 7),
                column(256, 320, 7),
                ConvNormReLU(320, 320, kernel_size=3, stride=2),
            ),
            nn.MaxPool2d(kernel_size=3, stride=2),
        ]
    )


def inception_c() -> Concat:
    """For the 8×8 grid (figure 6)."""
    return Concat(
        [
            ConvNormReLU(1536, 256, kernel_size=1),
            nn.Sequential(ConvNormReLU(1536, 384, kernel_size=1), Concat([row(384, 256, 3), column(384, 256, 3)])),
            nn.Sequential(
                ConvNormReLU(1536, 384, kernel_size=1),
                column(384, 448, 3),
                row(448, 512, 3),
                Concat([row(512, 256, 3), column(512, 256, 3)]),
            ),
            pool_branch(1536, 256),
        ]
    )


class InceptionV4(nn.Module):
    """Input (N, 3, 299, 299), logits (N, num_classes) (figure 9). 42,679,816 parameters.

    The average pools leave their padding out of the mean, as TensorFlow's do.
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        self.stem = stem()
        self.grid35 = nn.Sequential(*(inception_a() for _ in range(4)))
        self.grid17 = nn.Sequential(reduction_a(), *(inception_b() for _ in range(7)))
        self.grid8 = nn.Sequential(reduction_b(), *(inception_c() for _ in range(3)))
        self.fc = nn.Linear(1536, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.grid8(self.grid17(self.grid35(self.stem(x)))).mean(dim=(2, 3))
        return self.fc(F.dropout(x, 0.2, self.training))


def inception_v4(num_classes: int = 1000) -> InceptionV4:
    """Inception v4 for ImageNet."""
    return InceptionV4(num_classes)
