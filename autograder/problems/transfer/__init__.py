"""The problem set `transfer`: search for hyperparameters, and a network that has learned something else before."""

from autograder.problems.transfer import (
    choose_strategy,
    freeze,
    grid_search,
    parameter_groups,
    random_search,
    refine,
    replace_head,
    transfer,
)

MODULES = (
    grid_search,
    random_search,
    refine,
    choose_strategy,
    replace_head,
    freeze,
    parameter_groups,
    transfer,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
