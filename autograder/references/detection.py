"""References of the problem set `detection`: short programs, where torch has no operation of its own.

torchvision has some of them. It is no part of the course; a test compares these with it where it can be loaded.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (N, 4) with boxes (M, 4): (N, M); 0 where the union is empty."""
    corner = torch.maximum(a[:, None, :2], b[None, :, :2])
    opposite = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = (opposite - corner).clamp(min=0).prod(dim=2)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (a, b))
    union = area_a[:, None] + area_b - intersection
    return torch.where(union > 0, intersection / union, 0.0)


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """The indices that a greedy suppression keeps, best first. In float64: no threshold is met by rounding."""
    iou = box_iou(boxes.double(), boxes.double()).tolist()
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=scores.tolist().__getitem__, reverse=True):
        if all(iou[i][j] <= iou_threshold for j in kept):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def average_precision(scores: torch.Tensor, matched: torch.Tensor, n_truth: int) -> torch.Tensor:
    """The area below the precision envelope over the recall (Everingham et al. 2015); 0-dim."""
    order = sorted(range(len(scores)), key=scores.tolist().__getitem__, reverse=True)
    hits, precision = 0, []
    for rank, i in enumerate(order, 1):
        hits += bool(matched[i])
        precision.append(hits / rank)
    # Each hit makes the recall larger by the same step, and counts with the best precision from there on.
    gained = sum(max(precision[rank:]) for rank, i in enumerate(order) if matched[i])
    return torch.tensor(gained / max(n_truth, 1), dtype=scores.dtype, device=scores.device)


def _centers_and_sizes(boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, :2] + sizes / 2, sizes


def encode_boxes(anchors: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """The deltas (N, 4) that lead from anchors to boxes (Girshick et al. 2014, appendix C)."""
    (centers, sizes), (to_centers, to_sizes) = map(_centers_and_sizes, (anchors, boxes))
    return torch.cat([(to_centers - centers) / sizes, torch.log(to_sizes / sizes)], dim=1)


def decode_boxes(anchors: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
    """The boxes (N, 4) to which deltas lead from anchors: the inverse of `encode_boxes`."""
    centers, sizes = _centers_and_sizes(anchors)
    centers = centers + deltas[:, :2] * sizes
    sizes = sizes * deltas[:, 2:].exp()
    return torch.cat([centers - sizes / 2, centers + sizes / 2], dim=1)


def smooth_l1(prediction: torch.Tensor, target: torch.Tensor, beta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """torch's own loss, the mean, and autograd's gradient for the prediction (Girshick 2015, equation 3)."""
    leaf = prediction.detach().clone().requires_grad_()
    with torch.enable_grad():
        loss = F.smooth_l1_loss(leaf, target, beta=beta)
        (gradient,) = torch.autograd.grad(loss, leaf)
    return loss.detach(), gradient


def spatial_pyramid_pool(features: torch.Tensor, levels: Sequence[int]) -> torch.Tensor:
    """The maxima of l by l bins for each level l, (N, C * sum of l squared) (He et al. 2014, section 2.2)."""
    return torch.cat([F.adaptive_max_pool2d(features, level).flatten(1) for level in levels], dim=1)


def _nearest(coordinate: float) -> int:
    """The nearest whole number; a half away from 0, as C++ does it."""
    whole = int(abs(coordinate) + 0.5)
    return whole if coordinate >= 0 else -whole


def _bin(index: int, bins: int, first: int, last: int, size: int) -> slice:
    """The pixels of a bin of those from `first` to `last`, as far as they lie on a map of `size`."""
    extent = max(last - first + 1, 1)
    begin, end = first + index * extent // bins, first - (-(index + 1) * extent // bins)
    return slice(min(max(begin, 0), size), min(max(end, 0), size))


def roi_max_pool(
    features: torch.Tensor, rois: torch.Tensor, output_size: tuple[int, int], spatial_scale: float
) -> torch.Tensor:
    """The maxima of the bins of each region, (R, C, rows, columns) (Girshick 2015, section 2.1), as torchvision's.

    rois (R, 5): the index of the image, then x1, y1, x2, y2. An empty bin gives 0.
    """
    channels, height, width = features.shape[1:]
    # Without regions, too, there is a gradient, and it is 0.
    pooled = [features.new_zeros(0, channels, *output_size) + 0 * features.sum()]
    for image, *corners in rois.tolist():
        x1, y1, x2, y2 = (_nearest(corner * spatial_scale) for corner in corners)
        bins = []
        for i in range(output_size[0]):
            for j in range(output_size[1]):
                rows, columns = _bin(i, output_size[0], y1, y2, height), _bin(j, output_size[1], x1, x2, width)
                part = features[int(image), :, rows, columns]
                bins.append(F.adaptive_max_pool2d(part, 1)[:, 0, 0] if part.numel() else 0 * features[0, :, 0, 0])
        pooled.append(torch.stack(bins, dim=1).reshape(1, channels, *output_size))
    return torch.cat(pooled)


def generate_anchors(scales: torch.Tensor, ratios: torch.Tensor) -> torch.Tensor:
    """Boxes around 0 of every scale with every ratio, (scales * ratios, 4) (Ren et al. 2015, section 3.1.1)."""
    widths = scales[:, None] * ratios.rsqrt()
    heights = scales[:, None] * ratios.sqrt()
    return torch.stack([-widths, -heights, widths, heights], dim=2).reshape(-1, 4) / 2


def anchor_grid(anchors: torch.Tensor, height: int, width: int, stride: int) -> torch.Tensor:
    """Every anchor around the center of every cell, (height * width * anchors, 4): row, column, anchor."""
    y, x = ((torch.arange(size).to(anchors) + 0.5) * stride for size in (height, width))
    y, x = torch.meshgrid(y, x, indexing="ij")
    return (torch.stack([x, y, x, y], dim=2)[:, :, None] + anchors).reshape(-1, 4)


def assign_anchors(iou: torch.Tensor, low: float, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The label of each anchor, 1, 0 or -1, and the box it is matched to (Ren et al. 2015, section 3.1.2)."""
    labels, matches = [], []
    for row in iou.tolist():
        best = max(row)
        labels.append(1 if best >= high else 0 if best < low else -1)
        matches.append(row.index(best))
    for box, column in enumerate(iou.T.tolist()):
        anchor = column.index(max(column))
        labels[anchor], matches[anchor] = 1, box
    return tuple(torch.tensor(found, dtype=torch.int64, device=iou.device) for found in (labels, matches))


def yolo_decode(output: torch.Tensor, boxes: int, classes: int, grid: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Corners in shares of the image, and the scores of the classes (Redmon et al. 2016, section 2)."""
    n = len(output)
    numbers = output[..., : 5 * boxes].reshape(n, grid, grid, boxes, 5)
    places = torch.arange(grid).to(output)
    x = (numbers[..., 0] + places[:, None]) / grid
    y = (numbers[..., 1] + places[:, None, None]) / grid
    width, height, confidence = numbers[..., 2] / 2, numbers[..., 3] / 2, numbers[..., 4:]
    corners = torch.stack([x - width, y - height, x + width, y + height], dim=-1)
    scores = confidence * output[..., None, 5 * boxes :]
    return corners.reshape(n, -1, 4), scores.reshape(n, -1, classes)
