"""`BasicBlock`: cases, reference, right and wrong programs."""

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
    case = functools.partial(block, reference.BasicBlock, generator)
    return [
        case("the same shape", "values", (4, 4, 1), (3, 4, 7, 5)),
        case("half of the size, twice the channels", "values", (4, 8, 2), (3, 4, 7, 6)),
        case("the same shape, in evaluation", "values", (6, 6, 1), (2, 6, 5, 7), training=False),
        case("stride left out", "edge cases", (4, 4), (2, 4, 5, 6)),
        case("half of the size, the same channels", "edge cases", (4, 4, 2), (3, 4, 9, 6)),
        case("other channels, the same size", "edge cases", (6, 4, 1), (2, 6, 6, 5)),
        case("other channels, in evaluation", "edge cases", (4, 6, 2), (1, 4, 8, 5), training=False),
        case("half of the size, float64", "contract", (4, 6, 2), (2, 4, 7, 5), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="BasicBlock",
        call=module,
        returns=NORMALIZED,
        cases=_blocks,
        expected=ModuleOf(reference.BasicBlock, NORMALIZED),
        points={"values": 4, "edge cases": 2, "contract": 1},
        shares={NORMALIZED[0]: 2, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class BasicBlock__layers(torch.nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(planes)
        self.conv2 = torch.nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(planes)
        self.relu = torch.nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or inplanes != planes:
            self.downsample = torch.nn.Sequential(
                torch.nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), torch.nn.BatchNorm2d(planes)
            )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class BasicBlock__functional(torch.nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        relu = torch.nn.functional.relu
        norm = torch.nn.BatchNorm2d
        if stride == 1 and inplanes == planes:
            self.shortcut = lambda x: x
        else:
            self.downsample = torch.nn.Sequential()
            self.downsample.append(torch.nn.Conv2d(inplanes, planes, 1, stride, bias=False))
            self.downsample.append(norm(planes))
            self.shortcut = self.downsample.forward
        self.bn2, self.bn1 = norm(planes), norm(planes)
        self.conv2 = torch.nn.Conv2d(planes, planes, kernel_size=(3, 3), padding="same", bias=False)
        self.conv1 = torch.nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.branch = lambda x: self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))

    def forward(self, x):
        return torch.clamp(self.shortcut(x) + self.branch(x), min=0)


slip(
    BasicBlock__layers,
    "sum_after_the_activation",
    "The input is added after the last ReLU: then no block can make anything smaller than its input.",
    ("        out += identity\n        return self.relu(out)", "        return self.relu(out) + identity"),
)
slip(
    BasicBlock__layers,
    "no_last_activation",
    "There is no ReLU after the sum.",
    ("        return self.relu(out)", "        return out"),
)
slip(
    BasicBlock__layers,
    "activation_before_the_sum",
    "There is one ReLU too many: what the second normalization gives is added as it is, below 0 too.",
    ("        out = self.bn2(self.conv2(out))", "        out = torch.relu(self.bn2(self.conv2(out)))"),
    ("        out += identity\n", "        out = out + identity\n"),
)
slip(
    BasicBlock__layers,
    "no_activation_between",
    "There is no ReLU between the two convolutions: without it they are one linear map.",
    ("        out = self.relu(self.bn1(self.conv1(x)))", "        out = self.bn1(self.conv1(x))"),
)
slip(
    BasicBlock__layers,
    "no_shortcut",
    "Nothing is added: the sum with the shortcut is missing.",
    ("        out += identity\n", ""),
)
slip(
    BasicBlock__layers,
    "stride_in_the_second",
    "The stride is that of the second convolution; it belongs to the first.",
    (
        "self.conv1 = torch.nn.Conv2d(inplanes, planes, 3, stride=stride,",
        "self.conv1 = torch.nn.Conv2d(inplanes, planes, 3,",
    ),
    (
        "self.conv2 = torch.nn.Conv2d(planes, planes, 3,",
        "self.conv2 = torch.nn.Conv2d(planes, planes, 3, stride=stride,",
    ),
)
slip(
    BasicBlock__layers,
    "projection_not_normalized",
    "The projected shortcut is not normalized: its batch normalization is there and is not used.",
    ("            identity = self.downsample(x)", "            identity = self.downsample[0](x)"),
)
slip(
    BasicBlock__layers,
    "norms_exchanged",
    "The two batch normalizations stand in each other's place.",
    ("out = self.relu(self.bn1(self.conv1(x)))", "out = self.relu(self.bn2(self.conv1(x)))"),
    ("out = self.bn2(self.conv2(out))", "out = self.bn1(self.conv2(out))"),
)
slip(
    BasicBlock__layers,
    "activation_before_the_norm",
    "The first ReLU comes before the batch normalization; it belongs behind it.",
    ("out = self.relu(self.bn1(self.conv1(x)))", "out = self.bn1(self.relu(self.conv1(x)))"),
)
slip(
    BasicBlock__layers,
    "shortcut_detached",
    "The values are right, and no gradient goes back through the shortcut, for which it is there.",
    ("        out += identity\n", "        out += identity.detach()\n"),
)
