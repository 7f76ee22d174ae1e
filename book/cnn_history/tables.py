"""The networks of the chapter on the meta device, where nothing is stored, and their tables."""

from functools import cache

import torch

from autograder.references.cnn_history import NETWORKS, cost_table

# One image of each network's paper: channels, height, width. What is not here takes 3, 224, 224.
INPUTS = {
    "lenet5": (1, 32, 32),
    "alexnet": (3, 227, 227),
    "inception_v2": (3, 299, 299),
    "inception_v3": (3, 299, 299),
    "inception_v4": (3, 299, 299),
    "xception": (3, 299, 299),
    "nasnet_a_large": (3, 331, 331),
    "nin": (3, 32, 32),
    "preact_resnet164": (3, 32, 32),
    "wide_resnet28_10": (3, 32, 32),
    "pyramidnet": (3, 32, 32),
    "efficientnet_b0": (3, 224, 224),
    "efficientnet_b1": (3, 240, 240),
    "efficientnet_b2": (3, 260, 260),
    "efficientnet_b3": (3, 300, 300),
    "efficientnet_b4": (3, 380, 380),
    "efficientnet_b5": (3, 456, 456),
    "efficientnet_b6": (3, 528, 528),
    "efficientnet_b7": (3, 600, 600),
}


@cache
def network(name):
    """A network whose weights have a shape and no numbers."""
    with torch.device("meta"):
        return NETWORKS[name]()


@cache
def table_of(name):
    """The cost table of a network at its paper's input size."""
    return tuple(cost_table(network(name), INPUTS.get(name, (3, 224, 224))))


def counted(table):
    """The rows that have multiply-adds: convolutions and fully connected layers."""
    return [row for row in table if row.multiply_adds]


def parameters(table):
    return sum(row.parameters for row in table)


def work(table):
    return sum(row.multiply_adds for row in table)


def short(number):
    """Three digits that count: 138 M, 15.5 G."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"


def show(table, rows=None):
    """Print some rows of a table, or all, and the sums of all."""
    shown = table if rows is None else rows
    wide = max(len(row.name) for row in shown)
    print(f"{'layer':{wide}}{'output':>14}{'activations':>13}{'parameters':>13}{'multiply-adds':>16}")
    for row in shown:
        size = "×".join(map(str, (*row.output_shape[1:], row.output_shape[0])))
        print(f"{row.name:{wide}}{size:>14}{row.activations:13,}{row.parameters:13,}{row.multiply_adds:16,}")
    print(f"{'together':{wide}}{'':27}{parameters(table):13,}{work(table):16,}")
