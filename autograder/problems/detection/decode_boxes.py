"""`decode_boxes`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.detection.cases import drawn, given
from autograder.problems.drawing import normal, uniform
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, anchors, deltas, **how):
        return Case(name, criterion, {"anchors": anchors, "deltas": deltas}, **how)

    def deltas(n):
        """Of both signs, from 0.3 to 0.9 in size."""
        signs = 2 * torch.randint(2, (n, 4), generator=generator) - 1
        return signs * uniform(generator, 0.3, 0.9, n, 4)

    wide = torch.cat([normal(generator, 2, 2), torch.tensor([[5.3, 0.2], [-0.4, 4.8]], dtype=torch.float64)], dim=1)
    shifts, sizes = deltas(3), deltas(3)
    shifts[:, 2:], sizes[:, :2] = 0, 0
    return [
        case("5 anchors", "values", drawn(generator, 5), deltas(5)),
        case("3 anchors", "values", drawn(generator, 3), deltas(3)),
        case("deltas of 0", "edge cases", drawn(generator, 3), torch.zeros(3, 4).double()),
        case("shifts alone", "edge cases", drawn(generator, 3), shifts),
        case("sizes alone", "edge cases", drawn(generator, 3), sizes),
        case("boxes some 100 times as wide or high", "edge cases", drawn(generator, 2), wide),
        case("one anchor", "edge cases", drawn(generator, 1), deltas(1)),
        case("no anchor", "edge cases", given([]), given([])),
        case("float64", "contract", drawn(generator, 4), deltas(4), dtype=torch.float64),
        case("inputs with gaps in memory", "contract", drawn(generator, 4), deltas(4), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="decode_boxes",
        call=function,
        returns=("boxes",),
        cases=_cases,
        expected=value_of(reference.decode_boxes),
        points={"values": 4, "edge cases": 1, "contract": 1},
        modules=(__name__,),
    ),
)


def decode_boxes__four_numbers(anchors, deltas):
    width, height = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    x, y = anchors[:, 0] + width / 2, anchors[:, 1] + height / 2
    dx, dy, dw, dh = deltas.unbind(dim=1)
    x = x + dx * width
    y = y + dy * height
    width = width * torch.exp(dw)
    height = height * torch.exp(dh)
    return torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], dim=1)


def decode_boxes__two_halves(anchors, deltas):
    size = anchors[:, 2:] - anchors[:, :2]
    center = (anchors[:, 2:] + anchors[:, :2]) / 2 + size * deltas[:, :2]
    half = size * deltas[:, 2:].exp() / 2
    return torch.hstack([center - half, center + half])


def decode_boxes__one_by_one(anchors, deltas):
    import math

    out = torch.empty_like(anchors)
    for i, ((x1, y1, x2, y2), (dx, dy, dw, dh)) in enumerate(zip(anchors.tolist(), deltas.tolist(), strict=True)):
        w, h = (x2 - x1) * math.exp(dw), (y2 - y1) * math.exp(dh)
        left, top = (x1 + x2) / 2 + dx * (x2 - x1) - w / 2, (y1 + y2) / 2 + dy * (y2 - y1) - h / 2
        out[i] = torch.tensor([left, top, left + w, top + h], dtype=torch.float64).to(out)
    return out


_FOUR = decode_boxes__four_numbers
_CORNERS = "[x - width / 2, y - height / 2, x + width / 2, y + height / 2]"
slip(
    _FOUR,
    "shift_not_scaled",
    "The shift of the center was taken in pixels: it is counted in widths and heights of the anchor.",
    ("x + dx * width", "x + dx"),
    ("y + dy * height", "y + dy"),
)
slip(
    _FOUR,
    "scaled_by_the_new_size",
    "The shift was multiplied by the size of the new box: it is counted in widths and heights of the anchor.",
    ("x + dx * width", "x + dx * width * torch.exp(dw)"),
    ("y + dy * height", "y + dy * height * torch.exp(dh)"),
)
slip(
    _FOUR,
    "exponential_forgotten",
    "The size was multiplied by the logarithm of a factor: the factor itself is needed.",
    ("torch.exp(dw)", "dw"),
    ("torch.exp(dh)", "dh"),
)
slip(
    _FOUR,
    "relative_change",
    "The last two numbers were taken for relative changes: they are logarithms of factors.",
    ("torch.exp(dw)", "(1 + dw)"),
    ("torch.exp(dh)", "(1 + dh)"),
)
slip(
    _FOUR,
    "exponential_added",
    "The factor was added to the size: it multiplies it.",
    ("width * torch.exp(dw)", "width + torch.exp(dw)"),
    ("height * torch.exp(dh)", "height + torch.exp(dh)"),
)
slip(
    _FOUR,
    "size_forgotten",
    "The size is that of the anchor: the last two numbers are not used.",
    ("width * torch.exp(dw)", "width * 1"),
    ("height * torch.exp(dh)", "height * 1"),
)
slip(
    _FOUR,
    "without_the_anchor_s_size",
    "The size of the box does not depend on the anchor's: the exponential is a factor.",
    ("width * torch.exp(dw)", "torch.exp(dw)"),
    ("height * torch.exp(dh)", "torch.exp(dh)"),
)
slip(
    _FOUR,
    "center_and_size",
    "These are a center and a size: two corners are asked for.",
    (_CORNERS, "[x, y, width, height]"),
)
slip(
    _FOUR,
    "center_as_corner",
    "The new center was taken for the first corner.",
    (_CORNERS, "[x, y, x + width, y + height]"),
)
slip(
    _FOUR,
    "corner_moved",
    "The first corner of the anchor was moved in place of its center.",
    ("anchors[:, 0] + width / 2, anchors[:, 1] + height / 2", "anchors[:, 0], anchors[:, 1]"),
    (_CORNERS, "[x, y, x + width, y + height]"),
)
slip(
    _FOUR,
    "whole_size_to_each_side",
    "The boxes are twice as wide and as high as they must be: half of a size lies on each side of the center.",
    (_CORNERS, "[x - width, y - height, x + width, y + height]"),
)
slip(
    _FOUR,
    "width_and_height_exchanged",
    "The horizontal shift was multiplied by the height, and the vertical one by the width.",
    ("x + dx * width", "x + dx * height"),
    ("y + dy * height", "y + dy * width"),
)
slip(
    _FOUR,
    "another_order",
    "The numbers of a box are in another order: x1, y1, x2, y2 is asked for.",
    (_CORNERS, "[x - width / 2, x + width / 2, y - height / 2, y + height / 2]"),
)
slip(
    _FOUR,
    "x_and_y_exchanged",
    "The numbers of x and y are exchanged: a move to the right comes before a move down.",
    ("dx, dy, dw, dh = deltas", "dy, dx, dh, dw = deltas"),
)
slip(
    _FOUR,
    "shift_the_other_way",
    "The center was moved the wrong way: a shift above 0 leads to the right, or down.",
    ("x + dx * width", "x - dx * width"),
    ("y + dy * height", "y - dy * height"),
)
slip(
    _FOUR,
    "clamped",
    "Boxes much larger than their anchors came out too small: nothing is cut off here.",
    ("torch.exp(dw)", "torch.exp(dw.clamp(max=4.135))"),
    ("torch.exp(dh)", "torch.exp(dh.clamp(max=4.135))"),
)
slip(
    _FOUR,
    "inside_the_image",
    "Corners with negative coordinates were moved to 0: a box may reach beyond the image.",
    ("y + height / 2], dim=1)", "y + height / 2], dim=1).clamp(min=0)"),
)
slip(
    _FOUR,
    "plus_one",
    "Widths and heights of the anchors are 1 too large: a box from 1 to 3 is 2 wide.",
    (
        "anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]",
        "anchors[:, 2] - anchors[:, 0] + 1, anchors[:, 3] - anchors[:, 1] + 1",
    ),
)
slip(
    _FOUR,
    "in_place",
    "deltas was overwritten: work on a copy.",
    ("torch.exp(dw)", "dw.exp_()"),
    ("torch.exp(dh)", "dh.exp_()"),
)
