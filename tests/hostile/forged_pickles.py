"""Results bring pickles and classes along that would run code where they are read."""

from submissions import replace, write

LOST = {"check_relu_backward": "gave a Trap for dx; expected a tensor."}


def hand_in(folder, notebook):
    source = """
class Trap:
    def __reduce__(self):
        return (print, ("REA" + "CHED",))
    def __repr__(self):
        raise SystemExit
    __str__ = __repr__
def relu_backward(dout, cache):
    return Trap()
Trap()
"""
    replace(notebook, "relu_backward", source)
    write(folder, notebook)
