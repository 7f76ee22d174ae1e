"""`receptive_field`: cases, reference, right and wrong programs."""

from autograder.calls.kinds import numbers
from autograder.problem import Problem
from autograder.problems.convolution.cases import stacks
from autograder.problems.drawing import RAISES
from autograder.programs import slip
from autograder.references import convolution as reference
from autograder.references import numbers_of

PROBLEMS = (
    Problem(
        name="receptive_field",
        call=numbers,
        returns=(RAISES, "size", "jump"),
        cases=stacks,
        expected=numbers_of(reference.receptive_field, 2),
        points={"values": 3, "edge cases": 1},
        shares={"size": 2, "jump": 1},
        modules=(__name__,),
    ),
)


def receptive_field__forward(layers):
    size, jump = 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump


def receptive_field__backward(layers):
    size, jump = 1, 1
    for kernel_size, stride in layers[::-1]:
        size, jump = (size - 1) * stride + kernel_size, jump * stride
    return [size, jump]


def receptive_field__by_pixels(layers):
    def pixels(first, last):
        for kernel_size, stride in reversed(layers):
            first, last = first * stride, last * stride + kernel_size - 1
        return first, last

    (first, last), (second, _) = pixels(0, 0), pixels(1, 1)
    return last - first + 1, second - first


slip(
    receptive_field__forward,
    "strides_ignored",
    "The strides have no influence on the size: after a stride, a step of the next kernel is more than one pixel.",
    (
        "size += (kernel_size - 1) * jump",
        "size += kernel_size - 1",
    ),
)

slip(
    receptive_field__forward,
    "own_stride_too_early",
    "The stride of a layer already counts for its own kernel; it matters from the next layer on.",
    (
        "for kernel_size, stride in layers:",
        "for kernel_size, stride in layers:\n        jump *= stride",
    ),
    (
        "size += (kernel_size - 1) * jump\n        jump *= stride",
        "size += (kernel_size - 1) * jump",
    ),
)

slip(
    receptive_field__forward,
    "strides_added",
    "The strides are added up, but two layers of stride 2 make steps of 4 pixels.",
    (
        "jump *= stride",
        "jump += stride - 1",
    ),
)

slip(
    receptive_field__forward,
    "kernels_added",
    "Two kernels next to each other share a pixel: the sizes of the kernels cannot be added up.",
    (
        "size += (kernel_size - 1) * jump",
        "size += kernel_size * jump",
    ),
)


def receptive_field__last_stride_only(layers):
    """Only the stride of the layer before counts; all of the earlier ones do."""
    size, jump, before = 1, 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * before
        before = stride
        jump *= stride
    return size, jump


slip(
    receptive_field__forward,
    "from_the_wrong_end",
    "The layers are gone through in the wrong order.",
    (
        "for kernel_size, stride in layers:",
        "for kernel_size, stride in reversed(layers):",
    ),
)
