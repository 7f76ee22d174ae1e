"""The networks of the chapter on the meta device, where nothing is stored, and their tables."""

from functools import cache

import torch

from autograder.references.cnn_history import NETWORKS, cost_table
from autograder.references.cnn_history.published import PUBLISHED

# One image of each network's paper: channels, height, width.
INPUTS = {name: told.input_shape for name, told in PUBLISHED.items()}


@cache
def network(name):
    """A network whose weights have a shape and no numbers."""
    with torch.device("meta"):
        return NETWORKS[name]()


@cache
def table_of(name):
    """The cost table of a network at its paper's input size."""
    return tuple(cost_table(network(name), INPUTS[name]))


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


def lines(table, rows=None):
    """Some rows of a table, or all, and the sums of all, as text."""
    shown = table if rows is None else rows
    wide = max(len(row.name) for row in shown)
    yield f"{'layer':{wide}}{'output':>14}{'activations':>13}{'parameters':>13}{'multiply-adds':>16}"
    for row in shown:
        size = "×".join(map(str, (*row.output_shape[1:], row.output_shape[0])))
        yield f"{row.name:{wide}}{size:>14}{row.activations:13,}{row.parameters:13,}{row.multiply_adds:16,}"
    yield f"{'together':{wide}}{'':27}{parameters(table):13,}{work(table):16,}"


def show(table, rows=None):
    """Print some rows of a table, or all, and the sums of all."""
    print("\n".join(lines(table, rows)))


def folded(title, table):
    """HTML that opens to the layers with multiply-adds of one network."""
    rows = counted(table)
    return (
        f"<details><summary>{title}: {len(rows)} layers</summary>"
        f"<pre>{chr(10).join(lines(table, rows))}</pre></details>"
    )
