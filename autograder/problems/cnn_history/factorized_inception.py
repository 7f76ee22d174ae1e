"""`FactorizedInception`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import NORMALIZED, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import inception_modules as reference


def _modules(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.FactorizedInception, generator)
    return [
        case("4 channels in, 12 out", "values", (4, 2, 3), (2, 4, 7, 5)),
        case("3 channels in, 8 out, in evaluation", "values", (3, 4, 2), (2, 3, 6, 8), training=False),
        case("smaller than the kernels", "edge cases", (3, 2, 2), (3, 3, 3, 4)),
        case("branch_channels left out", "edge cases", (2, 1), (2, 2, 2, 2)),
        case("5 channels in, 4 out, float64", "contract", (5, 3, 1), (2, 5, 5, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="FactorizedInception",
        call=module,
        returns=NORMALIZED,
        cases=_modules,
        expected=ModuleOf(reference.FactorizedInception, NORMALIZED),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={NORMALIZED[0]: 2, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class FactorizedInception__layers(torch.nn.Module):
    def __init__(self, in_channels, channels_7x7, branch_channels=192):
        super().__init__()

        class ConvNormReLU(torch.nn.Module):
            def __init__(self, in_channels, out_channels, kernel_size, padding=0):
                super().__init__()
                self.conv = torch.nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)
                self.bn = torch.nn.BatchNorm2d(out_channels, eps=0.001)

            def forward(self, x):
                return torch.relu(self.bn(self.conv(x)))

        c, o = channels_7x7, branch_channels
        self.branch1x1 = ConvNormReLU(in_channels, o, 1)
        self.branch7x7_1 = ConvNormReLU(in_channels, c, 1)
        self.branch7x7_2 = ConvNormReLU(c, c, (1, 7), (0, 3))
        self.branch7x7_3 = ConvNormReLU(c, o, (7, 1), (3, 0))
        self.branch7x7dbl_1 = ConvNormReLU(in_channels, c, 1)
        self.branch7x7dbl_2 = ConvNormReLU(c, c, (7, 1), (3, 0))
        self.branch7x7dbl_3 = ConvNormReLU(c, c, (1, 7), (0, 3))
        self.branch7x7dbl_4 = ConvNormReLU(c, c, (7, 1), (3, 0))
        self.branch7x7dbl_5 = ConvNormReLU(c, o, (1, 7), (0, 3))
        self.branch_pool = ConvNormReLU(in_channels, o, 1)

    def forward(self, x):
        one = self.branch1x1(x)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_1(x)
        double = self.branch7x7dbl_2(double)
        double = self.branch7x7dbl_3(double)
        double = self.branch7x7dbl_4(double)
        double = self.branch7x7dbl_5(double)
        pooled = torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1)
        return torch.cat([one, seven, double, self.branch_pool(pooled)], dim=1)


class FactorizedInception__in_a_loop(torch.nn.Module):
    def __init__(self, in_channels, channels_7x7, branch_channels=192):
        super().__init__()
        c, o = channels_7x7, branch_channels
        flat, tall, one = (1, 7), (7, 1), (1, 1)
        self.branches = {
            "branch1x1": [one],
            "branch7x7_{}": [one, flat, tall],
            "branch7x7dbl_{}": [one, tall, flat, tall, flat],
            "branch_pool": [one],
        }
        for name, sizes in self.branches.items():
            widths = [in_channels, *[c] * (len(sizes) - 1), o]
            for i, size in enumerate(sizes):
                unit = torch.nn.Sequential()
                padding = (size[0] // 2, size[1] // 2)
                unit.add_module("conv", torch.nn.Conv2d(widths[i], widths[i + 1], size, padding=padding, bias=False))
                unit.add_module("bn", torch.nn.BatchNorm2d(widths[i + 1], eps=1e-3))
                unit.add_module("relu", torch.nn.ReLU(inplace=True))
                self.add_module(name.format(i + 1), unit)

    def forward(self, x):
        outs = []
        for name, sizes in self.branches.items():
            out = torch.nn.AvgPool2d(3, 1, 1)(x) if name == "branch_pool" else x
            for i in range(len(sizes)):
                out = getattr(self, name.format(i + 1))(out)
            outs.append(out)
        return torch.cat(outs, 1)


slip(
    FactorizedInception__layers,
    "double_before_single",
    "The second and the third branch are exchanged in the output: first the one with one 7x7, then that with two.",
    ("[one, seven, double, self.branch_pool(pooled)]", "[one, double, seven, self.branch_pool(pooled)]"),
)
slip(
    FactorizedInception__layers,
    "pool_first",
    "The branch with the pooling comes last in the output.",
    ("[one, seven, double, self.branch_pool(pooled)]", "[self.branch_pool(pooled), one, seven, double]"),
)
slip(
    FactorizedInception__layers,
    "max_pool",
    "The fourth branch takes the maximum of each window; in this module it takes the average.",
    ("torch.nn.functional.avg_pool2d(x, 3", "torch.nn.functional.max_pool2d(x, 3"),
)
slip(
    FactorizedInception__layers,
    "padding_not_counted",
    "At the border the average is taken over the pixels of the image alone; the zeros of the padding count.",
    ("stride=1, padding=1)", "stride=1, padding=1, count_include_pad=False)"),
)
slip(
    FactorizedInception__layers,
    "usual_eps",
    "The eps of batch normalization is torch's usual one, 0.00001; here it is 0.001.",
    ("torch.nn.BatchNorm2d(out_channels, eps=0.001)", "torch.nn.BatchNorm2d(out_channels)"),
)
slip(
    FactorizedInception__layers,
    "not_activated",
    "There is no ReLU: every convolution is followed by batch normalization and a ReLU.",
    ("return torch.relu(self.bn(self.conv(x)))", "return self.bn(self.conv(x))"),
)
slip(
    FactorizedInception__layers,
    "activated_before_the_norm",
    "The ReLU comes before the batch normalization; it belongs behind it.",
    ("return torch.relu(self.bn(self.conv(x)))", "return self.bn(torch.relu(self.conv(x)))"),
)
slip(
    FactorizedInception__layers,
    "third_from_the_second",
    "The third branch begins with what the second has made; each branch begins with x.",
    ("        double = self.branch7x7dbl_1(x)", "        double = self.branch7x7_1(x)"),
)
slip(
    FactorizedInception__layers,
    "wrong_way_through_the_third",
    "In the third branch the convolutions are gone through in another order: 7x1, 1x7, 7x1, 1x7.",
    ("double = self.branch7x7dbl_2(double)", "double = self.branch7x7dbl_3(double)"),
    (
        "double = self.branch7x7dbl_3(double)\n        double = self.branch7x7dbl_4",
        "double = self.branch7x7dbl_2(double)\n        double = self.branch7x7dbl_4",
    ),
)
slip(
    FactorizedInception__layers,
    "not_pooled",
    "Nothing is pooled in the fourth branch.",
    ("self.branch_pool(pooled)", "self.branch_pool(x)"),
)
