"""Programs that a grader could easily get wrong: overlaps, choices, areas, corrections, bins, anchors, cells."""

import math

import numpy
import torch
import torch.nn.functional as F

SEEDS = (0, 1)


def iou_by_numpy(a, b):
    p, q = a.numpy()[:, None], b.numpy()[None]
    sides = numpy.minimum(p[..., 2:], q[..., 2:]) - numpy.maximum(p[..., :2], q[..., :2])
    both = numpy.prod(numpy.clip(sides, 0, None), axis=-1)
    union = numpy.prod(p[..., 2:] - p[..., :2], -1) + numpy.prod(q[..., 2:] - q[..., :2], -1) - both
    return torch.from_numpy(numpy.divide(both, union, out=numpy.zeros_like(both), where=union > 0))


def iou_by_clamped_union(a, b):
    lt, rb = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    w, h = (rb - lt).clamp(min=0).unbind(-1)
    inter = w * h
    area_a, area_b = ((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b))
    return inter / (area_a[:, None] + area_b - inter).clamp(min=torch.finfo(a.dtype).tiny)


def iou_in_columns(a, b):
    columns = []
    for box in b:
        sides = (torch.minimum(a[:, 2:], box[2:]) - torch.maximum(a[:, :2], box[:2])).clamp_min(0)
        both = sides[:, 0] * sides[:, 1]
        union = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]) + (box[2] - box[0]) * (box[3] - box[1]) - both
        columns.append(torch.nan_to_num(both / union))
    return torch.stack(columns, dim=1) if columns else a.new_empty(len(a), 0)


def iou_with_eps(a, b, eps=1e-7):
    lt, rb = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(-1)
    areas = [(x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b)]
    return inter / (areas[0][:, None] + areas[1] - inter + eps)


def iou_in_single_precision(a, b):
    return iou_by_clamped_union(a.float(), b.float()).to(a)


def nms_as_posted(boxes, scores, iou_threshold, at=lambda iou, t: iou <= t, one=0, flip=False):
    """As it is posted for numpy again and again; there with + 1, and with the order reversed."""
    dets = boxes.numpy()
    x1, y1, x2, y2 = dets.T
    areas = (x2 - x1 + one) * (y2 - y1 + one)
    order = scores.numpy().argsort(kind="stable")[::-1] if flip else (-scores.numpy()).argsort(kind="stable")
    keep = []
    while order.size > 0:
        i, rest = order[0], order[1:]
        keep.append(int(i))
        w = numpy.maximum(0.0, numpy.minimum(x2[i], x2[rest]) - numpy.maximum(x1[i], x1[rest]) + one)
        h = numpy.maximum(0.0, numpy.minimum(y2[i], y2[rest]) - numpy.maximum(y1[i], y1[rest]) + one)
        with numpy.errstate(invalid="ignore"):
            iou = numpy.nan_to_num(w * h / (areas[i] + areas[rest] - w * h))
        order = rest[at(iou, iou_threshold)]
    return torch.tensor(keep, dtype=torch.long)


def nms_from_a_list(boxes, scores, iou_threshold):
    candidates = sorted(zip((-scores).tolist(), range(len(boxes)), boxes, strict=True), key=lambda item: item[:2])
    kept = []
    for _, index, box in candidates:
        if not kept or float(iou_in_columns(box[None], boxes[kept]).max()) <= iou_threshold:
            kept.append(index)
    return boxes.new_tensor(kept).long()


def nms_recursively(boxes, scores, iou_threshold):
    def keep(order):
        if not len(order):
            return order
        iou = iou_by_clamped_union(boxes[order[:1]], boxes[order])[0]
        others = (iou <= iou_threshold).index_fill(0, order.new_zeros(1), False)
        return torch.cat([order[:1], keep(order[others])])

    return keep(torch.argsort(scores, descending=True, stable=True))


def nms_all_at_once(boxes, scores, iou_threshold):
    """Everything that a better box overlaps goes, whether that box is kept or not."""
    order = scores.argsort(descending=True, stable=True)
    iou = iou_by_clamped_union(boxes[order], boxes[order]).triu(1)
    return order[~(iou > iou_threshold).any(dim=0)]


def ap_by_numpy(scores, matched, n_truth):
    order = numpy.argsort(-scores.numpy(), kind="stable")
    tp = numpy.cumsum(matched.numpy()[order])
    precision = tp / numpy.arange(1, len(tp) + 1)
    envelope = numpy.maximum.accumulate(precision[::-1])[::-1]
    steps = numpy.diff(numpy.concatenate([[0], tp])) / max(n_truth, 1)
    return torch.tensor((steps * envelope).sum(), dtype=scores.dtype)


def ap_by_the_devkit(scores, matched, n_truth):
    """As the programs of PASCAL VOC do it, with two sentinels."""
    order = torch.argsort(scores, descending=True, stable=True)
    hit = matched[order].double()
    tp, fp = hit.cumsum(0), (1 - hit).cumsum(0)
    recall = torch.cat([tp.new_zeros(1), tp / max(n_truth, 1), tp.new_ones(1)])
    precision = torch.cat([tp.new_zeros(1), tp / (tp + fp), tp.new_zeros(1)])
    for i in reversed(range(len(precision) - 1)):
        precision[i] = max(precision[i], precision[i + 1])
    where = torch.nonzero(recall[1:] != recall[:-1])[:, 0]
    return torch.sum((recall[where + 1] - recall[where]) * precision[where + 1]).to(scores)


def ap_by_thresholds(scores, matched, n_truth):
    """One point for each different score: detections with equal scores come in together."""
    points = [
        ((scores >= t) & matched).sum() / torch.stack([(scores >= t).sum(), torch.tensor(1)])
        for t in scores.unique().flip(0)
    ]
    total, before = 0.0, 0.0
    for k, (_, hits) in enumerate(points):
        best = max(float(p) for p, _ in points[k:])
        total, before = total + (float(hits) - before) * best, float(hits)
    return torch.tensor(total / max(n_truth, 1), dtype=scores.dtype)


def coded(anchors, boxes, shift=True, log=torch.log):
    def split(b):
        return (b[..., :2] + b[..., 2:]) * 0.5, b[..., 2:] - b[..., :2]

    (c, s), (to, size) = split(anchors), split(boxes)
    return torch.cat(((to - c) / (s if shift else 1), log(size / s)), -1)


def encoded_by_numpy(anchors, boxes):
    a, b = anchors.numpy(), boxes.numpy()
    out = numpy.zeros_like(a)
    for axis in (0, 1):
        size = a[:, axis + 2] - a[:, axis]
        out[:, axis] = (b[:, axis] + b[:, axis + 2] - a[:, axis] - a[:, axis + 2]) / (2 * size)
        out[:, axis + 2] = numpy.log((b[:, axis + 2] - b[:, axis]) / size)
    return torch.from_numpy(out)


def decoded_as_posted(anchors, deltas, shift=True):
    widths, heights = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    ctr_x, ctr_y = anchors[:, 0] + 0.5 * widths, anchors[:, 1] + 0.5 * heights
    dx, dy, dw, dh = deltas[:, 0::4], deltas[:, 1::4], deltas[:, 2::4], deltas[:, 3::4]
    x = dx * (widths[:, None] if shift else 1) + ctr_x[:, None]
    y = dy * (heights[:, None] if shift else 1) + ctr_y[:, None]
    w, h = dw.exp() * widths[:, None], dh.exp() * heights[:, None]
    out = torch.zeros_like(deltas)
    out[:, 0::4], out[:, 1::4], out[:, 2::4], out[:, 3::4] = x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h
    return out


def smooth_by_numpy(prediction, target, beta):
    d = prediction.numpy() - target.numpy()
    loss = numpy.where(abs(d) < beta, d * d / (2 * beta), abs(d) - beta / 2).mean()
    return torch.tensor(loss), torch.from_numpy(numpy.clip(d / beta, -1, 1) / d.size)


def smooth_by_two_sums(prediction, target, beta):
    d = target - prediction
    out = torch.relu(d.abs() - beta)
    inside = d.abs().minimum(torch.full_like(d, beta))
    return (inside.square() / (2 * beta) + out).mean(), -(inside * d.sign()) / beta / d.numel()


def smooth_with_a_mean_by_rows(prediction, target, beta):
    loss, gradient = smooth_by_two_sums(prediction, target, beta)
    return loss, gradient * prediction.numel() / prediction[..., 0].numel()


def smooth_without_beta_inside(prediction, target, beta):
    d = prediction - target
    near = d.abs() < beta
    loss = torch.where(near, d.square() / 2, d.abs() - beta / 2).mean()
    return loss, torch.where(near, d, d.sign()) / d.numel()


def pyramid_by_max_pool(features, levels):
    """Each bin by torch's pooling of a slice."""
    h, w = features.shape[2:]
    found = []
    for k in levels:
        for c in range(features.shape[1]):
            for i in range(k):
                for j in range(k):
                    part = features[
                        :, c : c + 1, i * h // k : math.ceil((i + 1) * h / k), j * w // k : math.ceil((j + 1) * w / k)
                    ]
                    found.append(F.max_pool2d(part, tuple(part.shape[2:])).flatten(1))
    return torch.cat(found, 1)


def pyramid_by_numpy(features, levels):
    maps, parts = features.numpy(), []
    for k in levels:
        rows, columns = (numpy.arange(k + 1) * size / k for size in maps.shape[2:])
        grid = [
            maps[:, :, math.floor(rows[i]) : math.ceil(rows[i + 1]), math.floor(columns[j]) : math.ceil(columns[j + 1])]
            for i in range(k)
            for j in range(k)
        ]
        parts.append(numpy.stack([part.max((2, 3)) for part in grid], -1).reshape(len(maps), -1))
    return torch.from_numpy(numpy.concatenate(parts, 1))


def pyramid_of_the_paper(features, levels):
    """With one window and one stride a level: what is left over at the end is in no bin."""
    h, w = features.shape[2:]
    pooled = [
        F.max_pool2d(features, (-(-h // k), -(-w // k)), (max(h // k, 1), max(w // k, 1)))[:, :, :k, :k] for k in levels
    ]
    return torch.cat([p.flatten(1) for p in pooled], 1)


def roi_pool(features, rois, output_size, spatial_scale, whole=lambda t: torch.floor(t + 0.5), more=1):
    """With places kept for the way back."""
    c, h, w = features.shape[1:]
    ph, pw = output_size
    out = torch.zeros(len(rois), c, ph, pw, dtype=features.dtype)
    kept = []
    for r, roi in enumerate(rois):
        x1, y1, x2, y2 = map(int, whole(roi[1:] * spatial_scale))
        height, width = max(y2 - y1 + more, 1), max(x2 - x1 + more, 1)
        for p in range(ph * pw):
            i, j = divmod(p, pw)
            ys = slice(*(min(max(y, 0), h) for y in (y1 + i * height // ph, y1 + math.ceil((i + 1) * height / ph))))
            xs = slice(*(min(max(x, 0), w) for x in (x1 + j * width // pw, x1 + math.ceil((j + 1) * width / pw))))
            part = features[int(roi[0]), :, ys, xs]
            if part.numel():
                pooled, index = F.max_pool2d(part, part.shape[1:], return_indices=True)
                out[r, :, i, j] = pooled[:, 0, 0]
                kept.append(
                    (
                        r,
                        i,
                        j,
                        int(roi[0]),
                        ys.start + index[:, 0, 0] // part.shape[2],
                        xs.start + index[:, 0, 0] % part.shape[2],
                    )
                )
    return out, {"kept": kept, "like": features}


def roi_pool_back(dout, cache, add=True, ones=False):
    grad = torch.zeros_like(cache["like"])
    for r, i, j, image, y, x in cache["kept"]:
        place = (torch.full_like(y, image), torch.arange(len(y)), y, x)
        value = torch.ones_like(dout[r, :, i, j]) if ones else dout[r, :, i, j]
        grad.index_put_(place, value, accumulate=add)
    return grad


class Pooled:
    """A cache that is an object, and finds the maxima again."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def backward(self, dout):
        return roi_pool_back(dout, roi_pool(*self.arguments)[1])


def forgetful(forward):
    """`forward` with one cache for all calls: the last call's."""
    kept = {}

    def function(*arguments):
        out, kept["cache"] = forward(*arguments)
        return out, kept

    return function


def anchors_by_products(scales, ratios):
    pairs = torch.cartesian_prod(scales, ratios).reshape(-1, 2)
    size = torch.stack([pairs[:, 0] / pairs[:, 1].sqrt(), pairs[:, 0] * pairs[:, 1].sqrt()], 1)
    return torch.cat([-0.5 * size, 0.5 * size], 1)


def anchors_by_powers(scales, ratios):
    rows = [(s * r**-0.5, s * r**0.5) for s in scales.double() for r in ratios.double()]
    return torch.tensor([(-w / 2, -h / 2, w / 2, h / 2) for w, h in rows], dtype=scales.dtype)


def grid_by_numpy(anchors, height, width, stride):
    y, x = (numpy.mgrid[:height, :width] + 0.5) * stride
    centers = numpy.stack([x, y, x, y], -1).reshape(-1, 1, 4)
    return torch.from_numpy(centers).to(anchors) + anchors.repeat(height * width, 1).reshape(height * width, -1, 4)


def assigned_by_numpy(iou, low, high):
    table = iou.numpy()
    best = table.max(1)
    labels = numpy.select([best >= high, best < low], [1, 0], -1)
    matches = table.argmax(1)
    for box, anchor in enumerate(table.argmax(0)):
        labels[anchor], matches[anchor] = 1, box
    return torch.as_tensor(labels, dtype=torch.int64), torch.as_tensor(matches)


def assigned_backwards(iou, low, high):
    """The best anchors first, and the thresholds only for the others."""
    labels, matches = torch.full((len(iou),), 7), torch.empty(len(iou), dtype=torch.int64)
    for box in range(iou.shape[1]):
        anchor = int(iou[:, box].argmax())
        labels[anchor], matches[anchor] = 1, box
    for anchor in range(len(iou)):
        if labels[anchor] == 7:
            value, matches[anchor] = iou[anchor].max(0)
            labels[anchor] = 1 if value >= high else 0 if value < low else -1
    return labels, matches


def assigned_without_negatives(iou, low, high):
    labels, matches = assigned_by_numpy(iou, low, high)
    return labels, torch.where(labels == 0, -1, matches)


def assigned_like_torchvision(iou, low, high):
    """Every anchor that overlaps a box best, also of several, keeps the match that it has."""
    best, matches = iou.max(1)
    labels = torch.where(best >= high, 1, torch.where(best < low, 0, -1))
    labels[(iou == iou.max(0).values).any(1)] = 1
    return labels, matches


def decoded_cells(output, boxes, classes, grid, i=1, j=0):
    """Cell by cell with numpy."""
    out, corners, scores = output.numpy(), [], []
    for image in out:
        for cell in numpy.ndindex(grid, grid):
            for b in range(boxes):
                x, y, w, h, c = image[cell][5 * b : 5 * (b + 1)]
                x, y = (x + cell[i]) / grid, (y + cell[j]) / grid
                corners.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                scores.append(c * image[cell][5 * boxes :])
    corners, scores = (torch.from_numpy(numpy.array(part)).to(output) for part in (corners, scores))
    return corners.reshape(len(out), -1, 4), scores.reshape(len(out), -1, classes)


def nms_until_nothing_changes(boxes, scores, iou_threshold):
    order = torch.sort(scores, descending=True, stable=True)[1]
    above = (iou_by_clamped_union(boxes[order], boxes[order]) > iou_threshold).triu(1)
    kept = torch.ones(len(order), dtype=torch.bool)
    while not torch.equal(kept, new := ~(above & kept[:, None]).any(0)):
        kept = new
    return order[kept]


def nms_by_marker(boxes, scores, iou_threshold):
    """Every box that a better one overlaps is marked, and what is not marked stays in its place."""
    iou, marked = iou_by_clamped_union(boxes, boxes), torch.zeros(len(boxes), dtype=torch.bool)
    for i in range(len(boxes)):
        for j in range(len(boxes)):
            if scores[j] > scores[i] and iou[i, j] > iou_threshold:
                marked[i] = True
    return torch.nonzero(~marked)[:, 0]


RIGHT = {
    "by numpy": ("box_iou", [iou_by_numpy]),
    "by a clamped union": ("box_iou", [iou_by_clamped_union]),
    "column by column": ("box_iou", [iou_in_columns]),
    "as posted for numpy": ("nms", [nms_as_posted]),
    "from a list": ("nms", [nms_from_a_list]),
    "recursively": ("nms", [nms_recursively]),
    "AP by numpy": ("average_precision", [ap_by_numpy]),
    "AP by the devkit": ("average_precision", [ap_by_the_devkit]),
    "halves": ("encode_boxes", [coded]),
    "encoded by numpy": ("encode_boxes", [encoded_by_numpy]),
    "decoded as posted": ("decode_boxes", [decoded_as_posted]),
    "smooth by numpy": ("smooth_l1", [smooth_by_numpy]),
    "two sums": ("smooth_l1", [smooth_by_two_sums]),
    "bins by torch's pooling": ("spatial_pyramid_pool", [pyramid_by_max_pool]),
    "bins by numpy": ("spatial_pyramid_pool", [pyramid_by_numpy]),
    "bins of regions by torch's pooling": ("roi_max_pool_forward", [roi_pool]),
    "kept places": ("roi_max_pool_backward", [roi_pool_back, roi_pool]),
    "an object": (
        "roi_max_pool_backward",
        [lambda dout, cache: cache.backward(dout), lambda *a: (roi_pool(*a)[0], Pooled(*a))],
    ),
    "a product of scales and ratios": ("generate_anchors", [anchors_by_products]),
    "powers": ("generate_anchors", [anchors_by_powers]),
    "a grid by numpy": ("anchor_grid", [lambda *a: grid_by_numpy(*a).reshape(-1, 4)]),
    "assigned by numpy": ("assign_anchors", [assigned_by_numpy]),
    "best anchors first": ("assign_anchors", [assigned_backwards]),
    "cells by numpy": ("yolo_decode", [decoded_cells]),
    "until nothing changes": ("nms", [nms_until_nothing_changes]),
}

WRONG = {
    "a small number in the union": ("box_iou", [iou_with_eps], {"edge cases", "contract"}),
    "an IoU in float32": ("box_iou", [iou_in_single_precision], {"contract"}),
    "all at once": ("nms", [nms_all_at_once], {"values"}),
    "thresholds, not detections": ("average_precision", [ap_by_thresholds], {"edge cases"}),
    "the paper's windows": ("spatial_pyramid_pool", [pyramid_of_the_paper], {"values"}),
    "rounded to even": (
        "roi_max_pool_forward",
        [lambda *a: roi_pool(*a, whole=torch.round)],
        {"edge cases"},
    ),
    "one cache for all regions": (
        "roi_max_pool_backward",
        [lambda dout, cache: roi_pool_back(dout, cache["cache"]), forgetful(roi_pool)],
        {"contract"},
    ),
    "as torchvision's matcher": ("assign_anchors", [assigned_like_torchvision], {"values"}),
    "a mean by rows": ("smooth_l1", [smooth_with_a_mean_by_rows], {"values"}),
}

PARTLY_RIGHT = {
    "an IoU in float32": ("box_iou", [iou_in_single_precision], {"contract"}),
    "rounded to even": ("roi_max_pool_forward", [lambda *a: roi_pool(*a, whole=torch.round)], {"edge cases"}),
    "suppressed at the threshold": ("nms", [lambda *a: nms_as_posted(*a, at=lambda i, t: i < t)], {"edge cases"}),
}

STOPPED = {
    "F.smooth_l1_loss": (
        "smooth_l1",
        [lambda p, t, beta: (F.smooth_l1_loss(p, t, beta=beta), p)],
        "smooth_l1_loss",
    ),
    "F.huber_loss": ("smooth_l1", [lambda p, t, beta: (F.huber_loss(p, t, delta=beta) / beta, p)], "huber_loss"),
    "F.adaptive_max_pool2d": (
        "spatial_pyramid_pool",
        [lambda x, levels: torch.cat([F.adaptive_max_pool2d(x, k).flatten(1) for k in levels], 1)],
        "adaptive_max_pool2d",
    ),
    "F.adaptive_max_pool2d of a region": (
        "roi_max_pool_forward",
        [lambda x, rois, size, scale: (F.adaptive_max_pool2d(x, size), None)],
        "adaptive_max_pool2d",
    ),
}

IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F"
REFUSED = {
    f"{expression} in {name}": (
        name,
        [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"],
        "which is the exercise itself",
    )
    for name, expression in [
        ("smooth_l1", "F.smooth_l1_loss(x, *more)"),
        ("smooth_l1", "nn.SmoothL1Loss()(x, *more)"),
        ("smooth_l1", "nn.HuberLoss()(x, *more)"),
        ("smooth_l1", "torch.ops.aten.smooth_l1_loss_backward(x, *more)"),
        ("spatial_pyramid_pool", "nn.AdaptiveMaxPool2d(2)(x)"),
        ("spatial_pyramid_pool", "torch.adaptive_max_pool1d(x, 2)"),
        ("spatial_pyramid_pool", "F.adaptive_max_pool2d_with_indices(x, 2)"),
        ("roi_max_pool_forward", "nn.AdaptiveMaxPool2d(2)(x)"),
        ("roi_max_pool_forward", "torch.ops.torchvision.roi_pool(x, *more)"),
        ("roi_max_pool_backward", "torch.ops.aten.adaptive_max_pool2d_backward(x, *more)"),
        ("nms", "torch.ops.torchvision.nms(x, *more)"),
    ]
} | {
    "autograd in roi_max_pool_backward": (
        "roi_max_pool_backward",
        [IMPORTS, "def roi_max_pool_backward(*more):\n    return torch.autograd.grad(*more)"],
        "write the gradient by hand",
    ),
    "autograd in smooth_l1": (
        "smooth_l1",
        [IMPORTS, "def smooth_l1(p, *more):\n    return torch.autograd.grad(*more)"],
        "write the gradient by hand",
    ),
}

ALLOWED = {
    f"{expression} in {name}": (name, [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"])
    for name, expression in [
        ("box_iou", "torch.maximum(x, *more).clamp(min=0).prod(2)"),
        ("box_iou", "F.relu(x)"),
        ("nms", "x.argsort(descending=True, stable=True)"),
        ("nms", "x.topk(2).indices"),
        ("average_precision", "x.cummax(0).values"),
        ("average_precision", "torch.trapezoid(x)"),
        ("encode_boxes", "torch.log(x)"),
        ("smooth_l1", "F.l1_loss(x, *more)"),
        ("smooth_l1", "F.mse_loss(x, *more)"),
        ("smooth_l1", "F.hardtanh(x)"),
        ("spatial_pyramid_pool", "F.max_pool2d(x, 2)"),
        ("spatial_pyramid_pool", "x.unfold(2, 2, 2).amax(-1)"),
        ("roi_max_pool_forward", "F.max_pool2d(x, 2, return_indices=True)"),
        ("roi_max_pool_forward", "torch.round(x)"),
        ("roi_max_pool_backward", "x.scatter_add(1, *more)"),
        ("assign_anchors", "torch.bucketize(x, *more)"),
        ("yolo_decode", "x.unflatten(-1, (2, 5))"),
    ]
}

NAMED = {
    "an IoU with + 1": ("nms", [lambda *a: nms_as_posted(*a, one=1)], "1 too large"),
    "reversed ties": ("nms", [lambda *a: nms_as_posted(*a, flip=True)], "higher index came first"),
    "suppressed at the threshold": (
        "nms",
        [lambda *a: nms_as_posted(*a, at=lambda i, t: i < t)],
        "whose IoU is the threshold",
    ),
    "all at once": ("nms", [nms_all_at_once], "suppressed itself"),
    "shifts in pixels": ("encode_boxes", [lambda a, b: coded(a, b, shift=False)], "is in pixels"),
    "factors": ("encode_boxes", [lambda a, b: coded(a, b, log=lambda t: t)], "logarithms are asked for"),
    "x and y exchanged": ("encode_boxes", [lambda a, b: coded(a, b)[:, [1, 0, 3, 2]]], "x and y are exchanged"),
    "deltas read by rows": (
        "decode_boxes",
        [lambda a, d: decoded_as_posted(a, d[:, [1, 0, 3, 2]])],
        "x and y are exchanged",
    ),
    "from the box to the anchor": (
        "encode_boxes",
        [lambda a, b: coded(a, b) * torch.tensor([-1, -1, 1, 1])],
        "wrong sign",
    ),
    "a gradient by rows": (
        "smooth_l1",
        [lambda p, t, b: (smooth_by_numpy(p, t, b)[0], smooth_by_numpy(p, t, b)[1] * p.numel() / len(p))],
        "mean is one over all",
    ),
    "squares of Huber's": ("smooth_l1", [smooth_without_beta_inside], "neither do their slopes"),
    "corners by int": ("roi_max_pool_forward", [lambda *a: roi_pool(*a, whole=lambda t: t + 0.5)], "toward 0"),
    "labels behind matches": ("assign_anchors", [lambda *a: assigned_by_numpy(*a)[::-1]], "labels come first"),
    "no match below low": ("assign_anchors", [assigned_without_negatives], "Negative anchors have no match"),
    "cells by column": (
        "yolo_decode",
        [lambda o, *a: decoded_cells(o.transpose(1, 2), *a)],
        "by column and row",
    ),
    "shifts taken in pixels": ("decode_boxes", [lambda a, d: decoded_as_posted(a, d, shift=False)], "taken in pixels"),
    "a last pixel left out": (
        "roi_max_pool_forward",
        [lambda *a: roi_pool(*a, more=0)],
        "were left out",
    ),
    "rounded down": ("roi_max_pool_forward", [lambda *a: roi_pool(*a, whole=torch.floor)], "rounded down"),
    "written, not added": (
        "roi_max_pool_backward",
        [lambda dout, cache: roi_pool_back(dout, cache, add=False), roi_pool],
        "must be added up",
    ),
    "a dout of ones": (
        "roi_max_pool_backward",
        [lambda dout, cache: roi_pool_back(dout, cache, ones=True), roi_pool],
        "dout has no influence",
    ),
    "a ratio upside down": (
        "generate_anchors",
        [lambda s, r: anchors_by_products(s, 1 / r)],
        "height divided by width",
    ),
    "corners of the cells": (
        "anchor_grid",
        [lambda a, h, w, s: grid_by_numpy(a - s / 2, h, w, s).reshape(-1, 4)],
        "half a stride too far up",
    ),
    "row for column": (
        "yolo_decode",
        [lambda *a: decoded_cells(*a, i=0, j=1)],
        "row of the cell was added to x",
    ),
    **{
        f"{eps} added to the union": ("box_iou", [lambda a, b, eps=eps: iou_with_eps(a, b, eps)], "added to the union")
        for eps in (1.0, 1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
    },
    "by marker": ("nms", [nms_by_marker], "suppressed others; and of what is kept"),
    "a mask": (
        "nms",
        [lambda b, s, t: torch.zeros(len(b), dtype=torch.bool).index_fill(0, nms_recursively(b, s, t), True)],
        "the indices of those that are kept",
    ),
    "AP of a library for documents": (
        "average_precision",
        [
            lambda s, m, n: (
                (
                    (m := m[s.argsort(descending=True, stable=True)].to(s))
                    * (m.cumsum(0) / torch.arange(1, len(m) + 1))
                ).sum()
                / m.sum().clamp(min=1)
            )
        ],
        "at the right detections",
    ),
}
