"""`generate_anchors`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, scales, ratios, **how):
        """Scales and ratios by chance a little larger than these; a ratio of 1 stays."""
        given = [torch.tensor(numbers, dtype=torch.float64) for numbers in (scales, ratios)]
        scales, ratios = (t * torch.where(t == 1, 1, 1 + uniform(generator, 0.0, 0.1, len(t))) for t in given)
        return Case(name, criterion, {"scales": scales, "ratios": ratios}, **how)

    return [
        case("2 scales, 3 ratios", "values", [4, 9], [0.4, 1, 1.7]),
        case("3 scales, 2 ratios", "values", [16, 5, 8], [2.5, 0.6]),
        case("one scale", "edge cases", [6], [0.5, 2]),
        case("one ratio", "edge cases", [3, 5], [3]),
        case("squares", "edge cases", [3, 20, 7], [1]),
        case("scales and ratios out of order", "edge cases", [9, 3, 5], [2, 0.3, 1]),
        case("scales below 1", "edge cases", [0.2, 0.05], [0.5, 2]),
        case("very high and very wide", "edge cases", [10], [0.01, 60]),
        case("float64", "contract", [4, 9], [0.4, 1, 1.7], dtype=torch.float64),
        case("inputs with gaps in memory", "contract", [4, 9], [0.4, 1, 1.7], layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="generate_anchors",
        call=function,
        returns=("anchors",),
        cases=_cases,
        expected=value_of(reference.generate_anchors),
        points={"values": 5, "edge cases": 1, "contract": 1},
        modules=(__name__,),
    ),
)


def generate_anchors__outer_product(scales, ratios):
    root = torch.sqrt(ratios)
    width = (scales[:, None] / root).reshape(-1)
    height = (scales[:, None] * root).reshape(-1)
    return torch.stack([-width / 2, -height / 2, width / 2, height / 2], dim=1)


def generate_anchors__loops(scales, ratios):
    anchors = []
    for scale in scales:
        for ratio in ratios:
            width = scale / ratio**0.5
            height = width * ratio
            anchors.append(torch.stack([-width, -height, width, height]) / 2)
    return torch.stack(anchors)


def generate_anchors__from_the_area(scales, ratios):
    import math

    rows = []
    for scale in scales.tolist():
        for ratio in ratios.tolist():
            height = math.sqrt(scale * scale * ratio)
            width = scale * scale / height
            rows.append((-0.5 * width, -0.5 * height, 0.5 * width, 0.5 * height))
    return torch.tensor(rows, dtype=scales.dtype, device=scales.device)


_OUTER = generate_anchors__outer_product
_CORNERS = "[-width / 2, -height / 2, width / 2, height / 2]"
_WIDTH, _HEIGHT = "(scales[:, None] / root)", "(scales[:, None] * root)"
slip(
    _OUTER,
    "ratio_upside_down",
    "Width and height are exchanged: the ratio is height divided by width.",
    ("torch.sqrt(ratios)", "torch.sqrt(1 / ratios)"),
)
slip(
    _OUTER,
    "ratios_outer",
    "The anchors are in another order: all ratios of the first scale come first.",
    (_WIDTH, "(scales[:, None] / root).T"),
    (_HEIGHT, "(scales[:, None] * root).T"),
)
slip(
    _OUTER,
    "area_is_the_scale",
    "The area of an anchor is the scale: it is the square of the scale.",
    ("    root", "    scales = scales.sqrt()\n    root"),
)
slip(
    _OUTER,
    "root_forgotten",
    "Height divided by width is the square of the ratio: a root is missing.",
    ("torch.sqrt(ratios)", "ratios"),
)
slip(
    _OUTER,
    "width_is_the_scale",
    "The width is the scale whatever the ratio is: the area must not depend on the ratio.",
    (_WIDTH, "(scales[:, None] * torch.ones_like(ratios))"),
    (_HEIGHT, "(scales[:, None] * ratios)"),
)
slip(
    _OUTER,
    "height_is_the_scale",
    "The height is the scale whatever the ratio is: the area must not depend on the ratio.",
    (_WIDTH, "(scales[:, None] / ratios)"),
    (_HEIGHT, "(scales[:, None] * torch.ones_like(ratios))"),
)
slip(
    _OUTER,
    "not_centered",
    "The anchors begin at 0: half of their width and of their height lies on each side of it.",
    (_CORNERS, "[0 * width, 0 * height, width, height]"),
)
slip(
    _OUTER,
    "twice_as_large",
    "The anchors are twice as wide and as high as they must be.",
    (_CORNERS, "[-width, -height, width, height]"),
)
slip(
    _OUTER,
    "another_order",
    "The numbers of an anchor are in another order: x1, y1, x2, y2 is asked for.",
    (_CORNERS, "[-width / 2, width / 2, -height / 2, height / 2]"),
)
slip(
    _OUTER,
    "rounded",
    "The corners were rounded to whole numbers.",
    ("height / 2], dim=1)", "height / 2], dim=1).round()"),
)
slip(
    _OUTER,
    "minus_one",
    "Widths and heights are 1 too small: a box from 1 to 3 is 2 wide.",
    (_CORNERS, "[-(width - 1) / 2, -(height - 1) / 2, (width - 1) / 2, (height - 1) / 2]"),
)
slip(
    _OUTER,
    "pairs_alone",
    "There are too few anchors: every scale goes with every ratio.",
    ("    root", "    few = min(len(scales), len(ratios))\n    scales, ratios = scales[:few], ratios[:few]\n    root"),
    (_WIDTH, "(scales / root)"),
    (_HEIGHT, "(scales * root)"),
)
slip(
    _OUTER,
    "a_matrix_of_anchors",
    "The result has one dimension too many: one row for each anchor is asked for.",
    ("dim=1)", "dim=1).reshape(len(scales), len(ratios), 4)"),
)
slip(
    _OUTER,
    "single_precision",
    "The anchors are float32 whatever the dtype of the scales is.",
    ("dim=1)", "dim=1).float()"),
)
