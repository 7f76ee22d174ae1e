"""`cost_table`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.models import counting
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import (
    BRANCH,
    FEATURES,
    GROUPS,
    NORMALS,
    PARTS,
    REPEATED,
    SMALL,
    WITHOUT_PARAMETERS,
    network,
)
from autograder.programs import slip
from autograder.references import counts_of
from autograder.references.cnn_history.cost import cost_table

RETURNS = ("name", "output_shape", "activations", "parameters", "multiply_adds")


def _networks(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers, input_shape, **how):
        return Case(name, criterion, network(generator, layers) | {"input_shape": input_shape}, **how)

    return [
        case("a convolution and a classifier", "values", SMALL, (2, 9, 7)),
        case("layers in two parts, a kernel of one row", "values", PARTS, (3, 7, 9)),
        case("groups, depthwise and pointwise", "values", GROUPS, (4, 6, 7)),
        case("normalized maps, dropout, no bias", "edge cases", NORMALS, (2, 5, 6)),
        case("features to one number, no bias in the first layer", "edge cases", FEATURES, (3, 2, 2)),
        case("a shortcut around three layers", "edge cases", BRANCH, (2, 5, 4)),
        case("layers that are called twice", "edge cases", REPEATED, (2, 7, 6)),
        case("no parameters at all", "edge cases", WITHOUT_PARAMETERS, (2, 5, 4)),
        case("a convolution and a classifier, float64", "contract", SMALL, (2, 8, 6), dtype=torch.float64),
        case("normalized maps, float64", "contract", NORMALS, (2, 6, 4), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="cost_table",
        call=counting,
        returns=RETURNS,
        cases=_networks,
        expected=counts_of(cost_table),
        points={"values": 6, "edge cases": 2, "contract": 1},
        shares={"name": 1, "output_shape": 1, "activations": 1, "parameters": 1, "multiply_adds": 2},
        modules=(__name__,),
    ),
)


def cost_table__hooks(model, input_shape):
    rows, seen, hooks = [], [], []

    def hook_of(name):
        def hook(layer, inputs, output):
            shape = tuple(output.shape[1:])
            activations = output[0].numel()
            parameters = 0
            if layer not in seen:
                seen.append(layer)
                parameters = sum(p.numel() for p in layer.parameters())
            multiply_adds = 0
            if isinstance(layer, torch.nn.Conv2d):
                kh, kw = layer.kernel_size
                multiply_adds = activations * kh * kw * layer.in_channels // layer.groups
            elif isinstance(layer, torch.nn.Linear):
                multiply_adds = activations * layer.in_features
            rows.append((name, shape, activations, parameters, multiply_adds))

        return hook

    for name, layer in model.named_modules():
        if not list(layer.children()):
            hooks.append(layer.register_forward_hook(hook_of(name)))
    modes = {layer: layer.training for layer in model.modules()}
    first = next(model.parameters(), torch.zeros(1))
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, *input_shape, dtype=first.dtype, device=first.device))
    for layer, training in modes.items():
        layer.training = training
    for hook in hooks:
        hook.remove()
    return rows


def cost_table__copied(model, input_shape):
    import copy

    model = copy.deepcopy(model).float().cpu().eval()
    names = {layer: name for name, layer in model.named_modules()}
    table = []

    def note(layer, inputs, output):
        if len(layer._modules):
            return
        size = list(output.shape)[1:]
        count = torch.Size(size).numel()
        weight = getattr(layer, "weight", None)
        works = weight is not None and weight.dim() > 1
        table.append([names[layer], size, count, layer, count * weight[0].numel() if works else 0])

    handles = [layer.register_forward_hook(note) for layer in names]
    model.forward(torch.ones([1, *input_shape]))
    for handle in handles:
        handle.remove()
    known = set()
    for row in table:
        layer = row[3]
        row[3] = 0 if layer in known else sum(p.numel() for p in layer.parameters())
        known.add(layer)
    return table


slip(
    cost_table__hooks,
    "groups_ignored",
    "The multiply-adds of a convolution in groups are too many: a filter sees the channels of its group alone.",
    ("layer.in_channels // layer.groups", "layer.in_channels"),
)
slip(
    cost_table__hooks,
    "bias_is_work",
    "The biases are counted as multiply-adds.",
    (
        "            rows.append((name",
        "            if multiply_adds and layer.bias is not None:\n"
        "                multiply_adds += activations\n"
        "            rows.append((name",
    ),
)
slip(
    cost_table__hooks,
    "weights_only",
    "The biases are missing in the parameters.",
    (
        "sum(p.numel() for p in layer.parameters())",
        'sum(p.numel() for n, p in layer.named_parameters() if n != "bias")',
    ),
)
slip(
    cost_table__hooks,
    "parameters_at_every_call",
    "A layer that is called twice has its parameters twice: they stand at its first call.",
    ("            if layer not in seen:", "            if True:"),
)
slip(
    cost_table__hooks,
    "work_once_for_the_layer",
    "The multiply-adds are those of one place; a filter stands at every place of the output.",
    ("activations * kh * kw", "layer.out_channels * kh * kw"),
)
slip(
    cost_table__hooks,
    "square_kernels",
    "The kernel need not be square: it has a height and a width.",
    ("activations * kh * kw", "activations * kh * kh"),
)
slip(
    cost_table__hooks,
    "batch_in_the_shape",
    "The batch is in the shape of the output; the table is for one image.",
    ("shape = tuple(output.shape[1:])", "shape = tuple(output.shape[:-1])"),
)
slip(
    cost_table__hooks,
    "in_the_order_of_the_names",
    "The rows are sorted by name; they stand in the order of the calls.",
    ("    return rows\n", "    return sorted(rows)\n"),
)
slip(
    cost_table__hooks,
    "parts_have_rows",
    "Parts that only hold layers have rows of their own: then everything in them is counted twice.",
    ("        if not list(layer.children()):", "        if layer is not model:"),
)
slip(
    cost_table__hooks,
    "in_training_mode",
    "The network is called in training mode: its running statistics move.",
    ("    model.eval()\n", ""),
)
slip(
    cost_table__hooks,
    "left_in_evaluation",
    "The network comes back in another mode than it was given; every layer has a mode of its own.",
    ("        layer.training = training\n", "        pass\n"),
)
slip(
    cost_table__hooks,
    "multiplied_and_added",
    "Multiplications and additions are counted one by one; a multiply-add is both together.",
    ("            rows.append((name", "            multiply_adds *= 2\n            rows.append((name"),
)
slip(
    cost_table__hooks,
    "hooks_left",
    "The hooks stay in the network: every later call of it fills the old table.",
    ("        hook.remove()\n", "        pass\n"),
)
slip(
    cost_table__hooks,
    "normalization_is_work",
    "Batch normalization is counted among the multiply-adds; only convolutions and linear layers are.",
    (
        "            rows.append((name",
        '            if "BatchNorm" in type(layer).__name__:\n'
        "                multiply_adds = activations\n"
        "            rows.append((name",
    ),
)
