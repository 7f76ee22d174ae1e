"""`conv_cost`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.kinds import numbers
from autograder.problem import Problem
from autograder.problems.convolution.cases import costs
from autograder.problems.drawing import RAISES
from autograder.problems.forbidden import CONVOLUTION
from autograder.programs import slip
from autograder.references import convolution as reference
from autograder.references import numbers_of

PROBLEMS = (
    Problem(
        name="conv_cost",
        call=numbers,
        returns=(RAISES, "output_shape", "parameters", "multiply_adds"),
        cases=costs,
        expected=numbers_of(reference.conv_cost, 3),
        points={"values": 3, "edge cases": 1},
        shares={"output_shape": 1, "parameters": 1, "multiply_adds": 1},
        forbidden=CONVOLUTION,
        modules=(__name__,),
    ),
)


def conv_cost__by_formula(input_shape, out_channels, kernel_size, stride, padding):
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * rows * columns


def conv_cost__counted(input_shape, out_channels, kernel_size, stride, padding):
    places = [len(range(0, size + 2 * padding - kernel_size + 1, stride)) for size in input_shape[1:]]
    if 0 in places:
        raise ValueError("the kernel does not fit")
    one_filter = torch.zeros(input_shape[0], kernel_size, kernel_size).numel()
    outputs = out_channels * places[0] * places[1]
    return [out_channels, *places], out_channels * (one_filter + 1), outputs * one_filter


slip(
    conv_cost__by_formula,
    "no_bias",
    "The biases are missing in the parameters.",
    (
        'raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")',
        'raise ValueError("the kernel does not fit")',
    ),
    (
        "return (out_channels, rows, columns), weights + out_channels, weights * rows * columns",
        "return (out_channels, rows, columns), weights, weights * rows * columns",
    ),
)

slip(
    conv_cost__by_formula,
    "one_bias",
    "One bias is counted for the whole layer; every filter has its own.",
    (
        'raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")',
        'raise ValueError("the kernel does not fit")',
    ),
    (
        "return (out_channels, rows, columns), weights + out_channels, weights * rows * columns",
        "return (out_channels, rows, columns), weights + 1, weights * rows * columns",
    ),
)


def conv_cost__bias_is_work(input_shape, out_channels, kernel_size, stride, padding):
    """The additions of the bias are counted as multiply-adds."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    parameters = out_channels * (c * kernel_size**2 + 1)
    return (out_channels, rows, columns), parameters, parameters * rows * columns


slip(
    conv_cost__by_formula,
    "work_per_input_pixel",
    "The multiply-adds are counted for every pixel of the input; the filter stands at the places of the output.",
    (
        'raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")',
        'raise ValueError("the kernel does not fit")',
    ),
    (
        "return (out_channels, rows, columns), weights + out_channels, weights * rows * columns",
        "return (out_channels, rows, columns), weights + out_channels, weights * h * w",
    ),
)


def conv_cost__one_channel(input_shape, out_channels, kernel_size, stride, padding):
    """The filters are counted as flat: each looks at every channel of the input."""
    _, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (h, w))
    weights = out_channels * kernel_size**2
    return (out_channels, rows, columns), weights + out_channels, weights * rows * columns


slip(
    conv_cost__by_formula,
    "twice_the_work",
    "A multiplication and the addition after it are counted as two; together they are one multiply-add.",
    (
        'raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")',
        'raise ValueError("the kernel does not fit")',
    ),
    (
        "return (out_channels, rows, columns), weights + out_channels, weights * rows * columns",
        "return (out_channels, rows, columns), weights + out_channels, 2 * weights * rows * columns",
    ),
)


def conv_cost__width_from_height(input_shape, out_channels, kernel_size, stride, padding):
    """The output is as wide as high: its width was taken from the height of the input."""
    c, h, w = input_shape
    if kernel_size > min(h, w) + 2 * padding:
        raise ValueError("the kernel does not fit")
    rows = (h + 2 * padding - kernel_size) // stride + 1
    weights = out_channels * c * kernel_size**2
    return (out_channels, rows, rows), weights + out_channels, weights * rows * rows


slip(
    conv_cost__by_formula,
    "never_refuses",
    "Where the kernel does not fit there is nothing to return.",
    (
        "c, h, w = input_shape\n"
        "    if kernel_size > min(h, w) + 2 * padding:\n"
        '        raise ValueError(f"a kernel of {kernel_size} does not fit into {h} x {w} pixels, padding {padding}")',
        "c, h, w = input_shape",
    ),
)
