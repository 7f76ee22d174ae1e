"""The problem set `cnn_history`: blocks of the networks from LeNet to EfficientNet, and what is said of networks."""

from autograder.problems.cnn_history import (
    alexnet_grouped_conv,
    basic_block,
    bottleneck,
    compound_scaling,
    cost_table,
    dense_block,
    depthwise_separable_conv,
    factorized_inception,
    inception_module,
    inverted_residual,
    lenet_c3,
    occlusion_map,
    pre_activation_block,
    squeeze_excitation,
    top_k_error,
    transition,
)

MODULES = (
    lenet_c3,
    alexnet_grouped_conv,
    cost_table,
    top_k_error,
    occlusion_map,
    inception_module,
    factorized_inception,
    basic_block,
    bottleneck,
    pre_activation_block,
    dense_block,
    transition,
    squeeze_excitation,
    depthwise_separable_conv,
    inverted_residual,
    compound_scaling,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
