"""`nms`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.detection.cases import given, moved
from autograder.problems.drawing import uniform
from autograder.problems.forbidden import SUPPRESSION
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of

# A chain in which each overlaps the next by half, a box in a large one, a close pair, one alone, and a pair below 1/2.
CHAIN = [[0, 0, 10, 8], [3, 0, 13, 8], [6, 0, 16, 8]]
LAYOUT = [*CHAIN, [11, 2, 13, 4], [0, 20, 4, 23], [1.5, 20, 5.5, 23], [-9, -7, -4, -4], [-8.9, -7, -3.9, -4.1]]
# Ranks of their scores: in the chain the best is first, and the second is suppressed.
RANKS = (6, 5, 3, 7, 1, 4, 0, 2)

# In float64 the overlap of two boxes lies between 0.3 and 0.3 as float32 holds it; in float32 it is far above.
FAR, LONG, SHORT = 2.0**30, 1024.0, 1024 * 0.300000006


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, boxes, scores, iou_threshold, **how):
        scores = torch.as_tensor(scores, dtype=torch.float64)
        return Case(name, criterion, {"boxes": boxes, "scores": scores, "iou_threshold": iou_threshold}, **how)

    def scored(ranks, low=0.05):
        """Scores in the order of `ranks`, the largest number best; none is closer than 0.05 to another."""
        steps = uniform(generator, 0.0, 0.04, len(ranks))
        return [low + 0.1 * rank + float(step) for rank, step in zip(ranks, steps, strict=True)]

    def layout(order=range(8)):
        order = list(order)
        return moved(generator, LAYOUT, 0.05)[order], [RANKS[i] for i in order]

    first, ranks = layout()
    second, other_ranks = layout((5, 2, 7, 3, 0, 6, 1, 4))
    third, more_ranks = layout((1, 4, 3, 6, 7, 0, 5, 2))
    upright, upright_ranks = layout((3, 0, 6, 2, 5, 1, 7, 4))
    two = given([[0, 0, 2, 1], [0, 0, 1, 1]])
    factor = float(uniform(generator, 0.5, 2))
    return [
        case("8 boxes, iou_threshold 0.5", "values", first, scored(ranks), 0.5),
        case("8 boxes, x and y exchanged", "values", upright[:, [1, 0, 3, 2]], scored(upright_ranks), 0.5),
        case("8 boxes in another order, iou_threshold 0.2", "values", second, scored(other_ranks), 0.2),
        case("8 boxes, scores below 0, iou_threshold 0.7", "values", third, scored(more_ranks, -2.0), 0.7),
        case("equal scores", "edge cases", first, [0.5, 0.5, 0.75, 0.5, 0.5, 0.75, 0.5, 0.5], 0.5),
        case(
            "all scores equal, no overlap",
            "edge cases",
            given([[k, 0, k + 1, 2] for k in (3, 9, 0, 6)]),
            [0.25] * 4,
            0.5,
        ),
        case("an IoU that is the threshold", "edge cases", torch.cat([two, two + 8]), scored((3, 1, 0, 2)), 0.5),
        case("identical boxes", "edge cases", factor * given(CHAIN[:1] * 3 + CHAIN[2:]), scored((1, 3, 2, 0)), 0.6),
        case("identical boxes, iou_threshold 1", "edge cases", given(CHAIN[:1] * 3), scored((1, 2, 0)), 1.0),
        case(
            "boxes that touch, iou_threshold 0",
            "edge cases",
            given([[0, 0, 2, 2], [2, 0, 4, 2], [1, 1, 3, 2]]),
            scored((2, 0, 1)),
            0.0,
        ),
        case(
            "boxes that touch, one above the other, iou_threshold 0",
            "edge cases",
            given([[0, 0, 2, 2], [0, 2, 2, 4], [1, 1, 2, 3]]),
            scored((2, 0, 1)),
            0.0,
        ),
        case(
            "boxes without area",
            "edge cases",
            given([[3, 2, 3, 2], [3, 2, 3, 2], [0, 0, 4, 3]]),
            scored((1, 0, 2)),
            0.5,
        ),
        case("one box", "edge cases", first[:1], scored((0,)), 0.5),
        case("no box", "edge cases", given([]), [], 0.5),
        case(
            "float64, an IoU just above iou_threshold 0.3",
            "contract",
            given([[FAR, 0, FAR + LONG, 2], [FAR, 0, FAR + SHORT, 2], [0, 0, 1, 1]]),
            scored((1, 0, 2)),
            0.3,
            dtype=torch.float64,
        ),
        case("inputs with gaps in memory", "contract", second, scored(other_ranks), 0.5, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="nms",
        call=function,
        returns=("keep",),
        cases=_cases,
        expected=value_of(reference.nms),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=SUPPRESSION,
        modules=(__name__,),
    ),
)


def nms__one_after_the_other(boxes, scores, iou_threshold):
    order = scores.argsort(descending=True, stable=True)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    keep = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        sides = torch.minimum(boxes[best, 2:], boxes[rest, 2:]) - torch.maximum(boxes[best, :2], boxes[rest, :2])
        intersection = sides.clamp(min=0).prod(dim=1)
        union = areas[best] + areas[rest] - intersection
        iou = torch.where(union > 0, intersection / union, 0.0)
        order = rest[iou <= iou_threshold]
    return torch.tensor(keep, dtype=torch.int64, device=boxes.device)


def nms__flags(boxes, scores, iou_threshold):
    def overlap(p, q):
        width, height = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
        if width <= 0 or height <= 0:
            return 0.0
        return width * height / ((p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - width * height)

    rows, values = boxes.tolist(), scores.tolist()
    order = sorted(range(len(rows)), key=lambda i: (-values[i], i))
    suppressed = [False] * len(rows)
    keep = []
    for place, i in enumerate(order):
        if suppressed[i]:
            continue
        keep.append(i)
        for j in order[place + 1 :]:
            if overlap(rows[i], rows[j]) > iou_threshold:
                suppressed[j] = True
    return torch.tensor(keep, device=boxes.device).long()


def nms__matrix_first(boxes, scores, iou_threshold):
    order = torch.sort(scores, descending=True, stable=True).indices
    b = boxes[order]
    corner, opposite = torch.maximum(b[:, None, :2], b[:, :2]), torch.minimum(b[:, None, 2:], b[:, 2:])
    both = (opposite - corner).clamp(min=0).prod(2)
    area = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    above = both > iou_threshold * (area[:, None] + area - both)
    kept = torch.ones(len(b), dtype=torch.bool, device=b.device)
    for i in range(len(b)):
        if kept[i]:
            kept[i + 1 :] &= ~above[i, i + 1 :]
    return order[kept]


def nms__largest_again_and_again(boxes, scores, iou_threshold):
    left = scores.clone()
    x1, y1, x2, y2 = boxes.unbind(1)
    area = (x2 - x1) * (y2 - y1)
    keep = torch.empty(0, dtype=torch.long, device=boxes.device)
    while len(left) and left.max() > -torch.inf:
        i = (left == left.max()).nonzero()[0, 0]
        keep = torch.cat([keep, i[None]])
        w = (torch.minimum(x2, x2[i]) - torch.maximum(x1, x1[i])).clamp(min=0)
        h = (torch.minimum(y2, y2[i]) - torch.maximum(y1, y1[i])).clamp(min=0)
        iou = w * h / (area + area[i] - w * h)
        left[iou > iou_threshold] = -torch.inf
        left[i] = -torch.inf
    return keep


_LOOP, _FLAGS = nms__one_after_the_other, nms__flags
_ORDER = "scores.argsort(descending=True, stable=True)"
slip(
    _LOOP,
    "ties_from_the_end",
    "Of boxes with equal scores the one with the higher index came first.",
    (_ORDER, "scores.argsort(stable=True).flip(0)"),
)
slip(
    _LOOP,
    "suppressed_at_the_threshold",
    "A box whose IoU is the threshold was suppressed: only a larger one suppresses.",
    ("rest[iou <= iou_threshold]", "rest[iou < iou_threshold]"),
)
slip(
    _FLAGS,
    "suppressed_suppress",
    "A box that was suppressed itself has suppressed others.",
    (
        "        if suppressed[i]:\n            continue\n        keep.append(i)\n",
        "        if not suppressed[i]:\n            keep.append(i)\n",
    ),
)
slip(
    _FLAGS,
    "suppressed_suppress_by_index",
    "A box that was suppressed itself has suppressed others; and of what is kept the best one must come first.",
    (
        "        if suppressed[i]:\n            continue\n        keep.append(i)\n",
        "        if not suppressed[i]:\n            keep.append(i)\n",
    ),
    ("torch.tensor(keep", "torch.tensor(sorted(keep)"),
)
slip(
    _FLAGS,
    "mask",
    "This says of each box whether it is kept: the indices of those that are kept are asked for, the best one first.",
    (
        "torch.tensor(keep, device=boxes.device).long()",
        "~torch.tensor(suppressed, dtype=torch.bool, device=boxes.device)",
    ),
)
slip(
    _LOOP,
    "worst_first",
    "The box with the lowest score came first.",
    (_ORDER, "scores.argsort(stable=True)"),
)
slip(
    _LOOP,
    "not_sorted",
    "The scores were not used: boxes were kept in the order in which they came.",
    (_ORDER, "torch.arange(len(scores), device=scores.device)"),
)
slip(
    _LOOP,
    "by_index",
    "The right boxes were kept, but the best one must come first.",
    ("torch.tensor(keep, dtype", "torch.tensor(sorted(keep), dtype"),
)
slip(
    _LOOP,
    "places_in_the_order",
    "These are places among the sorted boxes: the indices of the boxes as they came are asked for.",
    ("    areas", "    boxes, order = boxes[order], torch.arange(len(order), device=order.device)\n    areas"),
)
slip(
    _LOOP,
    "plus_one",
    "Widths and heights are 1 too large: a box from 1 to 3 is 2 wide.",
    ("(boxes[:, 2:] - boxes[:, :2]).prod", "(boxes[:, 2:] - boxes[:, :2] + 1).prod"),
    ("sides.clamp", "(sides + 1).clamp"),
)
slip(
    _LOOP,
    "smaller_area",
    "A small box in a large one was suppressed: the intersection was divided by the smaller area, not by the union.",
    ("areas[best] + areas[rest] - intersection", "torch.minimum(areas[best], areas[rest])"),
)
slip(
    _LOOP,
    "sum_of_areas",
    "Too few boxes were suppressed: the intersection was divided by the sum of both areas.",
    ("areas[best] + areas[rest] - intersection", "areas[best] + areas[rest]"),
)
slip(
    _LOOP,
    "not_clamped",
    "Boxes that lie apart were taken for overlapping ones: the product of two negative numbers is positive.",
    ("sides.clamp(min=0).prod", "sides.prod"),
)
slip(
    _LOOP,
    "only_of_the_best",
    "Only the best box of all suppressed others: every box that is kept does.",
    (
        "        order = rest[iou <= iou_threshold]",
        "        order = rest[iou <= iou_threshold] if len(keep) == 1 else rest",
    ),
)
slip(
    _FLAGS,
    "last_kept_only",
    "A box was compared with the last one that was kept: it must be compared with all of them.",
    ("        if suppressed[i]:\n", "        if keep and overlap(rows[keep[-1]], rows[i]) > iou_threshold:\n"),
    ("                suppressed[j] = True\n", "                pass\n"),
)
slip(
    _LOOP,
    "turned",
    "The boxes that overlap were kept, and the others were suppressed.",
    ("rest[iou <= iou_threshold]", "rest[iou > iou_threshold]"),
)
slip(
    _LOOP,
    "always_one_half",
    "The argument iou_threshold is not used.",
    ("rest[iou <= iou_threshold]", "rest[iou <= 0.5]"),
)
slip(
    _LOOP,
    "nan_suppresses",
    "A box without area was suppressed by another one: its IoU is 0 divided by 0, and no comparison with that is true.",
    ("torch.where(union > 0, intersection / union, 0.0)", "intersection / union"),
)
slip(
    _LOOP,
    "corner_and_size",
    "The last two numbers of a box were read as its width and its height: they are its other corner.",
    ("    areas", "    boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)\n    areas"),
)
slip(
    _LOOP,
    "boxes",
    "These are boxes: their indices are asked for.",
    ("torch.tensor(keep, dtype=torch.int64, device=boxes.device)", "boxes[keep]"),
)
slip(
    _LOOP,
    "empty_of_another_type",
    "Without boxes the result is float32: an empty list says nothing of its type.",
    ("torch.tensor(keep, dtype=torch.int64, device=boxes.device)", "torch.tensor(keep, device=boxes.device)"),
)
slip(
    _LOOP,
    "in_place",
    "scores was overwritten: work on a copy.",
    ("    areas", "    scores.fill_(0)\n    areas"),
)
