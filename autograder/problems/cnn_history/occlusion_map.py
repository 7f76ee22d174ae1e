"""`occlusion_map`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.models import build, looking
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import LOOKING, PIXELS, network
from autograder.problems.drawing import normal
from autograder.programs import slip
from autograder.references import looked_by
from autograder.references.cnn_history.visualization import occlusion_map


def _images(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers, shape, patch, stride, target=None, **how):
        net, image = network(generator, layers), normal(generator, *shape) + 0.5
        with torch.no_grad():
            # The least likely class: what looks at the winner looks at another one.
            lowest = int(build(**net).eval()(image[None]).argmin())
        asked = {"image": image, "target": lowest if target is None else target, "patch": patch, "stride": stride}
        return Case(name, criterion, net | asked, **how)

    return [
        case("a patch of 3, steps of 2", "values", LOOKING, (2, 9, 7), 3, 2),
        case("a patch of 2, steps of 1, wider than tall", "values", PIXELS, (2, 3, 9), 2, 1),
        case("a patch of 4 that does not end at the border", "edge cases", LOOKING, (2, 7, 9), 4, 2),
        case("steps larger than the patch", "edge cases", PIXELS, (1, 9, 6), 1, 3),
        case("a patch as large as the image", "edge cases", PIXELS, (6, 3, 3), 3, 1),
        case("the first class", "edge cases", LOOKING, (2, 6, 5), 2, 2, target=0),
        case("a patch of 2, float64", "contract", LOOKING, (2, 5, 6), 2, 2, dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="occlusion_map",
        call=looking,
        returns=("map",),
        cases=_images,
        expected=looked_by(occlusion_map),
        points={"values": 2, "edge cases": 2, "contract": 1},
        modules=(__name__,),
    ),
)


def occlusion_map__loops(model, image, target, patch, stride):
    _, height, width = image.shape
    rows = []
    for top in range(0, height - patch + 1, stride):
        row = []
        for left in range(0, width - patch + 1, stride):
            covered = image.clone()
            covered[:, top : top + patch, left : left + patch] = 0
            with torch.no_grad():
                logits = model(covered[None])
            row.append(torch.softmax(logits, dim=1)[0, target])
        rows.append(torch.stack(row))
    return torch.stack(rows)


def occlusion_map__one_batch(model, image, target, patch, stride):
    _, height, width = image.shape
    tops, lefts = (torch.arange(0, side - patch + 1, stride, device=image.device) for side in (height, width))

    def inside(side, starts):
        place = torch.arange(side, device=image.device)
        return (place >= starts[:, None]) & (place < starts[:, None] + patch)

    hidden = inside(height, tops)[:, None, :, None] & inside(width, lefts)[None, :, None, :]
    images = torch.where(hidden[:, :, None], torch.zeros_like(image), image)
    with torch.inference_mode():
        logits = model(images.flatten(0, 1))
        shares = torch.exp(logits[:, target] - logits.logsumexp(1))
    return shares.view(len(tops), len(lefts))


def occlusion_map__restored(model, image, target, patch, stride):
    image = image.clone()
    rows = (image.size(1) - patch) // stride + 1
    columns = (image.size(2) - patch) // stride + 1
    found = image.new_empty(rows, columns)
    for i in range(rows):
        for j in range(columns):
            place = (..., slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch))
            kept = image[place].clone()
            image[place] = 0
            found[i, j] = model(image.unsqueeze(0)).softmax(-1)[0][target]
            image[place] = kept
    return found


slip(
    occlusion_map__loops,
    "not_restored",
    "The squares of earlier places stay: every place begins with the whole image.",
    ("    rows = []", "    covered = image.clone()\n    rows = []"),
    ("            covered = image.clone()\n            covered[", "            covered["),
)
slip(
    occlusion_map__restored,
    "in_the_image_itself",
    "The image that was given is written into: work on a copy.",
    ("    image = image.clone()\n", "    before = image.clone()\n"),
    ("            image[place] = kept", "            image[place] = kept - before[place] * 1e-3"),
)
slip(
    occlusion_map__loops,
    "logits",
    "The map has logits; it is to have probabilities.",
    ("torch.softmax(logits, dim=1)[0, target]", "logits[0, target]"),
)
slip(
    occlusion_map__loops,
    "highest_probability",
    "The map has the probability of whatever class wins; it is to have that of the target.",
    ("torch.softmax(logits, dim=1)[0, target]", "torch.softmax(logits, dim=1)[0].max()"),
)
slip(
    occlusion_map__loops,
    "over_the_border",
    "The square goes over the border of the image: only the places in which it fits count.",
    ("range(0, height - patch + 1, stride)", "range(0, height, stride)"),
    ("range(0, width - patch + 1, stride)", "range(0, width, stride)"),
)
slip(
    occlusion_map__loops,
    "last_place_missing",
    "The last place in which the square fits is left out.",
    ("range(0, height - patch + 1, stride)", "range(0, max(height - patch, 1), stride)"),
    ("range(0, width - patch + 1, stride)", "range(0, max(width - patch, 1), stride)"),
)
slip(
    occlusion_map__restored,
    "steps_of_one",
    "The square moves by one pixel from place to place; it moves by stride.",
    (
        "slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch)",
        "slice(i, i + patch), slice(j, j + patch)",
    ),
)
slip(
    occlusion_map__loops,
    "transposed",
    "Rows and columns of the map are exchanged.",
    ("    return torch.stack(rows)", "    return torch.stack(rows, dim=1)"),
)
slip(
    occlusion_map__loops,
    "first_channel_only",
    "Only the first channel is covered; the square goes through all of them.",
    ("covered[:, top", "covered[0, top"),
)
slip(
    occlusion_map__loops,
    "covered_with_ones",
    "The square is not 0.",
    ("left + patch] = 0", "left + patch] = 1"),
)
slip(
    occlusion_map__loops,
    "covered_with_the_mean",
    "The square is the mean of the image; it is 0.",
    ("left + patch] = 0", "left + patch] = image.mean()"),
)
slip(
    occlusion_map__loops,
    "what_is_lost",
    "The map says how much probability is lost; it is to say how much is left.",
    (
        "    return torch.stack(rows)",
        "    return torch.softmax(model(image[None]), dim=1)[0, target].detach() - torch.stack(rows)",
    ),
)
