"""`assign_anchors`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import values_of

# Overlaps of anchors with three boxes: the last box is best for anchor 4, whose own best box is another one; the
# second box has no anchor above 0.5; the others lie above, between and below.
TABLE = [
    [0.12, 0.03, 0.05],
    [0.82, 0.14, 0.02],
    [0.35, 0.22, 0.24],
    [0.04, 0.45, 0.13],
    [0.57, 0.06, 0.52],
    [0.16, 0.36, 0.08],
    [0.76, 0.02, 0.26],
    [0.02, 0.06, 0.04],
]
# Nothing reaches 0.25; the second anchor is best for the last box, though another box is nearer to it.
POOR = [[0.05, 0.12, 0.02], [0.03, 0.16, 0.14], [0.18, 0.01, 0.06], [0.06, 0.21, 0.09]]


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, iou, low, high, by=0.015, **how):
        iou = torch.tensor(iou, dtype=torch.float64)
        iou = iou + uniform(generator, 0.0, by, *iou.shape) if by else iou
        return Case(name, criterion, {"iou": iou, "low": low, "high": high}, **how)

    def order(n):
        return torch.randperm(n, generator=generator).tolist()

    mixed = [TABLE[i] for i in (3, 6, 0, 4, 5, 7, 1, 2)]
    return [
        case("8 anchors and 3 boxes, low 0.3, high 0.7", "values", TABLE, 0.3, 0.7),
        case("8 anchors and 3 boxes, low 0.2, high 0.5", "values", [row[::-1] for row in mixed], 0.2, 0.5),
        case("an overlap that is high", "edge cases", [[0.75, 0.125], [0.875, 0.25], [0.5, 0.625]], 0.25, 0.75, by=0),
        case("an overlap that is low", "edge cases", [[0.25, 0.125], [0.875, 0.125], [0.125, 0.625]], 0.25, 0.75, by=0),
        case("no anchor fits", "edge cases", [POOR[i] for i in (2, 1, 0, 3)], 0.3, 0.7),
        case(
            "anchors with the same overlap",
            "edge cases",
            [[0.25, 0.125], [0.5, 0.25], [0.5, 0.125], [0, 0.375], [0.25, 0.375]],
            0.3,
            0.7,
            by=0,
        ),
        case("boxes with the same overlap", "edge cases", [[0.5, 0.5], [0.75, 0.25], [0.125, 0.625]], 0.25, 0.4, by=0),
        case("one box", "edge cases", [[row[0]] for row in TABLE], 0.3, 0.7),
        case("one anchor, one box", "edge cases", [[0.1]], 0.3, 0.7),
        case("low and high equal", "edge cases", [TABLE[i] for i in order(8)], 0.5, 0.5),
        case("nothing between 0 and 1", "edge cases", [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], 0.3, 0.7, by=0),
        case(
            "float64, overlaps just above low 0.3 and high 0.6",
            "contract",
            [[0.300000006, 0.1], [0.60000001, 0.1], [0.9, 0.2], [0.1, 0.8]],
            0.3,
            0.6,
            by=0,
            dtype=torch.float64,
        ),
        case("iou with gaps in memory", "contract", TABLE, 0.3, 0.7, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="assign_anchors",
        call=function,
        returns=("labels", "matches"),
        cases=_cases,
        expected=values_of(reference.assign_anchors),
        points={"values": 6, "edge cases": 1, "contract": 1},
        shares={"labels": 4, "matches": 2},
        modules=(__name__,),
    ),
)


def assign_anchors__whole_columns(iou, low, high):
    best, matches = iou.max(dim=1)
    labels = torch.full_like(matches, -1)
    labels[best >= high] = 1
    labels[best < low] = 0
    kept = iou.argmax(dim=0)
    labels[kept] = 1
    matches[kept] = torch.arange(iou.shape[1], device=iou.device)
    return labels, matches


def assign_anchors__anchor_by_anchor(iou, low, high):
    anchors, boxes = iou.shape
    rows = iou.tolist()
    labels, matches = [0] * anchors, [0] * anchors
    for i in range(anchors):
        for j in range(boxes):
            if rows[i][j] > rows[i][matches[i]]:
                matches[i] = j
        best = rows[i][matches[i]]
        if best >= high:
            labels[i] = 1
        elif best >= low:
            labels[i] = -1
    for j in range(boxes):
        first = 0
        for i in range(1, anchors):
            if rows[i][j] > rows[first][j]:
                first = i
        labels[first], matches[first] = 1, j
    return torch.tensor(labels, device=iou.device), torch.tensor(matches, device=iou.device)


def assign_anchors__where(iou, low, high):
    best, matches = iou.amax(1), (iou == iou.amax(1, keepdim=True)).int().argmax(1)
    labels = torch.where(best >= high, 1, torch.where(best < low, 0, -1))
    for box, anchor in enumerate(iou.argmax(0).tolist()):
        labels[anchor] = 1
        matches[anchor] = box
    return [labels, matches]


_COLUMNS = assign_anchors__whole_columns
_MATCHED = "    matches[kept] = torch.arange(iou.shape[1], device=iou.device)\n"
_KEPT = f"    kept = iou.argmax(dim=0)\n    labels[kept] = 1\n{_MATCHED}"
slip(
    _COLUMNS,
    "best_anchor_lost",
    "A box has no positive anchor: its best anchor is positive however little it overlaps.",
    (_KEPT, ""),
)
slip(
    _COLUMNS,
    "best_anchor_not_matched",
    "The best anchor of a box is positive, but it is matched to another box.",
    (_MATCHED, ""),
)
slip(
    _COLUMNS,
    "best_anchor_not_positive",
    "The best anchor of a box is matched to it, but it is not positive.",
    ("    labels[kept] = 1\n", ""),
)
slip(
    _COLUMNS,
    "best_anchor_before_the_thresholds",
    "The best anchor of a box lost its label again: the thresholds come first.",
    ("    labels[best >= high] = 1\n    labels[best < low] = 0\n", ""),
    ("    return", "    labels[best >= high] = 1\n    labels[best < low] = 0\n    return"),
)
slip(
    _COLUMNS,
    "every_best_anchor",
    "A box that several anchors overlap equally well keeps the first of them alone.",
    (
        _KEPT,
        "    tied, box = (iou == iou.amax(dim=0)).nonzero().unbind(1)\n    labels[tied] = 1\n    matches[tied] = box\n",
    ),
)
slip(
    _COLUMNS,
    "last_best_anchor",
    "A box that several anchors overlap equally well keeps the first of them, not the last.",
    ("kept = iou.argmax(dim=0)", "kept = len(iou) - 1 - iou.flip(0).argmax(dim=0)"),
)
slip(
    _COLUMNS,
    "strictly_above_high",
    "An anchor whose overlap is high is positive: it is only called for to reach it.",
    ("best >= high", "best > high"),
)
slip(
    _COLUMNS,
    "low_is_negative",
    "An anchor whose overlap is low is not negative: it must lie below.",
    ("best < low", "best <= low"),
)
slip(
    _COLUMNS,
    "between_is_negative",
    "Anchors between low and high are neither positive nor negative: they have the label -1.",
    ("torch.full_like(matches, -1)", "torch.full_like(matches, 0)"),
)
slip(
    _COLUMNS,
    "labels_exchanged",
    "0 and -1 are exchanged: an anchor below low is 0, one between is -1.",
    ("torch.full_like(matches, -1)", "torch.full_like(matches, 0)"),
    ("labels[best < low] = 0", "labels[best < low] = -1"),
)
slip(
    _COLUMNS,
    "negatives_unmatched",
    "Anchors that are not positive have no match: the matches of all anchors are asked for.",
    ("    kept", "    matches[best < high] = -1\n    kept"),
)
slip(
    _COLUMNS,
    "negatives_alone_unmatched",
    "Negative anchors have no match: the matches of all anchors are asked for.",
    ("    kept", "    matches[best < low] = -1\n    kept"),
)
slip(
    _COLUMNS,
    "positives_keep_their_match",
    "The best anchor of a box was positive already, and kept its match: it is matched to this box.",
    (
        _MATCHED,
        "    weak = best[kept] < high\n    matches[kept[weak]] = torch.arange(iou.shape[1], device=iou.device)[weak]\n",
    ),
)
slip(
    _COLUMNS,
    "exchanged",
    "Labels and matches are exchanged: the labels come first.",
    ("return labels, matches", "return matches, labels"),
)
slip(
    _COLUMNS,
    "first_box_for_all",
    "The first box alone decides about an anchor: its best box does.",
    ("best, matches = iou.max(dim=1)", "best, matches = iou[:, 0], torch.zeros_like(iou[:, 0]).long()"),
)
slip(
    _COLUMNS,
    "mean_overlap",
    "The mean over the boxes decides about an anchor: its best box does.",
    ("best, matches = iou.max(dim=1)", "best, matches = iou.mean(dim=1), iou.argmax(dim=1)"),
)
slip(
    _COLUMNS,
    "overlaps_as_matches",
    "These are overlaps: the indices of the boxes are asked for.",
    ("return labels, matches", "return labels, best"),
)
slip(
    _COLUMNS,
    "labels_of_another_type",
    "The labels are no whole numbers: int64 is asked for.",
    ("return labels, matches", "return labels.to(iou), matches"),
)
