"""`replace_head`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.models import replacing
from autograder.problem import Problem
from autograder.problems.drawing import RAISES, normal
from autograder.problems.transfer.cases import IMAGES, NESTED, ROWS, network
from autograder.programs import slip
from autograder.references import transfer as reference
from autograder.references import values_of


def _heads(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers, head, num_classes, frozen=(), **how):
        arguments = network(generator, layers) | {"name": head, "num_classes": num_classes, "frozen": frozen}
        features = arguments["state"].get(f"{head}.weight", torch.zeros(1, 1)).flatten(1).shape[-1]
        arguments |= {"weight": normal(generator, num_classes, features), "bias": normal(generator, num_classes)}
        return Case(name, criterion, arguments, **how)

    return [
        case("more classes", "values", IMAGES, "head", 7),
        case("fewer classes, in a part", "values", NESTED, "classifier.2", 2),
        case("as many classes as before", "edge cases", IMAGES, "head", 4),
        case("one class, of a layer without bias", "edge cases", ROWS, "head", 1),
        case("a frozen head", "edge cases", NESTED, "classifier.2", 5, ("classifier.2.weight", "classifier.2.bias")),
        case("no layer of that name", "edge cases", IMAGES, "fc", 3),
        case("a layer of that name that is not linear", "edge cases", IMAGES, "features.conv2", 3),
        case("more classes, float64", "contract", IMAGES, "head", 5, dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="replace_head",
        call=replacing,
        returns=(
            RAISES,
            "logits with known weights",
            "the shape of the new weight",
            "the shape of the new bias",
            "old rows that are left, and if the layer is trained",
        ),
        cases=_heads,
        expected=values_of(reference.replace_head),
        points={"values": 8, "edge cases": 4, "contract": 2},
        shares={
            "logits with known weights": 3,
            "the shape of the new weight": 2,
            "the shape of the new bias": 1,
            "old rows that are left, and if the layer is trained": 2,
        },
        modules=(__name__,),
    ),
)


def replace_head__by_parent(model, name, num_classes):
    old = dict(model.named_modules()).get(name)
    if not isinstance(old, torch.nn.Linear):
        raise ValueError(f"{name!r} is {type(old).__name__}; expected a linear layer of the model")
    new = torch.nn.Linear(
        old.in_features, num_classes, bias=old.bias is not None, device=old.weight.device, dtype=old.weight.dtype
    )
    path, _, last = name.rpartition(".")
    setattr(model.get_submodule(path), last, new)
    return model


def replace_head__zeros(model, name, num_classes):
    *path, last = name.split(".")
    parent = model
    for step in path:
        parent = getattr(parent, step)
    old = getattr(parent, last, None)
    if type(old) is not torch.nn.Linear:
        raise ValueError(f"no linear layer {name}")
    new = torch.nn.Linear(old.in_features, num_classes, bias=old.bias is not None).to(old.weight)
    for parameter in new.parameters():
        parameter.data.zero_()
    parent._modules[last] = new
    return model


def replace_head__set_submodule(model, name, num_classes):
    try:
        old = model.get_submodule(name)
    except AttributeError as error:
        raise ValueError(f"no part {name}") from error
    if not isinstance(old, torch.nn.Linear):
        raise ValueError(f"{name} is not linear")
    keys = {"device": old.weight.device, "dtype": old.weight.dtype}
    model.set_submodule(name, torch.nn.Linear(old.weight.shape[1], num_classes, old.bias is not None, **keys))
    return model


slip(
    replace_head__by_parent,
    "always_with_bias",
    "The new layer has a bias, although the old one has none.",
    ("bias=old.bias is not None, ", ""),
)
slip(
    replace_head__by_parent,
    "without_bias",
    "The new layer has no bias, although the old one has one.",
    ("bias=old.bias is not None", "bias=False"),
)
slip(
    replace_head__by_parent,
    "default_type",
    "The new layer is float32, whatever the network is: give it the type and the device of the old one.",
    (", device=old.weight.device, dtype=old.weight.dtype", ", device=old.weight.device"),
)
slip(
    replace_head__by_parent,
    "old_rows_kept",
    "The new layer still has rows of the old one: they answer for the classes of the old task.",
    (
        '    path, _, last = name.rpartition(".")',
        "    rows = min(num_classes, old.out_features)\n"
        "    new.weight.data[:rows] = old.weight.data[:rows]\n"
        '    path, _, last = name.rpartition(".")',
    ),
)
slip(
    replace_head__by_parent,
    "new_head_frozen",
    "The new layer is not trained: it knows nothing yet, and must learn.",
    (
        '    path, _, last = name.rpartition(".")',
        '    new.requires_grad_(False)\n    path, _, last = name.rpartition(".")',
    ),
)
slip(
    replace_head__by_parent,
    "features_of_the_output",
    "The new layer has one input for each old class; it must take what the old layer took.",
    ("        old.in_features, num_classes", "        old.out_features, num_classes"),
)
slip(
    replace_head__by_parent,
    "not_in_the_part",
    "The old layer is still there: a name with a dot leads into a part, and the layer lies in that part.",
    ("setattr(model.get_submodule(path), last, new)", 'setattr(model, name.replace(".", "_"), new)'),
)
