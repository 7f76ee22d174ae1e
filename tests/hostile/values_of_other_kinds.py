"""Functions return tensors without plain numbers: sparse, quantized, nested, meta, of a class of their own."""

from submissions import replace, write

_RETURNED = {
    "relu_backward": ("dout.to_sparse()", "gave a sparse_coo tensor for dx; expected plain values."),
    "tanh_backward": ("torch.quantize_per_tensor(dout, 0.1, 10, torch.quint8)", "gave a quint8 tensor for dx"),
    "sigmoid_backward": ("dout.to('meta')", "gave a meta tensor for dx; expected plain values."),
    "elu_backward": ("dout.as_subclass(Mine)", "gave a Mine for dx; expected a tensor."),
    "selu_backward": ("torch.empty(10**12, device='meta')", "gave a meta tensor for dx"),
    "leaky_relu_backward": ("torch.zeros(1).expand(10**12)", "far too many values."),
    "maxout_backward": ("[torch.nested.nested_tensor([dout])] * 3", "for dx; expected"),
}
LOST = {f"check_{name}": phrase for name, (_, phrase) in _RETURNED.items()}


def hand_in(folder, notebook):
    for name, (value, _) in _RETURNED.items():
        mine = "class Mine(torch.Tensor):\n    def __eq__(self, other):\n        return True\n"
        replace(notebook, name, f"{mine}def {name}(dout, cache):\n    return {value}")
    write(folder, notebook)
