"""A detector of sliding windows, and the judge of its boxes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from autograder.datasets import scenes
from autograder.references.detection import box_iou, nms

KINDS = (0, 3, 7)
NAMES = ("ground", *map(str, KINDS))
SIZE = 64
WINDOW, STRIDE = 22, 4
# The image is shrunk by these factors, so that a window covers more of it.
SCALES = (1.0, 0.72)


def some_scenes(count, seed, part="train", sides=(16, 28)):
    """Scenes of 64 by 64 pixels with one to four digits."""
    generator = torch.Generator().manual_seed(seed)
    return scenes(
        count, generator, part, size=SIZE, most=4, sides=sides, kinds=KINDS
    )


def windows(some):
    """Windows cut from scenes, and what they show.

    Images (n, 1, 22, 22), classes (n,), and the mean box of a digit in its
    window (4,). A window whose middle lies at most 2 pixels from that of a
    digit has the digit's class. Some of those that are 5 or more from the
    middle of every digit are ground, with or without ink. The others are
    left out.
    """
    places = torch.cartesian_prod(
        *[torch.arange(0, SIZE - WINDOW + 1, 2)] * 2
    ).flip(1)
    images, classes, inside = [], [], []
    for image, boxes, labels in zip(
        some.images, some.boxes, some.labels, strict=True
    ):
        cut = (
            image[0].unfold(0, WINDOW, 2).unfold(1, WINDOW, 2).flatten(0, 1)
        )
        corners = (boxes[:, :2] + boxes[:, 2:]) / 2 - WINDOW / 2
        far = (corners - places[:, None]).abs().amax(2)
        (digit,) = ((far <= 2).sum(1) == 1).nonzero(as_tuple=True)
        (ground,) = ((far >= 5).all(1) & (places.sum(1) % 24 == 0)).nonzero(
            as_tuple=True
        )
        which = far[digit].argmin(1)
        images += [cut[digit], cut[ground]]
        classes += [1 + labels[which], torch.zeros_like(ground)]
        inside.append(boxes[which] - places[digit].repeat(1, 2))
    return (
        torch.cat(images)[:, None],
        torch.cat(classes),
        torch.cat(inside).mean(0),
    )


def block(inputs, outputs):
    """Convolution 3 by 3 without padding, batch norm, ReLU, pooling."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def window_net(seed):
    """A classifier of 22 by 22 pixels that is a convolution throughout.

    It says 1 by 1 logits of a window, and a map of them of a scene.
    """
    torch.manual_seed(seed)
    head = nn.Sequential(
        nn.Conv2d(24, 32, 4), nn.ReLU(), nn.Conv2d(32, len(NAMES), 1)
    )
    return nn.Sequential(block(1, 12), block(12, 24), head)


def fit(net, images, classes, rate, steps, seed, batch=64):
    """Adam on batches of windows, the rate rising, then falling to 0."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps
    )
    net.train()
    for _ in range(steps):
        some = torch.randint(len(images), (batch,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(
            net(images[some])[:, :, 0, 0], classes[some]
        ).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def heat_maps(net, images):
    """For each scale the probabilities of the classes at every place.

    (N, classes, rows, columns) each.
    """
    maps = []
    with torch.no_grad():
        for scale in SCALES:
            size = round(scale * SIZE)
            small = F.interpolate(
                images, (size, size), mode="bilinear", antialias=True
            )
            maps.append(net(small).softmax(1))
    return maps


def boxes_of(maps, template):
    """The box of every place of the heat maps, scale after scale.

    Boxes (P, 4), and the probabilities (N, P, classes).
    `template` is the box in a window, in pixels of the shrunk image.
    """
    boxes, scores = [], []
    for scale, heat in zip(SCALES, maps, strict=True):
        factor = SIZE / round(scale * SIZE)
        y, x = torch.meshgrid(
            *(STRIDE * torch.arange(side) for side in heat.shape[2:]),
            indexing="ij",
        )
        boxes.append(
            factor * (torch.stack([x, y, x, y], 2).flatten(0, 1) + template)
        )
        scores.append(heat.flatten(2).transpose(1, 2))
    return torch.cat(boxes), torch.cat(scores, 1)


@dataclass(frozen=True)
class Detections:
    """The boxes of one class in many images, best first in each.

    image (n,), boxes (n, 4), scores (n,).
    """

    image: torch.Tensor
    boxes: torch.Tensor
    scores: torch.Tensor


def detect(boxes, scores, threshold, iou_threshold):
    """What is left of boxes (P, 4) with scores (N, P) of one class.

    Those above a threshold, then those that NMS keeps.
    """
    found = []
    for number, row in enumerate(scores):
        (above,) = (row > threshold).nonzero(as_tuple=True)
        kept = above[nms(boxes[above], row[above], iou_threshold)]
        found.append(
            (torch.full_like(kept, number), boxes[kept], row[kept])
        )
    return Detections(
        *(torch.cat(part) for part in zip(*found, strict=True))
    )


def right_ones(found, truth, needed=0.5):
    """Which detections are right (n,), bool.

    truth: for each image the boxes of the class, (m, 4). From the best
    score down, a detection looks for the object of its image that it
    overlaps most. It is right if the IoU is at least `needed` and the
    object is not taken yet (Everingham et al. 2015).
    """
    taken = [torch.zeros(len(boxes), dtype=torch.bool) for boxes in truth]
    right = torch.zeros(len(found.scores), dtype=torch.bool)
    for place in found.scores.argsort(
        descending=True, stable=True
    ).tolist():
        number = int(found.image[place])
        if not len(truth[number]):
            continue
        iou, best = box_iou(found.boxes[place][None], truth[number])[0].max(
            0
        )
        if iou >= needed and not taken[number][best]:
            taken[number][best] = right[place] = True
    return right
