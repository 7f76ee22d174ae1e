"""The problem set `regularization`: penalties, dropout, smoothed labels, changed images, stopping, many models.

What is drawn is measured by what it promises; everything else is compared number by number.
"""

from autograder.problems.regularization import (
    bagging_indices,
    bias_variance,
    color_jitter,
    cutmix,
    cutout,
    drop_connect,
    dropout,
    early_stopping,
    ensemble_predict,
    horizontal_flip,
    l1_penalty,
    l2_penalty,
    label_smoothing,
    mixup,
    random_crop,
)

MODULES = (
    bias_variance,
    early_stopping,
    l1_penalty,
    l2_penalty,
    dropout,
    drop_connect,
    label_smoothing,
    horizontal_flip,
    random_crop,
    color_jitter,
    cutout,
    mixup,
    cutmix,
    bagging_indices,
    ensemble_predict,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
