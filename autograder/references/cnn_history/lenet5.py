"""LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, section II.B)."""

import torch
from torch import nn

# Table I of the paper: for each map of C3 the maps of S2 that it sees.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


class LeNetC3(nn.Module):
    """The third layer: 16 maps of 5×5 kernels, each of which sees only some of the 6 maps before (table I).

    No two maps see the same ones, so they must learn different features. 1,516 parameters, where a convolution that
    sees all has 2,416.
    """

    def __init__(self):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, kernel_size=5) for seen in C3_TABLE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([conv(x[:, seen]) for conv, seen in zip(self.maps, C3_TABLE, strict=True)], dim=1)
