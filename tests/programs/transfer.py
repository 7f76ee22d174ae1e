"""Programs for the problem set `transfer` that a grader could easily get wrong: right ones and wrong ones."""

import copy
import itertools
import math

import numpy
import torch
from torch import nn

SEEDS = (0, 1)


def sampled(draw):
    """A random search by `draw(low, high, scale, share)`."""

    def random_search(space, n, generator):
        shares = torch.rand(n, len(space), generator=generator, dtype=torch.float64)
        return [
            {name: draw(*limits, share) for (name, limits), share in zip(space.items(), row, strict=True)}
            for row in shares.tolist()
        ]

    return random_search


def right_draw(low, high, scale, share):
    return low * (high / low) ** share if scale == "log" else low + share * (high - low)


def search_by_numpy(space, n, generator):
    seed = int(torch.randint(2**31, (), generator=generator))
    drawn = numpy.random.default_rng(seed)

    def one(low, high, scale):
        if scale == "log":
            return numpy.exp(drawn.uniform(numpy.log(low), numpy.log(high)))
        return drawn.uniform(low, high)

    return [{name: one(*limits) for name, limits in space.items()} for _ in range(n)]


def search_in_turn(space, n, generator):
    """Each range is walked in equal steps: even, but a setting follows from the one before."""
    return [{name: right_draw(*limits, (i + 0.5) / n) for name, limits in space.items()} for i in range(n)]


def search_of_tensors(space, n, generator):
    return [
        {name: torch.tensor(value) for name, value in setting.items()}
        for setting in sampled(right_draw)(space, n, generator)
    ]


def refined(low_share=0.5, clip=True, scale_of=lambda scale: scale):
    def refine(space, best, factor):
        found = {}
        for name, (low, high, scale) in space.items():
            to, back = (math.log, math.exp) if scale_of(scale) == "log" else (float, float)
            width = factor * (to(high) - to(low))
            start = to(best[name]) - low_share * width
            ends = back(start), back(start + width)
            found[name] = (*((max(ends[0], low), min(ends[1], high)) if clip else ends), scale)
        return found

    return refine


def refine_shifted(space, best, factor):
    """The range keeps its width at an end of the old one: it is moved in place of being cut off."""
    found = {}
    for name, (low, high, scale) in space.items():
        to, back = (math.log, math.exp) if scale == "log" else (float, float)
        width = factor * (to(high) - to(low))
        start = min(max(to(best[name]) - width / 2, to(low)), to(high) - width)
        found[name] = (back(start), back(start + width), scale)
    return found


def refine_in_float32(space, best, factor):
    found = {}
    for name, (low, high, scale) in space.items():
        ends = torch.tensor([low, high, best[name]])
        ends = ends.log() if scale == "log" else ends
        half = factor * (ends[1] - ends[0]) / 2
        pair = torch.stack([torch.maximum(ends[2] - half, ends[0]), torch.minimum(ends[2] + half, ends[1])])
        found[name] = [*(pair.exp() if scale == "log" else pair).tolist(), scale]
    return found


def part_of(model, name):
    parts = dict(model.named_modules())
    if name not in parts:
        raise ValueError(name)
    return parts[name]


def freeze_norms_only(model, prefix):
    """Parameters frozen, and of the layers only those of batch normalization in evaluation mode."""
    part = part_of(model, prefix)
    part.requires_grad_(False)
    for module in part.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()
    return model


def freeze_for_good(model, prefix):
    part = part_of(model, prefix)
    for parameter in part.parameters():
        parameter.requires_grad = False
    part.eval()
    part.train = lambda mode=True: part
    return model


def freeze_copy(model, prefix):
    model = copy.deepcopy(model)
    part_of(model, prefix).requires_grad_(False).eval()
    return model


def freeze_statistics_kept(model, prefix):
    """Running statistics stay, but the batch's own are used: a momentum of 0 in place of evaluation mode."""
    part = part_of(model, prefix)
    part.requires_grad_(False)
    for module in part.modules():
        if hasattr(module, "momentum"):
            module.momentum = 0.0
    return model


def freeze_only_eval(model, prefix):
    part_of(model, prefix).eval()
    return model


def freeze_key_error(model, prefix):
    part = dict(model.named_modules())[prefix]
    part.requires_grad_(False).eval()
    return model


def new_linear(old, num_classes):
    return nn.Linear(old.in_features, num_classes, old.bias is not None).to(old.weight)


def replace(make=new_linear, check=True):
    def replace_head(model, name, num_classes):
        old = dict(model.named_modules()).get(name)
        if check and not isinstance(old, nn.Linear):
            raise ValueError(f"no linear layer {name}")
        part, _, last = name.rpartition(".")
        setattr(model.get_submodule(part), last, make(old, num_classes))
        return model

    return replace_head


def replace_in_the_layer(model, name, num_classes):
    """The layer stays, its parameters are new."""
    layer = dict(model.named_modules()).get(name)
    if not isinstance(layer, nn.Linear):
        raise ValueError(name)
    layer.weight = nn.Parameter(0.01 * torch.randn(num_classes, layer.in_features).to(layer.weight))
    layer.out_features = num_classes
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.weight.detach().new_zeros(num_classes))
    return model


def replace_and_freeze_the_rest(model, name, num_classes):
    """The rest is frozen, too: nobody asked for that, but logits and head are right."""
    model = replace()(model, name, num_classes)
    features = next(iter(model.children()))
    for parameter in features.parameters():
        parameter.data.mul_(1.01)
    return model


def replace_all(model, name, num_classes):
    """Every linear layer becomes one of num_classes outputs."""
    part_of(model, name)
    for where, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            part, _, last = where.rpartition(".")
            setattr(model.get_submodule(part), last, new_linear(layer, num_classes))
    return model


def shuffled_rows(old, num_classes):
    new = new_linear(old, num_classes)
    rows = old.weight.detach().flip(0)[: min(num_classes, len(old.weight))]
    new.weight.data[-len(rows) :] = rows
    return new


def groups(of_head=lambda name, head: name.startswith(head + "."), check=True, frozen=False, make=list):
    def parameter_groups(model, head, backbone_lr, head_lr):
        if check:
            part_of(model, head)
        named = [(name, p) for name, p in model.named_parameters() if frozen or p.requires_grad]
        return [
            {"params": make(p for name, p in named if not of_head(name, head)), "lr": backbone_lr},
            {"params": make(p for name, p in named if of_head(name, head)), "lr": head_lr},
        ]

    return parameter_groups


def named_groups(model, head, backbone_lr, head_lr):
    part_of(model, head)
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    inside = [pair for pair in named if pair[0].startswith(head + ".")]
    outside = [pair for pair in named if not pair[0].startswith(head + ".")]
    return ({"params": inside, "lr": head_lr, "weight_decay": 0.0}, {"params": outside, "lr": backbone_lr})


def groups_of_numbers(model, head, backbone_lr, head_lr):
    """Copies of the parameters: an optimizer would move them, and the network would stay."""
    part_of(model, head)
    return [{"params": [nn.Parameter(p.detach().clone()) for p in model.parameters()], "lr": head_lr}]


def softmax_on(features_of, steps=150, rate=0.2, sign=1):
    def transfer(source_model, x, target, generator):
        def inputs(images):
            return torch.cat([features_of(source_model, images), images.new_ones(len(images), 1)], 1)

        h, weight = inputs(x), 0
        weight = h.new_zeros(h.shape[1], int(target.max()) + 1)
        truth = torch.eye(weight.shape[1]).to(x)[target]
        for _ in range(steps):
            z = h @ weight
            z = torch.exp(z - z.amax(1, keepdim=True))
            weight = weight - sign * rate * h.T @ (z / z.sum(1, keepdim=True) - truth) / len(x)
        return lambda images: inputs(images) @ weight

    return transfer


def source_trained_on(source_model, x, target, generator):
    """The features are changed in place before they are used."""
    for parameter in source_model.features.parameters():
        parameter.data.mul_(1.001)
    return softmax_on(lambda model, images: model.features(images))(source_model, x, target, generator)


RIGHT = {
    "grid by product": (
        "grid_search",
        [lambda s: [dict(zip(s, v, strict=True)) for v in itertools.product(*s.values())]],
    ),
    "grid, backwards": (
        "grid_search",
        [lambda s: [dict(zip(reversed(list(s)), v, strict=True)) for v in itertools.product(*list(s.values())[::-1])]],
    ),
    "search by numpy": ("random_search", [search_by_numpy]),
    "search from the high end": ("random_search", [sampled(lambda a, b, s, u: right_draw(a, b, s, 1 - u))]),
    "search, clamped": (
        "random_search",
        [sampled(lambda a, b, s, u: min(max(right_draw(a, b, s, u), a), b))],
    ),
    "refine in float32, lists": ("refine", [refine_in_float32]),
    "refine with shares": ("refine", [refined()]),
    "strategy by a dict": (
        "choose_strategy",
        [lambda n, s: {(0, 1): 1, (1, 1): 2, (0, 0): 3, (1, 0): 4}[n > 999, s] if n > 0 else nonsense(n)],
    ),
    "head by its own parameters": ("replace_head", [replace_in_the_layer]),
    "freeze, with a train that does nothing": ("freeze", [freeze_for_good]),
    "groups with tuples and names, a group's own decay": ("parameter_groups", [named_groups]),
    "groups with tuples": ("parameter_groups", [groups(make=tuple)]),
    "transfer by a softmax": ("transfer", [softmax_on(lambda model, images: model.features(images))]),
    "transfer by features and pixels": (
        "transfer",
        [softmax_on(lambda m, images: torch.cat([m.features(images), images.flatten(1)], 1), 150, 0.1)],
    ),
}


def nonsense(n):
    raise ValueError(f"no samples: {n}")


WRONG = {
    "grid without the last name": (
        "grid_search",
        [
            lambda s: [
                dict(zip(s, (*v, s[list(s)[-1]][0]), strict=True)) for v in itertools.product(*list(s.values())[:-1])
            ]
        ],
        {"values"},
    ),
    "grid of strings": (
        "grid_search",
        [lambda s: [dict(zip(s, map(str, v), strict=True)) for v in itertools.product(*s.values())]],
        {"values"},
    ),
    "a search in turn": ("random_search", [search_in_turn], {"values"}),
    "a search of tensors": ("random_search", [search_of_tensors], {"values"}),
    "a search with squared shares": (
        "random_search",
        [sampled(lambda a, b, s, u: right_draw(a, b, s, u * u))],
        {"values"},
    ),
    "a search in the inner half": (
        "random_search",
        [sampled(lambda a, b, s, u: right_draw(a, b, s, 0.25 + u / 2))],
        {"values"},
    ),
    "a search of linear ranges as log": (
        "random_search",
        [sampled(lambda a, b, s, u: right_draw(a, b, "log" if a > 0 else s, u))],
        {"values"},
    ),
    "refine that moves at the ends": ("refine", [refine_shifted], {"edge cases"}),
    "refine, best at the low end": ("refine", [refined(low_share=0.0)], {"values"}),
    "refine, everything log": (
        "refine",
        [lambda s, b, f: refined(scale_of=lambda scale: "log")(s, b, f) if all(v[0] > 0 for v in s.values()) else s],
        {"values"},
    ),
    "strategy: nothing raised at 0": (
        "choose_strategy",
        [lambda n, s: (1 if n < 1000 else 2) + (0 if s else 2) if n >= 0 else nonsense(n)],
        {"edge cases"},
    ),
    "strategy as words": ("choose_strategy", [lambda n, s: "head" if n < 1000 else "all"], {"values"}),
    "head: old rows at the end": ("replace_head", [replace(shuffled_rows)], {"values"}),
    "head and a little of the rest": ("replace_head", [replace_and_freeze_the_rest], {"values"}),
    "head, all linear layers": ("replace_head", [replace_all], {"values"}),
    "head of a layer that is not linear": (
        "replace_head",
        [lambda m, n, k: replace(check=False)(m, n, k) if n in dict(m.named_modules()) else nonsense(n)],
        {"edge cases"},
    ),
    "freeze: statistics used from the batch": ("freeze", [freeze_statistics_kept], {"values"}),
    "freeze: evaluation only": ("freeze", [freeze_only_eval], {"values"}),
    "freeze: a copy": ("freeze", [freeze_copy], {"values"}),
    "freeze: a KeyError": ("freeze", [freeze_key_error], {"edge cases"}),
    "freeze: only the norms in evaluation": ("freeze", [freeze_norms_only], {"values"}),
    "groups of copies": ("parameter_groups", [groups_of_numbers], {"values"}),
    "groups by a part of the name": ("parameter_groups", [groups(lambda name, head: head in name)], {"edge cases"}),
    "groups: the layer's own name only": (
        "parameter_groups",
        [groups(lambda name, head: name.rpartition(".")[0] == head)],
        {"values"},
    ),
    "groups: generators used up": (
        "parameter_groups",
        [groups(make=lambda found: iter(list(found)[:1]))],
        {"values"},
    ),
    "transfer uphill": (
        "transfer",
        [softmax_on(lambda model, images: model.features(images), sign=-1)],
        {"values", "edge cases"},
    ),
    "transfer on pixels": ("transfer", [softmax_on(lambda model, images: images.flatten(1))], {"values"}),
    "transfer that changes the source": ("transfer", [source_trained_on], {"contract"}),
}

NAMED = {
    "search all linear, in numpy": (
        "random_search",
        [sampled(lambda a, b, s, u: a + u * (b - a))],
        "drawn as a linear one",
    ),
    "freeze without eval": (
        "freeze",
        [lambda model, prefix: (part_of(model, prefix).requires_grad_(False), model)[1]],
        "running statistics",
    ),
    "groups by the beginning of a name": (
        "parameter_groups",
        [groups(lambda name, head: name.startswith(head))],
        "begins with the same letters",
    ),
    "groups with frozen ones": ("parameter_groups", [groups(frozen=True)], "Frozen parameters"),
}
