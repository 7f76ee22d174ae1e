"""`cutmix`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal
from autograder.problems.regularization.mixup import one_hot, soft_targets
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, boxes, permutation, soft=False, **how):
        arguments = {
            "images": normal(generator, *shape),
            "targets": (soft_targets if soft else one_hot)(generator, shape[0], 4),
            "boxes": torch.tensor(boxes),
            "permutation": torch.tensor(permutation),
        }
        return Case(name, criterion, arguments, **how)

    inside = [[1, 2, 4, 7], [3, 0, 5, 4], [0, 3, 2, 6]]
    return [
        case("images (3, 2, 8, 6)", "values", (3, 2, 8, 6), inside, [2, 0, 1]),
        case("images (4, 3, 5, 7)", "values", (4, 3, 5, 7), [[2, 1, 7, 4], [0, 0, 3, 2], *inside[1:]], [1, 3, 0, 2]),
        case(
            "boxes beyond the border",
            "edge cases",
            (3, 2, 5, 6),
            [[-2, -1, 3, 2], [4, 3, 9, 8], [-1, 2, 8, 3]],
            [1, 2, 0],
        ),
        case("a box outside", "edge cases", (2, 2, 5, 6), [[-4, -3, -1, -1], [6, 5, 8, 9]], [1, 0]),
        case(
            "boxes outside, each on one side",
            "edge cases",
            (4, 2, 5, 6),
            [[8, 1, 9, 4], [1, 7, 4, 9], [-4, 1, -1, 4], [1, -5, 4, -2]],
            [2, 3, 1, 0],
        ),
        case("empty boxes", "edge cases", (2, 2, 5, 6), [[2, 3, 2, 5], [1, 2, 4, 2]], [1, 0]),
        case("a box as large as the image", "edge cases", (2, 2, 5, 6), [[0, 0, 6, 5], [1, 1, 2, 2]], [1, 0]),
        case("soft targets", "edge cases", (3, 2, 8, 6), inside, [2, 0, 1], soft=True),
        case("one image, which is mixed with itself", "edge cases", (1, 2, 5, 6), [[1, 1, 3, 4]], [0]),
        case("float64", "contract", (3, 2, 8, 6), inside, [2, 0, 1], dtype=torch.float64),
        case("inputs with gaps in memory", "contract", (3, 2, 8, 6), inside, [2, 0, 1], layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="cutmix",
        call=function,
        returns=("images", "targets"),
        cases=_cases,
        expected=values_of(reference.cutmix),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={"images": 2, "targets": 2},
        modules=(__name__,),
    ),
)


def cutmix__slices(images, targets, boxes, permutation):
    height, width = images.shape[2:]
    mixed, soft = images.clone(), targets.clone()
    for n, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        x1, x2 = max(x1, 0), max(min(x2, width), 0)
        y1, y2 = max(y1, 0), max(min(y2, height), 0)
        other = int(permutation[n])
        mixed[n, :, y1:y2, x1:x2] = images[other, :, y1:y2, x1:x2]
        lam = 1 - max(x2 - x1, 0) * max(y2 - y1, 0) / (height * width)
        soft[n] = lam * targets[n] + (1 - lam) * targets[other]
    return mixed, soft


def cutmix__mask(images, targets, boxes, permutation):
    h, w = images.shape[2:]
    x1, y1, x2, y2 = boxes.to(images.device)[:, :, None].unbind(1)
    rows, columns = torch.arange(h, device=images.device), torch.arange(w, device=images.device)
    pasted = ((rows >= y1) & (rows < y2))[:, :, None] & ((columns >= x1) & (columns < x2))[:, None, :]
    share = pasted.to(targets.dtype).mean(dim=(1, 2))[:, None]
    mixed = torch.where(pasted[:, None], images[permutation], images)
    return mixed, targets + share * (targets[permutation] - targets)


def cutmix__counted(images, targets, boxes, permutation):
    mixed, soft = [], []
    for image, target, box, other in zip(images, targets, boxes, permutation.tolist(), strict=True):
        x1, y1, x2, y2 = box.clamp(min=0).tolist()
        own = torch.ones(images.shape[2:], dtype=torch.float64)
        own[y1:y2, x1:x2] = 0
        lam = float(own.mean())
        own = own.to(image)
        mixed.append(own * image + (1 - own) * images[other])
        soft.append(lam * target + (1 - lam) * targets[other])
    return torch.stack(mixed), torch.stack(soft)


_SLICES = cutmix__slices
slip(
    _SLICES,
    "targets_forgotten",
    "The images were mixed, and the targets were not.",
    ("lam * targets[n] + (1 - lam) * targets[other]", "targets[n]"),
)
slip(
    _SLICES,
    "targets_turned",
    "In the targets the share of the pasted box belongs to the image's own class.",
    ("lam * targets[n] + (1 - lam) * targets[other]", "(1 - lam) * targets[n] + lam * targets[other]"),
)
slip(
    _SLICES,
    "asked_area",
    "The targets count the whole box: only what lies inside the image was pasted.",
    ("enumerate(boxes.tolist()):", "enumerate(boxes.tolist()):\n        asked = (x2 - x1) * (y2 - y1)"),
    ("max(x2 - x1, 0) * max(y2 - y1, 0)", "asked"),
)
slip(
    _SLICES,
    "closed_boxes",
    "The boxes are one row and one column too large: x2 and y2 are the first that do not belong to it.",
    ("max(min(x2, width), 0)", "max(min(x2 + 1, width), 0)"),
    ("max(min(y2, height), 0)", "max(min(y2 + 1, height), 0)"),
)
slip(
    _SLICES,
    "closed_area",
    "The area was counted with one row and one column too many.",
    ("max(x2 - x1, 0) * max(y2 - y1, 0)", "(x2 - x1 + 1) * (y2 - y1 + 1)"),
)
slip(
    _SLICES,
    "x_and_y_exchanged",
    "x counts columns and y rows; they were exchanged.",
    ("(x1, y1, x2, y2)", "(y1, x1, y2, x2)"),
)
slip(
    _SLICES,
    "not_clipped",
    "The boxes were not cut off at the border: a negative index counts from the end, and what lies outside is no area.",
    ("        x1, x2 = max(x1, 0), max(min(x2, width), 0)\n", ""),
    ("        y1, y2 = max(y1, 0), max(min(y2, height), 0)\n", ""),
)
slip(
    _SLICES,
    "negative_end",
    "A box that ends before the image begins was pasted all the same: an end below 0 counts from the end of the image.",
    ("max(min(x2, width), 0)", "min(x2, width)"),
    ("max(min(y2, height), 0)", "min(y2, height)"),
    ("max(x2 - x1, 0) * max(y2 - y1, 0)", "(x2 - x1) * (y2 - y1)"),
)
slip(
    _SLICES,
    "zeros",
    "The box is black, as in cutout: it must show the other image.",
    ("= images[other, :, y1:y2, x1:x2]", "= 0"),
)
slip(
    _SLICES,
    "pasted_from_the_mixed",
    "A pasted box shows what had been pasted into the other image before: take it from the images as they came.",
    ("images[other, :, y1:y2, x1:x2]", "mixed[other, :, y1:y2, x1:x2].clone()"),
)
slip(
    _SLICES,
    "targets_from_the_mixed",
    "The targets were mixed with some that had been mixed before.",
    ("(1 - lam) * targets[other]", "(1 - lam) * soft[other]"),
)
slip(
    _SLICES,
    "averaged",
    "The box shows an average of both images, as in mixup: it must show the other image alone.",
    ("= images[other, :, y1:y2, x1:x2]", "= (images[other, :, y1:y2, x1:x2] + images[n, :, y1:y2, x1:x2]) / 2"),
)
slip(
    _SLICES,
    "first_box_for_all",
    "All images got the box of one of them.",
    ("boxes.tolist()", "[boxes[0].tolist()] * len(boxes)"),
)
slip(
    _SLICES,
    "inverse_permutation",
    "The boxes show other images than the permutation says: image n gets a part of image permutation[n].",
    ("permutation[n]", "permutation.argsort()[n]"),
)
slip(
    _SLICES,
    "halves",
    "The targets are halves, whatever the area.",
    ("lam * targets[n] + (1 - lam) * targets[other]", "(targets[n] + targets[other]) / 2"),
)
slip(
    _SLICES,
    "in_place",
    "images was overwritten: work on a copy.",
    ("images.clone()", "images"),
    ("= images[other", "= before[other"),
    ("    height, width", "    before = images.clone()\n    height, width"),
)
