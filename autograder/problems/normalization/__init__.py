"""The problem set `normalization`: batch, layer, instance, group and local response normalization.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.
"""

from autograder.problems.normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm

MODULES = (
    batch_norm,
    layer_norm,
    instance_norm,
    group_norm,
    local_response_norm,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
