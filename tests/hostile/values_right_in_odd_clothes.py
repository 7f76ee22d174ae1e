"""Right numbers as views, parameters, with stride and requiring a gradient: nobody asked for less."""

from submissions import change, write


def hand_in(folder, notebook):
    change(notebook, "relu_backward", "return torch.where(positive, dout, 0)",
           "return torch.nn.Parameter(torch.where(positive, dout, 0), requires_grad=False)")  # fmt: skip
    change(notebook, "tanh_backward", "return dout * (1 - out**2)", "return (dout * (out**2 - 1))._neg_view()")
    change(notebook, "sigmoid_backward", "return dout * out * (1 - out)",
           "return torch.stack([dout * out * (1 - out)] * 2, dim=-1)[..., 1]")  # fmt: skip
    change(notebook, "maxout_backward", "return dx, dweight, dpieces.sum(dim=0)",
           "return [dx, dweight, torch.complex(dpieces, dpieces).conj().real.sum(dim=0)]")  # fmt: skip
    write(folder, notebook)
