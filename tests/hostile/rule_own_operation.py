"""Functions use torch's own operations under their many names."""

from submissions import replace, write

_SOURCES = {
    "relu_forward": "return torch.relu(x), x > 0",
    "sigmoid_forward": "out = torch.special.expit(x)\n    return out, out",
    "tanh_forward": "out = getattr(torch, 'tanh')(x)\n    return out, out",
    "leaky_relu_forward": "return torch.nn.LeakyReLU(negative_slope)(x), (x, negative_slope)",
}
LOST = {f"check_{name}": f"{name} uses" for name in _SOURCES}
_HEADS = {"leaky_relu_forward": "x, negative_slope=0.01"}


def hand_in(folder, notebook):
    for name, body in _SOURCES.items():
        replace(notebook, name, f"def {name}({_HEADS.get(name, 'x')}):\n    {body}")
    replace(notebook, "leaky_relu_backward", "def leaky_relu_backward(dout, cache):\n    x, negative_slope = cache\n"
            "    return torch.where(x > 0, dout, negative_slope * dout)")  # fmt: skip
    write(folder, notebook)
