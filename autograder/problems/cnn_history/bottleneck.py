"""`Bottleneck`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import NORMALIZED, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import residual as reference


def _blocks(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.Bottleneck, generator)
    return [
        case("the same shape", "values", (8, 2, 1, 1, 64), (3, 8, 5, 6)),
        case("half of the size, in two groups", "values", (4, 2, 2, 2, 128), (3, 4, 7, 5)),
        case("all but the channels left out", "edge cases", (8, 2), (2, 8, 6, 5), training=False),
        case("twice as wide inside", "edge cases", (8, 2, 1, 1, 128), (2, 8, 5, 7)),
        case("a width that is rounded down, two groups", "edge cases", (6, 3, 2, 2, 106), (2, 6, 6, 7)),
        case("in evaluation, four groups", "edge cases", (8, 2, 1, 4, 64), (1, 8, 6, 4), training=False),
        case("other channels, float64", "contract", (4, 2, 1, 1, 64), (2, 4, 5, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="Bottleneck",
        call=module,
        returns=NORMALIZED,
        cases=_blocks,
        expected=ModuleOf(reference.Bottleneck, NORMALIZED),
        points={"values": 4, "edge cases": 2, "contract": 1},
        shares={NORMALIZED[0]: 2, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class Bottleneck__layers(torch.nn.Module):
    def __init__(self, inplanes, planes, stride=1, groups=1, base_width=64):
        super().__init__()
        width = planes * base_width // 64 * groups
        self.conv1 = torch.nn.Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(width)
        self.conv2 = torch.nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(width)
        self.conv3 = torch.nn.Conv2d(width, 4 * planes, 1, bias=False)
        self.bn3 = torch.nn.BatchNorm2d(4 * planes)
        self.relu = torch.nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inplanes != 4 * planes:
            self.downsample = torch.nn.Sequential(
                torch.nn.Conv2d(inplanes, 4 * planes, 1, stride=stride, bias=False), torch.nn.BatchNorm2d(4 * planes)
            )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)


class Bottleneck__by_groups(torch.nn.Module):
    def __init__(self, inplanes, planes, stride=1, groups=1, base_width=64):
        super().__init__()
        width = int(planes * (base_width / 64)) * groups
        sizes = [(inplanes, width, 1), (width // groups, width, 3), (width, planes * 4, 1)]
        for i, (c, o, size) in enumerate(sizes, start=1):
            setattr(self, f"conv{i}", torch.nn.Conv2d(c, o, size, bias=False))
            setattr(self, f"bn{i}", torch.nn.BatchNorm2d(o))
        self.stride, self.groups = stride, groups
        if (inplanes, stride) != (planes * 4, 1):
            project = torch.nn.Conv2d(inplanes, planes * 4, 1, bias=False)
            self.downsample = torch.nn.ModuleList([project, torch.nn.BatchNorm2d(planes * 4)])

    def forward(self, x):
        conv2d, relu = torch.nn.functional.conv2d, torch.nn.functional.relu
        out = relu(self.bn1(self.conv1(x)))
        weights = self.conv2.weight.chunk(self.groups)
        parts = out.chunk(self.groups, dim=1)
        maps = [conv2d(p, w, stride=self.stride, padding=1) for p, w in zip(parts, weights, strict=True)]
        out = relu(self.bn2(torch.cat(maps, 1)))
        out = self.bn3(self.conv3(out))
        if hasattr(self, "downsample"):
            project, norm = self.downsample
            x = norm(project(x[:, :, :: self.stride, :: self.stride]))
        return relu(x + out)


slip(
    Bottleneck__layers,
    "stride_in_the_first",
    "The stride is that of the first 1x1 convolution, which then skips three of four pixels; here the 3x3 has it.",
    (
        "torch.nn.Conv2d(inplanes, width, 1, bias=False)",
        "torch.nn.Conv2d(inplanes, width, 1, stride=stride, bias=False)",
    ),
    ("torch.nn.Conv2d(width, width, 3, stride=stride, padding=1", "torch.nn.Conv2d(width, width, 3, padding=1"),
)
slip(
    Bottleneck__layers,
    "stride_in_the_last",
    "The stride is that of the last 1x1 convolution, which then skips three of four pixels; here the 3x3 has it.",
    (
        "torch.nn.Conv2d(width, 4 * planes, 1, bias=False)",
        "torch.nn.Conv2d(width, 4 * planes, 1, stride=stride, bias=False)",
    ),
    ("torch.nn.Conv2d(width, width, 3, stride=stride, padding=1", "torch.nn.Conv2d(width, width, 3, padding=1"),
)
slip(
    Bottleneck__layers,
    "sum_after_the_activation",
    "The input is added after the last ReLU: then no block can make anything smaller than its input.",
    (
        "        out = out + (x if self.downsample is None else self.downsample(x))\n        return self.relu(out)",
        "        return self.relu(out) + (x if self.downsample is None else self.downsample(x))",
    ),
)
slip(
    Bottleneck__layers,
    "no_last_activation",
    "There is no ReLU after the sum.",
    ("        return self.relu(out)", "        return out"),
)
slip(
    Bottleneck__layers,
    "activation_before_the_sum",
    "There is one ReLU too many: what the third normalization gives is added as it is, below 0 too.",
    ("out = self.bn3(self.conv3(out))", "out = self.relu(self.bn3(self.conv3(out)))"),
)
slip(
    Bottleneck__layers,
    "one_activation_missing",
    "There is no ReLU after the 3x3 convolution.",
    ("out = self.relu(self.bn2(self.conv2(out)))", "out = self.bn2(self.conv2(out))"),
)
slip(
    Bottleneck__layers,
    "no_shortcut",
    "Nothing is added: the sum with the shortcut is missing.",
    ("        out = out + (x if self.downsample is None else self.downsample(x))\n", ""),
)
slip(
    Bottleneck__layers,
    "projection_not_normalized",
    "The projected shortcut is not normalized: its batch normalization is there and is not used.",
    ("else self.downsample(x))", "else self.downsample[0](x))"),
)
slip(
    Bottleneck__by_groups,
    "groups_in_turn",
    "A group gets every second or every fourth channel; a group is channels that stand next to each other.",
    ("parts = out.chunk(self.groups, dim=1)", "parts = [out[:, g :: self.groups] for g in range(self.groups)]"),
)
slip(
    Bottleneck__layers,
    "norms_exchanged",
    "The first two batch normalizations stand in each other's place.",
    ("self.bn1(self.conv1(x))", "self.bn2(self.conv1(x))"),
    ("self.bn2(self.conv2(out))", "self.bn1(self.conv2(out))"),
)
