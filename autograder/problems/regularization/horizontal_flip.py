"""`horizontal_flip`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, flip, **how):
        return Case(name, criterion, {"images": normal(generator, *shape), "flip": torch.tensor(flip)}, **how)

    return [
        case("images (3, 2, 4, 5), the first and the last", "values", (3, 2, 4, 5), [True, False, True]),
        case("images (5, 3, 4, 4), three of them", "values", (5, 3, 4, 4), [False, True, True, False, True]),
        case("none is flipped", "edge cases", (2, 3, 4, 5), [False, False]),
        case("all are flipped", "edge cases", (3, 1, 3, 4), [True, True, True]),
        case("one image", "edge cases", (1, 2, 3, 4), [True]),
        case("one column", "edge cases", (2, 2, 3, 1), [True, False]),
        case("float64", "contract", (3, 2, 4, 5), [True, False, True], dtype=torch.float64),
        case("images with gaps in memory", "contract", (3, 2, 4, 5), [False, True, True], layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="horizontal_flip",
        call=function,
        returns=("flipped",),
        cases=_cases,
        expected=value_of(reference.horizontal_flip),
        points={"values": 2, "edge cases": 1, "contract": 1},
        modules=(__name__,),
    ),
)


def horizontal_flip__where(images, flip):
    return torch.where(flip[:, None, None, None], images.flip(3), images)


def horizontal_flip__copy(images, flip):
    out = images.clone()
    out[flip] = out[flip].flip(-1)
    return out


def horizontal_flip__one_by_one(images, flip):
    columns = list(range(images.shape[3] - 1, -1, -1))
    return torch.stack([image[..., columns] if turned else image for image, turned in zip(images, flip, strict=True)])


slip(
    horizontal_flip__where,
    "upside_down",
    "The images were turned upside down: left and right are exchanged.",
    ("flip(3)", "flip(2)"),
)
slip(horizontal_flip__where, "both_ways", "The images were turned by half a circle.", ("flip(3)", "flip(2, 3)"))
slip(
    horizontal_flip__where,
    "all_of_them",
    "All images were flipped: flip says which.",
    ("flip[:, None, None, None]", "torch.ones_like(flip)[:, None, None, None]"),
)
slip(
    horizontal_flip__where,
    "the_others",
    "The images were flipped that should not be, and the others not.",
    ("flip[:, None", "~flip[:, None"),
)
slip(horizontal_flip__where, "channels", "The channels were put in another order.", ("flip(3)", "flip(1)"))
slip(horizontal_flip__where, "none_of_them", "No image was flipped.", ("images.flip(3)", "images"))
slip(
    horizontal_flip__where,
    "transposed",
    "Rows and columns were exchanged.",
    ("images.flip(3)", "(images.mT if images.shape[2] == images.shape[3] else images)"),
)
slip(horizontal_flip__copy, "in_place", "images was overwritten: work on a copy.", ("images.clone()", "images"))
