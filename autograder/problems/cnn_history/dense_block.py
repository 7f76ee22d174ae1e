"""`DenseBlock`: cases, reference, right and wrong programs."""

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


def _blocks(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.DenseBlock, generator)
    return [
        case("two layers, 4 channels to 8", "values", (2, 4, 2, 2), (3, 4, 6, 5)),
        case("three layers, in evaluation", "values", (3, 3, 1, 2), (2, 3, 5, 7), training=False),
        case("one layer", "edge cases", (1, 3, 4, 1), (3, 3, 5, 6)),
        case("three layers, more new maps than old", "edge cases", (3, 2, 1, 3), (2, 2, 7, 5)),
        case("two layers, float64", "contract", (2, 2, 2, 2), (2, 2, 6, 5), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="DenseBlock",
        call=module,
        returns=NORMALIZED,
        cases=_blocks,
        expected=ModuleOf(reference.DenseBlock, NORMALIZED),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={NORMALIZED[0]: 2, NORMALIZED[1]: 1, NORMALIZED[2]: 1},
        modules=(__name__,),
    ),
)


class DenseBlock__layers(torch.nn.Module):
    def __init__(self, num_layers, num_input_features, bn_size, growth_rate):
        super().__init__()

        class DenseLayer(torch.nn.Module):
            def __init__(self, features):
                super().__init__()
                self.norm1 = torch.nn.BatchNorm2d(features)
                self.conv1 = torch.nn.Conv2d(features, bn_size * growth_rate, 1, bias=False)
                self.norm2 = torch.nn.BatchNorm2d(bn_size * growth_rate)
                self.conv2 = torch.nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)

            def forward(self, x):
                out = self.conv1(torch.relu(self.norm1(x)))
                return self.conv2(torch.relu(self.norm2(out)))

        self.layers = torch.nn.ModuleList()
        for i in range(num_layers):
            self.layers.append(DenseLayer(num_input_features + i * growth_rate))

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            new = layer(torch.cat(features, dim=1))
            features.append(new)
        return torch.cat(features, dim=1)


class DenseBlock__in_place(torch.nn.Module):
    def __init__(self, num_layers, num_input_features, bn_size, growth_rate):
        super().__init__()
        nn = torch.nn
        wide, self.width = bn_size * growth_rate, num_input_features + num_layers * growth_rate
        self.layers = nn.Sequential()
        for c in range(num_input_features, self.width, growth_rate):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(c))
            layer.add_module("relu1", nn.ReLU(inplace=True))
            layer.add_module("conv1", nn.Conv2d(c, wide, kernel_size=1, stride=1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(wide))
            layer.add_module("relu2", nn.ReLU(inplace=True))
            layer.add_module("conv2", nn.Conv2d(wide, growth_rate, kernel_size=3, padding="same", bias=False))
            self.layers.append(layer)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat((x, layer(x)), 1)
        return x


slip(
    DenseBlock__in_place,
    "new_maps_first",
    "New maps are put before the old ones; they come behind them.",
    ("torch.cat((x, layer(x)), 1)", "torch.cat((layer(x), x), 1)"),
)
slip(
    DenseBlock__layers,
    "only_new_maps",
    "What comes out are the new maps; the block's input belongs to its output.",
    ("        return torch.cat(features, dim=1)", "        return torch.cat(features[1:], dim=1)"),
)
slip(
    DenseBlock__layers,
    "last_first",
    "The maps come out in the wrong order: the input first, then layer after layer.",
    ("        return torch.cat(features, dim=1)", "        return torch.cat(features[::-1], dim=1)"),
)
slip(
    DenseBlock__layers,
    "second_activation_missing",
    "There is no ReLU before the 3x3 convolution.",
    ("self.conv2(torch.relu(self.norm2(out)))", "self.conv2(self.norm2(out))"),
)
slip(
    DenseBlock__layers,
    "first_activation_missing",
    "There is no ReLU before the 1x1 convolution.",
    ("self.conv1(torch.relu(self.norm1(x)))", "self.conv1(self.norm1(x))"),
)
slip(
    DenseBlock__layers,
    "activated_before_the_norm",
    "The ReLU comes before the batch normalization; it is normalization, ReLU, convolution.",
    ("self.conv1(torch.relu(self.norm1(x)))", "self.conv1(self.norm1(torch.relu(x)))"),
    ("self.conv2(torch.relu(self.norm2(out)))", "self.conv2(self.norm2(torch.relu(out)))"),
)
slip(
    DenseBlock__layers,
    "activated_at_the_end",
    "A ReLU follows the 3x3 convolution; a layer ends with that convolution.",
    ("return self.conv2(torch.relu(self.norm2(out)))", "return torch.relu(self.conv2(torch.relu(self.norm2(out))))"),
)
slip(
    DenseBlock__layers,
    "new_maps_detached",
    "The values are right, and no gradient goes back from a layer to those before it.",
    ("            features.append(new)", "            features.append(new.detach())"),
)
