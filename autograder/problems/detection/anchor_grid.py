"""`anchor_grid`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.detection.cases import drawn
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, anchors, height, width, stride, **how):
        if isinstance(anchors, int):
            sides = uniform(generator, 1.0, 9.0, anchors, 2)
            anchors = torch.cat([-sides, sides], dim=1)
        arguments = {"anchors": anchors, "height": height, "width": width, "stride": stride}
        return Case(name, criterion, arguments, **how)

    return [
        case("3 anchors, 2 by 4 cells, stride 8", "values", 3, 2, 4, 8),
        case("2 anchors, 5 by 3 cells, stride 16", "values", 2, 5, 3, 16),
        case("an odd stride", "edge cases", 2, 3, 2, 5),
        case("stride 1", "edge cases", 2, 2, 3, 1),
        case("one cell", "edge cases", 3, 1, 1, 4),
        case("one row of cells", "edge cases", 2, 1, 4, 4),
        case("one anchor", "edge cases", 1, 2, 3, 4),
        case("as many anchors as cells in a row", "edge cases", 3, 3, 3, 4),
        case("anchors that are not centered on 0", "edge cases", drawn(generator, 2), 2, 3, 8),
        case("float64", "contract", 2, 2, 3, 8, dtype=torch.float64),
        case("anchors with gaps in memory", "contract", 2, 2, 3, 8, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="anchor_grid",
        call=function,
        returns=("grid",),
        cases=_cases,
        expected=value_of(reference.anchor_grid),
        points={"values": 4, "edge cases": 1, "contract": 1},
        modules=(__name__,),
    ),
)


def anchor_grid__broadcast(anchors, height, width, stride):
    x = (torch.arange(width, dtype=anchors.dtype, device=anchors.device) + 0.5) * stride
    y = (torch.arange(height, dtype=anchors.dtype, device=anchors.device) + 0.5) * stride
    y, x = torch.meshgrid(y, x, indexing="ij")
    shifts = torch.stack([x, y, x, y], dim=-1)
    return (shifts[:, :, None] + anchors).reshape(-1, 4)


def anchor_grid__loops(anchors, height, width, stride):
    rows = []
    for i in range(height):
        for j in range(width):
            for anchor in anchors:
                x, y = (j + 0.5) * stride, (i + 0.5) * stride
                rows.append(anchor + torch.tensor([x, y, x, y], dtype=anchors.dtype, device=anchors.device))
    return torch.stack(rows)


def anchor_grid__repeated(anchors, height, width, stride):
    k = len(anchors)
    x = torch.arange(width, device=anchors.device).repeat(height).repeat_interleave(k)
    y = torch.arange(height, device=anchors.device).repeat_interleave(width * k)
    centers = stride * torch.stack([x, y], 1).to(anchors) + stride / 2
    return anchors.repeat(height * width, 1) + centers.repeat(1, 2)


def anchor_grid__counted(anchors, height, width, stride):
    place = torch.arange(height * width * len(anchors), device=anchors.device)
    which, cell = place % len(anchors), place // len(anchors)
    row, column = cell // width, cell % width
    out = anchors[which].clone()
    out[:, 0::2] += ((column * 2 + 1) * stride / 2).to(anchors.dtype)[:, None]
    out[:, 1::2] += ((row * 2 + 1) * stride / 2).to(anchors.dtype)[:, None]
    return out


_GRID = anchor_grid__broadcast
_X = "(torch.arange(width, dtype=anchors.dtype, device=anchors.device) + 0.5) * stride"
_Y = "(torch.arange(height, dtype=anchors.dtype, device=anchors.device) + 0.5) * stride"


def _both(change):
    return (_X, change(_X)), (_Y, change(_Y))


slip(
    _GRID,
    "half_a_stride_off",
    "The anchors lie half a stride too far up and to the left: a cell has its center half a stride after its corner.",
    *_both(lambda text: text.replace(" + 0.5", "")),
)
slip(
    _GRID,
    "half_a_pixel",
    "Half a pixel was added to the corner of a cell: its center lies half a stride after it.",
    *_both(lambda text: text.replace(" + 0.5) * stride", ") * stride + 0.5")),
)
slip(
    _GRID,
    "half_rounded_down",
    "With an odd stride the centers are half a pixel off: half of it is no whole number.",
    *_both(lambda text: text.replace(" + 0.5) * stride", ") * stride + stride // 2")),
)
slip(
    _GRID,
    "whole_stride_off",
    "The anchors lie half a stride too far down and to the right.",
    *_both(lambda text: text.replace("0.5", "1")),
)
slip(
    _GRID,
    "in_cells",
    "The centers are counted in cells: they must be in pixels of the image.",
    *_both(lambda text: text.replace(" * stride", "")),
)
slip(
    _GRID,
    "x_and_y_exchanged",
    "The row was added to x, and the column to y.",
    ("[x, y, x, y]", "[y, x, y, x]"),
)
slip(
    _GRID,
    "columns_outer",
    "The cells are in another order: row after row.",
    ("(shifts[:, :, None] + anchors)", "(shifts[:, :, None] + anchors).transpose(0, 1)"),
)
slip(
    _GRID,
    "anchors_outer",
    "The order is another one: all anchors of the first cell come first.",
    ("(shifts[:, :, None] + anchors)", "(shifts + anchors[:, None, None])"),
)
slip(
    _GRID,
    "height_and_width_exchanged",
    "There are as many rows of cells as there must be columns.",
    ("    x = (", "    height, width = width, height\n    x = ("),
)
slip(
    _GRID,
    "first_corner_only",
    "The first corner was moved, and the second was not.",
    ("[x, y, x, y]", "[x, y, 0 * x, 0 * y]"),
)
slip(
    _GRID,
    "centers",
    "These are the centers of the cells: the anchors around them are asked for.",
    ("(shifts[:, :, None] + anchors)", "(shifts[:, :, None] + 0 * anchors)"),
)
slip(
    _GRID,
    "as_a_map",
    "The result has too many dimensions: one row for each anchor is asked for.",
    (".reshape(-1, 4)", ""),
)
slip(
    _GRID,
    "subtracted",
    "The centers were subtracted: the anchors are moved down and to the right.",
    ("shifts[:, :, None] + anchors", "anchors - shifts[:, :, None]"),
)
slip(
    _GRID,
    "single_precision",
    "The grid is float32 whatever the dtype of the anchors is.",
    (".reshape(-1, 4)", ".reshape(-1, 4).float()"),
)
