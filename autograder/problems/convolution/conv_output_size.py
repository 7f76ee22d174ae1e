"""`conv_output_size`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import numbers
from autograder.problem import Problem
from autograder.problems.drawing import RAISES, whole
from autograder.problems.forbidden import CONVOLUTION
from autograder.references import convolution as reference
from autograder.references import numbers_of


def _output_size(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, size, kernel_size, *options):
        values = dict(zip(("stride", "padding", "dilation"), options, strict=False))
        return Case(name, criterion, {"size": size, "kernel_size": kernel_size, **values})

    size = whole(generator, 40, 90)
    return [
        case(f"size {size}, kernel_size 5", "values", size, 5),
        case("size 227, kernel_size 11, stride 4", "values", 227, 11, 4),
        case("size 32, kernel_size 5, padding 2", "values", 32, 5, 1, 2),
        case(f"size {2 * size}, kernel_size 4, stride 3, padding 2", "values", 2 * size, 4, 3, 2),
        case("size 30, kernel_size 3, dilation 4", "values", 30, 3, 1, 0, 4),
        case("size 31, kernel_size 4, stride 2, padding 3, dilation 3", "values", 31, 4, 2, 3, 3),
        case("the last pixels are not covered", "edge cases", 10, 3, 4),
        case("stride larger than the kernel", "edge cases", 17, 2, 5, 1),
        case("the kernel as large as the padded input", "edge cases", 3, 7, 3, 2),
        case("a dilated kernel as large as the input", "edge cases", 9, 5, 2, 0, 2),
        case("kernel_size 1, stride 2", "edge cases", 6, 1, 2),
        case("the kernel is larger than the input", "edge cases", 4, 7),
        case("the kernel is one larger than the input, stride 2", "edge cases", 4, 5, 2),
        case("the kernel is larger than the padded input, stride 3", "edge cases", 4, 9, 3, 2),
        case("the dilated kernel is larger than the input", "edge cases", 8, 5, 1, 0, 2),
        case("stride 0", "edge cases", 8, 3, 0),
        case("stride -1", "edge cases", 8, 3, -1),
        case("stride -3", "edge cases", 8, 3, -3),
        case("padding -1", "edge cases", 8, 3, 1, -1),
    ]


PROBLEMS = (
    Problem(
        name="conv_output_size",
        call=numbers,
        returns=(RAISES, "the output size"),
        cases=_output_size,
        expected=numbers_of(reference.conv_output_size),
        points={"values": 2, "edge cases": 2},
        forbidden=CONVOLUTION,
        modules=(__name__,),
    ),
)


def conv_output_size__counts_positions(size, kernel_size, stride=1, padding=0, dilation=1):
    if stride < 1 or padding < 0:
        raise ValueError(f"stride {stride}, padding {padding}: expected stride >= 1 and padding >= 0")
    positions = range(-padding, size + padding - dilation * (kernel_size - 1), stride)
    if not positions:
        raise ValueError(f"a kernel of {kernel_size} does not fit into {size} pixels")
    return len(positions)


def conv_output_size__walks(size, kernel_size, stride=1, padding=0, dilation=1):
    if stride <= 0:
        raise ValueError(f"stride is {stride}; expected 1 or more")
    if padding < 0:
        raise ValueError(f"padding is {padding}; expected 0 or more")
    count, end = 0, dilation * (kernel_size - 1) + 1
    while end <= size + 2 * padding:
        count, end = count + 1, end + stride
    if count == 0:
        raise ValueError("the kernel is larger than the padded input")
    return torch.tensor(count)


def conv_output_size__fence_posts(size, kernel_size, stride=1, padding=0, dilation=1):
    """One position is missing: count the places where the kernel can stand, the first one too."""
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride


def conv_output_size__rounds_up(size, kernel_size, stride=1, padding=0, dilation=1):
    """The division is rounded up: a last step that leaves the input does not count."""
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return -(-span // stride) + 1


def conv_output_size__padding_once(size, kernel_size, stride=1, padding=0, dilation=1):
    """The padding is counted on one side only."""
    span = size + padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride + 1


def conv_output_size__dilation_ignored(size, kernel_size, stride=1, padding=0, dilation=1):
    """The dilation is not used: it makes the kernel reach further."""
    span = size + 2 * padding - kernel_size
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride + 1


def conv_output_size__kernel_times_dilation(size, kernel_size, stride=1, padding=0, dilation=1):
    """The dilated kernel is counted too long: there are gaps between its entries, but none after the last."""
    span = size + 2 * padding - dilation * kernel_size
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return span // stride + 1


def conv_output_size__one_before_the_division(size, kernel_size, stride=1, padding=0, dilation=1):
    """The 1 is added before the division by the stride."""
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if stride < 1 or padding < 0 or span < 0:
        raise ValueError("the kernel does not fit")
    return (span + 1) // stride


def conv_output_size__never_refuses(size, kernel_size, stride=1, padding=0, dilation=1):
    """Where the kernel does not fit there is no size to return."""
    if stride < 1 or padding < 0:
        raise ValueError("expected stride >= 1 and padding >= 0")
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def conv_output_size__cut_toward_zero(size, kernel_size, stride=1, padding=0, dilation=1):
    """A kernel that is a little too large is accepted: int() rounds a negative number up, not down."""
    if stride < 1 or padding < 0:
        raise ValueError("expected stride >= 1 and padding >= 0")
    count = int((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1
    if count < 1:
        raise ValueError("the kernel does not fit")
    return count
