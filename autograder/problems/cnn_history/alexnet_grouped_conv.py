"""`AlexNetGroupedConv`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import PLAIN, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import alexnet as reference


def _convolutions(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.AlexNetGroupedConv, generator)
    return [
        case("4 to 6 channels, padded", "values", (4, 6, 3, 1, 1), (2, 4, 7, 5)),
        case("8 to 4 channels, stride 2", "values", (8, 4, 3, 2, 1), (2, 8, 9, 6)),
        case("stride and padding left out", "edge cases", (4, 4, 3), (2, 4, 6, 8)),
        case("a kernel of 5, padding 1, stride 3", "edge cases", (6, 8, 5, 3, 1), (2, 6, 9, 7)),
        case("two channels, a kernel of 1", "edge cases", (2, 2, 1, 1, 0), (1, 2, 4, 3), training=False),
        case("4 to 8 channels, float64", "contract", (4, 8, 3, 1, 2), (2, 4, 5, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="AlexNetGroupedConv",
        call=module,
        returns=PLAIN,
        cases=_convolutions,
        expected=ModuleOf(reference.AlexNetGroupedConv, PLAIN),
        points={"values": 3, "edge cases": 1, "contract": 1},
        shares={PLAIN[0]: 2, PLAIN[1]: 1},
        modules=(__name__,),
    ),
)


class AlexNetGroupedConv__chunks(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.gpu1 = torch.nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride=stride, padding=padding)
        self.gpu2 = torch.nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride=stride, padding=padding)

    def forward(self, x):
        first, second = torch.chunk(x, 2, dim=1)
        return torch.cat([self.gpu1(first), self.gpu2(second)], dim=1)


class AlexNetGroupedConv__one_convolution(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.options = {"stride": stride, "padding": padding, "groups": 2}
        for name in ("gpu2", "gpu1"):
            self.add_module(name, torch.nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size))

    def forward(self, x):
        weight = torch.cat([self.gpu1.weight, self.gpu2.weight])
        bias = torch.cat([self.gpu1.bias, self.gpu2.bias])
        return torch.nn.functional.conv2d(x, weight, bias, **self.options)


slip(
    AlexNetGroupedConv__chunks,
    "halves_exchanged",
    "Each GPU gets the other's half of the channels: the first half is the first GPU's.",
    ("first, second = torch.chunk", "second, first = torch.chunk"),
)
slip(
    AlexNetGroupedConv__chunks,
    "outputs_exchanged",
    "The maps of the second GPU come first: the first half of the output is the first GPU's.",
    ("[self.gpu1(first), self.gpu2(second)]", "[self.gpu2(second), self.gpu1(first)]"),
)
slip(
    AlexNetGroupedConv__chunks,
    "every_other_channel",
    "A GPU gets every other channel; a half of the channels is those that stand next to each other.",
    ("first, second = torch.chunk(x, 2, dim=1)", "first, second = x[:, ::2], x[:, 1::2]"),
)
slip(
    AlexNetGroupedConv__chunks,
    "maps_in_turn",
    "The maps of the two GPUs take turns; all of the first come before all of the second.",
    (
        "return torch.cat([self.gpu1(first), self.gpu2(second)], dim=1)",
        "return torch.stack([self.gpu1(first), self.gpu2(second)], dim=2).flatten(1, 2)",
    ),
)
slip(
    AlexNetGroupedConv__chunks,
    "both_see_the_first_half",
    "Both GPUs see the first half of the channels, and nobody the second.",
    ("self.gpu2(second)", "self.gpu2(first)"),
)
slip(
    AlexNetGroupedConv__chunks,
    "one_gpu_for_both",
    "The first convolution is used for both halves; the second GPU has weights of its own.",
    ("self.gpu2(second)", "self.gpu1(second)"),
)
slip(
    AlexNetGroupedConv__chunks,
    "activated",
    "A ReLU is applied; this layer ends with its convolutions.",
    (
        "return torch.cat([self.gpu1(first), self.gpu2(second)], dim=1)",
        "return torch.relu(torch.cat([self.gpu1(first), self.gpu2(second)], dim=1))",
    ),
)
slip(
    AlexNetGroupedConv__chunks,
    "padding_of_its_own",
    "The padding that is given does not count: it is computed from the kernel's size.",
    (
        "self.gpu1 = torch.nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride=stride, padding=padding)",
        "padding = kernel_size // 2\n        self.gpu1 = torch.nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride, padding)",
    ),
)
