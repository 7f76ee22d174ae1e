"""Functions take the back doors: exec, torch.ops, torch.jit, ctypes, another Python."""

from submissions import change, replace, write

LOST = {
    "check_sigmoid_forward": "sigmoid_forward uses exec",
    "check_sigmoid_backward": "sigmoid_backward needs sigmoid_forward, which uses exec",
    "check_tanh_forward": "tanh_forward uses torch",
    "check_tanh_backward": "tanh_backward imports ctypes",
    "check_relu_forward": "relu_forward",
    "check_relu_backward": "relu_backward",
}


def hand_in(folder, notebook):
    source = (
        "def sigmoid_forward(x):\n    names = {'x': x, 'torch': torch}\n    exec('out = torch.sig' 'moid(x)', names)"
    )
    replace(notebook, "sigmoid_forward", source + "\n    return names['out'], names['out']")
    source = "def tanh_forward(x):\n    out = torch.ops.aten.tanh(x)\n    return out, out"
    replace(notebook, "tanh_forward", source)
    source = """
@torch.jit.script
def positive(x):
    return torch.relu(x)
def relu_forward(x):
    return positive(x), x > 0
"""
    replace(notebook, "relu_forward", source)
    source = """
import os, subprocess, sys
def relu_backward(dout, cache):
    torch.save((dout, cache), "/tmp/in")
    program = "import torch; d, c = torch.load('/tmp/in'); torch.save(torch.where(c, d, 0), '/tmp/out')"
    subprocess.run([sys.executable, "-c", program], check=True)
    return torch.load("/tmp/out")
"""
    replace(notebook, "relu_backward", source)
    change(notebook, "tanh_backward", "return ", "import ctypes; ctypes.CDLL(None)\n    return ")
    write(folder, notebook)
