"""The problem set `segmentation`: its measures, a linear layer as a convolution, transposed convolution, pixel losses.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.
"""

from autograder.problems.segmentation import (
    bilinear_kernel,
    confusion_matrix,
    conv_transpose2d,
    linear_to_conv,
    mean_iou,
    pixel_cross_entropy,
)

MODULES = (
    confusion_matrix,
    mean_iou,
    linear_to_conv,
    conv_transpose2d,
    bilinear_kernel,
    pixel_cross_entropy,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
