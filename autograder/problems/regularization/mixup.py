"""`mixup`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import class_labels, normal
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def soft_targets(generator: torch.Generator, n: int, classes: int) -> torch.Tensor:
    """Targets that were smoothed or mixed before: of every sample they add up to 1."""
    return torch.softmax(normal(generator, n, classes), dim=1)


def one_hot(generator: torch.Generator, n: int, classes: int) -> torch.Tensor:
    """Targets of one class each, no two neighbours alike, float64."""
    labels = (class_labels(generator, 1, classes) + torch.arange(n)) % classes
    return torch.nn.functional.one_hot(labels, classes).double()


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, permutation, lam=0.3, soft=False, **how):
        arguments = {
            "images": normal(generator, *shape),
            "targets": (soft_targets if soft else one_hot)(generator, shape[0], 4),
            "lam": lam,
            "permutation": torch.tensor(permutation),
        }
        return Case(name, criterion, arguments, **how)

    return [
        case("images (4, 3, 5, 6), lam 0.3", "values", (4, 3, 5, 6), [2, 0, 3, 1]),
        case("images (3, 2, 4, 4), lam 0.8", "values", (3, 2, 4, 4), [1, 2, 0], 0.8),
        case("soft targets", "edge cases", (4, 1, 3, 5), [3, 0, 1, 2], soft=True),
        case("lam 1", "edge cases", (3, 2, 4, 5), [2, 0, 1], 1.0),
        case("lam 0", "edge cases", (3, 2, 4, 5), [2, 0, 1], 0.0),
        case("one image, which is mixed with itself", "edge cases", (1, 2, 3, 4), [0]),
        case("some images stay where they are", "edge cases", (4, 2, 3, 4), [0, 2, 1, 3], 0.6),
        case("float64, lam 1/7", "contract", (4, 3, 5, 6), [2, 0, 3, 1], 1 / 7, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", (4, 3, 5, 6), [2, 0, 3, 1], layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="mixup",
        call=function,
        returns=("images", "targets"),
        cases=_cases,
        expected=values_of(reference.mixup),
        points={"values": 2, "edge cases": 2, "contract": 1},
        shares={"images": 1, "targets": 1},
        modules=(__name__,),
    ),
)


def mixup__both(images, targets, lam, permutation):
    return (
        lam * images + (1 - lam) * images[permutation],
        lam * targets + (1 - lam) * targets[permutation],
    )


def mixup__lerp(images, targets, lam, permutation):
    return tuple(torch.lerp(t.index_select(0, permutation), t, lam) for t in (images, targets))


def mixup__one_by_one(images, targets, lam, permutation):
    out, soft = images * lam, targets * lam
    for n, other in enumerate(permutation.tolist()):
        out[n] += (1 - lam) * images[other]
        soft[n] += (1 - lam) * targets[other]
    return out, soft


_BOTH = mixup__both
slip(
    _BOTH,
    "targets_forgotten",
    "The images were mixed, and the targets were not.",
    ("lam * targets + (1 - lam) * targets[permutation]", "targets"),
)
slip(
    _BOTH,
    "images_forgotten",
    "The targets were mixed, and the images were not.",
    ("lam * images + (1 - lam) * images[permutation]", "images"),
)
slip(
    _BOTH,
    "targets_turned",
    "In the targets lam belongs to the other image.",
    ("lam * targets + (1 - lam) * targets[permutation]", "(1 - lam) * targets + lam * targets[permutation]"),
)
slip(
    _BOTH,
    "turned",
    "lam is the share of an image's own; here it was given to the other.",
    ("lam * images + (1 - lam) * images[permutation]", "(1 - lam) * images + lam * images[permutation]"),
    ("lam * targets + (1 - lam) * targets[permutation]", "(1 - lam) * targets + lam * targets[permutation]"),
)
slip(
    _BOTH,
    "halves",
    "lam is not used: half of each was taken.",
    ("lam * images + (1 - lam) * images[permutation]", "(images + images[permutation]) / 2"),
    ("lam * targets + (1 - lam) * targets[permutation]", "(targets + targets[permutation]) / 2"),
)
slip(
    _BOTH,
    "sum",
    "The shares do not add up to 1.",
    ("lam * images + (1 - lam) *", "images + (1 - lam) *"),
    ("lam * targets + (1 - lam) *", "targets + (1 - lam) *"),
)
slip(
    _BOTH,
    "inverse_permutation",
    "The images were mixed with others than the permutation says: image n gets image permutation[n].",
    ("return (", "permutation = permutation.argsort()\n    return ("),
)
slip(
    _BOTH,
    "targets_of_others",
    "The targets were mixed with those of other images than the images were.",
    ("targets[permutation]", "targets.flip(0)"),
)
slip(
    _BOTH,
    "reversed",
    "The permutation is not used: the batch was mixed with itself in reversed order.",
    ("images[permutation]", "images.flip(0)"),
    ("targets[permutation]", "targets.flip(0)"),
)
slip(
    _BOTH,
    "larger_share",
    "The targets are those of the image with the larger share alone; they must be mixed, too.",
    ("lam * targets + (1 - lam) * targets[permutation]", "targets if lam >= 0.5 else targets[permutation]"),
)
slip(
    _BOTH,
    "in_place",
    "images was overwritten: work on a copy.",
    ("lam * images +", "images.mul_(lam) +"),
    ("(1 - lam) * images[permutation]", "(1 - lam) * others[permutation]"),
    ("return (", "others = images.clone()\n    return ("),
)
