"""The networks of the CNN history: their counts, their shapes, and that they are those which others have published."""

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
from autograder.references.cnn_history import MODULES, NETWORKS, Layer, cost_table, googlenet, nasnet
from autograder.references.cnn_history.convolutions import ConvNormReLU


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A network without memory for its weights."""
    with torch.device("meta"):
        return build()


# The same network elsewhere
@pytest.fixture(scope="module")
def torchvision():
    try:
        import torchvision
    except RuntimeError:
        # The ordinary torchvision beside the CPU build of torch: its compiled operations cannot be loaded, and it wants
        # these two declared. The networks use neither.
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
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


def assert_same(ours: nn.Module, theirs: nn.Module, names: dict[str, str], size: int, batch: int = 2) -> None:
    """Equal outputs with the same weights; `names` says how a part of ours is called there."""
    state = drawn_state(ours)
    images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(3))
    expected = outputs(theirs, {names[name]: value for name, value in state.items()}, images)
    for found, wanted in zip(outputs(ours, state, images), expected, strict=True):
        assert wanted.std() > 0
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


def in_order(ours: nn.Module, theirs: nn.Module, parts: str = "") -> dict[str, str]:
    """Names for two networks that are defined in one order, or, of ours, in the order of `parts`."""
    names = sorted(ours.state_dict(), key=lambda name: parts.split().index(name.partition(".")[0]) if parts else 0)
    return dict(zip(names, theirs.state_dict(), strict=True))


@pytest.fixture
def without_dropout(monkeypatch):
    """For networks that drop in another order, or with another probability, than ours."""
    monkeypatch.setattr(F, "dropout", lambda x, *_: x)


# With the side of the images; with two of them, except for VGG, which has no batch normalization.
TORCHVISION = {
    "vgg16": 224,
    "vgg19": 224,
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
    assert_same(ours, theirs, names, size, batch=1 if name.startswith("vgg") else 2)


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
