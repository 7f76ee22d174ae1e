"""`PreActivationBlock`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import NORMALIZED, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import preactivation as reference


def _blocks(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.PreActivationBlock, generator)
    return [
        case("the same shape", "values", (4, 4, 1), (3, 4, 7, 5)),
        case("half of the size, the same channels", "values", (4, 4, 2), (3, 4, 7, 6)),
        case("stride left out", "edge cases", (6, 6), (2, 6, 5, 7), training=False),
        case("half of the size, more channels", "edge cases", (4, 8, 2), (2, 4, 9, 6)),
        case("other channels, the same size", "edge cases", (6, 4, 1), (2, 6, 6, 5), training=False),
        case("half of the size, float64", "contract", (4, 6, 2), (2, 4, 7, 5), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="PreActivationBlock",
        call=module,
        returns=NORMALIZED,
        cases=_blocks,
        expected=ModuleOf(reference.PreActivationBlock, NORMALIZED),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={NORMALIZED[0]: 2, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class PreActivationBlock__layers(torch.nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.bn1 = torch.nn.BatchNorm2d(inplanes)
        self.conv1 = torch.nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(planes)
        self.conv2 = torch.nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.relu = torch.nn.ReLU(inplace=True)
        if stride != 1 or inplanes != planes:
            self.downsample = torch.nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False)
        else:
            self.downsample = None

    def forward(self, x):
        active = self.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(active)
        out = self.conv1(active)
        out = self.relu(self.bn2(out))
        out = self.conv2(out)
        return shortcut + out


class PreActivationBlock__sequential(torch.nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        nn = torch.nn
        self.add_module("conv2", nn.Conv2d(planes, planes, 3, 1, 1, bias=False))
        self.add_module("conv1", nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False))
        self.add_module("bn2", nn.BatchNorm2d(planes))
        self.add_module("bn1", nn.BatchNorm2d(inplanes))
        self.changes = inplanes != planes or stride != 1
        if self.changes:
            self.downsample = nn.Conv2d(inplanes, planes, 1, stride, bias=False)

    def forward(self, x):
        nn = torch.nn
        first = nn.Sequential(self.bn1, nn.ReLU())(x)
        out = nn.Sequential(self.conv1, self.bn2, nn.ReLU(), self.conv2)(first)
        out += self.downsample(first) if self.changes else x
        return out


slip(
    PreActivationBlock__layers,
    "activated_after_the_sum",
    "A ReLU follows the sum; here nothing stands on the way from block to block.",
    ("return shortcut + out", "return self.relu(shortcut + out)"),
)
slip(
    PreActivationBlock__layers,
    "projects_the_raw_input",
    "The projection takes x itself; it takes what the first normalization and ReLU have made.",
    ("else self.downsample(active)", "else self.downsample(x)"),
)
slip(
    PreActivationBlock__layers,
    "adds_the_activated_input",
    "Where the shape stays, the normalized input is added; the shortcut is x itself, untouched.",
    ("shortcut = x if", "shortcut = active if"),
)
slip(
    PreActivationBlock__layers,
    "stride_in_the_second",
    "The stride is that of the second convolution; it belongs to the first.",
    ("torch.nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1", "torch.nn.Conv2d(inplanes, planes, 3, padding=1"),
    ("torch.nn.Conv2d(planes, planes, 3, padding=1", "torch.nn.Conv2d(planes, planes, 3, stride=stride, padding=1"),
)
slip(
    PreActivationBlock__layers,
    "second_activation_missing",
    "There is no ReLU before the second convolution.",
    ("out = self.relu(self.bn2(out))", "out = self.bn2(out)"),
)
slip(
    PreActivationBlock__layers,
    "first_activation_missing",
    "There is no ReLU before the first convolution.",
    ("active = self.relu(self.bn1(x))", "active = self.bn1(x)"),
)
slip(
    PreActivationBlock__layers,
    "activation_before_the_norm",
    "The ReLU comes before the batch normalization; it is normalization, ReLU, convolution.",
    ("active = self.relu(self.bn1(x))", "active = self.bn1(torch.relu(x))"),
    ("out = self.relu(self.bn2(out))", "out = self.bn2(torch.relu(out))"),
)
slip(
    PreActivationBlock__layers,
    "no_shortcut",
    "Nothing is added: the sum with the shortcut is missing.",
    ("return shortcut + out", "return out"),
)
