"""`DepthwiseSeparableConv`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import NORMALIZED, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import mobilenet_v1 as reference


def _convolutions(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.DepthwiseSeparableConv, generator)
    # What a ReLU6 would change is asked about as an edge case, for every seed.
    ordinary = functools.partial(case, most=5.9)
    return [
        ordinary("4 channels to 6", "values", (4, 6, 1), (3, 4, 7, 5)),
        ordinary("half of the size", "values", (4, 8, 2), (3, 4, 6, 9)),
        case("stride left out, in evaluation", "edge cases", (5, 4), (2, 5, 5, 6), training=False),
        case("large numbers, in evaluation", "edge cases", (4, 5, 1), (1, 4, 6, 5), training=False, scale=20.0),
        ordinary("as many channels out as in", "edge cases", (4, 4, 1), (2, 4, 6, 5)),
        case("odd sizes, half of the size", "edge cases", (3, 3, 2), (3, 3, 9, 7)),
        ordinary("half of the size, float64", "contract", (4, 6, 2), (2, 4, 7, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="DepthwiseSeparableConv",
        call=module,
        returns=NORMALIZED,
        cases=_convolutions,
        expected=ModuleOf(reference.DepthwiseSeparableConv, NORMALIZED),
        points={"values": 3, "edge cases": 1, "contract": 1},
        shares={NORMALIZED[0]: 1, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class DepthwiseSeparableConv__layers(torch.nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.depthwise = torch.nn.Conv2d(
            in_channels, in_channels, 3, stride=stride, padding=1, groups=in_channels, bias=False
        )
        self.bn1 = torch.nn.BatchNorm2d(in_channels)
        self.pointwise = torch.nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(out_channels)
        self.relu = torch.nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.bn1(self.depthwise(x)))
        return self.relu(self.bn2(self.pointwise(x)))


class DepthwiseSeparableConv__by_channels(torch.nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.pointwise = torch.nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.depthwise = torch.nn.Conv2d(1, in_channels, 3, bias=False)
        self.bn1, self.bn2 = (torch.nn.BatchNorm2d(c) for c in (in_channels, out_channels))
        self.stride = stride

    def forward(self, x):
        f = torch.nn.functional
        maps = [
            f.conv2d(one, kernel[None], stride=self.stride, padding=1)
            for one, kernel in zip(x.split(1, dim=1), self.depthwise.weight, strict=True)
        ]
        out = f.relu(self.bn1(torch.cat(maps, 1)))
        out = torch.einsum("oc,nchw->nohw", self.pointwise.weight[:, :, 0, 0], out)
        return f.relu(self.bn2(out))


slip(
    DepthwiseSeparableConv__layers,
    "not_activated_between",
    "There is no ReLU between the two convolutions.",
    ("x = self.relu(self.bn1(self.depthwise(x)))", "x = self.bn1(self.depthwise(x))"),
)
slip(
    DepthwiseSeparableConv__layers,
    "not_activated_at_the_end",
    "There is no ReLU at the end.",
    ("return self.relu(self.bn2(self.pointwise(x)))", "return self.bn2(self.pointwise(x))"),
)
slip(
    DepthwiseSeparableConv__layers,
    "stride_in_the_second",
    "The stride is that of the 1x1 convolution, which then skips three of four pixels; the 3x3 has it.",
    ("3, stride=stride, padding=1, groups", "3, padding=1, groups"),
    (
        "torch.nn.Conv2d(in_channels, out_channels, 1, bias=False)",
        "torch.nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)",
    ),
)
slip(
    DepthwiseSeparableConv__layers,
    "first_norm_before_the_convolution",
    "The first batch normalization comes before the convolution; it comes after it.",
    ("self.bn1(self.depthwise(x))", "self.depthwise(self.bn1(x))"),
)
slip(
    DepthwiseSeparableConv__layers,
    "only_one_norm",
    "Only the last convolution is followed by batch normalization; both are.",
    ("self.relu(self.bn1(self.depthwise(x)))", "self.relu(self.depthwise(x))"),
)
slip(
    DepthwiseSeparableConv__layers,
    "cut_off_at_six",
    "What is above 6 is cut off: that is the ReLU6 of the second MobileNet; here it is a plain ReLU.",
    ("torch.nn.ReLU(inplace=True)", "torch.nn.ReLU6()"),
)
slip(
    DepthwiseSeparableConv__layers,
    "activated_before_the_norm",
    "The ReLU comes before the batch normalization; it is convolution, normalization, ReLU.",
    ("x = self.relu(self.bn1(self.depthwise(x)))", "x = self.bn1(self.relu(self.depthwise(x)))"),
    ("return self.relu(self.bn2(self.pointwise(x)))", "return self.bn2(self.relu(self.pointwise(x)))"),
)
slip(
    DepthwiseSeparableConv__layers,
    "swish",
    "The activation function is the swish of later networks; here it is a ReLU.",
    ("torch.nn.ReLU(inplace=True)", "torch.nn.SiLU()"),
)
slip(
    DepthwiseSeparableConv__layers,
    "shortcut_added",
    "The input is added where the shape stays; this block has no shortcut.",
    (
        "        return self.relu(self.bn2(self.pointwise(x)))",
        "        out = torch.nn.functional.relu(self.bn2(self.pointwise(x)))\n"
        "        return out + start if out.shape == start.shape else out",
    ),
    ("        x = self.relu(", "        start = x\n        x = self.relu("),
)
