"""The networks of the CNN history: their counts, their shapes, and that they are those which others have published."""

import functools
import importlib
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from autograder.course import ROOT
from autograder.references.cnn_history import NETWORKS, Layer, cost_table, googlenet, lenet5, nasnet, top_k_error
from autograder.references.cnn_history.alexnet import AlexNetGroupedConv
from autograder.references.cnn_history.convolutions import ConvNormReLU
from autograder.references.cnn_history.efficientnet import compound_scaling
from autograder.references.cnn_history.published import PUBLISHED
from autograder.references.cnn_history.visualization import occlusion_map

NAMES = [
    *(
        "lenet5",
        "alexnet",
        "zfnet",
        "vgg16",
        "vgg19",
        "nin",
        "googlenet",
        "inception_v2",
        "inception_v3",
        "inception_v4",
    ),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "preact_resnet164", "wide_resnet28_10"),
    *("wide_resnet50_2", "pyramidnet", "resnext50_32x4d", "densenet121", "densenet169", "densenet201", "se_resnet50"),
    *("mobilenet_v1", "xception", "nasnet_a_large"),
    *(f"efficientnet_b{i}" for i in range(8)),
]
for_every_network = pytest.mark.parametrize("name", NAMES)
# Those that have a network inside that is for training alone.
AUXILIARY = {"googlenet": 2, "inception_v2": 1, "inception_v3": 1}


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A network without memory for its weights."""
    with torch.device("meta"):
        return build()


def parameters_of(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@functools.cache
def costs_of(name: str, size: int | None = None) -> tuple[list[Layer], int]:
    """What the network costs at the size of its paper, or at another, and all of its parameters."""
    channels, side, _ = PUBLISHED[name].input_shape
    network = on_meta(NETWORKS[name])
    return cost_table(network, (channels, size or side, size or side)), parameters_of(network)


def multiply_adds_of(name: str, size: int | None = None) -> int:
    return sum(layer.multiply_adds for layer in costs_of(name, size)[0])


def test_every_network_of_the_notes_is_there_and_its_figures():
    assert list(NETWORKS) == NAMES
    assert list(PUBLISHED) == NAMES


@for_every_network
def test_it_has_the_published_number_of_parameters(name):
    published = PUBLISHED[name]
    table, parameters = costs_of(name)
    assert sum(layer.parameters for layer in table) == published.parameters
    assert parameters == (published.with_auxiliary or published.parameters)


# Where the printed figure is of other layers than those of the network, as `difference` says.
OTHERWISE = {"inception_v2": 1.68, "inception_v3": 1.19, "resnet50": 1.08}


@pytest.mark.parametrize("name", [name for name in NAMES if PUBLISHED[name].multiply_adds])
def test_its_multiply_adds_are_near_the_published_ones(name):
    assert multiply_adds_of(name) / PUBLISHED[name].multiply_adds == pytest.approx(OTHERWISE.get(name, 1), abs=0.07)


@pytest.mark.parametrize("published", PUBLISHED.values(), ids=PUBLISHED)
def test_every_published_figure_has_its_source(published):
    assert published.parameters_source
    assert bool(published.multiply_adds) == bool(published.multiply_adds_source)
    assert published.error_source
    assert published.top1 or published.top5


@for_every_network
def test_it_runs_forward_and_backward_at_the_size_of_its_paper(name):
    """In training mode, without memory for the values; every parameter gets a gradient."""
    published = PUBLISHED[name]
    classes = 1000 if published.dataset == "ImageNet" else 10
    network = on_meta(NETWORKS[name])
    images = torch.empty(2, *published.input_shape, device="meta")
    found = network.train()(images)
    heads = found if isinstance(found, tuple) else (found,)
    assert [tuple(head.shape) for head in heads] == [(2, classes)] * (1 + AUXILIARY.get(name, 0))
    sum(F.cross_entropy(head, torch.zeros(2, dtype=torch.int64, device="meta")) for head in heads).backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []


IMPORTED = """
import sys, torch
from autograder.references.cnn_history import NETWORKS
place = "autograder.references.cnn_history."
here = {name for name in sys.modules if name.startswith(place)}
for network, construct in NETWORKS.items():
    with torch.device("meta"):
        construct()
    new = {name for name in sys.modules if name.startswith(place)} - here
    print(network, *sorted(name.removeprefix(place) for name in new))
    for name in new:
        del sys.modules[name]
"""
SHARED = {"convolutions", "cost", "evaluation", "inception_modules", "preactivation", "residual", "squeeze_excitation"}


def test_calling_one_network_imports_no_other():
    command = [sys.executable, "-c", IMPORTED]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    imported = {name: set(modules) - SHARED for name, *modules in map(str.split, told)}
    assert list(imported) == NAMES
    for name, modules in imported.items():
        (module,) = modules
        # vgg16 is in vgg, wide_resnet28_10 in wide_resnet
        assert name.startswith(module)


def test_no_network_imports_another():
    """All modules, read and not run: they import shared blocks alone, and the package imports no network."""
    folder = ROOT / "autograder" / "references" / "cnn_history"
    imported = {
        path.stem: set(re.findall(r"autograder\.references\.cnn_history\.(\w+) import", path.read_text()))
        for path in folder.glob("*.py")
    }
    assert {module for modules in imported.values() for module in modules} - SHARED == set()


# What is special in a network, computed in another way
def test_lenet5_is_counted_as_in_its_paper():
    """Section II.B: the trainable numbers, layer by layer, and all connections, biases and subsampling included."""
    network = lenet5.LeNet5()
    layers = {name: parameters_of(part) for name, part in network.named_children()}
    assert layers == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 0}
    table = cost_table(network, (1, 32, 32))
    connections = {
        "c1": 122_304,
        "s2": 5_880,
        "c3": 151_600,
        "s4": 2_000,
        "c5": 48_120,
        "f6": 10_164,
    }
    for name, expected in connections.items():
        rows = [row for row in table if row.name.partition(".")[0] == name]
        values = sum(row.activations for row in rows)
        # A value of a subsampling layer is connected to its four and to its bias.
        counted = 5 * values if name.startswith("s") else sum(row.multiply_adds for row in rows) + values
        assert counted == expected


def test_c3_sees_the_maps_of_the_papers_table():
    """Table I, row by row: the maps of C3 that an S2 map goes to."""
    rows = [
        "X...XXX..XXXX.XX",
        "XX...XXX..XXXX.X",
        "XXX...XXX..X.XXX",
        ".XXX..XXXX..X.XX",
        "..XXX..XXXX.XX.X",
        "...XXX..XXXX.XXX",
    ]
    layer = lenet5.LeNetC3()
    for row, marks in enumerate(rows):
        images = torch.zeros(1, 6, 5, 5, requires_grad=True)
        (grad,) = torch.autograd.grad(layer(images)[0, :, 0, 0].sum(), images, retain_graph=True)
        assert grad[0, row].abs().sum() > 0
        sees = [
            float(torch.autograd.grad(layer(images)[0, k, 0, 0], images)[0][0, row].abs().sum()) > 0 for k in range(16)
        ]
        assert "".join("X" if seen else "." for seen in sees) == marks


def test_the_pictures_of_lenets_classes_are_ten_and_differ():
    centres = lenet5.RBFOutput().centres
    assert centres.abs().eq(1).all()
    assert len(centres.unique(dim=0)) == 10
    logits = lenet5.RBFOutput()(centres)
    assert logits.argmax(dim=1).tolist() == list(range(10))
    assert logits.diagonal().eq(0).all()


def test_two_gpus_are_a_convolution_with_two_groups():
    layer = AlexNetGroupedConv(4, 6, kernel_size=3, stride=2, padding=1)
    images = torch.randn(2, 4, 9, 9)
    weight, bias = (torch.cat([getattr(gpu, of) for gpu in (layer.gpu1, layer.gpu2)]) for of in ("weight", "bias"))
    torch.testing.assert_close(layer(images), F.conv2d(images, weight, bias, stride=2, padding=1, groups=2))


def test_alexnets_normalization_is_the_papers_formula():
    """Section 3.3: b = a / (k + α Σ a²)^β over n = 5 neighbouring maps, k = 2, α = 1e-4, β = 0.75."""
    norm = on_meta(NETWORKS["alexnet"]).norm1
    a = 50 * torch.randn(1, 8, 2, 2)
    for i in range(8):
        total = a[:, max(0, i - 2) : i + 3].square().sum(dim=1)
        torch.testing.assert_close(norm(a)[:, i], a[:, i] / (2 + 1e-4 * total) ** 0.75)


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_nasnets_pools_leave_the_padding_out(size, stride):
    """TensorFlow's "SAME": ⌈size / stride⌉ places, the padding before them half of what is needed, rounded down."""
    images = torch.randn(1, 2, size, size)
    out = -(-size // stride)
    before = max(0, (out - 1) * stride + 3 - size) // 2
    for kind, reduce in (("avg3", torch.mean), ("max3", torch.amax)):
        found = nasnet.Pool(kind, stride)(images)
        assert found.shape == (1, 2, out, out)
        for i in range(out):
            for j in range(out):
                rows, columns = (range(max(0, k * stride - before), min(size, k * stride - before + 3)) for k in (i, j))
                window = images[:, :, rows.start : rows.stop, columns.start : columns.stop]
                torch.testing.assert_close(found[:, :, i, j], reduce(window, dim=(2, 3)))


# What a network costs
def test_a_cost_table_by_hand():
    network = nn.Sequential(
        nn.Conv2d(4, 6, kernel_size=(3, 1), padding=(1, 0), groups=2),
        nn.BatchNorm2d(6),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 4 * 4, 5),
    )
    assert cost_table(network, (4, 8, 8)) == [
        Layer("0", (6, 8, 8), 384, 6 * 2 * 3 + 6, 384 * 2 * 3),
        Layer("1", (6, 8, 8), 384, 12, 0),
        Layer("2", (6, 4, 4), 96, 0, 0),
        Layer("3", (96,), 96, 0, 0),
        Layer("4", (5,), 5, 96 * 5 + 5, 96 * 5),
    ]


def test_a_layer_that_is_called_twice_works_twice_and_has_its_parameters_once():
    layer = nn.Conv2d(2, 2, kernel_size=1)
    network = nn.Sequential(layer, layer)
    assert [row.parameters for row in cost_table(network, (2, 3, 3))] == [6, 0]
    assert [row.multiply_adds for row in cost_table(network, (2, 3, 3))] == [36, 36]


def test_a_cost_table_leaves_the_network_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Dropout())
    network[1].eval()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    cost_table(network, (1, 2, 2))
    assert [module.training for module in network.modules()] == [True, True, False, True]
    assert all(value.equal(state[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_the_notes_table_of_vgg16():
    """Its values and weights, of which the notes give some; 15,237,608 values with those of the image."""
    table, _ = costs_of("vgg16")
    assert 3 * 224 * 224 + sum(row.activations for row in table) == 15_237_608
    assert table[0][1:] == ((64, 224, 224), 3_211_264, 1_728 + 64, 86_704_128)
    assert table[-3].parameters == 102_760_448 + 4096
    assert multiply_adds_of("vgg16") == 15_470_264_320


# The functions
def test_top_k_error():
    logits = torch.tensor([[3.0, 2.0, 1.0], [0.0, 0.0, 0.0], [1.0, 5.0, 5.0]])
    target = torch.tensor([1, 1, 2])
    # In the second row class 0 goes before class 1, in the third class 1 before class 2.
    assert [round(float(top_k_error(logits, target, k)), 6) for k in (1, 2, 3)] == [1.0, 0.0, 0.0]
    assert float(top_k_error(logits, torch.tensor([0, 0, 2]), 1)) == pytest.approx(1 / 3)


def test_an_occlusion_map_tells_where_the_network_looks():
    class Corner(nn.Module):
        def forward(self, x):
            bright = x[:, :, :2, 2:4].mean(dim=(1, 2, 3))
            return torch.stack([bright, torch.zeros_like(bright)], dim=1)

    image = torch.ones(3, 6, 8)
    found = occlusion_map(Corner(), image, target=0, patch=2, stride=2)
    expected = torch.full((3, 4), torch.tensor([1.0, 0.0]).softmax(0)[0])
    expected[0, 1] = 0.5
    torch.testing.assert_close(found, expected)
    assert image.eq(1).all()
    assert occlusion_map(Corner(), image, target=1, patch=3, stride=2).shape == (2, 3)


def test_compound_scaling():
    assert compound_scaling(0) == (1, 1, 1)
    assert compound_scaling(2, alpha=2, beta=3, gamma=4) == (4, 9, 16)
    depth, width, resolution = compound_scaling(1)
    assert depth * width**2 * resolution**2 == pytest.approx(1.92, abs=0.005)


# The same network elsewhere
@pytest.fixture(scope="module")
def torchvision():
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        # The ordinary torchvision beside the CPU build of torch: its compiled operations cannot be loaded, and it wants
        # these two declared. The networks use neither.
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision.models")


@pytest.fixture(scope="module")
def timm(torchvision):
    return importlib.import_module("timm")


def drawn_state(network: nn.Module) -> dict[str, torch.Tensor]:
    """Random weights, biases and statistics for a network on the meta device; weights keep the size of the values."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for name, like in network.state_dict().items():
        value = torch.zeros(like.shape, dtype=like.dtype)
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif like.dim() > 1:
            bound = math.sqrt(6 / like[0].numel())
            value.uniform_(-bound, bound, generator=generator)
        elif like.dim() == 1:
            centre = 1 if name.endswith("weight") else 0
            value.uniform_(centre - 0.3, centre + 0.3, generator=generator)
        state[name] = value
    return state


def outputs(network: nn.Module, state: dict[str, torch.Tensor], images: torch.Tensor) -> Iterator[torch.Tensor]:
    """What a network with this state gives in training, from one seed, and then in evaluation mode."""
    # The weights are not copied; the running statistics, which training changes, are.
    state = {name: value.clone() if "running" in name or "tracked" in name else value for name, value in state.items()}
    network.load_state_dict(state, assign=True)
    for training in (True, False):
        torch.manual_seed(2)
        with torch.no_grad():
            found = network.train(training)(images)
        yield from found if isinstance(found, tuple) else (found,)


def assert_same(ours: nn.Module, theirs: nn.Module, names: dict[str, str], size: int) -> None:
    """Equal outputs with the same weights; `names` says how a part of ours is called there."""
    state = drawn_state(ours)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    expected = outputs(theirs, {names[name]: value for name, value in state.items()}, images)
    for found, wanted in zip(outputs(ours, state, images), expected, strict=True):
        assert wanted.std() > 0
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.std()))


def in_order(ours: nn.Module, theirs: nn.Module, parts: str = "") -> dict[str, str]:
    """Names for two networks that are defined in one order, or, of ours, in the order of `parts`."""
    names = sorted(ours.state_dict(), key=lambda name: parts.split().index(name.partition(".")[0]) if parts else 0)
    return dict(zip(names, theirs.state_dict(), strict=True))


@pytest.fixture
def without_dropout(monkeypatch):
    """For networks that drop in another order, or with another probability, than ours."""
    monkeypatch.setattr(F, "dropout", lambda x, *_: x)


# With the side of the images.
TORCHVISION = {
    "vgg16": 64,
    "vgg19": 64,
    "inception_v3": 299,
    "resnet18": 64,
    "resnet34": 64,
    "resnet50": 64,
    "resnet101": 64,
    "resnet152": 64,
    "wide_resnet50_2": 64,
    "resnext50_32x4d": 64,
    "densenet121": 64,
    "densenet169": 64,
    "densenet201": 64,
    **{f"efficientnet_b{i}": 64 for i in range(8)},
}


@pytest.mark.parametrize(("name", "size"), TORCHVISION.items(), ids=TORCHVISION)
def test_it_is_torchvisions(name, size, torchvision):
    variant = {"init_weights": False, "transform_input": False} if name == "inception_v3" else {}
    theirs = on_meta(lambda: getattr(torchvision, name)(**variant))
    for module in theirs.modules():
        if name.startswith("efficientnet") and isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = 1e-5, 0.1  # from B5 on it takes TensorFlow's
    ours = on_meta(NETWORKS[name])
    names = in_order(ours, theirs, "stem grid35 grid17 auxiliary grid8 fc" if name == "inception_v3" else "")
    if name.startswith("vgg"):
        ours.features.append(nn.AdaptiveAvgPool2d(7))  # so that it takes small images, as theirs does
    assert_same(ours, theirs, names, size)
    # What torchvision prints of its network, without the weights.
    told = next(iter(torchvision.get_model_weights(name))).meta
    assert parameters_of(ours) == told["num_params"]
    # It judges EfficientNet-B2 at another size than the paper.
    size = 288 if name == "efficientnet_b2" else None
    assert round(multiply_adds_of(name, size) / 1e9, 3) == told["_ops"]


def test_googlenet_is_torchvisions_but_for_what_differs_there(torchvision, without_dropout):
    """It has batch normalization, but no local response normalization, 3×3 for 5×5, and other pools in three places."""
    ours = on_meta(lambda: NETWORKS["googlenet"](conv=ConvNormReLU))
    ours.norm1 = ours.norm2 = nn.Identity()
    ours.pool4 = nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=True)
    ours.auxiliary1.pool = ours.auxiliary2.pool = nn.AdaptiveAvgPool2d(4)
    for module in ours.modules():
        if isinstance(module, googlenet.InceptionModule):
            old = module.conv5x5.conv
            module.conv5x5 = on_meta(lambda old=old: ConvNormReLU(old.in_channels, old.out_channels, 3, padding=1))
    assert sum(p.numel() for p in ours.parameters()) == 13_004_888
    theirs = on_meta(lambda: torchvision.googlenet(init_weights=False, transform_input=False))
    # It gives its second auxiliary head before its first.
    theirs.register_forward_hook(lambda net, _, out: (out[0], out[2], out[1]) if net.training else out)
    assert_same(ours, theirs, in_order(ours, theirs), 224)


TIMM = {
    "inception_v4": ("inception_v4", {}, 107),
    "se_resnet50": ("seresnet50", {}, 64),
    "mobilenet_v1": ("mobilenetv1_100", {"act_layer": "relu"}, 64),
    "xception": ("legacy_xception", {}, 71),
    "nasnet_a_large": ("nasnetalarge", {}, 107),
}


@pytest.mark.parametrize(("name", "theirs", "variant", "size"), [(n, *of) for n, of in TIMM.items()], ids=TIMM)
def test_it_is_timms(name, theirs, variant, size, timm, without_dropout):
    ours = on_meta(NETWORKS[name])
    for cell in ours.modules():
        if isinstance(cell, nasnet.Cell):
            for i, operation in enumerate(cell.operations):
                if isinstance(operation, nasnet.Pool) and operation.kind == "avg3" and operation.stride == 2:
                    # The authors' TensorFlow leaves the padding out of the mean.
                    cell.operations[i] = timm.layers.AvgPool2dSame(3, stride=2)
    network = on_meta(lambda: timm.create_model(theirs, **variant))
    assert_same(ours, network, timm_names(ours, network), size)


# The module, the function and the side of the images.
PYTORCHCV = {
    "alexnet": ("alexnet", "alexnet", 227),
    "zfnet": ("zfnet", "zfnet", 224),
    "nin": ("nin_cifar", "nin_cifar10", 32),
    "preact_resnet164": ("preresnet_cifar", "preresnet164bn_cifar10", 32),
    "wide_resnet28_10": ("wrn_cifar", "wrn28_10_cifar10", 32),
    "pyramidnet": ("pyramidnet_cifar", "pyramidnet110_a270_cifar10", 32),
}


@pytest.mark.parametrize(("name", "module", "theirs", "size"), [(n, *of) for n, of in PYTORCHCV.items()], ids=PYTORCHCV)
def test_it_is_pytorchcvs(name, module, theirs, size):
    ours = on_meta(NETWORKS[name])
    network = on_meta(getattr(importlib.import_module(f"pytorchcv.models.{module}"), theirs))
    for part in ours.modules():
        if isinstance(part, nn.LocalResponseNorm):
            part.alpha = 1e-4  # torch divides by 5 what the papers do not
    if name == "alexnet":
        # It has one GPU.
        for unit in (network.features.stage2.unit1, network.features.stage3.unit2, network.features.stage3.unit3):
            sizes = unit.conv.in_channels, unit.conv.out_channels, unit.conv.kernel_size[0]
            unit.conv = on_meta(lambda sizes=sizes: AlexNetGroupedConv(*sizes, padding=sizes[2] // 2))
    if name == "zfnet":
        # Its normalization comes before the pool.
        ours.pool1, ours.norm1 = ours.norm1, ours.pool1
        ours.pool2, ours.norm2 = ours.norm2, ours.pool2
    if name == "nin":
        # The authors' pools have no padding and round up.
        for pool in (network.features.stage2.pool2, network.features.stage3.pool3):
            pool.padding, pool.ceil_mode = 0, True
    assert_same(ours, network, in_order(ours, network), size)


def timm_names(ours: nn.Module, theirs: nn.Module) -> dict[str, str]:
    if isinstance(ours, nasnet.NASNetA):
        return {name: nasnet_name(name) for name in ours.state_dict()}
    equal = set(ours.state_dict()) == set(theirs.state_dict())
    return {name: name for name in ours.state_dict()} if equal else in_order(ours, theirs)


def nasnet_name(name: str) -> str:
    """The name that timm gives to a part of NASNet-A."""
    for pattern, other in (
        (r"^(conv|bn)\.", r"conv0.\1."),
        (r"^fc\.", "last_linear."),
        (r"^stem(\d)", lambda found: f"cell_stem_{int(found[1]) - 1}"),
        (r"^reductions\.", "reduction_cell_"),
        (r"^stages\.(\d)\.(\d)", lambda found: f"cell_{6 * int(found[1]) + int(found[2])}"),
        (r"operations\.(\d)", lambda found: f"comb_iter_{int(found[1]) // 2}_{('left', 'right')[int(found[1]) % 2]}"),
        (r"(depth|point)wise(\d)", r"separable_\2.\1wise_conv2d"),
        (r"(comb_iter_\d_\w+)\.bn(\d)", r"\1.bn_sep_\2"),
        (r"fit1", "conv_1x1"),
        (r"fit0\.even", "path_1.conv"),
        (r"fit0\.odd", "path_2.conv"),
        (r"^(cell_stem_1|cell_0|cell_6|cell_12)\.fit0\.bn", r"\1.final_path_bn"),
        (r"fit0", "conv_prev_1x1"),
    ):
        name = re.sub(pattern, other, name)
    return name
