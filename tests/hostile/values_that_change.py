"""A thread goes on to write into what a function has returned."""

from submissions import replace, write

LOST = {"check_relu_backward": "dx"}


def hand_in(folder, notebook):
    source = """
class Later(torch.Tensor):
    pass
kept = []
def relu_backward(dout, cache):
    kept.append(torch.zeros_like(dout))
    for earlier in kept[:-1]:
        earlier += torch.where(earlier == 0, 7.0, 0.0)[..., :1].sum()
    return kept[-1]
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
