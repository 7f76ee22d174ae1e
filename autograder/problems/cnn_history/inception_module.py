"""`InceptionModule`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import PLAIN, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import googlenet as reference


def _modules(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.InceptionModule, generator)
    return [
        case("4 channels in, 8 out", "values", (4, 2, 3, 2, 3, 2, 2), (2, 4, 7, 5)),
        case("5 channels in, 10 out", "values", (5, 4, 2, 3, 2, 1, 2), (2, 5, 6, 8)),
        case("all numbers different", "edge cases", (6, 1, 2, 3, 4, 5, 7), (2, 6, 5, 6)),
        case("every number 1, 4 x 3 pixels", "edge cases", (1, 1, 1, 1, 1, 1, 1), (1, 1, 4, 3), training=False),
        case("one image, float64", "contract", (4, 3, 2, 4, 3, 2, 1), (1, 4, 6, 5), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="InceptionModule",
        call=module,
        returns=PLAIN,
        cases=_modules,
        expected=ModuleOf(reference.InceptionModule, PLAIN),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={PLAIN[0]: 3, PLAIN[1]: 1},
        modules=(__name__,),
    ),
)


class InceptionModule__layers(torch.nn.Module):
    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        super().__init__()
        self.conv1x1 = torch.nn.Conv2d(in_channels, ch1x1, 1)
        self.conv3x3_reduce = torch.nn.Conv2d(in_channels, ch3x3red, 1)
        self.conv3x3 = torch.nn.Conv2d(ch3x3red, ch3x3, 3, padding=1)
        self.conv5x5_reduce = torch.nn.Conv2d(in_channels, ch5x5red, 1)
        self.conv5x5 = torch.nn.Conv2d(ch5x5red, ch5x5, 5, padding=2)
        self.pool = torch.nn.MaxPool2d(3, stride=1, padding=1)
        self.pool_project = torch.nn.Conv2d(in_channels, pool_proj, 1)
        self.relu = torch.nn.ReLU()

    def forward(self, x):
        one = self.relu(self.conv1x1(x))
        reduced = self.relu(self.conv3x3_reduce(x))
        three = self.relu(self.conv3x3(reduced))
        reduced = self.relu(self.conv5x5_reduce(x))
        five = self.relu(self.conv5x5(reduced))
        pooled = self.pool(x)
        pool = self.relu(self.pool_project(pooled))
        return torch.cat([one, three, five, pool], dim=1)


class InceptionModule__branches(torch.nn.Module):
    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        super().__init__()

        def conv(c, o, size):
            return torch.nn.Conv2d(c, o, (size, size), padding=(size // 2, size // 2))

        parts = {
            "pool_project": conv(in_channels, pool_proj, 1),
            "conv5x5": conv(ch5x5red, ch5x5, 5),
            "conv3x3": conv(ch3x3red, ch3x3, 3),
            "conv5x5_reduce": conv(in_channels, ch5x5red, 1),
            "conv3x3_reduce": conv(in_channels, ch3x3red, 1),
            "conv1x1": conv(in_channels, ch1x1, 1),
        }
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        branches = (("conv1x1",), ("conv3x3_reduce", "conv3x3"), ("conv5x5_reduce", "conv5x5"), ("pool_project",))
        outs = []
        for names in branches:
            out = torch.nn.functional.max_pool2d(x, 3, 1, 1) if names == ("pool_project",) else x
            for name in names:
                out = getattr(self, name)(out).clamp(min=0)
            outs.append(out)
        return torch.hstack(outs)


slip(
    InceptionModule__layers,
    "pool_before_five",
    "The branches are put together in another order: 1x1, 3x3, 5x5, pool.",
    ("[one, three, five, pool]", "[one, three, pool, five]"),
)
slip(
    InceptionModule__layers,
    "last_first",
    "The branches are put together from the last to the first.",
    ("[one, three, five, pool]", "[pool, five, three, one]"),
)
slip(
    InceptionModule__layers,
    "reductions_not_activated",
    "There is no ReLU after the two 1x1 convolutions that reduce: every convolution has one.",
    ("reduced = self.relu(self.conv3x3_reduce(x))", "reduced = self.conv3x3_reduce(x)"),
    ("reduced = self.relu(self.conv5x5_reduce(x))", "reduced = self.conv5x5_reduce(x)"),
)
slip(
    InceptionModule__layers,
    "pool_projection_not_activated",
    "There is no ReLU after the convolution behind the pooling: every convolution has one.",
    ("pool = self.relu(self.pool_project(pooled))", "pool = self.pool_project(pooled)"),
)
slip(
    InceptionModule__layers,
    "not_activated",
    "There is no ReLU: every convolution has one.",
    ("        self.relu = torch.nn.ReLU()", "        self.relu = torch.nn.Identity()"),
)
slip(
    InceptionModule__layers,
    "average_pool",
    "The fourth branch takes the average of each window; it takes the maximum.",
    ("torch.nn.MaxPool2d(3, stride=1, padding=1)", "torch.nn.AvgPool2d(3, stride=1, padding=1)"),
)
slip(
    InceptionModule__layers,
    "projected_before_the_pool",
    "In the fourth branch the convolution comes first; it comes after the pooling.",
    (
        "        pooled = self.pool(x)\n        pool = self.relu(self.pool_project(pooled))",
        "        pool = self.pool(self.relu(self.pool_project(x)))",
    ),
)
slip(
    InceptionModule__layers,
    "not_pooled",
    "Nothing is pooled in the fourth branch.",
    ("        pooled = self.pool(x)\n", "        pooled = x\n"),
)
