"""Functions return nothing but NaN, infinity and complex numbers."""

from submissions import replace, write

_RETURNED = {
    "relu_backward": ("dout * float('nan')", "dx[0, 0] is nan; expected"),
    "tanh_backward": ("dout.abs() + float('inf')", "dx[0, 0] is inf; expected"),
    "sigmoid_backward": ("dout * cache * (1 - cache) + 0j", "dx is complex; expected float32."),
    "leaky_relu_backward": ("torch.complex(dout, dout).conj()", "dx is complex; expected float32."),
}
LOST = {f"check_{name}": phrase for name, (_, phrase) in _RETURNED.items()}


def hand_in(folder, notebook):
    for name, (value, _) in _RETURNED.items():
        replace(notebook, name, f"def {name}(dout, cache):\n    return {value}")
    write(folder, notebook)
