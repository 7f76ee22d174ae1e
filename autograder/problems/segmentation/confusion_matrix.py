"""`confusion_matrix`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.forbidden import CONFUSION
from autograder.programs import slip
from autograder.references import segmentation as reference
from autograder.references import value_of


def _labelled(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, classes, absent=(), never_given=(), ignored=(), **how):
        """Labels of `classes`; some are in no target, some in no prediction, and some targets are none of them."""

        def labels(left_out):
            kept = torch.tensor([k for k in range(classes) if k not in left_out])
            return kept[torch.randint(len(kept), shape, generator=generator)]

        target, prediction = labels(absent), labels(never_given)
        # What is absent on one side occurs on the other.
        for side, left_out in ((prediction, absent), (target, never_given)):
            if len(absent) + len(never_given) == 1 and left_out:
                side.view(-1)[0] = left_out[0]
        # One pixel of each pair but (0, 1) and two of (1, 0): no matrix is its own transpose.
        if not absent and not never_given and target.numel() >= classes**2 > 1:
            pairs = [(i, j) for i in range(classes) for j in range(classes) if (i, j) != (0, 1)] + [(1, 0)]
            order = torch.randperm(target.numel(), generator=generator)[: len(pairs)]
            fixed = torch.tensor(pairs)
            # What is drawn beside them is right, so that nothing else is added off the diagonal.
            prediction = target.clone()
            target.view(-1)[order], prediction.view(-1)[order] = fixed[:, 0], fixed[:, 1]
        for i, label in enumerate(ignored):
            target.view(-1)[i :: 2 * len(ignored) + 1] = label
        return Case(name, criterion, {"prediction": prediction, "target": target, "classes": classes}, **how)

    def given(name, criterion, prediction, target, classes, **how):
        arguments = {"prediction": torch.tensor(prediction), "target": torch.tensor(target), "classes": classes}
        return Case(name, criterion, arguments, **how)

    return [
        case("two images of 4 by 5 pixels, 3 classes", "values", (2, 4, 5), 3),
        case("three images of 3 by 6 pixels, 4 classes", "values", (3, 3, 6), 4),
        case("pixels with the label 255", "edge cases", (2, 4, 5), 3, ignored=(255,)),
        case("pixels with the labels -1, -100 and 3 of 3 classes", "edge cases", (2, 3, 7), 3, ignored=(-1, -100, 3)),
        given("every pixel has the label 255", "edge cases", [[0, 1, 2]], [[255, 255, 255]], 3),
        case("a class that no pixel has", "edge cases", (2, 3, 5), 4, absent=(3,)),
        case("a class that is never given", "edge cases", (2, 3, 5), 4, never_given=(3,)),
        case("classes that occur nowhere", "edge cases", (1, 3, 5), 6, absent=(0, 4, 5), never_given=(0, 4, 5)),
        given("one pixel", "edge cases", [[[2]]], [[[1]]], 3),
        given("a row of pixels", "edge cases", [0, 1, 1, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0], 2),
        given("one class", "edge cases", [[0, 0], [0, 0]], [[0, 0], [0, 0]], 1),
        case("labels with gaps in memory", "contract", (2, 3, 6), 3, ignored=(255,), layout="strided"),
        case("labels transposed in memory", "contract", (2, 3, 6), 3, ignored=(255,), layout="transposed"),
    ]


PROBLEMS = (
    Problem(
        name="confusion_matrix",
        call=function,
        returns=("confusion",),
        cases=_labelled,
        expected=value_of(reference.confusion_matrix),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=CONFUSION,
        modules=(__name__,),
    ),
)


def confusion_matrix__bincount(prediction, target, classes):
    counted = (target >= 0) & (target < classes)
    pairs = target[counted] * classes + prediction[counted]
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def confusion_matrix__pixel_by_pixel(prediction, target, classes):
    confusion = torch.zeros(classes, classes, dtype=torch.int64, device=target.device)
    for given, truth in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
        if 0 <= truth < classes:
            confusion[truth, given] += 1
    return confusion


def confusion_matrix__pair_of_classes(prediction, target, classes):
    confusion = torch.empty((classes, classes), dtype=torch.long, device=target.device)
    for truth in range(classes):
        for given in range(classes):
            confusion[truth, given] = ((target == truth) & (prediction == given)).sum()
    return confusion


def confusion_matrix__accumulated(prediction, target, classes):
    prediction, target = prediction.reshape(-1), target.reshape(-1)
    kept = torch.logical_and(target >= 0, target < classes)
    confusion = torch.zeros(classes, classes, dtype=torch.int64, device=target.device)
    ones = torch.ones_like(target[kept])
    return confusion.index_put_((target[kept], prediction[kept]), ones, accumulate=True)


def confusion_matrix__one_hot(prediction, target, classes):
    names = torch.arange(classes, device=target.device)
    truth = (target.flatten()[:, None] == names).double()
    given = (prediction.flatten()[:, None] == names).double()
    return (truth.T @ given).round().long()


def confusion_matrix__in_numpy(prediction, target, classes):
    import numpy

    t, p = target.cpu().numpy().ravel(), prediction.cpu().numpy().ravel()
    table = numpy.zeros((classes, classes), dtype=numpy.int64)
    known = (t >= 0) & (t < classes)
    numpy.add.at(table, (t[known], p[known]), 1)
    return torch.from_numpy(table).to(target.device)


def confusion_matrix__dictionary(prediction, target, classes):
    from collections import Counter

    counts = Counter(zip(map(int, target.flatten()), map(int, prediction.flatten()), strict=True))
    return torch.tensor([[counts[i, j] for j in range(classes)] for i in range(classes)], device=target.device)


_PIXELS = confusion_matrix__pixel_by_pixel

slip(
    _PIXELS,
    "transposed",
    "Rows and columns are exchanged: a row belongs to the true class.",
    ("confusion[truth, given]", "confusion[given, truth]"),
)

slip(
    _PIXELS,
    "each_pair_once",
    "A pair that comes again was not counted again; += with a tensor of indices writes once where they repeat.",
    ("confusion[truth, given] += 1", "confusion[truth, given] = 1"),
)

slip(
    _PIXELS,
    "shares",
    "These are shares of all pixels; counts are asked for, int64.",
    ("return confusion", "return confusion / confusion.sum()"),
)

slip(
    _PIXELS,
    "shares_of_the_rows",
    "Each row was divided by its sum; counts are asked for, int64.",
    ("return confusion", "return confusion / confusion.sum(dim=1, keepdim=True)"),
)

slip(
    _PIXELS,
    "in_single_precision",
    "The counts have a floating-point type; int64 is asked for.",
    ("dtype=torch.int64", "dtype=torch.float32"),
)

slip(
    _PIXELS,
    "of_32_bits",
    "The counts have 32 bits; int64 is asked for.",
    ("dtype=torch.int64", "dtype=torch.int32"),
)

slip(
    _PIXELS,
    "ignored_as_the_last_class",
    "Pixels whose label is none of the classes were counted, as the last class.",
    (
        "        if 0 <= truth < classes:\n            confusion[truth, given]",
        "        confusion[truth if 0 <= truth < classes else -1, given]",
    ),
)

slip(
    _PIXELS,
    "ignored_as_the_first_class",
    "Pixels whose label is none of the classes were counted, as class 0.",
    (
        "        if 0 <= truth < classes:\n            confusion[truth, given]",
        "        confusion[truth if 0 <= truth < classes else 0, given]",
    ),
)

slip(
    _PIXELS,
    "ignored_as_right",
    "Pixels whose label is none of the classes were counted as right.",
    (
        "        if 0 <= truth < classes:\n            confusion[truth, given]",
        "        confusion[truth if 0 <= truth < classes else given, given]",
    ),
)

slip(
    _PIXELS,
    "below_0_counted",
    "A label below 0 was counted: in Python the index -1 is the last one.",
    ("if 0 <= truth < classes:", "if -classes <= truth < classes:"),
)

slip(
    _PIXELS,
    "class_0_left_out",
    "Pixels of class 0 were not counted: it is a class as any other.",
    ("if 0 <= truth < classes:", "if 0 < truth < classes:"),
)

slip(
    _PIXELS,
    "right_pixels_alone",
    "Only the pixels that are right were counted: beside the diagonal stand those that are wrong.",
    ("if 0 <= truth < classes:", "if 0 <= truth < classes and truth == given:"),
)

slip(
    _PIXELS,
    "first_image_alone",
    "Only the first image was counted; all of them are.",
    (
        "prediction.flatten().tolist(), target.flatten().tolist()",
        "prediction[0].view(-1).tolist(), target[0].view(-1).tolist()",
    ),
)

slip(
    _PIXELS,
    "classes_seen",
    "The matrix has too few rows: classes says how many there are, whether they occur or not.",
    (
        "return confusion",
        "seen = max([0, *(t for t in target.flatten().tolist() if t < classes), *prediction.flatten().tolist()]) + 1\n"
        "    return confusion[:seen, :seen]",
    ),
)

slip(
    _PIXELS,
    "target_overwritten",
    "target was overwritten: a pixel that does not count is left out on a copy.",
    (
        "    confusion = torch.zeros",
        "    target[(target < 0) | (target >= classes)] = -1\n    confusion = torch.zeros",
    ),
)


# These raise an error where a label is none of the classes, or a pair of classes does not occur.
_LEFT_OUT = "A pixel whose label is none of the classes is left out before anything is counted: it has no place."
_ANY_LABEL = "Every label below 0, and every one that is not below classes, is left out, whichever number it is."
_BINCOUNT = confusion_matrix__bincount

slip(
    _PIXELS,
    "labels_as_places",
    _LEFT_OUT,
    (
        "        if 0 <= truth < classes:\n            confusion[truth, given]",
        "        confusion[truth, given]",
    ),
)

slip(
    _BINCOUNT,
    "labels_counted",
    _LEFT_OUT,
    ("counted = (target >= 0) & (target < classes)", "counted = torch.ones_like(target, dtype=torch.bool)"),
)

slip(
    _BINCOUNT,
    "only_255",
    _ANY_LABEL,
    ("counted = (target >= 0) & (target < classes)", "counted = target != 255"),
)

slip(
    _BINCOUNT,
    "no_minlength",
    "Where the last pairs of classes do not occur there are too few counts: say how many there are to be.",
    (", minlength=classes * classes", ""),
)
