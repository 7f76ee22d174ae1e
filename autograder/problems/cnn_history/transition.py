"""`Transition`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import NORMALIZED, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import densenet as reference


def _transitions(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.Transition, generator)
    return [
        case("8 channels to 4", "values", (8, 4), (3, 8, 6, 4)),
        case("6 channels to 3, in evaluation", "values", (6, 3), (2, 6, 4, 8), training=False),
        case("odd sizes", "edge cases", (4, 2), (3, 4, 7, 5)),
        case("as many channels as before", "edge cases", (4, 4), (2, 4, 6, 7)),
        case("6 channels to 4, float64", "contract", (6, 4), (2, 6, 8, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="Transition",
        call=module,
        returns=NORMALIZED,
        cases=_transitions,
        expected=ModuleOf(reference.Transition, NORMALIZED),
        points={"values": 3, "edge cases": 1, "contract": 1},
        shares={NORMALIZED[0]: 1, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class Transition__layers(torch.nn.Module):
    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(num_input_features)
        self.relu = torch.nn.ReLU(inplace=True)
        self.conv = torch.nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = torch.nn.AvgPool2d(2)

    def forward(self, x):
        x = self.relu(self.norm(x))
        x = self.conv(x)
        return self.pool(x)


class Transition__pooled_first(torch.nn.Module):
    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.conv = torch.nn.Conv2d(num_input_features, num_output_features, (1, 1), bias=False)
        self.norm = torch.nn.BatchNorm2d(num_input_features)

    def forward(self, x):
        out = self.norm(x).clamp(min=0)
        h, w = out.shape[2] // 2, out.shape[3] // 2
        out = out[:, :, : 2 * h, : 2 * w].unflatten(2, (h, 2)).unflatten(4, (w, 2)).mean((3, 5))
        return self.conv(out)


slip(
    Transition__layers,
    "not_halved",
    "The images keep their size: the pooling is missing.",
    ("return self.pool(x)", "return x"),
)
slip(
    Transition__layers,
    "max_pool",
    "The maximum of each window is taken; it is the average.",
    ("torch.nn.AvgPool2d(2)", "torch.nn.MaxPool2d(2)"),
)
slip(
    Transition__layers,
    "not_activated",
    "There is no ReLU between the normalization and the convolution.",
    ("x = self.relu(self.norm(x))", "x = self.norm(x)"),
)
slip(
    Transition__layers,
    "activated_at_the_end",
    "The ReLU comes after the convolution; it belongs before it.",
    ("x = self.relu(self.norm(x))\n        x = self.conv(x)", "x = self.relu(self.conv(self.norm(x)))"),
)
slip(
    Transition__layers,
    "every_other_pixel",
    "Every other pixel is taken and the rest is thrown away; the average of four pixels is taken.",
    ("return self.pool(x)", "return x[:, :, : x.shape[2] // 2 * 2 : 2, : x.shape[3] // 2 * 2 : 2]"),
)
slip(
    Transition__layers,
    "rest_kept",
    "The last row or column of an odd size makes a window of its own; it is left out.",
    ("torch.nn.AvgPool2d(2)", "torch.nn.AvgPool2d(2, ceil_mode=True)"),
)
slip(
    Transition__layers,
    "pooled_before_the_activation",
    "The pooling comes before the normalization; it comes at the end.",
    ("x = self.relu(self.norm(x))", "x = self.relu(self.norm(self.pool(x)))"),
    ("return self.pool(x)", "return x"),
)
slip(
    Transition__layers,
    "not_normalized",
    "Nothing is normalized.",
    ("x = self.relu(self.norm(x))", "x = self.relu(x.clone())"),
)
