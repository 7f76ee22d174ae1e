"""Functions return arrays, numbers, strings, generators, classes and nothing."""

from submissions import replace, write

_RETURNED = {
    "relu_backward": ("torch.where(cache, dout, 0).numpy()", "gave a ndarray for dx; expected a tensor."),
    "tanh_backward": ("1.5", "gave a float for dx; expected a tensor."),
    "sigmoid_backward": ("(x for x in dout)", "gave a generator for dx; expected a tensor."),
    "elu_backward": ("torch.Tensor", "gave a _TensorMeta for dx; expected a tensor."),
    "selu_backward": ("None", "None (is a `return` missing?)"),
    "leaky_relu_backward": ("'<b>right</b>'", "gave a str for dx; expected a tensor."),
    "maxout_backward": ("dout, dout", "returned a tuple of 2; expected a tuple (dx, dweight, dbias)."),
    "prelu_backward": ("{'dx': dout, 'dweight': dout}", "returned a dict; expected a tuple (dx, dweight)."),
}
LOST = {f"check_{name}": phrase for name, (_, phrase) in _RETURNED.items()}


def hand_in(folder, notebook):
    for name, (value, _) in _RETURNED.items():
        replace(notebook, name, f"def {name}(dout, cache):\n    return {value}")
    write(folder, notebook)
