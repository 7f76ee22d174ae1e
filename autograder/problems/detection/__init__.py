"""The problem set `detection`: boxes, proposals, pooled regions, anchors, and a detector in one pass."""

from autograder.problems.detection import (
    anchor_grid,
    assign_anchors,
    average_precision,
    box_iou,
    decode_boxes,
    encode_boxes,
    generate_anchors,
    nms,
    roi_max_pool,
    smooth_l1,
    spatial_pyramid_pool,
    yolo_decode,
)

MODULES = (
    box_iou,
    nms,
    average_precision,
    encode_boxes,
    decode_boxes,
    smooth_l1,
    spatial_pyramid_pool,
    roi_max_pool,
    generate_anchors,
    anchor_grid,
    assign_anchors,
    yolo_decode,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
