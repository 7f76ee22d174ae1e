"""The networks of the bench: what the running ones compute, as graphs that can be scaled and built again."""

import torch
from tables import INPUTS, network
from torch import nn
from torch.overrides import TorchFunctionMode

BENCH = (
    *("alexnet", "zfnet", "vgg16", "googlenet", "inception_v3", "resnet18"),
    *("resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v1", "efficientnet_b0"),
)
# What may stand several times where it keeps the shape.
BLOCKS = {
    *("BasicBlock", "Bottleneck", "FactorizedInception", "DepthwiseSeparableConv"),
    *("InvertedResidual", "ConvReLU"),
}


CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
POOL = ("input", "kernel_size", "stride", "padding")


class Recorder(TorchFunctionMode):
    """Writes down each step of a network: [kind, sources, sizes], by the numbers of the steps.

    conv [c_out, kernel, stride, padding, groups, bias], linear [out, bias], pool [kernel, stride, padding, ceil],
    norm, add, cat, part [how many], mean. Step 0 is the image.
    """

    def __init__(self, image):
        super().__init__()
        self.steps = [["image", [], [image.shape[1]]]]
        self.of = {id(image): 0}
        self.kept = [image]

    def note(self, out, kind, sources, sizes=()):
        self.steps.append([kind, sources, list(sizes)])
        return self.same(out, len(self.steps) - 1)

    def same(self, out, step):
        self.of[id(out)] = step
        self.kept.append(out)
        return out

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        tensors = args[0] if isinstance(args[0], (list, tuple)) else args
        known = [(t, self.of[id(t)]) for t in tensors if id(t) in self.of]
        name = function.__name__.strip("_").removeprefix("i")
        if not known:
            return out
        source = known[0][1]
        if name == "conv2d":
            named = by_name(CONV, args, kwargs)
            weight, bias = named["weight"], named.get("bias")
            stride, padding = pair(named.get("stride", 1))[0], pair(named.get("padding", 0))
            sizes = [len(weight), list(weight.shape[2:]), stride, list(padding)]
            return self.note(out, "conv", [source], [*sizes, named.get("groups", 1), bias is not None])
        if name == "linear":
            return self.note(out, "linear", [source], [len(args[1]), True])
        if name in ("max_pool2d", "avg_pool2d"):
            named = by_name(POOL, args, kwargs)
            sizes = [pair(named[key])[0] for key in ("kernel_size", "stride", "padding")]
            return self.note(out, "pool", [source], [*sizes, bool(named.get("ceil_mode"))])
        if name == "chunk":
            for part in out:
                self.note(part, "part", [source], [len(out)])
            return out
        if name == "batch_norm":
            return self.note(out, "norm", [source])
        if name in ("mean", "adaptive_avg_pool2d"):
            return self.note(out, "mean", [source])
        if name == "cat":
            return self.note(out, "cat", [step for _, step in known])
        if name == "add" and len(known) == 2:
            return self.note(out, "add", [step for _, step in known])
        if isinstance(out, torch.Tensor):
            return self.same(out, source)
        return out


def by_name(names, args, kwargs):
    return dict(zip(names, args, strict=False)) | (kwargs or {})


def pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def record(name):
    """The steps of a network, and the ranges of them that keep their shape: they may stand several times."""
    net = network(name).eval()
    image = torch.zeros(1, *INPUTS[name], device="meta")
    recorder, ranges, hooks = Recorder(image), [], []
    begun = {}

    def before(module, args):
        begun[module] = len(recorder.steps), recorder.of.get(id(args[0]))

    def after(module, args, out):
        first, source = begun[module]
        if args[0].shape == out.shape:
            ranges.append((first, len(recorder.steps), source))

    for name, module in net.named_modules():
        kind = type(module).__name__
        if kind in BLOCKS and (kind != "ConvReLU" or name.startswith("features.")):
            hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    with torch.no_grad(), recorder:
        net(image)
    for hook in hooks:
        hook.remove()
    return {"side": image.shape[2], "steps": recorder.steps, "ranges": ranges}


def repeated(graph, depth):
    """The steps when each range stands `depth` times, each time behind the last."""
    steps, place = [], {}
    ranges = {first: (end, source) for first, end, source in graph["ranges"]}
    at = 0
    while at < len(graph["steps"]):
        end, source = ranges.get(at, (at + 1, None))
        for _ in range(depth if at in ranges else 1):
            for old in range(at, end):
                kind, sources, sizes = graph["steps"][old]
                steps.append([kind, [place[s] for s in sources], sizes])
                place[old] = len(steps) - 1
            if source is not None:
                place[source] = len(steps) - 1
        at = end
    return steps


class Scaled(nn.Module):
    """A recorded network, built anew: `width` times the channels, ranges `depth` times."""

    def __init__(self, graph, width=1, depth=1):
        super().__init__()
        self.steps = repeated(graph, depth)
        last = max(n for n, (kind, *_) in enumerate(self.steps) if kind == "linear")
        self.layers, grid = nn.ModuleDict(), graph["side"]
        original = []
        with torch.device("meta"):
            x = [torch.zeros(1, 3, grid, grid)]
            for n, (kind, sources, sizes) in enumerate(self.steps):
                if kind == "image":
                    original.append(3)
                    continue
                inputs = [x[s] for s in sources]
                before = [original[s] for s in sources]
                layer, after = self.layer(kind, sizes, inputs, before, width, n == last)
                if layer is not None:
                    self.layers[str(n)] = layer
                x.append(self.step(n, kind, sizes, inputs))
                original.append(after)

    @staticmethod
    def layer(kind, sizes, inputs, before, width, is_last):
        def scaled(count):
            return max(1, int(count * width + 0.5))

        channels = inputs[0].shape[1]
        if kind == "conv":
            out, kernel, stride, padding, groups, bias = sizes
            if groups > 1 and groups == before[0]:
                wide, groups = channels * (out // groups), channels
            else:
                wide = scaled(out // groups) * groups
            return nn.Conv2d(channels, wide, kernel, stride, padding, groups=groups, bias=bias), out
        if kind == "linear":
            out = sizes[0] if is_last else scaled(sizes[0])
            return nn.Linear(inputs[0].flatten(1).shape[1], out), sizes[0]
        if kind == "norm":
            return nn.BatchNorm2d(channels), before[0]
        if kind == "pool":
            kernel, stride, padding, ceil = sizes
            return nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil), before[0]
        after = {"cat": sum(before), "part": before[0] // (sizes or [1])[0]}
        return None, after.get(kind, before[0])

    def step(self, n, kind, sizes, inputs):
        if kind == "add":
            return inputs[0] + inputs[1]
        if kind == "cat":
            return torch.cat(inputs, 1)
        if kind == "part":
            return inputs[0].chunk(sizes[0], 1)[0]
        if kind == "mean":
            return inputs[0].mean((2, 3), keepdim=True)
        if kind == "linear":
            return self.layers[str(n)](inputs[0].flatten(1))
        return self.layers[str(n)](inputs[0])

    def forward(self, image):
        x = [image]
        for n, (kind, sources, sizes) in enumerate(self.steps[1:], 1):
            x.append(self.step(n, kind, sizes, [x[s] for s in sources]))
        return x[-1]
