"""How the cases of a block are drawn, and networks that several functions of the set are asked about."""

from collections.abc import Callable

import torch

from autograder.calls.case import Case
from autograder.calls.models import build
from autograder.calls.modules import GRADIENT, OUT, STATE, outputs_from
from autograder.internals import DispatchMode
from autograder.problems.drawing import normal, state_like

# What is compared of a block with batch normalization, and of one without.
NORMALIZED = (OUT, GRADIENT, STATE)
PLAIN = (OUT, GRADIENT)

# How near a ReLU's input may be to 0: with another order of a sum it could come out on the other side.
NEAREST = 1e-5
# What must pass a ReLU at least, where something must.
ENOUGH = 0.1


class _Kinks(DispatchMode):
    """Sees the inputs of the ReLUs: how near to 0 they come, how large they are, and how large in every image."""

    nearest = in_every_image = float("inf")
    largest = -float("inf")

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled, and importing the compiler takes longer than a check."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.relu.default:
            self.nearest = min(self.nearest, float(args[0].abs().min()))
            self.largest = max(self.largest, float(args[0].max()))
            self.in_every_image = min(self.in_every_image, float(args[0].flatten(1).amax(1).min()))
        return func(*args, **(kwargs or {}))


def block(
    made: Callable[..., torch.nn.Module],
    generator: torch.Generator,
    name: str,
    criterion: str,
    init: tuple,
    shape: tuple[int, int, int, int],
    training: bool = True,
    scale: float = 1.0,
    most: float = float("inf"),
    open_everywhere: bool = False,
    **how,
) -> Case:
    """A call of a block on x of a `shape`, `scale` times as large as usual; all else is random.

    No ReLU is given more than `most`. With `open_everywhere` each lets something of every image pass.
    """
    net = made(*init).double()
    # Where it is nearer, the gradient of a right program could be another one: the dice are thrown again.
    nearest = largest = in_every_image = 0.0
    while nearest < NEAREST or largest > most or (open_everywhere and in_every_image < ENOUGH):
        state = state_like(net, generator)
        x = scale * normal(generator, *shape)
        arguments = {"x": x, "init": init, "state": state, "training": training}
        net.load_state_dict(state)
        with _Kinks() as kinks:
            (out,) = outputs_from(net, dict(arguments), (OUT,))
        nearest, largest, in_every_image = kinks.nearest, kinks.largest, kinks.in_every_image
    return Case(name, criterion, arguments, dout=normal(generator, *out.shape), **how)


# Networks whose costs are asked for, and the shape of an image that each takes. What lies inside of a layer stands
# behind it.
SMALL = (
    ("conv1", "any conv", 2, 4, 3, 1, 1),
    ("relu1", "relu"),
    ("pool1", "pool", 2),
    ("flatten", "flatten"),
    ("fc", "linear", 4 * 4 * 3, 5),
)
PARTS = (
    ("features.conv1", "any conv", 3, 6, 3, 2),
    ("features.relu1", "relu"),
    ("features.conv2", "any conv", 6, 4, (1, 3), 1, (0, 1)),
    ("features.relu2", "relu"),
    ("classifier.pool", "global pool"),
    ("classifier.flatten", "flatten"),
    ("classifier.fc", "linear", 4, 3),
)
GROUPS = (
    ("grouped", "any conv", 4, 6, 3, 1, 1, 1, 2),
    ("depthwise", "any conv without bias", 6, 6, 5, 2, 2, 1, 6),
    ("pointwise", "any conv without bias", 6, 8, 1),
)
NORMALS = (
    ("conv", "any conv without bias", 2, 4, 3, 1, 1),
    ("bn", "batch norm of maps", 4),
    ("relu", "relu"),
    ("dropout", "dropout", 0.5),
    ("pool", "average pool", 2),
)
FEATURES = (
    ("flatten", "flatten"),
    ("fc1", "linear without bias", 12, 8),
    ("fc2", "linear", 8, 1),
)
BRANCH = (
    ("stem", "any conv", 2, 4, 3, 1, 1),
    ("block", "residual"),
    ("block.conv1", "any conv", 4, 4, 3, 1, 1),
    ("block.relu", "relu"),
    ("block.conv2", "any conv", 4, 4, 1),
    ("pool", "global pool"),
)
REPEATED = (
    ("stem", "any conv", 2, 4, 1),
    ("block", "twice"),
    ("block.conv", "any conv", 4, 4, 3),
    ("block.relu", "relu"),
    ("last", "any conv", 4, 2, 1),
)
WITHOUT_PARAMETERS = (("pool", "pool", 2), ("relu", "relu"), ("flatten", "flatten"))

# Networks that look at an image, in five and in three classes.
LOOKING = (
    ("conv1", "any conv", 2, 4, 3, 1, 1),
    ("bn1", "batch norm of maps", 4),
    ("relu1", "relu"),
    ("dropout", "dropout", 0.5),
    ("conv2", "any conv", 4, 4, 3, 1, 1),
    ("pool", "global pool"),
    ("flatten", "flatten"),
    ("fc", "linear", 4, 5),
)
PIXELS = (("flatten", "flatten"), ("fc", "linear", 54, 3))


def network(generator: torch.Generator, layers: tuple) -> dict:
    """The arguments that make a network with random values."""
    return {"layers": layers, "state": state_like(build(layers, None), generator)}
