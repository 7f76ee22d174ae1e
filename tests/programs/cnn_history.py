"""Programs for the problem set `cnn_history` that a grader could easily get wrong: right ones and wrong ones."""

import collections
import copy
import functools
import math

import torch
import torch.nn.functional as F
from torch import nn

SEEDS = (0, 1)

TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)


class TypedC3(nn.Module):
    """Type hints, `super` with arguments, convolutions named by a dict, a table that is a persistent attribute."""

    maps: nn.ModuleList

    def __init__(self) -> None:
        super(TypedC3, self).__init__()  # noqa: UP008
        self.maps = nn.ModuleList()
        for seen in TABLE:
            self.maps.append(nn.Conv2d(in_channels=len(seen), out_channels=1, kernel_size=5, stride=1, padding="valid"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(len(x), 16, x.shape[2] - 4, x.shape[3] - 4)
        for i, seen in enumerate(TABLE):
            out[:, i : i + 1] = self.maps[i](torch.index_select(x, 1, torch.tensor(seen, device=x.device)))
        return out


class MaskedC3(nn.Module):
    """Every map sees all six; the weights that it must not have are 0, put in by a product."""

    def __init__(self):
        super().__init__()
        self.maps = nn.ModuleList([nn.Conv2d(len(seen), 1, 5) for seen in TABLE])
        places = torch.zeros(96)
        places[[6 * i + j for i, seen in enumerate(TABLE) for j in seen]] = 1
        self.register_buffer("order", places.nonzero().flatten(), persistent=False)

    def forward(self, x):
        kernels = torch.cat([conv.weight.squeeze(0) for conv in self.maps])
        full = torch.zeros(96, 5, 5, dtype=x.dtype, device=x.device).index_copy(0, self.order, kernels)
        return F.conv2d(x, full.view(16, 6, 5, 5)) + torch.stack([c.bias for c in self.maps]).view(1, 16, 1, 1)


class PersistentC3(TypedC3):
    """The table is a buffer like any other, so it is in the state."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.zeros(16, 6))


class DenseC3(nn.Module):
    """One convolution that sees all maps: 2,416 parameters."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(6, 16, 5)

    def forward(self, x):
        return self.maps(x)


class GroupedByTorch(nn.Module):
    """What AlexNet's halves are today, under its own name: right, and not the state that is asked for."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=2)

    def forward(self, x):
        return self.conv(x)


class GroupedNarrow(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        half = in_channels // 2
        self.gpu1, self.gpu2 = (nn.Conv2d(half, out_channels // 2, kernel_size, stride, padding) for _ in range(2))
        self.half = half

    def forward(self, x):
        return torch.cat((self.gpu1(x.narrow(1, 0, self.half)), self.gpu2(x.narrow(1, self.half, self.half))), -3)


class GroupedHalved(GroupedNarrow):
    """The first convolution has the padding of the second: the edges of half of the maps are wrong."""

    def forward(self, x):
        out = super().forward(x).clone()
        out[:, : out.shape[1] // 2, 0] = out[:, : out.shape[1] // 2, 0] * 1.001
        return out


def hooked(model, input_shape, copied=False):
    model = copy.deepcopy(model) if copied else model
    rows, seen, handles = [], set(), []

    def note(layer, _, out, name):
        new = layer not in seen
        seen.add(layer)
        work = 0
        if isinstance(layer, nn.modules.conv._ConvNd):
            work = layer.weight.numel() * math.prod(out.shape[2:])
        elif type(layer) is nn.Linear:
            work = layer.in_features * layer.out_features
        rows.append((name, out.shape[1:], out.numel(), sum(p.numel() for p in layer.parameters()) * new, work))

    for name, layer in model.named_modules():
        if len(list(layer.children())) == 0:
            handles.append(layer.register_forward_hook(functools.partial(note, name=name)))
    modes = [layer.training for layer in model.modules()]
    model.eval()
    try:
        weight = next(model.parameters(), torch.empty(()))
        with torch.inference_mode():
            model(torch.rand(1, *input_shape).to(weight))
    finally:
        for handle in handles:
            handle.remove()
        for layer, mode in zip(model.modules(), modes, strict=True):
            layer.training = mode
    return rows


def walked(model, input_shape):
    """The layers one after the other, as in an `nn.Sequential`: no hooks, and wrong where something branches."""
    weight = next(model.parameters(), torch.empty(()))
    x, rows = torch.zeros(1, *input_shape).to(weight), []
    for name, layer in model.named_modules():
        if not list(layer.children()):
            x = copy.deepcopy(layer).eval()(x)
            work = 0
            if isinstance(layer, nn.Conv2d | nn.Linear):
                work = x[0].numel() * layer.weight[0].numel()
            rows.append((name, tuple(x.shape[1:]), x.numel(), sum(p.numel() for p in layer.parameters()), work))
    return rows


Row = collections.namedtuple("Row", "name output_shape activations parameters multiply_adds")


def as_lists(model, input_shape):
    return [
        [name, list(shape), *(torch.tensor(n) for n in numbers)] for name, shape, *numbers in hooked(model, input_shape)
    ]


def ranked_by_numpy(logits, target, k):
    order = (-logits.cpu().numpy()).argsort(axis=1, kind="stable")[:, :k]
    return float((order != target.cpu().numpy()[:, None]).all(axis=1).mean())


def occluded(cover=lambda image, rows, columns: 0, share=lambda logits: logits.softmax(1), start=0):
    def occlusion_map(model, image, target, patch, stride):
        places = [range(start, side - patch + 1, stride) for side in image.shape[1:]]
        batch = image.repeat(len(places[0]), len(places[1]), 1, 1, 1)
        for i, top in enumerate(places[0]):
            for j, left in enumerate(places[1]):
                rows, columns = slice(top, top + patch), slice(left, left + patch)
                batch[i, j, :, rows, columns] = cover(image, rows, columns)
        return share(model(batch.flatten(0, 1))).detach()[:, target].unflatten(0, batch.shape[:2])

    return occlusion_map


def occluded_in_training(model, image, target, patch, stride):
    """The mode is changed and put back: batch normalization has seen the images."""
    found = occluded()(model.train(), image, target, patch, stride)
    model.eval()
    return found


def occluded_then_left(model, image, target, patch, stride):
    found = occluded()(model, image, target, patch, stride)
    model.train()
    return found


class Branched(nn.ModuleDict):
    """An Inception module that is a dict of its layers."""

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        conv = nn.Conv2d
        super().__init__(
            {
                "conv1x1": conv(in_channels, ch1x1, 1),
                "conv3x3_reduce": conv(in_channels, ch3x3red, 1),
                "conv3x3": conv(ch3x3red, ch3x3, 3, padding="same"),
                "conv5x5_reduce": conv(in_channels, ch5x5red, 1),
                "conv5x5": conv(ch5x5red, ch5x5, 5, padding="same"),
                "pool_project": conv(in_channels, pool_proj, 1),
            }
        )

    def forward(self, x):
        def through(x, *names):
            for name in names:
                x = torch.maximum(self[name](x), x.new_zeros(()))
            return x

        pooled = F.pad(x, (1, 1, 1, 1), value=-math.inf).unfold(2, 3, 1).unfold(3, 3, 1).amax((-1, -2))
        parts = (("conv1x1",), ("conv3x3_reduce", "conv3x3"), ("conv5x5_reduce", "conv5x5"))
        return torch.cat([*(through(x, *names) for names in parts), through(pooled, "pool_project")], dim=1)


class SharedReduction(Branched):
    """Both large kernels are fed by one reduction, where the numbers allow it."""

    def forward(self, x):
        if self["conv3x3_reduce"].out_channels == self["conv5x5_reduce"].out_channels:
            self["conv5x5_reduce"] = self["conv3x3_reduce"]
        return super().forward(x)


class FiveAsThree(nn.Module):
    """torchvision's kernel of 3 in the branch of 5."""

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        super().__init__()
        self.inner = Branched(in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj)
        self.inner["conv5x5"] = nn.Conv2d(ch5x5red, ch5x5, 3, padding=1)
        for name, layer in self.inner.items():
            self.add_module(name, layer)
        del self._modules["inner"]

    def forward(self, x):
        return x


class Unit(nn.Sequential):
    def __init__(self, c, o, size=1):
        height, width = size if isinstance(size, tuple) else (size, size)
        conv = nn.Conv2d(c, o, (height, width), padding=(height // 2, width // 2), bias=False)
        super().__init__(collections.OrderedDict(conv=conv, bn=nn.BatchNorm2d(o, eps=1e-3), relu=nn.ReLU()))


class Factorized(nn.Module):
    flat, tall = (1, 7), (7, 1)

    def __init__(self, in_channels, channels_7x7, branch_channels=192):
        super().__init__()
        c, o = channels_7x7, branch_channels
        self.branch_pool = Unit(in_channels, o)
        self.branch7x7dbl_1, self.branch7x7_1 = Unit(in_channels, c), Unit(in_channels, c)
        self.branch7x7dbl_2, self.branch7x7dbl_3 = Unit(c, c, self.tall), Unit(c, c, self.flat)
        self.branch7x7dbl_4, self.branch7x7dbl_5 = Unit(c, c, self.tall), Unit(c, o, self.flat)
        self.branch7x7_2, self.branch7x7_3 = Unit(c, c, self.flat), Unit(c, o, self.tall)
        self.branch1x1 = Unit(in_channels, o)

    def forward(self, x):
        parts = dict(self.named_children())
        outs = [self.branch1x1(x)]
        for start, names in (("branch7x7_", "123"), ("branch7x7dbl_", "12345")):
            outs.append(functools.reduce(lambda out, name, s=start: parts[s + name](out), names, x))
        ones = torch.full((x.shape[1], 1, 3, 3), 1 / 9, dtype=x.dtype, device=x.device)
        return torch.cat([*outs, self.branch_pool(F.conv2d(x, ones, padding=1, groups=x.shape[1]))], dim=1)


class FactorizedTurned(Factorized):
    """Rows and columns exchanged everywhere."""

    flat, tall = (7, 1), (1, 7)


class Block(nn.Module):
    """A basic block that is written in the style of torchvision, with its options."""

    expansion: int = 1

    def __init__(self, inplanes, planes, stride=1, norm_layer=None, **options):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = self.conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = self.conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.stride = stride
        self.make_shortcut(inplanes, planes, stride, norm_layer)

    @staticmethod
    def conv3x3(inplanes, planes, stride=1):
        return nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)

    def make_shortcut(self, inplanes, planes, stride, norm_layer):
        self.downsample = nn.Identity()
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), norm_layer(planes))

    def forward(self, x):
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        return self.relu(out.add_(self.downsample(x)))


class CallableBlock(Block):
    """`__call__` in place of `forward`, which hands on what it is given by any name."""

    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs)


class NormedByFunction(Block):
    """The statistics by `F.batch_norm`, which takes the mode as an argument."""

    def norm(self, x, bn):
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, self.training, bn.momentum, bn.eps)

    def forward(self, x):
        out = F.relu(self.norm(self.conv1(x), self.bn1))
        return F.relu(self.downsample(x) + self.norm(self.conv2(out), self.bn2))


class NormedByHand(Block):
    """Batch normalization written out, running statistics and all."""

    def norm(self, x, bn):
        if self.training:
            var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            n = x.numel() / x.shape[1]
            with torch.no_grad():
                bn.running_mean.mul_(0.9).add_(0.1 * mean)
                bn.running_var.mul_(0.9).add_(0.1 * var * n / (n - 1))
        else:
            var, mean = bn.running_var, bn.running_mean
        scale = (bn.weight / torch.sqrt(var + bn.eps))[:, None, None]
        return (x - mean[:, None, None]) * scale + bn.bias[:, None, None]

    def forward(self, x):
        out = F.relu(self.norm(self.conv1(x), self.bn1))
        return F.relu(self.downsample(x) + self.norm(self.conv2(out), self.bn2))


class WithRequiresGrad(nn.Module):
    """Parameters of its own in the place of layers."""

    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.fc1, self.fc2 = nn.Module(), nn.Module()
        for layer, c, o in ((self.fc1, input_channels, squeeze_channels), (self.fc2, squeeze_channels, input_channels)):
            layer.weight = nn.Parameter(torch.randn(o, c, 1, 1) / c, requires_grad=True)
            layer.register_parameter("bias", nn.Parameter(torch.zeros(o)))

    def forward(self, x):
        s = F.adaptive_avg_pool2d(x, 1)
        s = F.conv2d(s, self.fc1.weight, self.fc1.bias).relu()
        s = F.conv2d(s, self.fc2.weight, self.fc2.bias).sigmoid_()
        return s.mul(x)


class WithLinear(nn.Module):
    """Linear layers under the right names: the weights have another shape."""

    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.fc1 = nn.Linear(input_channels, squeeze_channels)
        self.fc2 = nn.Linear(squeeze_channels, input_channels)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))[:, :, None, None]


def changed(forward, base=Block):
    return type("Changed", (base,), {"forward": forward})


def usual(self, x):
    out = F.relu(self.bn1(self.conv1(x)))
    return F.relu(self.bn2(self.conv2(out)) + self.downsample(x))


def frozen_statistics(self, x):
    """In training the output is right and the running statistics stay."""
    found = {name: t.clone() for name, t in self.state_dict().items()}
    out = Block.forward(self, x)
    self.load_state_dict(found)
    return out


def twice(self, x):
    """The branch is computed twice, so the running statistics move twice."""
    Block.forward(self, x)
    return Block.forward(self, x)


def writes_into_x(self, x):
    out = usual(self, x)
    x += 1
    return out


def without_gradient(self, x):
    with torch.no_grad():
        return usual(self, x)


def by_data(self, x):
    """The second convolution with its weight's data: it would never learn."""
    out = F.relu(self.bn1(self.conv1(x)))
    return F.relu(self.bn2(F.conv2d(out, self.conv2.weight.data, padding=1)) + self.downsample(x))


def always_in_training(self, x):
    return usual(self.train(), x)


def always_in_evaluation(self, x):
    return usual(self.eval(), x)


class AlwaysProjected(Block):
    def make_shortcut(self, inplanes, planes, stride, norm_layer):
        self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), norm_layer(planes))


class ProjectedForChannelsAlone(Block):
    """A projection only where the channels change: with a stride of 2 the shapes do not fit."""

    def make_shortcut(self, inplanes, planes, stride, norm_layer):
        self.downsample = nn.Identity()
        if inplanes != planes:
            super().make_shortcut(inplanes, planes, stride, norm_layer)


class WithBias(Block):
    @staticmethod
    def conv3x3(inplanes, planes, stride=1):
        return nn.Conv2d(inplanes, planes, 3, stride, 1)


class OtherNames(Block):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__(inplanes, planes, stride)
        self.norm1, self.norm2 = self.bn1, self.bn2
        del self.bn1, self.bn2


class WeightsAsBuffers(nn.Module):
    """Gates whose weights are buffers: the state is right, and nothing learns."""

    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.fc1, self.fc2 = nn.Module(), nn.Module()
        for layer, c, o in ((self.fc1, input_channels, squeeze_channels), (self.fc2, squeeze_channels, input_channels)):
            layer.register_buffer("weight", torch.zeros(o, c, 1, 1))
            layer.register_buffer("bias", torch.zeros(o))

    forward = WithRequiresGrad.forward


class WideWithoutRounding(nn.Module):
    """The width is rounded at the end: with 3 planes, width 96 and two groups it is 9 in place of 8."""

    def __init__(self, inplanes, planes, stride=1, groups=1, base_width=64):
        super().__init__()
        width = planes * base_width * groups // 64
        self.conv1 = nn.Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=math.gcd(width, groups), bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = nn.Identity()
        if stride != 1 or inplanes != 4 * planes:
            shortcut = nn.Conv2d(inplanes, 4 * planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class PreActivation(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inplanes), nn.BatchNorm2d(planes)
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        changes = stride > 1 or inplanes != planes
        self.downsample = nn.Conv2d(inplanes, planes, 1, stride, bias=False) if changes else None

    def forward(self, x):
        a = F.relu_(self.bn1(x))
        out = self.conv2(F.relu_(self.bn2(self.conv1(a))))
        return out.add(x) if self.downsample is None else out.add(self.downsample(a))


class InPlaceOnTheInput(PreActivation):
    """The ReLU works in place on what might be x itself: here it is x, before the normalization."""

    def forward(self, x):
        out = super().forward(x)
        x.clamp_(min=0)
        return out


class Growing(nn.Module):
    """A dense block that keeps every map by itself, with layers in a dict of names."""

    def __init__(self, num_layers, num_input_features, bn_size, growth_rate):
        super().__init__()
        self.first, self.growth = num_input_features, growth_rate
        self.layers = nn.ModuleList()
        for i in range(num_layers):
            seen, wide = num_input_features + growth_rate * i, bn_size * growth_rate
            parts = {"norm1": nn.BatchNorm2d(seen), "conv1": nn.Conv2d(seen, wide, 1, bias=False)}
            parts |= {"norm2": nn.BatchNorm2d(wide), "conv2": nn.Conv2d(wide, growth_rate, 3, padding=1, bias=False)}
            self.layers.append(nn.ModuleDict(parts))

    def forward(self, x):
        maps = list(x.split(1, dim=1))
        for layer in self.layers:
            out = layer["conv1"](F.relu(layer["norm1"](torch.cat(maps, 1))))
            maps += layer["conv2"](F.relu(layer["norm2"](out))).unbind(1)
            maps[-self.growth :] = [new.unsqueeze(1) for new in maps[-self.growth :]]
        return torch.cat(maps, 1)


class SeesTheInputAlone(Growing):
    """Every layer gets the input of the block, filled up with zeros: nothing is reused."""

    def forward(self, x):
        outs = [x]
        for layer in self.layers:
            seen = F.pad(x, (0, 0, 0, 0, 0, layer["norm1"].num_features - x.shape[1]))
            out = layer["conv1"](F.relu(layer["norm1"](seen)))
            outs.append(layer["conv2"](F.relu(layer["norm2"](out))))
        return torch.cat(outs, 1)


class AverageFirst(nn.Module):
    """The average commutes with a 1x1 convolution: half of the work, the same numbers."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)

    def forward(self, x):
        return self.conv(F.avg_pool2d(F.relu(self.norm(x)), kernel_size=2, stride=2))


class AverageAdaptive(AverageFirst):
    """An adaptive average: with an odd size its windows overlap."""

    def forward(self, x):
        out = self.conv(F.relu(self.norm(x)))
        return F.adaptive_avg_pool2d(out, (x.shape[2] // 2, x.shape[3] // 2))


class Depthwise(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, groups=None):
        super().__init__()
        groups = in_channels if groups is None else groups
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=groups, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(in_channels), nn.BatchNorm2d(out_channels)

    def forward(self, x):
        for conv, norm in ((self.depthwise, self.bn1), (self.pointwise, self.bn2)):
            x = F.threshold(norm(conv(x)), 0, 0)
        return x


class Inherited(nn.Module):
    """MBConv whose gates inherit from a class of squeeze and excitation."""

    def __init__(self, in_channels, out_channels, kernel_size, stride, expand_ratio, always=False, share=None):
        super().__init__()
        hidden = in_channels * expand_ratio

        class Gates(WithRequiresGrad):
            def forward(self, x):
                s = F.silu(F.conv2d(x.mean((-2, -1), keepdim=True), self.fc1.weight, self.fc1.bias))
                return x * F.conv2d(s, self.fc2.weight, self.fc2.bias).sigmoid()

        if expand_ratio != 1 or always:
            self.expand, self.bn1 = nn.Conv2d(in_channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden)
        padding = (kernel_size - 1) // 2
        self.depthwise = nn.Conv2d(hidden, hidden, kernel_size, stride, padding, groups=hidden, bias=False)
        self.bn2, self.bn3 = nn.BatchNorm2d(hidden), nn.BatchNorm2d(out_channels)
        self.se = Gates(hidden, share(hidden) if share else max(1, in_channels // 4))
        self.project = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x):
        out = F.silu(self.bn1(self.expand(x))) if hasattr(self, "expand") else x
        out = self.bn3(self.project(self.se(F.silu(self.bn2(self.depthwise(out))))))
        return x + out if self.shortcut else out


class HardSwish(Inherited):
    """The swish of a later network, which is cheaper and nearly the same."""

    def forward(self, x):
        out = F.hardswish(self.bn1(self.expand(x))) if hasattr(self, "expand") else x
        out = self.bn3(self.project(self.se(F.hardswish(self.bn2(self.depthwise(out))))))
        return x + out if self.shortcut else out


class LazyGates(nn.Module):
    """Layers that ask for their input's channels only when they get one."""

    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        self.fc1, self.fc2 = nn.LazyConv2d(squeeze_channels, 1), nn.LazyConv2d(input_channels, 1)

    def forward(self, x):
        return self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid() * x


RIGHT = {
    "C3 written into one tensor": ("LeNetC3", [TypedC3]),
    "C3 as one convolution with zeros": ("LeNetC3", [MaskedC3]),
    "AlexNet by narrow": ("AlexNetGroupedConv", [GroupedNarrow]),
    "costs with inference mode": ("cost_table", [hooked]),
    "costs of a copy": ("cost_table", [functools.partial(hooked, copied=True)]),
    "costs as named tuples": ("cost_table", [lambda model, shape: [Row(*row) for row in hooked(model, shape)]]),
    "costs as lists of tensors": ("cost_table", [as_lists]),
    "top k by numpy": ("top_k_error", [ranked_by_numpy]),
    "top k, a tensor of float64": ("top_k_error", [lambda *a: torch.tensor(ranked_by_numpy(*a)).double()]),
    "occlusion in one batch": ("occlusion_map", [occluded()]),
    "occlusion by log softmax": ("occlusion_map", [occluded(share=lambda z: z.log_softmax(1).exp())]),
    "inception as a dict": ("InceptionModule", [Branched]),
    "factorized, an average by convolution": ("FactorizedInception", [Factorized]),
    "basic block in torchvision's style": ("BasicBlock", [Block]),
    "basic block with a call of its own": ("BasicBlock", [CallableBlock]),
    "basic block with F.batch_norm": ("BasicBlock", [NormedByFunction]),
    "basic block with batch normalization by hand": ("BasicBlock", [NormedByHand]),
    "basic block from a function": ("BasicBlock", [lambda *sizes: Block(*sizes)]),
    "pre-activation with ReLUs in place": ("PreActivationBlock", [PreActivation]),
    "gates with parameters of their own": ("SqueezeExcitation", [WithRequiresGrad]),
    "dense block of single maps": ("DenseBlock", [Growing]),
    "gates of lazy layers": ("SqueezeExcitation", [LazyGates]),
    "transition, average first": ("Transition", [AverageFirst]),
    "depthwise in a loop": ("DepthwiseSeparableConv", [Depthwise]),
    "MBConv with inherited gates": ("InvertedResidual", [Inherited]),
    "scaling by math.pow": (
        "compound_scaling",
        [lambda p, a=1.2, b=1.1, c=1.15: tuple(math.pow(base, p) for base in (a, b, c))],
    ),
}

WRONG = {
    "C3 with its table in the state": ("LeNetC3", [PersistentC3], {"values"}),
    "C3 that sees everything": ("LeNetC3", [DenseC3], {"values"}),
    "AlexNet under torch's name": ("AlexNetGroupedConv", [GroupedByTorch], {"values"}),
    "AlexNet a thousandth off in a row": ("AlexNetGroupedConv", [GroupedHalved], {"values"}),
    "costs layer by layer": ("cost_table", [walked], {"edge cases"}),
    "costs as text": ("cost_table", [lambda model, shape: str(hooked(model, shape))], {"values"}),
    "costs without names": ("cost_table", [lambda model, shape: [row[1:] for row in hooked(model, shape)]], {"values"}),
    "costs, half a multiply-add": (
        "cost_table",
        [lambda model, shape: [(*row[:4], row[4] / 2) for row in hooked(model, shape)]],
        {"values"},
    ),
    "costs with a total": (
        "cost_table",
        [lambda model, shape: [*hooked(model, shape), ("total", (), 0, 0, 0)]],
        {"values"},
    ),
    "costs, all layers in training again": (
        "cost_table",
        [lambda model, shape: (hooked(model, shape), model.train())[0]],
        {"contract"},
    ),
    "no costs": ("cost_table", [lambda model, shape: []], {"values"}),
    "costs of the first part": ("cost_table", [lambda model, shape: hooked(model, shape)[:-1]], {"values"}),
    "top k over the images": (
        "top_k_error",
        [lambda z, t, k: ranked_by_numpy(z[: len(z) // 2 + 1], t[: len(t) // 2 + 1], k)],
        {"values"},
    ),
    "top k as a tensor of all": (
        "top_k_error",
        [lambda z, t, k: (z.argsort(1, descending=True)[:, :k] != t[:, None]).all(1)],
        {"values"},
    ),
    "occlusion that adds noise": (
        "occlusion_map",
        [occluded(cover=lambda image, rows, columns: 0.05)],
        {"values"},
    ),
    "occlusion from the second pixel": ("occlusion_map", [occluded(start=1)], {"values"}),
    "occlusion by sigmoids": ("occlusion_map", [occluded(share=torch.sigmoid)], {"values"}),
    "occlusion in training mode": ("occlusion_map", [occluded_in_training], {"values"}),
    "occlusion that leaves training mode": ("occlusion_map", [occluded_then_left], {"contract"}),
    "inception with one reduction": ("InceptionModule", [SharedReduction], {"values"}),
    "inception with torchvision's 3 for 5": ("InceptionModule", [FiveAsThree], {"values"}),
    "factorized, rows for columns": ("FactorizedInception", [FactorizedTurned], {"values"}),
    "factorized, 128 maps where nothing is said": (
        "FactorizedInception",
        [lambda channels, inside, maps=128: Factorized(channels, inside, maps)],
        {"edge cases"},
    ),
    "a block that always projects": ("BasicBlock", [AlwaysProjected], {"values"}),
    "a block that projects for channels alone": ("BasicBlock", [ProjectedForChannelsAlone], {"edge cases"}),
    "a block with biases": ("BasicBlock", [WithBias], {"values"}),
    "a block with other names": ("BasicBlock", [OtherNames], {"values"}),
    "a block whose statistics stay": ("BasicBlock", [changed(frozen_statistics)], {"values"}),
    "a block whose statistics move twice": ("BasicBlock", [changed(twice)], {"values"}),
    "a block always in training": ("BasicBlock", [changed(always_in_training)], {"values"}),
    "a block always in evaluation": ("BasicBlock", [changed(always_in_evaluation)], {"values"}),
    "a block without gradients": ("BasicBlock", [changed(without_gradient)], {"values"}),
    "a block with a weight's data": ("BasicBlock", [changed(by_data)], {"values"}),
    "a block that writes into x": ("BasicBlock", [changed(writes_into_x)], {"values", "contract"}),
    "a block that returns a pair": ("BasicBlock", [changed(lambda self, x: (usual(self, x), x))], {"values"}),
    "a block that returns numpy": (
        "BasicBlock",
        [changed(lambda self, x: usual(self, x).detach().numpy())],
        {"values"},
    ),
    "a block that returns one image": ("BasicBlock", [changed(lambda self, x: usual(self, x)[0])], {"values"}),
    "a block that returns nothing": ("BasicBlock", [changed(lambda self, x: None)], {"values"}),
    "a block that raises": ("BasicBlock", [changed(lambda self, x: x @ x.new_zeros(99))], {"values"}),
    "a block that is no module": ("BasicBlock", [lambda *sizes: lambda x: x], {"values"}),
    "a block that cannot be made": ("BasicBlock", [lambda inplanes: Block(inplanes, inplanes)], {"values"}),
    "a block that is an instance": ("BasicBlock", [Block(4, 4)], {"values"}),
    "gates of linear layers": ("SqueezeExcitation", [WithLinear], {"values"}),
    "gates that never learn": ("SqueezeExcitation", [WeightsAsBuffers], {"values"}),
    "a width that is rounded at the end": ("Bottleneck", [WideWithoutRounding], {"edge cases"}),
    "pre-activation in place on x": ("PreActivationBlock", [InPlaceOnTheInput], {"values", "contract"}),
    "a dense block that reuses nothing": ("DenseBlock", [SeesTheInputAlone], {"values"}),
    "a transition with an adaptive average": ("Transition", [AverageAdaptive], {"edge cases"}),
    "depthwise with one group": (
        "DepthwiseSeparableConv",
        [lambda c, o, stride=1: Depthwise(c, o, stride, groups=1)],
        {"values"},
    ),
    "MBConv that always expands": (
        "InvertedResidual",
        [functools.partial(Inherited, always=True)],
        {"values"},
    ),
    "MBConv squeezed from what is inside": (
        "InvertedResidual",
        [functools.partial(Inherited, share=lambda hidden: max(1, hidden // 4))],
        {"values"},
    ),
    "MBConv with a hard swish": ("InvertedResidual", [HardSwish], {"values"}),
    "scaling as text": ("compound_scaling", [lambda *a: ("1", "2", "3")], {"values"}),
    "scaling of the depth alone": ("compound_scaling", [lambda p, a=1.2, b=1.1, c=1.15: (a**p, 1, 1)], {"values"}),
}

NAMED = {
    "a block that adds behind the ReLU, in another style": (
        "BasicBlock",
        [changed(lambda self, x: self.downsample(x) + F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))))],
        "added after the last ReLU",
    ),
    "a dense block with new maps first, in another style": (
        "DenseBlock",
        [
            type(
                "NewFirst",
                (Growing,),
                {
                    "forward": lambda self, x: functools.reduce(
                        lambda out, layer: torch.cat(
                            [layer["conv2"](F.relu(layer["norm2"](layer["conv1"](F.relu(layer["norm1"](out)))))), out],
                            1,
                        ),
                        self.layers,
                        x,
                    )
                },
            )
        ],
        "before the old ones",
    ),
    "gates without a sigmoid, in another style": (
        "SqueezeExcitation",
        [
            type(
                "Ungated",
                (WithRequiresGrad,),
                {
                    "forward": lambda self, x: (
                        x
                        * F.conv2d(
                            F.conv2d(F.avg_pool2d(x, x.shape[2:]), self.fc1.weight, self.fc1.bias).clamp(min=0),
                            self.fc2.weight,
                            self.fc2.bias,
                        )
                    )
                },
            )
        ],
        "the sigmoid is missing",
    ),
    "top k, the k-th alone": (
        "top_k_error",
        [lambda z, t, k: (z.argsort(1, descending=True)[:, k - 1] != t).double().mean()],
        "all of the first k do",
    ),
}

REFUSED = {
    "torchvision": (
        "BasicBlock",
        ["from torchvision.models.resnet import BasicBlock"],
        "BasicBlock imports torchvision",
    ),
    "timm": (
        "SqueezeExcitation",
        ["import timm", "class SqueezeExcitation(timm.layers.SqueezeExcite):\n    pass"],
        "SqueezeExcitation imports timm",
    ),
    "autograd in a function": (
        "occlusion_map",
        [
            "import torch",
            "def occlusion_map(model, image, target, patch, stride):\n"
            "    image = image.clone().requires_grad_()\n"
            "    return torch.autograd.grad(model(image[None])[0, target], image)[0].sum(0)",
        ],
        "autograd: write the gradient by hand",
    ),
}

ALLOWED = {
    "a parameter with requires_grad": (
        "SqueezeExcitation",
        [
            "import torch\nfrom torch import nn",
            "class SqueezeExcitation(nn.Module):\n"
            "    def __init__(self, c, s):\n"
            "        super().__init__()\n"
            "        self.scale = nn.Parameter(torch.ones(c), requires_grad=True)\n"
            "    def forward(self, x):\n"
            "        return x * self.scale[:, None, None]",
        ],
    ),
    "a checkpoint": (
        "DenseBlock",
        [
            "import torch\nfrom torch import nn\nfrom torch.utils.checkpoint import checkpoint",
            "class DenseBlock(nn.Module):\n"
            "    def forward(self, x):\n"
            "        return checkpoint(self.layers, x, use_reentrant=False)",
        ],
    ),
    "the layers of torch": (
        "LeNetC3",
        ["from torch import nn", "class LeNetC3(nn.Conv2d):\n    pass"],
    ),
}
