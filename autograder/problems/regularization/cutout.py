"""`cutout`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import sized
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, centers, size, **how):
        arguments = {"images": sized(generator, *shape), "centers": torch.tensor(centers), "size": size}
        return Case(name, criterion, arguments, **how)

    return [
        case("images (3, 2, 7, 9), size 3", "values", (3, 2, 7, 9), [[3, 5], [2, 6], [4, 2]], 3),
        case("images (2, 3, 8, 8), size 4", "values", (2, 3, 8, 8), [[3, 4], [5, 2]], 4),
        case("holes over every border", "edge cases", (4, 2, 7, 9), [[0, 4], [6, 3], [3, 0], [2, 8]], 5),
        case("holes over the corners", "edge cases", (4, 1, 6, 8), [[0, 0], [5, 7], [0, 7], [5, 0]], 4),
        case("size 1", "edge cases", (2, 2, 4, 6), [[0, 5], [3, 0]], 1),
        case("a hole as large as the image", "edge cases", (2, 2, 4, 5), [[1, 2], [3, 4]], 12),
        case("one image", "edge cases", (1, 3, 5, 6), [[2, 3]], 2),
        case("size 0", "edge cases", (2, 2, 4, 6), [[1, 2], [2, 3]], 0),
        case("float64", "contract", (3, 2, 7, 9), [[3, 5], [0, 6], [4, 8]], 3, dtype=torch.float64),
        case("images with gaps in memory", "contract", (3, 2, 7, 9), [[3, 5], [0, 6], [4, 8]], 4, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="cutout",
        call=function,
        returns=("cut",),
        cases=_cases,
        expected=value_of(reference.cutout),
        points={"values": 2, "edge cases": 2, "contract": 1},
        modules=(__name__,),
    ),
)


def cutout__slices(images, centers, size):
    out = images.clone()
    for image, (row, column) in zip(out, centers.tolist(), strict=True):
        top, left = row - size // 2, column - size // 2
        image[:, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 0
    return out


def cutout__mask(images, centers, size):
    h, w = images.shape[2:]
    top, left = (centers - size // 2).to(images.device).unbind(1)
    rows = torch.arange(h, device=images.device) - top[:, None]
    columns = torch.arange(w, device=images.device) - left[:, None]
    hole = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    return images * ~hole[:, None]


def cutout__pixel_by_pixel(images, centers, size):
    out = torch.zeros_like(images)
    for n, (row, column) in enumerate(centers.tolist()):
        for i in range(images.shape[2]):
            for j in range(images.shape[3]):
                if not (0 <= i - row + size // 2 < size and 0 <= j - column + size // 2 < size):
                    out[n, :, i, j] = images[n, :, i, j]
    return out


_SLICES = cutout__slices
slip(
    _SLICES,
    "not_clipped",
    "Near the first row or column a hole has another size: a negative index counts from the end.",
    ("max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)", "top : top + size, left : left + size"),
)
slip(
    _SLICES,
    "moved_inside",
    "Holes near the border were moved into the image: what is outside is cut off.",
    (
        "top, left = row - size // 2, column - size // 2",
        "top, left = max(row - size // 2, 0), max(column - size // 2, 0)",
    ),
)
slip(
    _SLICES,
    "center_as_corner",
    "The hole begins at its center.",
    ("row - size // 2, column - size // 2", "row, column"),
)
slip(
    _SLICES,
    "one_too_many",
    "Holes of an even size are one row and one column too large.",
    ("max(top + size, 0)", "max(row + size // 2 + 1, 0)"),
    ("max(left + size, 0)", "max(column + size // 2 + 1, 0)"),
)
slip(
    _SLICES,
    "one_too_few",
    "Holes of an odd size are one row and one column too small.",
    ("max(top + size, 0)", "max(row + size // 2, 0)"),
    ("max(left + size, 0)", "max(column + size // 2, 0)"),
)
slip(
    _SLICES,
    "twice_the_size",
    "The hole reaches from its center by the whole size to each side.",
    ("row - size // 2, column - size // 2", "row - size, column - size"),
    ("top + size", "top + 2 * size"),
    ("left + size", "left + 2 * size"),
)
slip(
    _SLICES,
    "closed",
    "The hole is one row and one column too large: it has `size` of each.",
    ("top + size", "top + size + 1"),
    ("left + size", "left + size + 1"),
)
slip(
    _SLICES,
    "row_and_column_exchanged",
    "Row and column of the centers were exchanged.",
    ("(row, column)", "(column, row)"),
)
slip(
    _SLICES,
    "first_channel_only",
    "The hole is in one channel only.",
    ("image[:,", "image[:1,"),
)
slip(
    _SLICES,
    "filled_with_the_mean",
    "The hole was filled with the mean: zeros are asked for.",
    ("] = 0\n", "] = image.mean()\n"),
)
slip(
    _SLICES,
    "first_center_for_all",
    "All images have their hole at the center of one of them.",
    ("centers.tolist()", "[centers[0].tolist()] * len(out)"),
)
slip(
    _SLICES,
    "the_hole_alone",
    "What is in the hole was kept, and the rest was cut.",
    ("images.clone()", "torch.zeros_like(images)"),
    ("] = 0\n", "] = 1\n"),
)
slip(_SLICES, "in_place", "images was overwritten: work on a copy.", ("images.clone()", "images"))
