"""NASNet-A (Zoph, Vasudevan, Shlens & Le 2018): a cell that a search found on CIFAR-10, stacked for ImageNet.

The search is told in the paper: a recurrent network proposes cells, each is trained for a while, and its accuracy on
validation images is the reward. Here is what it found.
"""

import torch
import torch.nn.functional as F
from torch import nn

# The published cells (figure 4). State 0 is the output of the cell before the last, state 1 that of the last. Each row
# makes a new state, the sum of two operations on earlier ones.
NORMAL = (
    (("sep5", 1), ("sep3", 0)),
    (("sep5", 0), ("sep3", 0)),
    (("avg3", 1), ("identity", 0)),
    (("avg3", 0), ("avg3", 0)),
    (("sep3", 1), ("identity", 1)),
)
NORMAL_OUTPUT = (0, 2, 3, 4, 5, 6)
REDUCTION = (
    (("sep5", 1), ("sep7", 0)),
    (("max3", 1), ("sep7", 0)),
    (("avg3", 1), ("sep5", 0)),
    (("avg3", 2), ("identity", 3)),
    (("sep3", 2), ("max3", 1)),
)
REDUCTION_OUTPUT = (3, 4, 5, 6)


class SameConv(nn.Conv2d):
    """Padding as TensorFlow's "SAME": with stride 2 and an even size, one less above and to the left."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = [self.kernel_size[0] // 2 - (self.stride[0] == 2 and size % 2 == 0) for size in x.shape[2:]]
        after = self.kernel_size[0] // 2
        return super().forward(F.pad(x, (before[1], after, before[0], after)))


class Separable(nn.Module):
    """Twice: ReLU, depthwise, 1×1, batch normalization. The first depthwise convolution has the stride."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int, stride: int):
        super().__init__()
        self.depthwise1 = SameConv(in_channels, in_channels, kernel_size, stride, groups=in_channels, bias=False)
        self.pointwise1 = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, eps=0.001)
        self.depthwise2 = SameConv(channels, channels, kernel_size, groups=channels, bias=False)
        self.pointwise2 = nn.Conv2d(channels, channels, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn1(self.pointwise1(self.depthwise1(F.relu(x))))
        return self.bn2(self.pointwise2(self.depthwise2(F.relu(x))))


class Pool(nn.Module):
    """The mean or the greatest of 3×3, "SAME"; the padding counts in neither."""

    def __init__(self, kind: str, stride: int):
        super().__init__()
        self.kind, self.stride = kind, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padding = [1 if self.stride == 1 else size % 2 for size in x.shape[2:]]
        if self.kind == "max3":
            return F.max_pool2d(x, 3, self.stride, padding, ceil_mode=True)
        return F.avg_pool2d(x, 3, self.stride, padding, ceil_mode=True, count_include_pad=False)


class Fit(nn.Module):
    """ReLU, 1×1, batch normalization: gives a state the cell's number of maps."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(F.relu(x)))


class FitHalf(nn.Module):
    """Also halves the grid: half of the maps from the even pixels, half from the odd ones."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.even = nn.Conv2d(in_channels, channels // 2, kernel_size=1, bias=False)
        self.odd = nn.Conv2d(in_channels, channels // 2, kernel_size=1, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(x)
        shifted = F.pad(x, (-1, 1, -1, 1))
        return self.bn(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(shifted[:, :, ::2, ::2])], dim=1))


class Cell(nn.Module):
    """A cell built from its table. `fit` brings the older state to the shape of the other."""

    def __init__(self, rows: tuple, output: tuple[int, ...], fit: nn.Module, widths: tuple[int, ...], stride: int):
        super().__init__()
        older, in_channels, channels = widths
        self.fit0 = fit
        self.fit1 = Fit(in_channels, channels)
        self.rows, self.output = rows, output
        self.operations = nn.ModuleList(
            operation(name, older if state == 0 else channels, channels, stride if state < 2 else 1)
            for row in rows
            for name, state in row
        )

    def forward(self, x: torch.Tensor, older: torch.Tensor) -> torch.Tensor:
        states = [self.fit0(older), self.fit1(x)]
        operations = iter(self.operations)
        for row in self.rows:
            left, right = (next(operations)(states[state]) for _, state in row)
            states.append(left + right)
        return torch.cat([states[i] for i in self.output], dim=1)


def operation(name: str, in_channels: int, channels: int, stride: int) -> nn.Module:
    if name == "identity":
        return nn.Sequential()
    if name.startswith("sep"):
        return Separable(in_channels, channels, int(name[3:]), stride)
    return Pool(name, stride)


class NASNetA(nn.Module):
    """Input (N, 3, 331, 331), logits (N, num_classes).

    A convolution, two reduction cells, then three times `count` normal cells with a reduction cell between. `channels`
    are the maps of a state in the first normal cells; they double with the grid's halving. The normal cell after a
    reduction cell takes as its older state what the reduction cell took. The authors train it with an auxiliary head
    and with paths that are dropped.
    """

    def __init__(self, count: int, channels: int, stem: int, num_classes: int):
        super().__init__()
        self.conv = nn.Conv2d(3, stem, kernel_size=3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(stem, eps=0.001)
        quarter, half = channels // 4, channels // 2
        self.stem1 = Cell(REDUCTION, REDUCTION_OUTPUT, nn.Sequential(), (stem, stem, quarter), stride=2)
        self.stem2 = Cell(REDUCTION, REDUCTION_OUTPUT, FitHalf(stem, half), (half, 4 * quarter, half), stride=2)
        self.stages = nn.ModuleList()
        self.reductions = nn.ModuleList()
        older, newer = 4 * quarter, 4 * half
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                self.reductions.append(
                    Cell(REDUCTION, REDUCTION_OUTPUT, Fit(older, width), (width, newer, width), stride=2)
                )
                newer = 4 * width
            cells = nn.ModuleList()
            for i in range(count):
                fit = (FitHalf if i == 0 else Fit)(older, width)
                cells.append(Cell(NORMAL, NORMAL_OUTPUT, fit, (width, newer, width), stride=1))
                older, newer = newer, 6 * width
            self.stages.append(cells)
        self.fc = nn.Linear(newer, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.bn(self.conv(x))
        older = self.stem1(first, first)
        x = self.stem2(older, first)
        for stage, cells in enumerate(self.stages):
            if stage:
                x = self.reductions[stage - 1](x, older)
            for cell in cells:
                x, older = cell(x, older), x
        x = F.relu(x).mean(dim=(2, 3))
        return self.fc(F.dropout(x, 0.5, self.training))


def nasnet_a_large(num_classes: int = 1000) -> NASNetA:
    """NASNet-A (6 @ 4032): six normal cells a stage, 4,032 maps at the end. 88,753,150 parameters."""
    return NASNetA(count=6, channels=168, stem=96, num_classes=num_classes)
