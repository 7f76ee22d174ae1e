"""`parameter_groups`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.models import grouping
from autograder.problem import Problem
from autograder.problems.drawing import RAISES, uniform
from autograder.problems.transfer.cases import IMAGES, NESTED, ROWS, network
from autograder.programs import slip
from autograder.references import transfer as reference
from autograder.references import values_of


def _groups(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers, head, frozen=(), **how):
        arguments = network(generator, layers) | {"head": head, "frozen": frozen}
        arguments["backbone_lr"] = float(uniform(generator, 0.001, 0.009))
        arguments["head_lr"] = float(uniform(generator, 0.02, 0.09))
        return Case(name, criterion, arguments, **how)

    features = tuple(f"features.{name}" for name in ("conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias"))
    body = ("body.linear.weight", "body.linear.bias", "body.bn.weight", "body.bn.bias")
    return [
        case("the layer head", "values", IMAGES, "head"),
        case("the part classifier", "values", NESTED, "classifier"),
        case("a head whose name begins another", "edge cases", ROWS, "head"),
        case("one layer of a part", "edge cases", NESTED, "classifier.2"),
        case("a part of the backbone is frozen", "edge cases", IMAGES, "head", features),
        case("all of the backbone is frozen", "edge cases", NESTED, "classifier", body),
        case("a frozen bias in the head", "edge cases", IMAGES, "head", ("head.bias",)),
        case("no part of that name", "edge cases", ROWS, "hea"),
        case("the layer head, float64", "contract", IMAGES, "head", dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="parameter_groups",
        call=grouping,
        returns=(RAISES, "the rate of each parameter", "in how many groups each is"),
        cases=_groups,
        expected=values_of(reference.parameter_groups),
        points={"values": 8, "edge cases": 5, "contract": 1},
        shares={"the rate of each parameter": 5, "in how many groups each is": 3},
        modules=(__name__,),
    ),
)


def parameter_groups__by_identity(model, head, backbone_lr, head_lr):
    parts = dict(model.named_modules())
    if head not in parts:
        raise ValueError(f"no part {head!r} among {list(parts)}")
    of_head = {id(parameter) for parameter in parts[head].parameters()}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in of_head], "lr": backbone_lr},
        {"params": [p for p in trained if id(p) in of_head], "lr": head_lr},
    ]


def parameter_groups__by_names(model, head, backbone_lr, head_lr):
    if head not in dict(model.named_modules()):
        raise ValueError("no such part: " + head)
    backbone, new = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        (new if name.startswith(head + ".") else backbone).append(parameter)
    return [{"params": new, "lr": head_lr}, {"params": backbone, "lr": backbone_lr}]


def parameter_groups__one_each(model, head, backbone_lr, head_lr):
    try:
        inside = set(model.get_submodule(head).parameters())
    except AttributeError:
        raise ValueError(head) from None
    return [{"params": p, "lr": head_lr if p in inside else backbone_lr} for p in model.parameters() if p.requires_grad]


slip(
    parameter_groups__by_identity,
    "head_twice",
    "Parameters are in two groups: an optimizer refuses that, and would move them twice.",
    ("[p for p in trained if id(p) not in of_head]", "trained"),
)
slip(
    parameter_groups__by_identity,
    "head_unseen",
    "The head is in no group: the optimizer does not see it, and it never learns.",
    ('        {"params": [p for p in trained if id(p) in of_head], "lr": head_lr},\n', ""),
)
slip(
    parameter_groups__by_identity,
    "rates_exchanged",
    "The two rates are exchanged: the head gets the one of the backbone.",
    ('not in of_head], "lr": backbone_lr}', 'not in of_head], "lr": head_lr}'),
    ('id(p) in of_head], "lr": head_lr}', 'id(p) in of_head], "lr": backbone_lr}'),
)
slip(
    parameter_groups__by_names,
    "by_the_beginning_of_the_name",
    "A layer of the backbone is in the group of the head: its name only begins with the same letters.",
    ('name.startswith(head + ".")', "name.startswith(head)"),
)
slip(
    parameter_groups__by_names,
    "frozen_ones_too",
    "Frozen parameters are in a group: there they may still be moved, by a weight decay or a momentum.",
    ("        if not parameter.requires_grad:\n            continue\n", ""),
)
slip(
    parameter_groups__by_names,
    "weights_only",
    "The biases are in no group: they are parameters, too.",
    ("if not parameter.requires_grad:", 'if not parameter.requires_grad or name.endswith("bias"):'),
)
slip(
    parameter_groups__by_names,
    "silent_about_a_wrong_name",
    "A head that is not there makes an empty group, and nobody is told: raise a ValueError.",
    (
        '    if head not in dict(model.named_modules()):\n        raise ValueError("no such part: " + head)\n',
        "",
    ),
)
slip(
    parameter_groups__by_names,
    "one_rate",
    "Both groups have the same rate.",
    ('{"params": backbone, "lr": backbone_lr}', '{"params": backbone, "lr": head_lr}'),
)
