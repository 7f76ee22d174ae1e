"""`bilinear_kernel`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import whole
from autograder.programs import slip
from autograder.references import segmentation as reference
from autograder.references import value_of


def _sizes(generator: torch.Generator) -> list[Case]:
    def case(criterion, channels, kernel_size, channels_said=None):
        name = f"{channels_said or channels} channel{'s' * (channels > 1)}, kernel_size {kernel_size}"
        return Case(name, criterion, {"channels": channels, "kernel_size": kernel_size})

    # The tents of these sizes reach 1, 2, 4 or 8 pixels far: their weights are the same in every precision.
    return [
        case("values", 3, 4),
        case("values", 2, 7),
        case("values", whole(generator, 2, 6), 8),
        case("values", whole(generator, 2, 6), 15),
        case("edge cases", 1, 4, "one"),
        case("edge cases", 2, 3),
        case("edge cases", 3, 2),
        case("edge cases", 4, 1),
        case("edge cases", 6, 16),
        case("contract", 5, 8, "five"),
    ]


PROBLEMS = (
    Problem(
        name="bilinear_kernel",
        call=function,
        returns=("weight",),
        cases=_sizes,
        expected=value_of(reference.bilinear_kernel),
        points={"values": 6, "edge cases": 3, "contract": 1},
        modules=(__name__,),
    ),
)


def bilinear_kernel__distances(channels, kernel_size):
    half = (kernel_size + 1) // 2
    away = (torch.arange(kernel_size) - (kernel_size - 1) / 2).abs()
    tent = 1 - away / half
    weight = torch.zeros(channels, channels, kernel_size, kernel_size)
    for c in range(channels):
        weight[c, c] = tent[:, None] * tent
    return weight


def bilinear_kernel__two_centers(channels, kernel_size):
    import numpy

    factor = (kernel_size + 1) // 2
    center = factor - 1 if kernel_size % 2 == 1 else factor - 0.5
    rows, columns = numpy.ogrid[:kernel_size, :kernel_size]
    tent = (1 - abs(rows - center) / factor) * (1 - abs(columns - center) / factor)
    weight = numpy.zeros((channels, channels, kernel_size, kernel_size))
    weight[range(channels), range(channels)] = tent
    return torch.from_numpy(weight).float()


def bilinear_kernel__two_boxes(channels, kernel_size):
    half = (kernel_size + 1) // 2
    shift = 1 if kernel_size % 2 else 2
    tent = torch.zeros(kernel_size)
    for i in range(half):
        for j in range(half):
            for k in range(shift):
                tent[i + j + k] += 1 / (half * shift)
    return torch.einsum("co,i,j->coij", torch.eye(channels), tent, tent)


def bilinear_kernel__entry_by_entry(channels, kernel_size):
    center, half = (kernel_size - 1) / 2, -(-kernel_size // 2)
    weight = torch.zeros((channels, channels, kernel_size, kernel_size), dtype=torch.float32)
    for c in range(channels):
        for i in range(kernel_size):
            for j in range(kernel_size):
                weight[c][c][i][j] = max(0, 1 - abs(i - center) / half) * max(0, 1 - abs(j - center) / half)
    return weight


def bilinear_kernel__up_and_down(channels, kernel_size):
    places = torch.arange(kernel_size)
    rank = torch.minimum(places, places.flip(0)).float()
    tent = (rank + (1.0 if kernel_size % 2 else 0.5)) / ((kernel_size + 1) // 2)
    return torch.diag_embed(torch.outer(tent, tent)[..., None].expand(-1, -1, channels)).permute(2, 3, 0, 1)


_DISTANCES = bilinear_kernel__distances

slip(
    _DISTANCES,
    "channels_mixed",
    "Every channel gets what all of them have: each goes to itself alone, the other kernels are 0.",
    ("weight[c, c] = tent", "weight[c] = tent"),
)

slip(
    _DISTANCES,
    "first_channel_alone",
    "Only the first channel has a kernel: each goes to itself.",
    ("for c in range(channels):", "for c in range(1):"),
)

slip(
    _DISTANCES,
    "one_kernel_a_channel",
    "The shape is that of a grouped convolution; (C, C, k, k) is asked for, zeros between different channels.",
    ("torch.zeros(channels, channels,", "torch.zeros(channels, 1,"),
    ("weight[c, c] = tent", "weight[c, 0] = tent"),
)

slip(
    _DISTANCES,
    "center_of_an_even_kernel",
    "The kernel is not the same from left and from right: with an odd kernel_size the middle is a pixel.",
    ("(kernel_size - 1) / 2", "((kernel_size + 1) // 2 - 0.5)"),
)

slip(
    _DISTANCES,
    "center_of_an_odd_kernel",
    "The kernel is not the same from left and from right: with an even kernel_size the middle is between two pixels.",
    ("(kernel_size - 1) / 2", "(kernel_size // 2)"),
    ("tent = 1 - away / half", "tent = (1 - away / half).clamp(min=0)"),
)

slip(
    _DISTANCES,
    "center_too_far_left",
    "The kernel is not the same from left and from right: with an even kernel_size the middle is between two pixels.",
    ("(kernel_size - 1) / 2", "((kernel_size - 1) // 2)"),
    ("tent = 1 - away / half", "tent = (1 - away / half).clamp(min=0)"),
)

slip(
    _DISTANCES,
    "center_half_a_pixel_off",
    "The kernel is not the same from left and from right: pixels count from 0, so the last one is kernel_size - 1.",
    ("(kernel_size - 1) / 2", "kernel_size / 2"),
    ("tent = 1 - away / half", "tent = (1 - away / half).clamp(min=0)"),
)

slip(
    _DISTANCES,
    "half_of_an_odd_size",
    "With an odd kernel_size the tent falls too fast: where does it reach 0, counted in whole pixels from the middle?",
    ("(kernel_size + 1) // 2", "kernel_size / 2"),
)

slip(
    _DISTANCES,
    "half_rounded_down",
    "With an odd kernel_size the outermost entries are 0: the tent reaches 0 outside of the kernel.",
    ("(kernel_size + 1) // 2", "max(1, kernel_size // 2)"),
)

slip(
    _DISTANCES,
    "falls_too_slowly",
    "The tent falls too slowly: at the border of the kernel little is left of it.",
    ("tent = 1 - away / half", "tent = 1 - away / kernel_size"),
)

slip(
    _DISTANCES,
    "zero_at_the_border",
    "The outermost entries are 0: the tent reaches 0 outside of the kernel.",
    ("tent = 1 - away / half", "tent = 1 - away / max(0.5, (kernel_size - 1) / 2)"),
)

slip(
    _DISTANCES,
    "sums_to_one",
    "The kernel was divided by its sum: an image that it upsamples would come out too dark.",
    ("weight[c, c] = tent[:, None] * tent", "weight[c, c] = tent[:, None] * tent / tent.sum() ** 2"),
)

slip(
    _DISTANCES,
    "largest_is_one",
    "The kernel was divided by its largest entry: with an even kernel_size no entry is 1.",
    ("tent = 1 - away / half", "tent = 1 - away / half\n    tent = tent / tent.max()"),
)

slip(
    _DISTANCES,
    "tents_added",
    "The tents of rows and columns were added; bilinear weights are products.",
    ("tent[:, None] * tent", "(tent[:, None] + tent) / 2"),
)

slip(
    _DISTANCES,
    "smaller_of_two_tents",
    "This is a pyramid: bilinear weights are products of two tents, not the smaller one.",
    ("tent[:, None] * tent", "torch.minimum(tent[:, None], tent)"),
)

slip(
    _DISTANCES,
    "round",
    "The weight depends on the distance in the plane; bilinear weights are products of two tents.",
    ("tent[:, None] * tent", "(1 - torch.hypot(away[:, None], away) / half).clamp(min=0)"),
)

slip(
    _DISTANCES,
    "ones",
    "All entries are equal: that repeats pixels; bilinear weights fall with the distance.",
    ("weight[c, c] = tent[:, None] * tent", "weight[c, c] = 1"),
)

slip(
    _DISTANCES,
    "rows_alone",
    "The kernel changes in one direction alone: rows and columns both have a tent.",
    ("tent[:, None] * tent", "tent.expand(kernel_size, kernel_size)"),
)

slip(
    _DISTANCES,
    "double",
    "The kernel is float64; float32 is asked for.",
    ("kernel_size, kernel_size)", "kernel_size, kernel_size, dtype=torch.float64)"),
)
