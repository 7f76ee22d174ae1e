"""The problem set `convolution`: convolution, pooling and what they cost, by hand; and a small network of them.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.

In the cases of "values" and "edge cases" images and kernels are at least as wide as high, in those of "contract" they
are higher: so a program that takes a width from a height gives a wrong result there, in place of an exception.
"""

from autograder.problems.convolution import (
    avg_pool2d,
    col2im,
    conv2d,
    conv2d_fast,
    conv_cost,
    conv_output_size,
    global_avg_pool,
    im2col,
    max_pool2d,
    receptive_field,
    train_small_cnn,
)

MODULES = (
    conv_output_size,
    conv2d,
    im2col,
    col2im,
    conv2d_fast,
    max_pool2d,
    avg_pool2d,
    global_avg_pool,
    receptive_field,
    conv_cost,
    train_small_cnn,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
