"""Backward functions have torch compute the gradient."""

from submissions import change, replace, write

LOST = {"check_relu_backward": "autograd", "check_tanh_backward": "autograd"}


def hand_in(folder, notebook):
    change(notebook, "relu_forward", "return x.clamp(min=0), x > 0", "return x.clamp(min=0), x")
    source = """
def relu_backward(dout, cache):
    with torch.enable_grad():
        x = cache.detach().requires_grad_()
        x.clamp(min=0).backward(dout)
    return x.grad
"""
    replace(notebook, "relu_backward", source)
    source = """
def tanh_backward(dout, cache):
    x = torch.atanh(cache)
    return torch.func.vjp(lambda t: 1 - 2 / (t.mul(2).exp() + 1), x)[1](dout)[0]
"""
    replace(notebook, "tanh_backward", source)
    write(folder, notebook)
