"""`box_iou`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.detection.cases import given, moved
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of

# Pairs that overlap in part, one in the other, and not: side by side, one below the other, and apart in both ways.
FIRST = [[0, 0, 4, 3], [5, 1, 9, 5], [2, 2, 6, 4], [8, 7, 11, 9], [-3, 6, 3, 10]]
SECOND = [[1, 1, 5, 4], [6, 5, 12, 11], [3, 0, 8, 3]]


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, a, b, **how):
        return Case(name, criterion, {"a": a, "b": b}, **how)

    def first():
        return moved(generator, FIRST)

    def second():
        return moved(generator, SECOND)

    corner = uniform(generator, 0.2, 0.7, 2)
    tiny = torch.cat([corner, corner + 1e-4]).repeat(2, 1)
    tiny[1, ::2] += 4e-5
    same = first()[:2]
    square = float(uniform(generator, 1, 3))
    return [
        case("5 boxes and 3 boxes", "values", first(), second()),
        case("2 boxes and 6 boxes", "values", second()[:2], torch.cat([first(), second()[2:]])),
        case("identical boxes", "edge cases", same, same.flip(0)),
        case(
            "boxes that touch", "edge cases", given([[0, 0, 2, 3]]), given([[2, 0, 5, 3], [0, 3, 2, 4], [2, 3, 4, 4]])
        ),
        case("a box in another", "edge cases", square * given([[0, 0, 5, 4]]), square * given([[1, 1, 3, 2]])),
        case(
            "boxes apart in both directions",
            "edge cases",
            given([[0, 0, 2, 1]]),
            given([[4, 3, 5, 6], [-6, -4, -3, -2]]),
        ),
        case("boxes beside each other", "edge cases", given([[0, 0, 2, 3]]), given([[5, 1, 6, 2], [1, 7, 2, 8]])),
        case("boxes with negative corners", "edge cases", -first().flip(1), -second().flip(1)),
        case("boxes of some 0.0001", "edge cases", tiny, tiny.flip(0)),
        case(
            "boxes without area",
            "edge cases",
            given([[1, 2, 1, 2], [0, 1, 4, 1]]),
            given([[1, 2, 1, 2], [0, 1, 4, 1], [0, 0, 3, 2]]),
        ),
        case("no box in a", "edge cases", given([]), second()),
        case("no box in b", "edge cases", first(), given([])),
        case("float64", "contract", first(), second(), dtype=torch.float64),
        case("boxes with gaps in memory", "contract", first(), second(), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="box_iou",
        call=function,
        returns=("iou",),
        cases=_cases,
        expected=value_of(reference.box_iou),
        points={"values": 4, "edge cases": 3, "contract": 1},
        modules=(__name__,),
    ),
)


def box_iou__all_pairs(a, b):
    left, top = (torch.maximum(a[:, None, k], b[None, :, k]) for k in (0, 1))
    right, bottom = (torch.minimum(a[:, None, k], b[None, :, k]) for k in (2, 3))
    intersection = (right - left).clamp(min=0) * (bottom - top).clamp(min=0)
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union = area_a[:, None] + area_b[None, :] - intersection
    return torch.where(union > 0, intersection / union, torch.zeros_like(union))


def box_iou__pair_by_pair(a, b):
    iou = torch.zeros(len(a), len(b), dtype=a.dtype, device=a.device)
    for i, (ax1, ay1, ax2, ay2) in enumerate(a.tolist()):
        for j, (bx1, by1, bx2, by2) in enumerate(b.tolist()):
            width, height = min(ax2, bx2) - max(ax1, bx1), min(ay2, by2) - max(ay1, by1)
            if width > 0 and height > 0:
                both = width * height
                iou[i, j] = both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both)
    return iou


def box_iou__row_by_row(a, b):
    rows = []
    for box in a:
        sides = torch.minimum(box[2:], b[:, 2:]) - torch.maximum(box[:2], b[:, :2])
        intersection = sides.relu().prod(1)
        union = (box[2:] - box[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(1) - intersection
        rows.append((intersection / union).nan_to_num(nan=0.0))
    return torch.stack(rows) if rows else b.new_zeros(0, len(b))


def box_iou__expanded(a, b):
    n, m = len(a), len(b)
    p, q = a[:, None].expand(n, m, 4), b[None].expand(n, m, 4)
    w = torch.min(p[..., 2], q[..., 2]) - torch.max(p[..., 0], q[..., 0])
    h = torch.min(p[..., 3], q[..., 3]) - torch.max(p[..., 1], q[..., 1])
    out = torch.zeros(n, m, dtype=a.dtype, device=a.device)
    meet = (w > 0) & (h > 0)
    both = (w * h)[meet]
    p, q = p[meet], q[meet]
    out[meet] = both / ((p[:, 2] - p[:, 0]) * (p[:, 3] - p[:, 1]) + (q[:, 2] - q[:, 0]) * (q[:, 3] - q[:, 1]) - both)
    return out


_PAIRS = box_iou__all_pairs
_CLAMPED = "intersection = (right - left).clamp(min=0) * (bottom - top).clamp(min=0)"
_WHERE = "torch.where(union > 0, intersection / union, torch.zeros_like(union))"
slip(
    _PAIRS,
    "plus_one",
    "Widths and heights are 1 too large: a box from 1 to 3 is 2 wide.",
    (_CLAMPED, "intersection = (right - left + 1).clamp(min=0) * (bottom - top + 1).clamp(min=0)"),
    (
        "area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])",
        "area_a = (a[:, 2] - a[:, 0] + 1) * (a[:, 3] - a[:, 1] + 1)",
    ),
    (
        "area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])",
        "area_b = (b[:, 2] - b[:, 0] + 1) * (b[:, 3] - b[:, 1] + 1)",
    ),
)
slip(
    _PAIRS,
    "plus_one_in_areas",
    "The areas of the boxes are too large: a box from 1 to 3 is 2 wide.",
    (
        "area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])",
        "area_a = (a[:, 2] - a[:, 0] + 1) * (a[:, 3] - a[:, 1] + 1)",
    ),
    (
        "area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])",
        "area_b = (b[:, 2] - b[:, 0] + 1) * (b[:, 3] - b[:, 1] + 1)",
    ),
)
slip(
    _PAIRS,
    "not_clamped",
    "Boxes that lie apart have an intersection other than 0: its width or its height is negative.",
    (_CLAMPED, "intersection = (right - left) * (bottom - top)"),
)
slip(
    _PAIRS,
    "product_clamped",
    "Boxes that lie apart in both directions have an intersection above 0: two negative numbers were multiplied.",
    (_CLAMPED, "intersection = ((right - left) * (bottom - top)).clamp(min=0)"),
)
slip(
    _PAIRS,
    "sum_of_areas",
    "The intersection was divided by the sum of both areas: what both boxes cover counts once.",
    ("area_b[None, :] - intersection", "area_b[None, :]"),
)
slip(
    _PAIRS,
    "smaller_area",
    "The intersection was divided by the area of the smaller box, not by that of the union.",
    ("area_a[:, None] + area_b[None, :] - intersection", "torch.minimum(area_a[:, None], area_b[None, :])"),
)
slip(
    _PAIRS,
    "area_of_a",
    "The intersection was divided by the area of one box, not by that of the union.",
    ("area_a[:, None] + area_b[None, :] - intersection", "area_a[:, None].expand_as(intersection)"),
)
slip(
    _PAIRS,
    "hull",
    "The union was taken for the smallest box around both: it is only what one of them covers.",
    (
        "area_a[:, None] + area_b[None, :] - intersection",
        "(torch.maximum(a[:, None, 2], b[:, 2]) - torch.minimum(a[:, None, 0], b[:, 0])) * "
        "(torch.maximum(a[:, None, 3], b[:, 3]) - torch.minimum(a[:, None, 1], b[:, 1]))",
    ),
)
slip(
    _PAIRS,
    "intersection",
    "This is the area of the intersection: it must be divided by that of the union.",
    (_WHERE, "intersection"),
)
slip(
    _PAIRS,
    "nan",
    "0 was divided by 0: look at boxes without area.",
    (_WHERE, "intersection / union"),
)
for name, eps in (("", "1e-6"), *((f"_{k}", f"1e-{k}") for k in (0, 3, 5, 7, 8, 9, 10))):
    slip(
        _PAIRS,
        f"small_number_added{name}",
        "Small boxes have too small an IoU: a number that is not small beside their areas was added to the union.",
        (_WHERE, f"intersection / (union + {eps})"),
    )
slip(
    _PAIRS,
    "transposed",
    "Rows and columns are exchanged: a row belongs to a box of a.",
    (_WHERE, "torch.where(union > 0, intersection / union, torch.zeros_like(union)).T"),
)
slip(
    _PAIRS,
    "corner_and_size",
    "The last two numbers of a box were read as its width and its height: they are its other corner.",
    (
        "    left, top",
        "    a, b = (torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1) for boxes in (a, b))\n    left, top",
    ),
)
slip(
    _PAIRS,
    "distance",
    "This is 1 minus the IoU: identical boxes have 1.",
    (_WHERE, "1 - torch.where(union > 0, intersection / union, torch.zeros_like(union))"),
)
slip(
    _PAIRS,
    "single_precision",
    "The result is float32 whatever the dtype of the boxes is.",
    (_WHERE, "torch.where(union > 0, intersection / union, torch.zeros_like(union)).float()"),
)
