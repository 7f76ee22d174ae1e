"""`freeze`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.models import freezing
from autograder.problem import Problem
from autograder.problems.drawing import RAISES
from autograder.problems.transfer.cases import IMAGES, NESTED, ROWS, network
from autograder.programs import slip
from autograder.references import transfer as reference
from autograder.references import values_of


def _parts(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers, prefix, frozen=(), **how):
        arguments = network(generator, layers) | {"prefix": prefix, "frozen": frozen}
        return Case(name, criterion, arguments, **how)

    return [
        case("the part features", "values", IMAGES, "features"),
        case("the part body", "values", NESTED, "body"),
        case("one layer inside of a part", "edge cases", IMAGES, "features.conv1"),
        case("layer1 beside layer10", "edge cases", ROWS, "layer1"),
        case("head beside header", "edge cases", ROWS, "head"),
        case("another part is frozen already", "edge cases", ROWS, "layer1", ("layer10.linear.weight", "head.weight")),
        case("no part of that name", "edge cases", IMAGES, "feature"),
        case("no part of that name, but two that begin with it", "edge cases", ROWS, "layer"),
        case("the part features, float64", "contract", IMAGES, "features", dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="freeze",
        call=freezing,
        returns=(RAISES, "which parameters are trained", "which layers are in training mode", "values after a batch"),
        cases=_parts,
        expected=values_of(reference.freeze),
        points={"values": 8, "edge cases": 5, "contract": 1},
        shares={"which parameters are trained": 4, "which layers are in training mode": 2, "values after a batch": 2},
        modules=(__name__,),
    ),
)


def freeze__part(model, prefix):
    parts = dict(model.named_modules())
    if prefix not in parts:
        raise ValueError(f"there is no part {prefix!r}; there are {', '.join(parts)}")
    part = parts[prefix]
    for parameter in part.parameters():
        parameter.requires_grad = False
    part.eval()
    return model


def freeze__by_names(model, prefix):
    def inside(name):
        return name == prefix or name.startswith(prefix + ".")

    if not any(inside(name) for name, _ in model.named_modules()):
        raise ValueError("no such part: " + prefix)
    for name, parameter in model.named_parameters():
        if inside(name):
            parameter.requires_grad_(False)
    for name, module in model.named_modules():
        if inside(name):
            module.train(False)
    return model


def freeze__looked_up_first(model, prefix):
    def inside(name):
        return name == prefix or name.startswith(prefix + ".")

    if prefix not in dict(model.named_modules()):
        raise ValueError("no such part: " + prefix)
    for name, parameter in model.named_parameters():
        if inside(name):
            parameter.requires_grad_(False)
    for name, module in model.named_modules():
        if inside(name):
            module.train(False)
    return model


def freeze__submodule(model, prefix):
    try:
        part = model.get_submodule(prefix)
    except AttributeError as error:
        raise ValueError(str(error)) from error
    part.requires_grad_(False)
    for module in part.modules():
        module.training = False
    return model


slip(
    freeze__part,
    "statistics_move",
    "The running statistics of the frozen part still follow the new data: it is in training mode.",
    ("    part.eval()\n", ""),
)
slip(
    freeze__by_names,
    "by_the_beginning_of_the_name",
    "Another part is frozen, too, whose name only begins with the same letters.",
    ('return name == prefix or name.startswith(prefix + ".")', "return name.startswith(prefix)"),
)
slip(
    freeze__by_names,
    "all_but_the_part",
    "The part is trained, and all the rest is frozen: it is the other way around.",
    (
        "        if inside(name):\n            parameter.requires_grad_(False)",
        "        if not inside(name):\n            parameter.requires_grad_(False)",
    ),
)
slip(
    freeze__by_names,
    "thaws_the_rest",
    "What was frozen before is trained again: leave the other parts as they are.",
    (
        "        if inside(name):\n            parameter.requires_grad_(False)",
        "        parameter.requires_grad = not inside(name)",
    ),
)
slip(
    freeze__by_names,
    "weights_only",
    "Only the weights are frozen; biases are parameters, too.",
    (
        "        if inside(name):\n            parameter.requires_grad_(False)",
        '        if inside(name) and name.endswith("weight"):\n            parameter.requires_grad_(False)',
    ),
)
slip(
    freeze__by_names,
    "silent_about_a_wrong_name",
    "A name that is not there freezes nothing, and nobody is told: raise a ValueError.",
    (
        "    if not any(inside(name) for name, _ in model.named_modules()):\n"
        '        raise ValueError("no such part: " + prefix)\n',
        "",
    ),
)
slip(
    freeze__part,
    "all_in_evaluation",
    "The whole network is in evaluation mode: what is still trained needs dropout and the statistics of its batch.",
    ("    part.eval()\n", "    model.eval()\n"),
)


# Programs with two or three of these at once.
_NO_EVAL = (
    "    for name, module in model.named_modules():\n        if inside(name):\n            module.train(False)\n",
    "",
)
_ALL_EVAL = (_NO_EVAL[0], "    model.eval()\n")
_NO_CHECK = (
    '    if prefix not in dict(model.named_modules()):\n        raise ValueError("no such part: " + prefix)\n',
    "",
)
_BEGINNING = ('return name == prefix or name.startswith(prefix + ".")', "return name.startswith(prefix)")
_FREEZES = "        if inside(name):\n            parameter.requires_grad_(False)"
_WEIGHTS = (_FREEZES, _FREEZES.replace("inside(name)", 'inside(name) and name.endswith("weight")'))
_THAWS = (_FREEZES, "        parameter.requires_grad = not inside(name)")
_INVERTED = (_FREEZES, _FREEZES.replace("inside(name)", "not inside(name)"))
_FOLLOW = "The running statistics of the frozen part still follow the new data: it is in training mode."
_OTHERS = "Another part is frozen, too, whose name only begins with the same letters."
_SILENT = "A name that is not there raises no ValueError."
_EVERYTHING = "The whole network is in evaluation mode, and not the frozen part alone."
for _name, _hint, _changes in (
    ("statistics_and_other_parts", f"{_FOLLOW} And: {_OTHERS}", (_NO_EVAL, _BEGINNING)),
    ("statistics_and_silent", f"{_FOLLOW} And: {_SILENT}", (_NO_EVAL, _NO_CHECK)),
    (
        "statistics_other_parts_and_silent",
        f"{_FOLLOW} And: {_OTHERS} And: {_SILENT}",
        (_NO_EVAL, _BEGINNING, _NO_CHECK),
    ),
    ("statistics_and_weights_only", f"{_FOLLOW} And: Only the weights are frozen.", (_NO_EVAL, _WEIGHTS)),
    ("other_parts_and_weights_only", f"Only the weights are frozen. And: {_OTHERS}", (_BEGINNING, _WEIGHTS)),
    ("statistics_and_thaws_the_rest", f"{_FOLLOW} And: What was frozen before is trained again.", (_NO_EVAL, _THAWS)),
    (
        "other_parts_and_thaws_the_rest",
        f"{_OTHERS} And: What was frozen before is trained again.",
        (_BEGINNING, _THAWS),
    ),
    (
        "statistics_and_all_but_the_part",
        f"The part is trained, and all the rest is frozen. And: {_FOLLOW}",
        (_NO_EVAL, _INVERTED),
    ),
    ("all_in_evaluation_and_other_parts", f"{_EVERYTHING} And: {_OTHERS}", (_ALL_EVAL, _BEGINNING)),
    (
        "other_parts",
        "Another part is frozen, too: the letters of its name are not the name that is asked for.",
        (_BEGINNING,),
    ),
    (
        "other_parts_thawed_and_silent",
        f"{_OTHERS} And: What was frozen before is trained again. And: {_SILENT}",
        (_BEGINNING, _THAWS, _NO_CHECK),
    ),
    ("all_in_evaluation_and_silent", f"{_EVERYTHING} And: {_SILENT}", (_ALL_EVAL, _NO_CHECK)),
):
    slip(freeze__looked_up_first, _name, _hint, *_changes)


def freeze__values_zeroed(model, prefix):
    """The frozen parameters are set to 0: frozen means that they keep their values."""
    parts = dict(model.named_modules())
    if prefix not in parts:
        raise ValueError("no such part")
    for parameter in parts[prefix].parameters():
        parameter.data.zero_()
        parameter.requires_grad = False
    parts[prefix].eval()
    return model
