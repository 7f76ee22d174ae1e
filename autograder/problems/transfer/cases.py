"""Spaces of hyperparameters and networks that several problems of the set are asked about."""

import torch

from autograder.calls.models import LAYERS
from autograder.problems.drawing import normal, sized

# Names of which one begins another are traps for who compares beginnings.
IMAGES = (
    ("features.conv1", "conv", 2, 3, 3),
    ("features.bn1", "batch norm of maps", 3),
    ("features.relu", "relu"),
    ("features.conv2", "conv", 3, 4, 3),
    ("features.bn2", "batch norm of maps", 4),
    ("flatten", "flatten"),
    ("dropout", "dropout", 0.5),
    ("head", "linear", 16, 4),
)
ROWS = (
    ("layer1.linear", "linear", 5, 6),
    ("layer1.bn", "batch norm of features", 6),
    ("layer10.linear", "linear", 6, 7),
    ("layer10.bn", "batch norm of features", 7),
    ("header", "linear", 7, 6),
    ("head", "linear without bias", 6, 3),
)
NESTED = (
    ("body.linear", "linear", 5, 8),
    ("body.bn", "batch norm of features", 8),
    ("classifier.0", "linear", 8, 6),
    ("classifier.1", "relu"),
    ("classifier.2", "linear", 6, 4),
)


def network(generator: torch.Generator, layers: tuple) -> dict:
    """The arguments that make a network with random values, and a batch ``x`` that it takes."""
    state = {}
    for name, shape in shapes_of(layers).items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(3)
        elif name.endswith("running_var"):
            state[name] = sized(generator, *shape)
        else:
            state[name] = normal(generator, *shape)
    x = normal(generator, 6, 2, 6, 6) if layers is IMAGES else normal(generator, 6, 5)
    return {"layers": layers, "state": state, "frozen": (), "x": x}


def shapes_of(layers: tuple) -> dict[str, torch.Size]:
    """The names and shapes of what a network of `layers` holds."""
    shapes = {}
    with torch.device("meta"):
        for name, layer, *sizes in layers:
            shapes |= {f"{name}.{key}": value.shape for key, value in LAYERS[layer](*sizes).state_dict().items()}
    return shapes


def ranges(generator: torch.Generator, *scales: str) -> dict[str, tuple[float, float, str]]:
    """Ranges of ``lr``, ``momentum`` and so on with these scales; log ones over several powers of ten."""
    names = ("lr", "momentum", "weight_decay", "dropout")
    spaces = {}
    for name, scale in zip(names, scales, strict=False):
        first, second = (float(number) for number in torch.rand(2, generator=generator, dtype=torch.float64))
        if scale == "log":
            spaces[name] = (10 ** (-5 + first), 10 ** (-1.5 + second), "log")
        else:
            spaces[name] = (0.1 + first, 2.0 + 3 * second, "linear")
    return spaces
