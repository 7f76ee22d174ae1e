"""The scenes of 32 by 32 pixels, one small backbone, and five detectors."""

from copy import deepcopy
from functools import cache

import torch
import torch.nn.functional as F
from scipy import ndimage
from skimage.segmentation import felzenszwalb
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch import nn

from autograder.datasets import scenes
from autograder.references.detection import (
    anchor_grid,
    assign_anchors,
    average_precision,
    box_iou,
    decode_boxes,
    encode_boxes,
    generate_anchors,
    nms,
    spatial_pyramid_pool,
    yolo_decode,
)

KINDS = (0, 3, 7)
CLASSES = len(KINDS)
SIZE, STRIDE = 32, 4
SIDES = (12, 20)
# A map has 8 by 8 cells, and a region of it becomes 4 by 4.
CELLS, BINS = SIZE // STRIDE, 4
WIDTH = 32
# Deltas are small numbers. Divided by these they are about as large as 1.
SPREAD = torch.tensor([0.1, 0.1, 0.2, 0.2])


def small_scenes(count, seed, part="train"):
    """Scenes of one or two digits, 32 by 32 pixels."""
    generator = torch.Generator().manual_seed(seed)
    return scenes(
        count, generator, part, size=SIZE, most=2, sides=SIDES, kinds=KINDS
    )


def fit(net, loss_of, count, rate, steps, seed, batch=16):
    """Adam, the rate first rising, then falling to 0.

    `loss_of` gets the numbers of a batch and a generator. Returns the
    network, ready to be asked.
    """
    generator = torch.Generator().manual_seed(seed)
    # Where the numbers lie: pixel by pixel is faster than map by map.
    net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps
    )
    net.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(
            torch.randperm(count, generator=generator)[:batch], generator
        ).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def layer(inputs, outputs):
    """Convolution 3 by 3, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def backbone():
    """Three layers and two poolings.

    An image (N, 1, H, W) becomes a map (N, 32, H / 4, W / 4).
    """
    return nn.Sequential(
        layer(1, 12),
        nn.MaxPool2d(2),
        layer(12, 24),
        nn.MaxPool2d(2),
        layer(24, WIDTH),
    )


@cache
def classifier_of_single_digits(seed, steps=100):
    """A backbone that has learned to classify pictures of one digit."""
    some = scenes(
        500,
        torch.Generator().manual_seed(9),
        size=24,
        most=1,
        sides=SIDES,
        kinds=KINDS,
    )
    labels = torch.cat(some.labels)
    torch.manual_seed(seed)
    net = nn.Sequential(
        backbone(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTH, CLASSES),
    )

    def loss_of(batch, generator):
        return F.cross_entropy(net(some.images[batch]), labels[batch])

    return fit(net, loss_of, len(labels), 0.02, steps, seed, batch=32)[0]


def pretrained(seed):
    """The backbone that every detector begins with.

    What is new in a detector is drawn from the same seed.
    """
    body = deepcopy(classifier_of_single_digits(seed))
    torch.manual_seed(seed)
    return body


def proposals(image, scales=(30, 120)):
    """Boxes around segments, and around every two that touch: (n, 4).

    A cheap stand-in for selective search.
    """
    found = set()
    for scale in scales:
        segments = felzenszwalb(
            image[0].numpy(), scale=scale, sigma=0.3, min_size=8
        )
        boxes = [
            (x.start, y.start, x.stop, y.stop)
            for y, x in ndimage.find_objects(segments + 1)
        ]
        neighbors = (
            (segments[:, :-1], segments[:, 1:]),
            (segments[:-1], segments[1:]),
        )
        touching = {
            pair
            for sides in neighbors
            for pair in zip(*(side.flat for side in sides), strict=True)
        }
        for one, other in touching:
            low = map(min, boxes[one][:2], boxes[other][:2])
            # A segment touches itself, so its own box is there, too.
            found.add((*low, *map(max, boxes[one][2:], boxes[other][2:])))
    boxes = torch.tensor(sorted(found)).float()
    sides = boxes[:, 2:] - boxes[:, :2]
    # A digit is neither a line nor the whole image.
    return boxes[
        (sides.amin(1) >= 4) & (sides.amax(1) >= 8) & (sides.amax(1) <= 26)
    ]


def numbered(regions):
    """Boxes of several images in one list (R, 5): number of image, box."""
    return torch.cat(
        [F.pad(boxes, (1, 0), value=i) for i, boxes in enumerate(regions)]
    )


def matched(regions, boxes, labels):
    """What the regions of each image (n, 4) have to learn, in one list.

    Returns their IoU with the digit that each overlaps most, the digit's
    class, 1 + its label, and the deltas to it.
    """
    parts = []
    for some, truth, names in zip(regions, boxes, labels, strict=True):
        overlap, best = box_iou(some, truth).max(1)
        parts.append((overlap, 1 + names[best], truth[best]))
    overlap, classes, targets = map(torch.cat, zip(*parts, strict=True))
    deltas = encode_boxes(torch.cat(list(regions)), targets) / SPREAD
    return overlap, classes, deltas


def sample(digit, count, generator):
    """Numbers of regions, of which at most a quarter are digits."""
    order = torch.randperm(len(digit), generator=generator)
    some = order[digit[order]][: count // 4]
    return torch.cat([some, order[~digit[order]][: count - len(some)]])


def corrected(boxes, deltas):
    """Boxes moved by what a network says, cut off at the image's border."""
    return decode_boxes(boxes, deltas * SPREAD).clamp(0, SIZE)


def chosen(boxes, scores, least):
    """The detections of one image, by NMS in each class by itself.

    boxes (R, classes, 4) or (R, 4), scores (R, classes). Returns boxes
    (n, 4), labels (n,) and scores (n,).
    """
    parts = []
    for k in range(CLASSES):
        some = boxes[:, k] if boxes.dim() == 3 else boxes
        some, high = (
            some[scores[:, k] > least],
            scores[scores[:, k] > least, k],
        )
        kept = nms(some, high, 0.3)
        parts.append((some[kept], torch.full_like(kept, k), high[kept]))
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def mean_average_precision(found, truth):
    """Mean over the classes of the average precision at an IoU of 0.5.

    `found` has what `chosen` says of each image. A detection looks for the
    digit of its class that it overlaps most. It is right if no better one
    has taken this digit (Everingham et al. 2015).
    """
    each = []
    for k in range(CLASSES):
        scores, hits, count = [], [], 0
        for (boxes, labels, high), true, names in zip(
            found, truth.boxes, truth.labels, strict=True
        ):
            mine = true[names == k]
            count += len(mine)
            scores.append(high[labels == k])
            taken = set()
            for overlap in box_iou(boxes[labels == k], mine):
                best = int(overlap.argmax()) if len(mine) else None
                hit = len(mine) > 0 and overlap[best] >= 0.5
                hits.append(bool(hit) and best not in taken)
                if hits[-1]:
                    taken.add(best)
        each.append(
            average_precision(
                torch.cat(scores),
                torch.tensor(hits, dtype=torch.bool),
                count,
            )
        )
    return sum(each).item() / CLASSES


# R-CNN and SPP-net


def warped(images, rois, side=STRIDE * BINS):
    """Regions cut out and stretched to squares: (R, C, side, side)."""
    shares = (torch.arange(side) + 0.5) / side
    x1, y1, x2, y2 = rois[:, 1:, None].unbind(1)
    x, y = x1 + shares * (x2 - x1), y1 + shares * (y2 - y1)
    grid = (
        torch.stack(torch.broadcast_tensors(x[:, None], y[:, :, None]), 3)
        * 2
        / images.shape[-1]
        - 1
    )
    return F.grid_sample(
        images[rois[:, 0].long()],
        grid,
        align_corners=False,
        padding_mode="border",
    )


def classifier(inputs):
    """64 features, then the logits of ground and of the classes."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, 64),
        nn.ReLU(),
        nn.Linear(64, 1 + CLASSES),
    )


class Stages:
    """What R-CNN and SPP-net put behind a trained network.

    For each class an SVM, and a ridge regression of the deltas.
    """

    def __init__(self, features, overlap, classes, deltas):
        self.svms, self.ridges = [], []
        for k in range(1, 1 + CLASSES):
            digit = (classes == k) & (overlap > 0.7)
            use = digit | (classes != k) | (overlap < 0.3)
            self.svms.append(
                LinearSVC(C=0.01).fit(features[use], digit[use])
            )
            near = (classes == k) & (overlap > 0.6)
            self.ridges.append(
                Ridge(10.0).fit(features[near], deltas[near])
            )

    def __call__(self, boxes, features):
        scores = [svm.decision_function(features) for svm in self.svms]
        deltas = [ridge.predict(features) for ridge in self.ridges]
        moved = [
            corrected(boxes, torch.from_numpy(some).float())
            for some in deltas
        ]
        scores = [torch.from_numpy(some).float() for some in scores]
        return torch.stack(moved, 1), torch.stack(scores, 1)


class RCNN:
    """Three trainings, one after the other.

    A network for warped regions, then SVMs, then box regressions.
    """

    NAME = "R-CNN"

    def __init__(self, learn, regions, seed, rate=0.01, steps=120):
        rois = numbered(regions)
        table = matched(regions, learn.boxes, learn.labels)
        overlap, classes, _ = table
        targets = torch.where(overlap >= 0.5, classes, 0)
        net = nn.Sequential(pretrained(seed), classifier(WIDTH * BINS**2))

        def loss_of(_, generator):
            some = sample(targets > 0, 96, generator)
            return F.cross_entropy(
                net(warped(learn.images, rois[some])), targets[some]
            )

        net = fit(net, loss_of, len(rois), rate, steps, seed)
        self.features = nn.Sequential(net[0], *net[1][:3])
        self.stages = Stages(self.features_of(learn.images, rois), *table)

    @torch.no_grad()
    def features_of(self, images, rois):
        # In parts: the maps of all squares at once are slow to reach.
        each = [warped(images, some) for some in rois.split(500)]
        return torch.cat([self.features(some) for some in each])

    def __call__(self, image, boxes):
        features = self.features_of(image[None], F.pad(boxes, (1, 0)))
        return chosen(*self.stages(boxes, features), least=-1)


def cells(maps, rois):
    """The first and the last column and row of each region, (R, 4).

    The corners are rounded to whole cells.
    """
    corners = (rois[:, 1:] / STRIDE + 0.5).floor().long()
    return corners.clamp(0, maps.shape[-1] - 1)


def parts(maps, rois):
    """What of its map belongs to each region, a list of (C, h, w)."""
    corners = cells(maps, rois).tolist()
    each = maps.unbind(0)
    numbers = rois[:, 0].int().tolist()
    return [
        each[n][:, y1 : y2 + 1, x1 : x2 + 1]
        for n, (x1, y1, x2, y2) in zip(numbers, corners, strict=True)
    ]


class SPPNet:
    """The same three trainings, but the backbone is asked once an image.

    It is not trained any more.
    """

    NAME = "SPP-net"

    LEVELS = (4, 2, 1)

    def __init__(self, learn, regions, seed, rate=0.01, steps=200):
        self.backbone = pretrained(seed)
        rois = numbered(regions)
        table = matched(regions, learn.boxes, learn.labels)
        overlap, classes, _ = table
        targets = torch.where(overlap >= 0.5, classes, 0)
        pyramids = self.pyramids(learn.images, rois)
        net = classifier(pyramids.shape[1])

        def loss_of(_, generator):
            some = sample(targets > 0, 96, generator)
            return F.cross_entropy(net(pyramids[some]), targets[some])

        self.hidden = fit(net, loss_of, len(rois), rate, steps, seed)[:3]
        with torch.no_grad():
            self.stages = Stages(self.hidden(pyramids), *table)

    @torch.no_grad()
    def pyramids(self, images, rois):
        maps = self.backbone(images)
        return torch.cat(
            [
                spatial_pyramid_pool(part[None], self.LEVELS)
                for part in parts(maps, rois)
            ]
        )

    @torch.no_grad()
    def __call__(self, image, boxes):
        features = self.hidden(
            self.pyramids(image[None], F.pad(boxes, (1, 0)))
        )
        return chosen(*self.stages(boxes, features), least=-1)


# Fast R-CNN and Faster R-CNN


def bins_of(first, last):
    """The cells of each bin of some rows or columns: (R, 4, most).

    A bin that has fewer cells than another one repeats its last cell.
    """
    count, number = (last - first + 1)[:, None], torch.arange(BINS)
    begin = first[:, None] + number * count // BINS
    end = first[:, None] + ((number + 1) * count - 1) // BINS
    most = torch.arange(int((end - begin).max()) + 1)
    return torch.minimum(begin[..., None] + most, end[..., None])


def pooled(maps, rois):
    """The regions of maps, pooled to 4 by 4 bins: (R, C, 4, 4).

    All regions at once: a bin is a bag of rows of a table that has a row
    for each cell of each map.
    """
    x1, y1, x2, y2 = cells(maps, rois).unbind(1)
    rows = rois[:, :1].long() * maps.shape[2] + bins_of(y1, y2).flatten(1)
    rows = rows.unflatten(1, (BINS, 1, -1, 1))
    places = rows * maps.shape[3] + bins_of(x1, x2)[:, None, :, None]
    table = maps.permute(0, 2, 3, 1).flatten(0, 2)
    bags = places.flatten(3).flatten(0, 2)
    maxima = F.embedding_bag(bags, table, mode="max")
    return maxima.view(len(rois), BINS, BINS, -1).permute(0, 3, 1, 2)


class Head(nn.Module):
    """The regions of a map, pooled to 4 by 4 cells; then two outputs.

    The logits of ground and of the classes, and four deltas.
    """

    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(WIDTH * BINS**2, 64), nn.ReLU()
        )
        self.logits = nn.Linear(64, 1 + CLASSES)
        self.deltas = nn.Linear(64, 4)

    def forward(self, maps, rois):
        hidden = self.hidden(pooled(maps, rois))
        return self.logits(hidden), self.deltas(hidden)

    def loss(self, maps, regions, boxes, labels, generator):
        """The class of the sampled regions, and the box of the digits."""
        overlap, classes, deltas = matched(regions, boxes, labels)
        some = sample(overlap >= 0.5, 8 * len(regions), generator)
        digit = overlap[some] >= 0.5
        logits, said = self(maps, numbered(regions)[some])
        loss = F.cross_entropy(logits, torch.where(digit, classes[some], 0))
        box = F.smooth_l1_loss(
            said[digit], deltas[some][digit], reduction="sum"
        )
        return loss, box / len(some)

    def detect(self, maps, boxes):
        """The detections on the map of one image."""
        logits, deltas = self(maps, F.pad(boxes, (1, 0)))
        return chosen(
            corrected(boxes, deltas), logits.softmax(1)[:, 1:], least=0.05
        )


class FastRCNN(nn.Module):
    """One pass, and one training of backbone, classes and boxes.

    The proposals come from outside.
    """

    NAME = "Fast R-CNN"

    def __init__(self, learn, regions, seed, rate=0.01, steps=150):
        super().__init__()
        self.backbone, self.head = pretrained(seed), Head()
        # The true boxes are regions, too: else few regions would be digits.
        regions = [
            torch.cat(pair)
            for pair in zip(regions, learn.boxes, strict=True)
        ]

        def loss_of(batch, generator):
            some, boxes, labels = (
                [of[i] for i in batch]
                for of in (regions, learn.boxes, learn.labels)
            )
            maps = self.backbone(learn.images[batch])
            return sum(self.head.loss(maps, some, boxes, labels, generator))

        fit(self, loss_of, len(regions), rate, steps, seed)

    @torch.no_grad()
    def forward(self, image, boxes):
        return self.head.detect(self.backbone(image[None]), boxes)


ANCHORS = generate_anchors(
    torch.tensor([9.0, 14.0]), torch.tensor([1.0, 1.5, 2.2])
)
GRID = anchor_grid(ANCHORS, CELLS, CELLS, STRIDE)


class RPN(nn.Module):
    """The region proposal network.

    At each cell of a map, for each anchor, one logit and four deltas.
    """

    def __init__(self):
        super().__init__()
        self.hidden = layer(WIDTH, WIDTH)
        self.logits = nn.Conv2d(WIDTH, len(ANCHORS), 1)
        self.deltas = nn.Conv2d(WIDTH, 4 * len(ANCHORS), 1)

    def forward(self, maps):
        """Logits (N, anchors) and deltas (N, anchors, 4).

        They stand in the order of the grid: row, column, anchor.
        """
        hidden = self.hidden(maps)
        logits, deltas = (
            of(hidden).permute(0, 2, 3, 1).flatten(1)
            for of in (self.logits, self.deltas)
        )
        return logits, deltas.unflatten(1, (-1, 4))

    def loss(self, logits, deltas, assigned, targets, generator):
        """Digit or not for the sampled anchors, and the digits' deltas."""
        digit = assigned == 1
        ground = (assigned == 0).nonzero()
        order = torch.randperm(len(ground), generator=generator)
        some = ground[order[: 3 * digit.sum()]]
        said = torch.cat([logits[digit], logits[tuple(some.T)]])
        truth = torch.arange(len(said)) < digit.sum()
        loss = F.binary_cross_entropy_with_logits(said, truth.float())
        box = F.smooth_l1_loss(
            deltas[digit], targets[digit], reduction="sum"
        )
        return loss, box / len(said)

    @staticmethod
    @torch.no_grad()
    def proposed(logits, deltas, before=32, most=10):
        """The best boxes of each image, corrected, after NMS.

        A list of (n, 4), with at most 10 boxes each.
        """
        scores, best = logits.topk(before)
        said = deltas.gather(1, best[..., None].expand(-1, -1, 4))
        boxes = corrected(GRID[best].flatten(0, 1), said.flatten(0, 1))
        wide = (boxes[:, 2:] - boxes[:, :2]).amin(1) >= 2
        each = zip(
            boxes.split(before), scores, wide.split(before), strict=True
        )
        return [
            some[ok][nms(some[ok], high[ok], 0.7)[:most]]
            for some, high, ok in each
        ]


class FasterRCNN(nn.Module):
    """Fast R-CNN whose proposals come from its own map.

    All four losses are one sum.
    """

    NAME = "Faster R-CNN"

    def __init__(self, learn, seed, rate=0.01, steps=150):
        super().__init__()
        self.backbone, self.rpn, self.head = pretrained(seed), RPN(), Head()
        assigned = [
            assign_anchors(box_iou(GRID, boxes), 0.3, 0.6)
            for boxes in learn.boxes
        ]
        labels = torch.stack([label for label, _ in assigned])
        targets = torch.stack(
            [
                encode_boxes(GRID, boxes[match]) / SPREAD
                for (_, match), boxes in zip(
                    assigned, learn.boxes, strict=True
                )
            ]
        )
        self.losses = []

        def loss_of(batch, generator):
            maps = self.backbone(learn.images[batch])
            logits, deltas = self.rpn(maps)
            boxes, names = (
                [of[i] for i in batch] for of in (learn.boxes, learn.labels)
            )
            proposed = self.rpn.proposed(logits.detach(), deltas.detach())
            pairs = zip(proposed, boxes, strict=True)
            regions = [torch.cat(pair) for pair in pairs]
            rpn = self.rpn.loss(
                logits, deltas, labels[batch], targets[batch], generator
            )
            head = self.head.loss(maps, regions, boxes, names, generator)
            four = (*rpn, *head)
            self.losses.append([loss.item() for loss in four])
            return sum(four)

        fit(self, loss_of, len(learn.images), rate, steps, seed)

    @torch.no_grad()
    def regions(self, maps):
        """The proposals for the map of one image."""
        (boxes,) = self.rpn.proposed(*self.rpn(maps))
        return boxes

    @torch.no_grad()
    def forward(self, image):
        maps = self.backbone(image[None])
        return self.head.detect(maps, self.regions(maps))


# YOLO

SQUARES, BOXES = 4, 2


class YOLO(nn.Module):
    """One network, one pass, 4 by 4 squares.

    Each square says two boxes of five numbers, and the classes.
    """

    NAME = "YOLO"

    def __init__(self, learn, seed, rate=0.01, steps=200):
        super().__init__()
        body = pretrained(seed)
        last = nn.Conv2d(64, 5 * BOXES + CLASSES, 1)
        self.net = nn.Sequential(
            body,
            nn.MaxPool2d(2),
            layer(WIDTH, 64),
            layer(64, 64),
            last,
            nn.Sigmoid(),
        )
        truth = self.truth(learn)

        def loss_of(batch, generator):
            return self.loss(self.output(learn.images[batch]), truth[batch])

        fit(self, loss_of, len(truth), rate, steps, seed)

    def output(self, images):
        """(N, 4, 4, 5 * boxes + classes), as `yolo_decode` reads it."""
        return self.net(images).permute(0, 2, 3, 1)

    @staticmethod
    def truth(learn):
        """What the squares should say, (N, 4, 4, 5 + classes).

        Where the middle of a digit lies: x, y, width, height, 1, and the
        class. All others: 0.
        """
        truth = torch.zeros(
            len(learn.images), SQUARES, SQUARES, 5 + CLASSES
        )
        for one, boxes, labels in zip(
            truth, learn.boxes, learn.labels, strict=True
        ):
            middles = (boxes[:, :2] + boxes[:, 2:]) / 2 * SQUARES / SIZE
            sizes = (boxes[:, 2:] - boxes[:, :2]) / SIZE
            kinds = torch.eye(CLASSES)[labels]
            sure = torch.ones(len(boxes), 1)
            table = torch.cat([middles % 1, sizes, sure, kinds], 1)
            for (x, y), row in zip(middles, table, strict=True):
                # Of two digits in one square the second one wins.
                one[int(y), int(x)] = row
        return truth

    @staticmethod
    def loss(output, truth):
        """The sum of squares of Redmon et al. 2016, equation 3."""
        said = output[..., : 5 * BOXES].unflatten(-1, (BOXES, 5))
        classes = output[..., 5 * BOXES :]
        digit = truth[..., 4] == 1
        with torch.no_grad():
            each = torch.arange(digit.sum())
            overlap = box_iou(
                corners(said[digit]).flatten(0, 1), corners(truth[digit])
            )
            # Of all pairs those of one square: (digits, boxes).
            overlap = overlap.unflatten(0, (-1, BOXES))[each, :, each]
            best = overlap.argmax(1)
        own = said[digit][each, best]
        target = truth[digit]
        place = (own[:, :2] - target[:, :2]).square().sum()
        size = (own[:, 2:4].sqrt() - target[:, 2:4].sqrt()).square().sum()
        sure = (own[:, 4] - overlap.amax(1)).square().sum()
        unsure = said[..., 4].square().sum() - own[:, 4].square().sum()
        kind = (classes[digit] - target[:, 5:]).square().sum()
        loss = 5 * (place + size) + sure + 0.5 * unsure + kind
        return loss / len(output)

    @torch.no_grad()
    def forward(self, image):
        boxes, scores = yolo_decode(
            self.output(image[None]), BOXES, CLASSES, SQUARES
        )
        boxes = (boxes[0] * SIZE).clamp(0, SIZE)
        return chosen(boxes, scores[0], least=0.02)


def corners(boxes):
    """The corners of boxes, in squares, for IoUs within one square.

    Boxes: x, y in the square, then width and height in images.
    """
    half = boxes[..., 2:4] * SQUARES / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)
