"""The networks of the lecture notes, from LeNet-5 to EfficientNet: one module a network, shared blocks once.

A network's module is imported when the network is called: `NETWORKS["resnet50"]()`. Networks of one paper share a
module. What several papers share is in `convolutions`, `inception_modules`, `residual`, `preactivation` and
`squeeze_excitation`.
"""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from autograder.references.cnn_history.cost import Layer, cost_table
from autograder.references.cnn_history.evaluation import top_k_error

__all__ = ["NETWORKS", "Layer", "cost_table", "top_k_error"]

# The module of each network, in the order of the years.
MODULES = {
    "lenet5": "lenet5",
    "alexnet": "alexnet",
    "zfnet": "zfnet",
    "vgg16": "vgg",
    "vgg19": "vgg",
    "nin": "nin",
    "googlenet": "googlenet",
    "inception_v2": "inception_v2",
    "inception_v3": "inception_v3",
    "inception_v4": "inception_v4",
    "resnet18": "resnet",
    "resnet34": "resnet",
    "resnet50": "resnet",
    "resnet101": "resnet",
    "resnet152": "resnet",
    "preact_resnet164": "preact_resnet",
    "wide_resnet28_10": "wide_resnet",
    "wide_resnet50_2": "wide_resnet",
    "pyramidnet": "pyramidnet",
    "resnext50_32x4d": "resnext",
    "densenet121": "densenet",
    "densenet169": "densenet",
    "densenet201": "densenet",
    "se_resnet50": "se_resnet",
    "mobilenet_v1": "mobilenet_v1",
    "xception": "xception",
    "nasnet_a_large": "nasnet",
    **{f"efficientnet_b{i}": "efficientnet" for i in range(8)},
}


def _network(name: str) -> Callable[..., nn.Module]:
    def construct(**variant) -> nn.Module:
        return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)(**variant)

    construct.__name__ = construct.__qualname__ = name
    construct.__doc__ = f"The network {name}, for its paper's data set; `variant` as in the module {MODULES[name]}."
    return construct


# Each network's constructor, which needs no argument.
NETWORKS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType({name: _network(name) for name in MODULES})
