"""The problem set `activations`: eight activation functions, forward and backward.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.
"""

from autograder.problems.activations import elu, leaky_relu, maxout, prelu, relu, selu, sigmoid, tanh

MODULES = (
    sigmoid,
    tanh,
    relu,
    leaky_relu,
    prelu,
    elu,
    selu,
    maxout,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
