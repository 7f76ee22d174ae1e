"""The problem set `optimization`: batches, steps downhill, rates over time, and a classifier trained with them."""

from autograder.problems.optimization import (
    adam_step,
    minibatches,
    momentum_step,
    rmsprop_step,
    schedules,
    sgd_step,
    train_softmax_classifier,
)

MODULES = (
    minibatches,
    sgd_step,
    momentum_step,
    rmsprop_step,
    adam_step,
    schedules,
    train_softmax_classifier,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
