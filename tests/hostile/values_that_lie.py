"""Functions return containers and objects that claim to be what they are not, and equal everything."""

from submissions import replace, write

LOST = {
    "check_relu_backward": "gave an Anything for dx; expected a tensor.",
    "check_maxout_forward": "maxout_forward",
    "check_maxout_backward": "maxout_backward",
    "check_prelu_backward": "gave None (is a `return` missing?) for dweight; expected a tensor.",
}


def hand_in(folder, notebook):
    source = """
class Anything:
    shape, dtype, device, layout = (4, 5), torch.float32, torch.device("cpu"), torch.strided
    __class__ = torch.Tensor
    def __eq__(self, other):
        return True
    def __getattr__(self, name):
        return Anything()
    def __call__(self, *arguments, **options):
        return Anything()
    def __len__(self):
        return 2

class Pair(tuple):
    def __len__(self):
        return 2
    def __iter__(self):
        yield from [None] * 10**4

class Growing(list):
    def __len__(self):
        return 2
    def __iter__(self):
        return iter((self[0], None))

"""
    replace(notebook, "relu_backward", source + "def relu_backward(dout, cache):\n    return Anything()")
    replace(notebook, "maxout_forward", "def maxout_forward(x, weight, bias):\n    return Pair([x])")
    replace(notebook, "prelu_backward", "def prelu_backward(dout, cache):\n    return Growing([dout])")
    write(folder, notebook)
