"""`encode_boxes`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.detection.cases import drawn, given
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, anchors, boxes, **how):
        return Case(name, criterion, {"anchors": anchors, "boxes": boxes}, **how)

    def pairs(n):
        return drawn(generator, n), drawn(generator, n)

    same = drawn(generator, 3)
    wide = drawn(generator, 2, 1, 3) * torch.tensor([1, 1, 150, 1])
    return [
        case("5 anchors", "values", *pairs(5)),
        case("3 anchors", "values", *pairs(3)),
        case("boxes that are the anchors", "edge cases", same, same.clone()),
        case("boxes moved, of the same size", "edge cases", same, same + torch.tensor([3, -2, 3, -2])),
        case(
            "boxes with the same center, of another size",
            "edge cases",
            given([[0, 0, 4, 2]]),
            given([[-2, 0.5, 6, 1.5]]),
        ),
        case("boxes some 100 times as wide", "edge cases", drawn(generator, 2, 0, 1), wide),
        case("one anchor", "edge cases", *pairs(1)),
        case("no anchor", "edge cases", given([]), given([])),
        case("float64", "contract", *pairs(4), dtype=torch.float64),
        case("boxes with gaps in memory", "contract", *pairs(4), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="encode_boxes",
        call=function,
        returns=("deltas",),
        cases=_cases,
        expected=value_of(reference.encode_boxes),
        points={"values": 4, "edge cases": 2, "contract": 1},
        modules=(__name__,),
    ),
)


def encode_boxes__four_numbers(anchors, boxes):
    width, height = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    box_width, box_height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y = anchors[:, 0] + width / 2, anchors[:, 1] + height / 2
    box_x, box_y = boxes[:, 0] + box_width / 2, boxes[:, 1] + box_height / 2
    dx = (box_x - x) / width
    dy = (box_y - y) / height
    dw = torch.log(box_width / width)
    dh = torch.log(box_height / height)
    return torch.stack([dx, dy, dw, dh], dim=1)


def encode_boxes__corners_averaged(anchors, boxes):
    center, box_center = (anchors[:, :2] + anchors[:, 2:]) / 2, (boxes[:, :2] + boxes[:, 2:]) / 2
    size, box_size = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    return torch.cat([(box_center - center) / size, box_size.log() - size.log()], dim=-1)


def encode_boxes__one_by_one(anchors, boxes):
    import math

    out = torch.zeros_like(anchors)
    for i, (a, b) in enumerate(zip(anchors.tolist(), boxes.tolist(), strict=True)):
        w, h = a[2] - a[0], a[3] - a[1]
        out[i, 0] = ((b[0] + b[2]) / 2 - (a[0] + a[2]) / 2) / w
        out[i, 1] = ((b[1] + b[3]) / 2 - (a[1] + a[3]) / 2) / h
        out[i, 2] = math.log((b[2] - b[0]) / w)
        out[i, 3] = math.log((b[3] - b[1]) / h)
    return out


_FOUR = encode_boxes__four_numbers
slip(
    _FOUR,
    "shift_not_scaled",
    "The shift of the center is in pixels: it is counted in widths and heights of the anchor.",
    ("(box_x - x) / width", "box_x - x"),
    ("(box_y - y) / height", "box_y - y"),
)
slip(
    _FOUR,
    "scaled_by_the_box",
    "The shift of the center is counted in widths and heights of the anchor, not of the box.",
    ("(box_x - x) / width", "(box_x - x) / box_width"),
    ("(box_y - y) / height", "(box_y - y) / box_height"),
)
slip(
    _FOUR,
    "logarithm_forgotten",
    "The last two numbers are the factors of width and height: their logarithms are asked for.",
    ("torch.log(box_width / width)", "box_width / width"),
    ("torch.log(box_height / height)", "box_height / height"),
)
slip(
    _FOUR,
    "relative_change",
    "The last two numbers are the relative changes of width and height: the logarithms of the factors are asked for.",
    ("torch.log(box_width / width)", "box_width / width - 1"),
    ("torch.log(box_height / height)", "box_height / height - 1"),
)
slip(
    _FOUR,
    "logarithm_of_the_size",
    "The logarithms are those of the size of the box: they compare it with the anchor's.",
    ("torch.log(box_width / width)", "torch.log(box_width)"),
    ("torch.log(box_height / height)", "torch.log(box_height)"),
)
slip(
    _FOUR,
    "logarithm_to_base_2",
    "The logarithm is the natural one.",
    ("torch.log(box_width / width)", "torch.log2(box_width / width)"),
    ("torch.log(box_height / height)", "torch.log2(box_height / height)"),
)
slip(
    _FOUR,
    "the_other_way",
    "The deltas lead from the boxes to the anchors: they must lead from the anchors to the boxes.",
    ("    width, height", "    anchors, boxes = boxes, anchors\n    width, height"),
)
slip(
    _FOUR,
    "corners",
    "The shift is that of the first corner: that of the center is asked for.",
    ("anchors[:, 0] + width / 2, anchors[:, 1] + height / 2", "anchors[:, 0], anchors[:, 1]"),
    ("boxes[:, 0] + box_width / 2, boxes[:, 1] + box_height / 2", "boxes[:, 0], boxes[:, 1]"),
)
slip(
    _FOUR,
    "whole_size_added",
    "The centers are wrong: half of the width leads from the left side to the center.",
    ("anchors[:, 0] + width / 2, anchors[:, 1] + height / 2", "anchors[:, 0] + width, anchors[:, 1] + height"),
    ("boxes[:, 0] + box_width / 2, boxes[:, 1] + box_height / 2", "boxes[:, 0] + box_width, boxes[:, 1] + box_height"),
)
slip(
    _FOUR,
    "width_and_height_exchanged",
    "The horizontal shift was divided by the height, and the vertical one by the width.",
    ("(box_x - x) / width", "(box_x - x) / height"),
    ("(box_y - y) / height", "(box_y - y) / width"),
)
slip(
    _FOUR,
    "by_the_width_alone",
    "The vertical shift was divided by the width: it is counted in heights.",
    ("(box_y - y) / height", "(box_y - y) / width"),
)
slip(
    _FOUR,
    "another_order",
    "The numbers are in another order: both shifts come first, then both sizes.",
    ("[dx, dy, dw, dh]", "[dx, dw, dy, dh]"),
)
slip(
    _FOUR,
    "x_and_y_exchanged",
    "The numbers of x and y are exchanged: a move to the right comes before a move down.",
    ("[dx, dy, dw, dh]", "[dy, dx, dh, dw]"),
)
slip(
    _FOUR,
    "shift_the_other_way",
    "The shift has the wrong sign: it leads from the anchor to the box.",
    ("(box_x - x) / width", "(x - box_x) / width"),
    ("(box_y - y) / height", "(y - box_y) / height"),
)
slip(
    _FOUR,
    "corner_and_size",
    "The last two numbers of a box were read as its width and its height: they are its other corner.",
    ("anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]", "anchors[:, 2], anchors[:, 3]"),
    ("boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]", "boxes[:, 2], boxes[:, 3]"),
)
slip(
    _FOUR,
    "plus_one",
    "Widths and heights are 1 too large: a box from 1 to 3 is 2 wide.",
    (
        "anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]",
        "anchors[:, 2] - anchors[:, 0] + 1, anchors[:, 3] - anchors[:, 1] + 1",
    ),
    (
        "boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]",
        "boxes[:, 2] - boxes[:, 0] + 1, boxes[:, 3] - boxes[:, 1] + 1",
    ),
)
slip(
    _FOUR,
    "weighted",
    "The shifts are 10 times and the logarithms 5 times too large: nothing is weighted here.",
    ("[dx, dy, dw, dh]", "[10 * dx, 10 * dy, 5 * dw, 5 * dh]"),
)
slip(
    _FOUR,
    "single_precision",
    "The deltas are float32 whatever the dtype of the boxes is.",
    ("dh], dim=1)", "dh], dim=1).float()"),
)
