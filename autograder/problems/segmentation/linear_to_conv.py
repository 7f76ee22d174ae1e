"""`linear_to_conv`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import wide_normal
from autograder.programs import slip
from autograder.references import segmentation as reference
from autograder.references import values_of


def _layers(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, out, channels, height, width, **how):
        arguments = {
            "weight": wide_normal(generator, out, channels * height * width),
            "bias": wide_normal(generator, out),
            "channels": channels,
            "height": height,
            "width": width,
        }
        return Case(name, criterion, arguments, **how)

    return [
        case("4 outputs of 3 channels of 2 by 5", "values", 4, 3, 2, 5),
        # Equal sizes: what is written in another order has the right shape.
        case("3 outputs of 3 channels of 3 by 3", "values", 3, 3, 3, 3),
        case("as many outputs as inputs: 8 of 2 channels of 2 by 2", "values", 8, 2, 2, 2),
        case("5 outputs of 4 channels of one pixel", "edge cases", 5, 4, 1, 1),
        case("one channel", "edge cases", 4, 1, 3, 2),
        case("one output", "edge cases", 1, 2, 3, 4),
        case("rows of pixels: height 1", "edge cases", 3, 2, 1, 4),
        case("one output of one pixel", "edge cases", 1, 1, 1, 1),
        case("float64", "contract", 4, 3, 2, 5, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", 4, 3, 2, 5, layout="strided"),
        case("weight transposed in memory", "contract", 5, 2, 4, 3, layout="transposed"),
    ]


PROBLEMS = (
    Problem(
        name="linear_to_conv",
        call=function,
        returns=("weight", "bias"),
        cases=_layers,
        expected=values_of(reference.linear_to_conv),
        points={"values": 5, "edge cases": 2, "contract": 1},
        shares={"weight": 4, "bias": 1},
        modules=(__name__,),
    ),
)


def linear_to_conv__reshape(weight, bias, channels, height, width):
    return weight.reshape(len(weight), channels, height, width), bias


def linear_to_conv__unflatten(weight, bias, channels, height, width):
    return weight.unflatten(1, (channels, height, width)), bias.clone()


def linear_to_conv__pieces(weight, bias, channels, height, width):
    kernels = torch.empty(weight.shape[0], channels, height, width, dtype=weight.dtype, device=weight.device)
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                kernels[:, c, i, j] = weight[:, (c * height + i) * width + j]
    return [kernels, bias]


def linear_to_conv__chunks(weight, bias, channels, height, width):
    rows = [torch.stack(part.chunk(height, dim=1), dim=1) for part in weight.chunk(channels, dim=1)]
    return torch.stack(rows, dim=1), 1 * bias


def linear_to_conv__view(weight, bias, channels, height, width):
    return weight.contiguous().view(-1, channels, height, width), bias.detach()


_RESHAPE = linear_to_conv__reshape

slip(
    _RESHAPE,
    "channels_last",
    "The columns were read as rows, columns, channels: flatten on (C, H, W) lets the channel change slowest.",
    (
        "weight.reshape(len(weight), channels, height, width)",
        "weight.reshape(len(weight), height, width, channels).permute(0, 3, 1, 2)",
    ),
)

slip(
    _RESHAPE,
    "columns_before_rows",
    "Each kernel has its rows and columns exchanged: an image is flattened row by row.",
    (
        "weight.reshape(len(weight), channels, height, width)",
        "weight.reshape(len(weight), channels, width, height).transpose(2, 3)",
    ),
)

slip(
    _RESHAPE,
    "turned_around",
    "The kernels are turned around: a layer slides a kernel as it is.",
    ("channels, height, width), bias", "channels, height, width).flip(2, 3), bias"),
)

slip(
    _RESHAPE,
    "channels_first",
    "The first dimension of the new weight is the input channel; that of a convolution is the output.",
    ("channels, height, width), bias", "channels, height, width).transpose(0, 1), bias"),
)

slip(
    _RESHAPE,
    "height_and_width_exchanged",
    "The kernels have as many rows as the features have columns: height comes before width.",
    ("channels, height, width), bias", "channels, width, height), bias"),
)

slip(
    _RESHAPE,
    "weight_transposed_first",
    "The entries of different outputs are mixed: each row of the linear weight belongs to one output.",
    ("weight.reshape(", "weight.T.reshape("),
)

slip(
    _RESHAPE,
    "one_by_one",
    "These are kernels of one pixel: a kernel must see as many pixels as the linear layer saw.",
    ("channels, height, width), bias", "channels * height * width, 1, 1), bias"),
)

slip(
    _RESHAPE,
    "bias_at_every_pixel",
    "The bias has one number for each entry of a kernel; a convolution adds one to each output.",
    ("width), bias", "width), bias[:, None, None].expand(-1, height, width)"),
)

slip(
    _RESHAPE,
    "bias_with_four_dimensions",
    "The bias has four dimensions: that of a convolution has one, with an entry for each output.",
    ("width), bias", "width), bias.reshape(1, -1, 1, 1)"),
)

slip(
    _RESHAPE,
    "bias_shared_out",
    "The bias was divided by the number of pixels: a convolution adds it once to each output.",
    ("width), bias", "width), bias / (height * width)"),
)

slip(
    _RESHAPE,
    "no_bias",
    "The bias is 0: a convolution has one, too.",
    ("width), bias", "width), torch.zeros_like(bias)"),
)

slip(
    _RESHAPE,
    "averaged",
    "The weight was divided by the number of pixels: a convolution adds up, as a linear layer does.",
    ("channels, height, width), bias", "channels, height, width) / (height * width), bias"),
)

slip(
    _RESHAPE,
    "single_precision",
    "The result is float32 whatever the dtype of weight is: a tensor was made without saying of which dtype.",
    ("channels, height, width), bias", "channels, height, width).float(), bias"),
)
