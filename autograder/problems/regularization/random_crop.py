"""`random_crop`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import draws
from autograder.measures.regularization import corners_of, of_crops
from autograder.problem import Measure, Problem
from autograder.problems.regularization.cases import (
    STANDARD_ERRORS,
    Target,
    away_from_zero,
    exactly,
    seeded,
    share_of,
    transposed_too,
)
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, size, padding, count, **how):
        arguments = {
            "images": away_from_zero(generator, *shape),
            "size": size,
            "padding": padding,
            "generator": seeded(generator),
            "count": count,
        }
        return Case(name, criterion, arguments, **how)

    return transposed_too(
        [
            case("images (24, 1, 4, 5), size 4, padding 1", "values", (24, 1, 4, 5), 4, 1, 32),
            case("images (20, 2, 5, 4), size 5, padding 1", "values", (20, 2, 5, 4), 5, 1, 25),
            case("no padding", "edge cases", (20, 2, 4, 5), 3, 0, 25),
            case("one image", "edge cases", (1, 2, 4, 4), 4, 1, 500),
            case("size of the images, no padding", "edge cases", (6, 2, 4, 4), 4, 0, 2),
            case("size 1", "edge cases", (20, 1, 2, 3), 1, 0, 25),
            case("padding 3", "edge cases", (20, 1, 3, 3), 8, 3, 20),
            case("float64", "contract", (20, 2, 4, 5), 4, 1, 12, dtype=torch.float64),
            case("images with gaps in memory", "contract", (20, 2, 4, 5), 4, 1, 12, layout="strided"),
        ]
    )


def _wanted(case: Case):
    count, n = case.arguments["count"], len(case.arguments["images"])
    places = corners_of(case)[0] * corners_of(case)[1]
    chance = 1 / places
    each = STANDARD_ERRORS * (chance * (1 - chance) / (count * n)) ** 0.5
    return (
        exactly(1.0),
        Target(torch.full((places,), chance, dtype=torch.float64), each),
        share_of(chance, count * (n - 1)) if n > 1 else exactly(0.0),
        share_of(chance, (count - 1) * n),
        exactly(1.0),
    )


MEASURED = (
    "the share of crops that are windows of their own padded image",
    "how often each corner was drawn, row by row",
    "the share of neighbours in a batch with the same corner",
    "the share of images with the same corner in two draws",
    "whether the same seed gives the same crops (1 if so)",
)

PROBLEMS = (
    Problem(
        name="random_crop",
        call=draws,
        returns=("crops", "crops of the same seed"),
        cases=_cases,
        expected=values_of(reference.random_crop),
        points={"values": 4, "edge cases": 2, "contract": 1},
        measured=Measure(MEASURED, of_crops, _wanted),
        modules=(__name__,),
    ),
)


def random_crop__slices(images, size, padding, generator):
    padded = torch.nn.functional.pad(images, (padding, padding, padding, padding))
    rows = torch.randint(padded.shape[2] - size + 1, (len(images),), generator=generator)
    columns = torch.randint(padded.shape[3] - size + 1, (len(images),), generator=generator)
    crops = []
    for image, row, column in zip(padded, rows.tolist(), columns.tolist(), strict=True):
        crops.append(image[:, row : row + size, column : column + size])
    return torch.stack(crops)


def random_crop__gathered(images, size, padding, generator):
    n, c, h, w = images.shape
    padded = images.new_zeros(n, c, h + 2 * padding, w + 2 * padding)
    padded[:, :, padding : padding + h, padding : padding + w] = images
    rows = torch.randint(h + 2 * padding - size + 1, (n, 1), generator=generator) + torch.arange(size)
    columns = torch.randint(w + 2 * padding - size + 1, (n, 1), generator=generator) + torch.arange(size)
    which = torch.arange(n)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_crop__windows(images, size, padding, generator):
    padded = torch.nn.functional.pad(images, [padding] * 4)
    windows = padded.unfold(2, size, 1).unfold(3, size, 1)
    places = torch.rand(len(images), generator=generator, dtype=torch.float64) * windows[0, 0, :, :, 0, 0].numel()
    crops = [w[:, p // w.shape[2], p % w.shape[2]] for w, p in zip(windows, places.int().tolist(), strict=True)]
    return torch.stack(crops)


_SLICES = random_crop__slices
slip(
    _SLICES,
    "one_corner_for_all",
    "All images of a batch were cut at the same corner: each gets a corner of its own.",
    (
        "(padded.shape[2] - size + 1, (len(images),), generator=generator)",
        "(padded.shape[2] - size + 1, (1,), generator=generator).expand(len(images))",
    ),
    (
        "(padded.shape[3] - size + 1, (len(images),), generator=generator)",
        "(padded.shape[3] - size + 1, (1,), generator=generator).expand(len(images))",
    ),
)
slip(
    _SLICES,
    "last_place_missing",
    "Some corners are never drawn: the last row and the last column where a window fits are places, too.",
    ("shape[2] - size + 1", "shape[2] - size or 1"),
    ("shape[3] - size + 1", "shape[3] - size or 1"),
)
slip(
    _SLICES,
    "not_padded",
    "Nothing was padded: windows that reach over the border are missing.",
    ("torch.nn.functional.pad(images, (padding, padding, padding, padding))", "images"),
    ("(padded.shape[2] - size + 1,", "(max(1, padded.shape[2] - size + 1),"),
    ("(padded.shape[3] - size + 1,", "(max(1, padded.shape[3] - size + 1),"),
)
slip(
    _SLICES,
    "reflected",
    "The border was filled with the image's own pixels: zeros are asked for.",
    ("padding, padding))", "padding, padding), mode='replicate')"),
)
slip(
    _SLICES,
    "padded_on_one_side",
    "There is padding on two sides only.",
    ("(padding, padding, padding, padding)", "(0, 2 * padding, 0, 2 * padding)"),
)
slip(
    _SLICES,
    "same_row_and_column",
    "Row and column of a corner are one number: they are drawn each by itself.",
    ("columns.tolist()", "rows.clamp(max=padded.shape[3] - size).tolist()"),
)
slip(
    _SLICES,
    "middle",
    "Every crop is the middle of its image: the corner is drawn.",
    (
        "rows.tolist(), columns.tolist()",
        "[(padded.shape[2] - size) // 2] * len(images), [(padded.shape[3] - size) // 2] * len(images)",
    ),
)
slip(
    _SLICES,
    "global_state",
    "The generator is not used: the same seed gives other crops.",
    ("shape[2] - size + 1, (len(images),), generator=generator)", "shape[2] - size + 1, (len(images),))"),
    ("shape[3] - size + 1, (len(images),), generator=generator)", "shape[3] - size + 1, (len(images),))"),
)
slip(
    _SLICES,
    "same_every_time",
    "Two calls in a row gave the same crops: the seed was set anew inside the function.",
    ("    rows =", "    generator = torch.Generator().manual_seed(generator.initial_seed())\n    rows ="),
)
slip(
    _SLICES,
    "first_image_everywhere",
    "All crops are taken from one image.",
    ("in zip(padded, rows", "in zip([padded[0]] * len(padded), rows"),
)
