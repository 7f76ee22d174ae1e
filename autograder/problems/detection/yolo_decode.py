"""`yolo_decode`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, boxes, classes, grid, low=0.1, high=0.9, **how):
        output = uniform(generator, low, high, n, grid, grid, 5 * boxes + classes)
        return Case(name, criterion, {"output": output, "boxes": boxes, "classes": classes, "grid": grid}, **how)

    return [
        case("2 images, 2 boxes, 3 classes, grid 4", "values", 2, 2, 3, 4),
        case("3 images, 3 boxes, 2 classes, grid 3", "values", 3, 3, 2, 3),
        case("one box", "edge cases", 2, 1, 4, 3),
        case("one class", "edge cases", 2, 2, 1, 3),
        case("a grid of one cell", "edge cases", 2, 2, 3, 1),
        case("as many boxes and classes as cells in a row", "edge cases", 2, 3, 3, 3),
        case("one image, 7 by 7 cells, 20 classes", "edge cases", 1, 2, 20, 7),
        case("numbers outside 0 and 1", "edge cases", 2, 2, 3, 2, -1.0, 2.0),
        case("float64", "contract", 2, 2, 3, 3, dtype=torch.float64),
        case("output with gaps in memory", "contract", 2, 2, 3, 3, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="yolo_decode",
        call=function,
        returns=("corners", "scores"),
        cases=_cases,
        expected=values_of(reference.yolo_decode),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={"corners": 3, "scores": 1},
        modules=(__name__,),
    ),
)


def yolo_decode__whole_grid(output, boxes, classes, grid):
    n = output.shape[0]
    each = output[..., : 5 * boxes].reshape(n, grid, grid, boxes, 5)
    cells = torch.arange(grid, dtype=output.dtype, device=output.device)
    x = (each[..., 0] + cells[None, None, :, None]) / grid
    y = (each[..., 1] + cells[None, :, None, None]) / grid
    w, h = each[..., 2], each[..., 3]
    corners = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)
    scores = each[..., 4:] * output[..., None, 5 * boxes :]
    return corners.reshape(n, -1, 4), scores.reshape(n, -1, classes)


def yolo_decode__loops(output, boxes, classes, grid):
    n = len(output)
    corners, scores = output.new_zeros(n, grid * grid * boxes, 4), output.new_zeros(n, grid * grid * boxes, classes)
    for row in range(grid):
        for column in range(grid):
            for b in range(boxes):
                x, y, w, h, confidence = output[:, row, column, 5 * b : 5 * b + 5].unbind(1)
                x, y = (x + column) / grid, (y + row) / grid
                place = (row * grid + column) * boxes + b
                corners[:, place] = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=1)
                scores[:, place] = confidence[:, None] * output[:, row, column, 5 * boxes :]
    return corners, scores


def yolo_decode__flat_cells(output, boxes, classes, grid):
    flat = output.reshape(len(output), grid * grid, -1)
    cell = torch.arange(grid * grid, device=output.device)
    corner = torch.stack([cell % grid, cell // grid], 1).to(output)
    corners, scores = [], []
    for box in flat[..., : 5 * boxes].split(5, dim=2):
        center, half = (box[..., :2] + corner) / grid, box[..., 2:4] / 2
        corners.append(torch.cat([center - half, center + half], dim=2))
        scores.append(box[..., 4:5] * flat[..., 5 * boxes :])
    return torch.stack(corners, 2).flatten(1, 2), torch.stack(scores, 2).flatten(1, 2)


_GRID = yolo_decode__whole_grid
_X = "(each[..., 0] + cells[None, None, :, None]) / grid"
_Y = "(each[..., 1] + cells[None, :, None, None]) / grid"
_CORNERS = "[x - w / 2, y - h / 2, x + w / 2, y + h / 2]"
_SCORES = "each[..., 4:] * output[..., None, 5 * boxes :]"
slip(
    _GRID,
    "cell_forgotten",
    "All boxes lie in the first cell: the place of the cell must be added.",
    (_X, "each[..., 0] / grid"),
    (_Y, "each[..., 1] / grid"),
)
slip(
    _GRID,
    "share_of_the_image",
    "The center was taken for a share of the image: it is one of the cell.",
    (_X, "each[..., 0]"),
    (_Y, "each[..., 1]"),
)
slip(
    _GRID,
    "row_and_column_exchanged",
    "The row of the cell was added to x, and its column to y.",
    (_X, "(each[..., 0] + cells[None, :, None, None]) / grid"),
    (_Y, "(each[..., 1] + cells[None, None, :, None]) / grid"),
)
slip(
    _GRID,
    "in_cells",
    "The center is counted in cells: shares of the image are asked for.",
    (_X, "each[..., 0] + cells[None, None, :, None]"),
    (_Y, "each[..., 1] + cells[None, :, None, None]"),
)
slip(
    _GRID,
    "cell_not_divided",
    "The place inside the cell was not divided by the grid.",
    (_X, "each[..., 0] + cells[None, None, :, None] / grid"),
    (_Y, "each[..., 1] + cells[None, :, None, None] / grid"),
)
slip(
    _GRID,
    "middle_of_the_cell",
    "Half a cell was added: x and y say where in its cell the center is.",
    (_X, "(each[..., 0] + cells[None, None, :, None] + 0.5) / grid"),
    (_Y, "(each[..., 1] + cells[None, :, None, None] + 0.5) / grid"),
)
slip(
    _GRID,
    "size_of_the_cell",
    "Width and height were divided by the grid: they are shares of the image already.",
    ("w, h = each[..., 2], each[..., 3]", "w, h = each[..., 2] / grid, each[..., 3] / grid"),
)
slip(
    _GRID,
    "squared_sizes",
    "Width and height were squared: they are no roots here.",
    ("w, h = each[..., 2], each[..., 3]", "w, h = each[..., 2] ** 2, each[..., 3] ** 2"),
)
slip(
    _GRID,
    "width_and_height_exchanged",
    "Width and height are exchanged.",
    ("w, h = each[..., 2], each[..., 3]", "w, h = each[..., 3], each[..., 2]"),
)
slip(
    _GRID,
    "center_and_size",
    "These are a center and a size: two corners are asked for.",
    (_CORNERS, "[x, y, w, h]"),
)
slip(
    _GRID,
    "center_as_corner",
    "The center was taken for the first corner.",
    (_CORNERS, "[x, y, x + w, y + h]"),
)
slip(
    _GRID,
    "twice_as_large",
    "The boxes are twice as wide and as high as they must be: half of a size lies on each side of the center.",
    (_CORNERS, "[x - w, y - h, x + w, y + h]"),
)
slip(
    _GRID,
    "inside_the_image",
    "Corners outside the image were moved to its border: a box may reach beyond it.",
    ("corners.reshape(n, -1, 4)", "corners.reshape(n, -1, 4).clamp(0, 1)"),
)
slip(
    _GRID,
    "class_alone",
    "The scores do not depend on the confidence: it multiplies them.",
    (_SCORES, "torch.ones_like(each[..., 4:]) * output[..., None, 5 * boxes :]"),
)
slip(
    _GRID,
    "confidence_alone",
    "The scores are the same for all classes: the confidence is multiplied by the number of each class.",
    (_SCORES, "each[..., 4:] * torch.ones_like(output[..., None, 5 * boxes :])"),
)
slip(
    _GRID,
    "classes_first",
    "The classes were read first: in the output the boxes come first.",
    ("output[..., : 5 * boxes]", "output[..., classes:]"),
    (_SCORES, "each[..., 4:] * output[..., None, :classes]"),
)
slip(
    _GRID,
    "number_by_number",
    "The numbers of all boxes were read in turn: each box has five numbers, one after the other.",
    (".reshape(n, grid, grid, boxes, 5)", ".reshape(n, grid, grid, 5, boxes).transpose(3, 4)"),
)
slip(
    _GRID,
    "confidence_first",
    "The confidence was read first: it is the last number of a box.",
    (".reshape(n, grid, grid, boxes, 5)", ".reshape(n, grid, grid, boxes, 5).roll(-1, dims=4)"),
)
slip(
    _GRID,
    "boxes_outer",
    "The order is another one: all boxes of the first cell come first.",
    ("corners.reshape(n, -1, 4)", "corners.permute(0, 3, 1, 2, 4).reshape(n, -1, 4)"),
    ("scores.reshape(n, -1, classes)", "scores.permute(0, 3, 1, 2, 4).reshape(n, -1, classes)"),
)
slip(
    _GRID,
    "columns_outer",
    "The cells are in another order: row after row.",
    ("corners.reshape(n, -1, 4)", "corners.transpose(1, 2).reshape(n, -1, 4)"),
    ("scores.reshape(n, -1, classes)", "scores.transpose(1, 2).reshape(n, -1, classes)"),
)
slip(
    _GRID,
    "column_before_row",
    "The cells were read by column and row: the first of the two axes counts rows.",
    ("    n = output", "    output = output.transpose(1, 2)\n    n = output"),
)
slip(
    _GRID,
    "through_a_softmax",
    "The numbers of the classes went through a softmax: they are meant as they are.",
    ("output[..., None, 5 * boxes :]", "output[..., None, 5 * boxes :].softmax(-1)"),
)
slip(
    _GRID,
    "through_a_sigmoid",
    "A sigmoid was applied: the numbers of the output are meant as they are.",
    ("    n = output", "    output = output.sigmoid()\n    n = output"),
)
slip(
    _GRID,
    "in_place",
    "output was overwritten: work on a copy.",
    (_X, "(each[..., 0].add_(cells[None, None, :, None])) / grid"),
)
