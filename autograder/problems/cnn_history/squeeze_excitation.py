"""`SqueezeExcitation`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import PLAIN, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import squeeze_excitation as reference


def _gates(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.SqueezeExcitation, generator)
    # Gates that no image opens would hide what is squeezed.
    ordinary = functools.partial(case, open_everywhere=True)
    return [
        ordinary("6 channels, squeezed to 3", "values", (6, 3), (3, 6, 7, 5)),
        ordinary("8 channels, squeezed to 2", "values", (8, 2), (2, 8, 5, 6)),
        case("as many channels as pixels a side", "edge cases", (5, 4), (5, 5, 5, 5)),
        case("squeezed to more", "edge cases", (4, 6), (2, 4, 3, 8), training=False),
        case("large numbers", "edge cases", (6, 4), (2, 6, 6, 4), scale=20.0),
        case("one image of one pixel", "edge cases", (5, 2), (1, 5, 1, 1)),
        case("4 channels, float64", "contract", (4, 2), (3, 4, 6, 5), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="SqueezeExcitation",
        call=module,
        returns=PLAIN,
        cases=_gates,
        expected=ModuleOf(reference.SqueezeExcitation, PLAIN),
        points={"values": 3, "edge cases": 2, "contract": 1},
        shares={PLAIN[0]: 2, PLAIN[1]: 1},
        modules=(__name__,),
    ),
)


class SqueezeExcitation__mean(torch.nn.Module):
    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.fc1 = torch.nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = torch.nn.Conv2d(squeeze_channels, input_channels, 1)

    def forward(self, x):
        s = x.mean(dim=(2, 3), keepdim=True)
        s = torch.relu(self.fc1(s))
        s = torch.sigmoid(self.fc2(s))
        return x * s


class SqueezeExcitation__pooled(torch.nn.Module):
    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc1 = torch.nn.Conv2d(input_channels, squeeze_channels, kernel_size=1)
        self.activation = torch.nn.ReLU(inplace=True)
        self.fc2 = torch.nn.Conv2d(squeeze_channels, input_channels, kernel_size=1)
        self.gate = torch.nn.Sigmoid()

    def forward(self, x):
        out = self.avgpool(x)
        for layer in (self.fc1, self.activation, self.fc2, self.gate):
            out = layer(out)
        return out.expand_as(x) * x


class SqueezeExcitation__matrices(torch.nn.Module):
    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.fc1 = torch.nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = torch.nn.Conv2d(squeeze_channels, input_channels, 1)

    def forward(self, x):
        z = x.flatten(2).sum(2) / (x.shape[2] * x.shape[3])
        z = (z @ self.fc1.weight.flatten(1).T + self.fc1.bias).clamp(min=0)
        z = 1 / (1 + torch.exp(-(z @ self.fc2.weight.flatten(1).T + self.fc2.bias)))
        return torch.einsum("nchw,nc->nchw", x, z)


slip(
    SqueezeExcitation__mean,
    "no_sigmoid",
    "The gates are not between 0 and 1: the sigmoid is missing.",
    ("s = torch.sigmoid(self.fc2(s))", "s = self.fc2(s)"),
)
slip(
    SqueezeExcitation__mean,
    "no_relu",
    "There is no ReLU between the two layers.",
    ("s = torch.relu(self.fc1(s))", "s = self.fc1(s)"),
)
slip(
    SqueezeExcitation__mean,
    "one_axis_squeezed",
    "The mean is taken over one of the two axes of the image: then each column has gates of its own.",
    ("x.mean(dim=(2, 3), keepdim=True)", "x.mean(dim=2, keepdim=True)"),
)
slip(
    SqueezeExcitation__mean,
    "batch_squeezed",
    "The mean is taken over the batch too: then all images have the same gates.",
    ("x.mean(dim=(2, 3), keepdim=True)", "x.mean(dim=(0, 2, 3), keepdim=True)"),
)
slip(
    SqueezeExcitation__mean,
    "largest_in_place_of_the_mean",
    "Each channel is squeezed to its largest value; it is squeezed to its mean.",
    ("x.mean(dim=(2, 3), keepdim=True)", "x.amax(dim=(2, 3), keepdim=True)"),
)
slip(
    SqueezeExcitation__mean,
    "sum_in_place_of_the_mean",
    "Each channel is squeezed to its sum, which grows with the image; it is squeezed to its mean.",
    ("x.mean(dim=(2, 3), keepdim=True)", "x.sum(dim=(2, 3), keepdim=True)"),
)
slip(
    SqueezeExcitation__mean,
    "gates_added",
    "The gates are added to the channels; a gate is a factor.",
    ("return x * s", "return x + s"),
)
slip(
    SqueezeExcitation__mean,
    "activations_exchanged",
    "ReLU and sigmoid stand in each other's place.",
    ("s = torch.relu(self.fc1(s))", "s = torch.sigmoid(self.fc1(s))"),
    ("s = torch.sigmoid(self.fc2(s))", "s = torch.relu(self.fc2(s))"),
)
slip(
    SqueezeExcitation__mean,
    "gates_only",
    "What comes back are the gates; they are to be multiplied with x.",
    ("return x * s", "return s"),
)
slip(
    SqueezeExcitation__mean,
    "shortcut_added",
    "x is added once more; the block gives x times its gates.",
    ("return x * s", "return x + x * s"),
)
