"""`fan_in_and_fan_out`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import numbers
from autograder.problem import Problem
from autograder.references import numbers_of
from autograder.references import preprocessing as reference


def _counting(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, *shape):
        said = f"{name}, shape {shape}" if name else f"shape {shape}"
        return Case(said, criterion, {"shape": shape})

    def size(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    return [
        case("linear", "values", size(20, 39), size(60, 99)),
        case("linear", "values", size(60, 99), size(20, 39)),
        case("convolution", "values", size(10, 19), size(4, 9), 3, 5),
        case("convolution", "values", size(4, 9), size(20, 29), 7, 2),
        case("1 by 1 kernel", "edge cases", size(10, 19), size(4, 9), 1, 1),
        case("one input channel", "edge cases", size(4, 9), 1, 5, 3),
        case("one output", "edge cases", 1, size(20, 39)),
        case("one output channel", "edge cases", 1, size(4, 9), 3, 5),
        case("one input", "edge cases", size(20, 39), 1),
        case("one kernel size", "edge cases", size(10, 19), size(4, 9), 3),
        case("three kernel sizes", "edge cases", size(10, 19), size(4, 9), 2, 3, 5),
        case("one size", "edge cases", size(4, 9)),
        case("no size", "edge cases"),
    ]


PROBLEMS = (
    Problem(
        name="fan_in_and_fan_out",
        call=numbers,
        returns=("a ValueError is raised", "fan_in", "fan_out"),
        cases=_counting,
        expected=numbers_of(reference.fan_in_and_fan_out, 2),
        points={"values": 5, "edge cases": 3},
        shares={"fan_in": 2.5, "fan_out": 2.5},
        modules=(__name__,),
    ),
)


def fan_in_and_fan_out__product(shape):
    if len(shape) < 2:
        raise ValueError(f"shape is {shape}; expected at least two sizes.")
    area = 1
    for size in shape[2:]:
        area *= size
    return shape[1] * area, shape[0] * area


def fan_in_and_fan_out__from_a_tensor(shape):
    weight = torch.zeros(shape)
    if weight.dim() < 2:
        raise ValueError("fan_in and fan_out need a weight of two dimensions or more.")
    return weight[0].numel(), weight[:, 0].numel()


def fan_in_and_fan_out__swapped(shape):
    """The two are swapped: the first size of a weight counts its outputs."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    area = int(torch.tensor(shape[2:]).prod())
    return shape[0] * area, shape[1] * area


def fan_in_and_fan_out__no_kernel(shape):
    """The size of the kernel is not counted."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    return shape[1], shape[0]


def fan_in_and_fan_out__kernel_for_the_inputs_only(shape):
    """An input reaches more than one position: the kernel counts for the outputs too."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    return shape[1] * int(torch.tensor(shape[2:]).prod()), shape[0]


def fan_in_and_fan_out__square_kernel(shape):
    """The height of the kernel was taken for its width as well."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    area = shape[2] ** len(shape[2:]) if len(shape) > 2 else 1
    return shape[1] * area, shape[0] * area


def fan_in_and_fan_out__sizes_added(shape):
    """The sizes of the kernel were added; look at how many numbers a kernel has."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    area = sum(shape[2:]) if len(shape) > 2 else 1
    return shape[1] * area, shape[0] * area


def fan_in_and_fan_out__all_weights(shape):
    """This is the number of all weights; a fan belongs to one output or to one input."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    count = int(torch.tensor(shape).prod())
    return count, count


def fan_in_and_fan_out__one_size(shape):
    """A shape with fewer than two sizes has no fans: the text asks for an error."""
    area = int(torch.tensor(shape[2:]).prod())
    sizes = (*shape[:2], 1, 1)
    return sizes[1] * area, sizes[0] * area


def fan_in_and_fan_out__matrices_and_images_only(shape):
    """A kernel may have one size or three: the text does not limit their number to two."""
    if len(shape) not in (2, 4):
        raise ValueError("expected a linear or a convolutional weight")
    area = shape[2] * shape[3] if len(shape) == 4 else 1
    return shape[1] * area, shape[0] * area
