"""The problem set `backprop`: gradients by hand, of scalars, of a graph that differentiates itself, and of layers.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it.
"""

from autograder.problems.backprop import (
    cross_entropy,
    linear,
    numerical_gradient,
    sigmoid_neuron,
    softmax,
    sum_product,
    two_layer_net,
    value,
)

MODULES = (
    sum_product,
    sigmoid_neuron,
    numerical_gradient,
    value,
    linear,
    softmax,
    cross_entropy,
    two_layer_net,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
