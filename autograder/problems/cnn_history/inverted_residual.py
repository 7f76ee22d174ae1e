"""`InvertedResidual`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import NORMALIZED, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import efficientnet as reference


def _blocks(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.InvertedResidual, generator)
    return [
        case("the same shape", "values", (4, 4, 3, 1, 2), (3, 4, 5, 6)),
        case("half of the size", "values", (4, 3, 3, 2, 2), (3, 4, 7, 5)),
        case("the same shape, in evaluation", "values", (8, 8, 3, 1, 1), (2, 8, 4, 5), training=False),
        case("factor 1, seven channels, other ones out", "edge cases", (7, 3, 3, 1, 1), (2, 7, 6, 4)),
        case("a kernel of 5, half of the size, the same channels", "edge cases", (4, 4, 5, 2, 3), (2, 4, 6, 7)),
        case("squeezed to one channel", "edge cases", (2, 2, 3, 1, 3), (2, 2, 5, 4)),
        case("half of the size, float64", "contract", (4, 2, 3, 2, 2), (2, 4, 7, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="InvertedResidual",
        call=module,
        returns=NORMALIZED,
        cases=_blocks,
        expected=ModuleOf(reference.InvertedResidual, NORMALIZED),
        points={"values": 4, "edge cases": 2, "contract": 1},
        shares={NORMALIZED[0]: 2, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class InvertedResidual__layers(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, expand_ratio):
        super().__init__()
        hidden = in_channels * expand_ratio
        squeezed = max(1, in_channels // 4)
        if expand_ratio != 1:
            self.expand = torch.nn.Conv2d(in_channels, hidden, 1, bias=False)
            self.bn1 = torch.nn.BatchNorm2d(hidden)
        else:
            self.expand = None
        padding = kernel_size // 2
        self.depthwise = torch.nn.Conv2d(
            hidden, hidden, kernel_size, stride=stride, padding=padding, groups=hidden, bias=False
        )
        self.bn2 = torch.nn.BatchNorm2d(hidden)
        self.se = torch.nn.Module()
        self.se.fc1 = torch.nn.Conv2d(hidden, squeezed, 1)
        self.se.fc2 = torch.nn.Conv2d(squeezed, hidden, 1)
        self.project = torch.nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.bn3 = torch.nn.BatchNorm2d(out_channels)
        self.act = torch.nn.SiLU()
        self.skip = stride == 1 and in_channels == out_channels

    def forward(self, x):
        out = x
        if self.expand is not None:
            out = self.act(self.bn1(self.expand(out)))
        out = self.act(self.bn2(self.depthwise(out)))
        gate = out.mean((2, 3), keepdim=True)
        gate = self.act(self.se.fc1(gate))
        out = out * torch.sigmoid(self.se.fc2(gate))
        out = self.bn3(self.project(out))
        if self.skip:
            out = out + x
        return out


class InvertedResidual__parts(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, expand_ratio):
        super().__init__()
        nn = torch.nn

        class Gate(nn.Module):
            def __init__(self, channels, squeezed):
                super().__init__()
                self.fc1 = nn.Conv2d(channels, squeezed, 1)
                self.fc2 = nn.Conv2d(squeezed, channels, 1)

            def forward(self, x):
                z = nn.functional.adaptive_avg_pool2d(x, (1, 1))
                z = self.fc1(z)
                return x * self.fc2(z * z.sigmoid()).sigmoid()

        hidden = expand_ratio * in_channels
        self.residual = nn.Identity() if (in_channels, stride) == (out_channels, 1) else None
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.project = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.se = Gate(hidden, in_channels // 4 or 1)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(
            hidden, hidden, kernel_size, stride, padding=(kernel_size - 1) // 2, groups=hidden, bias=False
        )
        self.expands = expand_ratio > 1
        if self.expands:
            self.bn1 = nn.BatchNorm2d(hidden)
            self.expand = nn.Conv2d(in_channels, hidden, 1, bias=False)

    def forward(self, x):
        silu = torch.nn.functional.silu
        out = silu(self.bn1(self.expand(x)), inplace=True) if self.expands else x
        out = self.se(silu(self.bn2(self.depthwise(out))))
        out = self.bn3(self.project(out))
        return out if self.residual is None else self.residual(x) + out


slip(
    InvertedResidual__layers,
    "relu_in_the_gates",
    "Between the two layers of the gates stands a ReLU; in this block it is a swish, too.",
    ("gate = self.act(self.se.fc1(gate))", "gate = torch.relu(self.se.fc1(gate))"),
)
slip(
    InvertedResidual__layers,
    "relu",
    "The activation function is a ReLU; in this block it is the swish, which torch calls SiLU.",
    ("torch.nn.SiLU()", "torch.nn.ReLU()"),
)
slip(
    InvertedResidual__layers,
    "no_sigmoid",
    "The gates are not between 0 and 1: their sigmoid is missing.",
    ("out * torch.sigmoid(self.se.fc2(gate))", "out * self.se.fc2(gate)"),
)
slip(
    InvertedResidual__layers,
    "activated_at_the_end",
    "An activation function follows the last normalization; between the blocks there is none.",
    ("out = self.bn3(self.project(out))", "out = self.act(self.bn3(self.project(out)))"),
)
slip(
    InvertedResidual__layers,
    "no_shortcut",
    "The input is not added where the shape stays.",
    ("        if self.skip:\n            out = out + x\n", ""),
)
slip(
    InvertedResidual__layers,
    "gates_left_out",
    "The gates are not used: every channel comes through as it is.",
    ("out = out * torch.sigmoid(self.se.fc2(gate))", "out = out + 0 * gate.sum()"),
)
slip(
    InvertedResidual__layers,
    "gates_before_the_depthwise",
    "The gates come before the depthwise convolution; they come after it.",
    ("        out = self.act(self.bn2(self.depthwise(out)))\n", ""),
    (
        "        out = self.bn3(self.project(out))",
        "        out = self.act(self.bn2(self.depthwise(out)))\n        out = self.bn3(self.project(out))",
    ),
)
slip(
    InvertedResidual__layers,
    "depthwise_not_activated",
    "No activation function follows the depthwise convolution.",
    ("out = self.act(self.bn2(self.depthwise(out)))", "out = self.bn2(self.depthwise(out))"),
)
slip(
    InvertedResidual__layers,
    "batch_squeezed",
    "The mean of the gates is taken over the batch too: then all images have the same gates.",
    ("out.mean((2, 3), keepdim=True)", "out.mean((0, 2, 3), keepdim=True)"),
)
