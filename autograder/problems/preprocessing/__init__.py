"""The problem set `preprocessing`: features made comparable, decorrelated, and weights that keep their scale.

Principal components, whitened data and random weights are right in many forms. They are measured; everything else is
compared number by number.
"""

from autograder.problems.preprocessing import (
    channel_mean_std,
    fan_in_and_fan_out,
    fit_standardizer,
    initializers,
    min_max_scale,
    pca_fit,
    pca_transform,
    standardize,
    whiten,
)

MODULES = (
    fit_standardizer,
    standardize,
    channel_mean_std,
    min_max_scale,
    pca_fit,
    pca_transform,
    whiten,
    fan_in_and_fan_out,
    initializers,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
