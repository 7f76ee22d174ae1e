"""`mean_iou`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import real
from autograder.problem import Problem
from autograder.problems.forbidden import IOU
from autograder.programs import slip
from autograder.references import segmentation as reference
from autograder.references import value_of


def _confusions(generator: torch.Generator) -> list[Case]:
    # Every union is a power of 2, and so is the number of classes that have one: a share of that kind is the same in
    # every precision, and may be computed in float32.
    def counts(classes, union=256, never=(), without_target=(), without_prediction=()):
        """Classes with pixels on the diagonal and beside it, and no row with the sum of its column."""
        while True:
            found = torch.randint(1, union // (4 * classes), (classes, classes), generator=generator)
            found[[*never, *without_target]] = 0
            found[:, [*never, *without_prediction]] = 0
            found.fill_diagonal_(0)
            beside = found.sum(0) + found.sum(1)
            found += torch.diag(2 ** (torch.arange(classes) % 2) * union - beside)
            for k in (*never, *without_target, *without_prediction):
                found[k, k] = 0
            if all(found[k].sum() != found[:, k].sum() for k in range(classes) if k not in never):
                return found

    def of_wrong_pixels(classes, *shape):
        """No pixel of the class in `shape` is right, and the union of that class is a power of 2, too."""
        found = counts(classes, **dict([shape]))
        (k,) = shape[1]
        row = found[k] if shape[0] == "without_prediction" else found[:, k]
        other = (k + 1) % classes
        more = 128 - int(row.sum())
        row[other] += more
        found[other, other] -= more
        return found

    def case(name, criterion, confusion, **how):
        return Case(name, criterion, {"confusion": torch.as_tensor(confusion)}, **how)

    return [
        case("2 classes", "values", counts(2)),
        case("4 classes", "values", counts(4)),
        case(
            "one class with most of the pixels", "values", counts(4) + torch.diag(torch.tensor([2**13 - 256, 0, 0, 0]))
        ),
        case("a class that occurs nowhere", "edge cases", counts(5, never=[2])),
        case("class 0 and the last class occur nowhere", "edge cases", counts(4, never=[0, 3])),
        case("a class that no pixel has, but some are given", "edge cases", of_wrong_pixels(4, "without_target", [1])),
        case("a class that is never given", "edge cases", of_wrong_pixels(4, "without_prediction", [3])),
        case("every pixel is right, and a class occurs nowhere", "edge cases", torch.diag(torch.tensor([7, 0, 4]))),
        case("every pixel is wrong", "edge cases", [[0, 3], [5, 0]]),
        case("one class", "edge cases", [[9]]),
        case("billions of pixels", "edge cases", counts(2) * 2**28),
        case("counts with gaps in memory", "contract", counts(4), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="mean_iou",
        call=real,
        returns=("miou",),
        cases=_confusions,
        expected=value_of(reference.mean_iou),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=IOU,
        modules=(__name__,),
    ),
)


def mean_iou__chosen(confusion):
    both = confusion.diagonal()
    union = confusion.sum(dim=0) + confusion.sum(dim=1) - both
    there = union > 0
    return (both[there] / union[there]).mean()


def mean_iou__class_by_class(confusion):
    total, count = 0.0, 0
    table = confusion.tolist()
    for k in range(len(table)):
        both = table[k][k]
        union = sum(table[k]) + sum(row[k] for row in table) - both
        if union:
            total += both / union
            count += 1
    return total / count


def mean_iou__nanmean(confusion):
    c = confusion.double()
    both = torch.diag(c)
    return (both / (c.sum(0) + c.sum(1) - both)).nanmean()


def mean_iou__weighted(confusion):
    counts = confusion.to(torch.float64)
    right = torch.einsum("kk->k", counts)
    missed, false = counts.sum(1) - right, counts.sum(0) - right
    union = right + missed + false
    there = (union != 0).double()
    return float((right / union.clamp(min=1) * there).sum() / there.sum())


def mean_iou__in_numpy(confusion):
    import numpy

    c = confusion.cpu().numpy().astype(float)
    both = numpy.diagonal(c)
    union = c.sum(0) + c.sum(1) - both
    with numpy.errstate(invalid="ignore", divide="ignore"):
        return numpy.nanmean(both / union)


_CHOSEN = mean_iou__chosen

slip(
    _CHOSEN,
    "intersection_counted_twice",
    "The pixels of the intersection were counted twice in the union.",
    (" + confusion.sum(dim=1) - both", " + confusion.sum(dim=1)"),
)

slip(
    _CHOSEN,
    "dice",
    "This is twice the intersection over the sum of both areas (Dice); below the line stands their union.",
    ("both[there] / union[there]", "2 * both[there] / (union + both)[there]"),
)

slip(
    _CHOSEN,
    "accuracy_of_the_classes",
    "The intersection was divided by the pixels of the true class: those that were given it by mistake count, too.",
    ("confusion.sum(dim=0) + confusion.sum(dim=1) - both", "confusion.sum(dim=1)"),
)

slip(
    _CHOSEN,
    "precision_of_the_classes",
    "The intersection was divided by the pixels that were given the class: those that it missed count, too.",
    ("confusion.sum(dim=0) + confusion.sum(dim=1) - both", "confusion.sum(dim=0)"),
)

slip(
    _CHOSEN,
    "pixel_accuracy",
    "This is the share of pixels that are right; each class has a share of its own, and the mean goes over classes.",
    ("(both[there] / union[there]).mean()", "both.sum() / confusion.sum()"),
)

slip(
    _CHOSEN,
    "of_all_classes_together",
    "Intersections and unions were added up over the classes before they were divided; each class has its own share.",
    ("(both[there] / union[there]).mean()", "both.sum() / union.sum()"),
)

slip(
    _CHOSEN,
    "weighted_by_frequency",
    "The classes were weighted by their pixels; in this mean each counts once.",
    (
        "(both[there] / union[there]).mean()",
        "(both[there] / union[there] * confusion.sum(dim=1)[there]).sum() / confusion.sum()",
    ),
)

slip(
    _CHOSEN,
    "empty_as_zero",
    "A class that occurs nowhere was counted with 0: it is left out of the mean.",
    ("(both[there] / union[there]).mean()", "(both / union.clamp(min=1)).mean()"),
)

slip(
    _CHOSEN,
    "empty_as_one",
    "A class that occurs nowhere was counted with 1: it is left out of the mean.",
    ("(both[there] / union[there]).mean()", "torch.where(there, both / union.clamp(min=1), 1.0).mean()"),
)

slip(
    _CHOSEN,
    "nan",
    "0 was divided by 0: look at a class that occurs nowhere.",
    ("(both[there] / union[there]).mean()", "(both / union).mean()"),
)

slip(
    _CHOSEN,
    "without_absent_classes",
    "A class that no pixel has was left out although some pixels were given it: its union is not empty.",
    ("there = union > 0", "there = confusion.sum(dim=1) > 0"),
)

slip(
    _CHOSEN,
    "without_classes_never_given",
    "A class that was never given was left out although some pixels have it: its union is not empty.",
    ("there = union > 0", "there = confusion.sum(dim=0) > 0"),
)

slip(
    _CHOSEN,
    "without_classes_never_right",
    "A class without any right pixel was left out: its share is 0, and that counts.",
    ("there = union > 0", "there = both > 0"),
)

slip(
    _CHOSEN,
    "without_class_0",
    "Class 0 was left out: it is a class as any other.",
    ("there = union > 0", "there = union > 0\n    there[0] &= len(union) == 1"),
)

slip(
    _CHOSEN,
    "sum",
    "The shares were added up; their mean is asked for.",
    (".mean()", ".sum()"),
)

slip(
    _CHOSEN,
    "whole_division",
    "The division dropped what is behind the point: // gives whole numbers.",
    ("(both[there] / union[there])", "(both[there] // union[there]).double()"),
)

slip(
    _CHOSEN,
    "of_32_bits",
    "Large counts came out wrong: they do not fit into 32 bits.",
    ("both = confusion", "confusion = confusion.int()\n    both = confusion"),
    ("confusion.sum(dim=0) + confusion.sum(dim=1)", "(confusion.sum(dim=0) + confusion.sum(dim=1)).int()"),
)

slip(
    _CHOSEN,
    "confusion_overwritten",
    "confusion was overwritten: fill_diagonal_ and other methods that end in an underscore work in place.",
    ("both = confusion.diagonal()", "both = confusion.diagonal().clone()\n    confusion.fill_diagonal_(0)"),
    ("- both\n", "+ both\n"),
)
