"""Rules about method, read from the source: right programs pass, and every trick is called by its name."""

import ast
import importlib.util
import pydoc
import re
import time
from dataclasses import replace

import nbformat
import pytest
from nbgrader.utils import is_solution
from sets import for_every_word, rule_broken

from autograder.course import ROOT
from autograder.demo import students
from autograder.problems import problem_sets, problems
from autograder.release import solution_notebook
from autograder.rules.allowed import Exercise
from autograder.rules.search import broken
from autograder.rules.sources import Sources

RIGHT = "def relu_forward(x):\n    return x.clamp(min=0), x"
START = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom autograder import check, device"


def said(*cells, name="relu_forward"):
    """What is said of `name` in a notebook that begins with the usual imports."""
    return rule_broken(problems()[name], [START, *cells])


def code_of(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def findings(word, cells):
    """What is said of the problems of a set."""
    sources = Sources(cells)
    return [found for problem in problem_sets()[word] if (found := broken(sources, problem))]


@for_every_word
def test_solution_and_stub_are_clean(word):
    stub = nbformat.read(ROOT / "exercises" / word / f"{word}.ipynb", as_version=4)
    assert findings(word, code_of(solution_notebook(word))) == []
    assert findings(word, code_of(stub)) == []


@for_every_word
def test_the_text_says_what_is_not_allowed(word):
    text = " ".join(solution_notebook(word).cells[0].source.split())
    assert "What an exercise asks for is written, not taken from a library" in text
    assert "Whatever your function uses stands in a cell of this notebook" in text


@for_every_word
def test_every_known_program_is_clean(word):
    notebook = solution_notebook(word)
    for student in students(word):
        sources = student.sources or {}
        cells = [
            sources.get(cell.metadata.nbgrader.grade_id, cell.source) if is_solution(cell) else cell.source
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]
        assert findings(word, cells) == [], student.name


@for_every_word
def test_the_known_programs_are_there_to_be_read(word):
    """The test above would pass if nothing were found in its cells."""
    for student in students(word):
        for name, source in (student.sources or {}).items():
            head = re.match(r".*?:[ ]*(?:#[^\n]*)?\n+(?=    \S)", source, re.DOTALL).group()
            spoilt = f"{head}    torch.hub.load\n{source.removeprefix(head)}"
            assert "torch.hub.load" in rule_broken(problems()[name], ["import torch", spoilt]), student.name


# Right programs that come close. The notebook begins with START.
FINE = {
    "a question to IPython": ["?", "abs?", "%matplotlib inline\n%time x = 1"],
    "names in strings and comments": [
        'def relu_forward(x):\n    """Like torch.relu(x), without x.relu()."""\n    # F.relu, nn.ReLU\n'
        '    note = f"not torch.relu but {x.shape}"\n    return x.clamp(min=0), note and x'
    ],
    "a local variable named relu": ["def relu_forward(x):\n    relu = x.clamp(min=0)\n    return relu, relu > 0"],
    "a local variable named F": ["def relu_forward(x):\n    F = x.clamp(min=0)\n    return F, F > 0"],
    "a class named F": [
        "class F:\n    @staticmethod\n    def relu(x):\n        return x.clamp(min=0)",
        "def relu_forward(x):\n    return F.relu(x), x",
    ],
    "a class with a method relu": [
        "class Value:\n    def __init__(self, x):\n        self.x = x\n\n    def relu(self):\n"
        "        return self.x.clamp(min=0)",
        "def relu_forward(x):\n    return Value(x).relu(), x",
    ],
    "a class with a method backward": [
        "class Layer:\n    def __init__(self, x):\n        self.x = x\n\n    def backward(self, dout):\n"
        "        return dout * (self.x > 0)",
        "def relu_forward(x):\n    layer = Layer(x)\n    return layer.backward(x), layer",
    ],
    "a namespace": [
        "from types import SimpleNamespace\nops = SimpleNamespace(relu=lambda x: x.clamp(min=0))",
        "def relu_forward(x):\n    return ops.relu(x), x",
    ],
    "a named tuple": [
        'from collections import namedtuple\nPair = namedtuple("Pair", "relu backward")\npair = Pair(abs, abs)',
        "def relu_forward(x):\n    return (x + pair.relu(x)) / 2, pair.backward(x)",
    ],
    "a dataclass": [
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Pair:\n    relu: object\n",
        "def relu_forward(x):\n    return (x + Pair(abs).relu(x)) / 2, x",
    ],
    "an attribute given later": [
        "class Layer:\n    pass\n\n\nlayer = Layer()\nlayer.relu = lambda x: x.clamp(min=0)",
        "def relu_forward(x):\n    return layer.relu(x), x",
    ],
    "a class that makes its attributes": [
        "class Table(dict):\n    __getattr__ = dict.__getitem__\n\n\nops = Table({'relu': lambda x: x.clamp(min=0)})",
        "def relu_forward(x):\n    return ops.relu(x), x",
    ],
    "keys and keywords": [
        'def call(backward=None, relu=None):\n    return relu\n\n\ntable = {"relu": call(backward=1, relu=2)}',
        'def relu_forward(x):\n    return x.clamp(min=0), (table["relu"], call(relu=x, backward=x))',
    ],
    "a function of the student's called backward": [
        "def backward(dout):\n    return dout",
        "def relu_forward(x):\n    return backward(x.clamp(min=0)), x",
    ],
    "experiments beside it": [
        RIGHT,
        "import os, threading, ctypes, sys\nx = torch.randn(3, requires_grad=True)\nF.relu(x).sum().backward()\n"
        "print(x.grad, os.getpid(), sys.modules['torch'], eval('1'))\n"
        "assert torch.equal(relu_forward(x)[0], torch.relu(x))\ntorch.testing.assert_close(F.softplus(x), F.relu(x))\n"
        "torch.autograd.gradcheck(torch.relu, x.double())",
    ],
    "an experiment in a function": ["def compare(x):\n    return relu_forward(x)[0] - F.relu(x)", RIGHT],
    "the last definition counts": ["def relu_forward(x):\n    return torch.relu(x), x", RIGHT],
    "a helper written anew": [
        "helper = torch.relu",
        "def helper(x):\n    return x.clamp(min=0)",
        "def relu_forward(x):\n    return helper(x), x",
    ],
    "a helper in a later cell": [
        "def relu_forward(x):\n    return helper(x), x",
        "def helper(x):\n    return x.clamp(min=0)",
    ],
    "itself": ["def relu_forward(x):\n    return relu_forward(x[0]) if x.dim() > 9 else (x.clamp(min=0), x)"],
    "two that call each other": [
        "def even(x, n):\n    return odd(x, n - 1) if n else x.clamp(min=0)\n\n\n"
        "def odd(x, n):\n    return even(x, n - 1)",
        "def relu_forward(x):\n    return even(x, 2), x",
    ],
    "no gradient": [
        "@torch.no_grad()\ndef relu_forward(x):\n    torch.set_grad_enabled(False)\n"
        "    with torch.inference_mode(), torch.autograd.no_grad():\n        x = x.detach().requires_grad_(False)\n"
        "        y = torch.zeros(3, requires_grad=False)\n        keep = x.requires_grad or torch.is_grad_enabled()\n"
        "        return x.clamp(min=0), (y, keep)"
    ],
    "an own Function": [
        "class ReLU(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        return x.clamp(min=0)\n\n    @staticmethod\n    def backward(ctx, dout):\n        return dout",
        "def relu_forward(x):\n    return ReLU.apply(x), x",
    ],
    "vmap": ["def relu_forward(x):\n    return torch.func.vmap(lambda row: row.clamp(min=0))(x), x"],
    "requires_grad handed on": [
        "def relu_forward(x):\n    return x.clamp(min=0), torch.ones(2, requires_grad=x.requires_grad)"
    ],
    "an own requires_grad": [
        "class Value:\n    def __init__(self, x, requires_grad=False):\n        self.requires_grad = requires_grad",
        "def relu_forward(x):\n    v = Value(x, requires_grad=True)\n    v.requires_grad = True\n"
        "    return x.clamp(min=0), v",
    ],
    "useful imports": [
        "import os, sys, math, functools, warnings, time\nimport numpy as np\nfrom dataclasses import dataclass\n"
        "from scipy import signal\nimport matplotlib.pyplot as plt\nfrom typing import Any",
        "@functools.lru_cache\ndef limit(n: int) -> Any:\n    return min(n, sys.maxsize, math.inf, sys.float_info.max)",
        "def relu_forward(x):\n    import itertools\n    print(os.path.join('a', 'b'), file=sys.stderr)\n"
        "    with warnings.catch_warnings():\n        start = time.perf_counter()\n"
        "    return x.clamp(min=limit(0)), (np.arange(3), signal.windows.hann(3), plt.rcParams, itertools, start)",
    ],
    "a decorator of the notebook's": [
        "import os, traceback\n\n\ndef when_written(f):\n    if os.environ.get('A'):\n        return f\n    try:\n"
        "        f\n    except NotImplementedError as error:\n"
        "        print(traceback.extract_tb(error.__traceback__)[-1].name)\n    return f",
        f"@when_written\n{RIGHT}",
    ],
    "star imports": [
        "from torch import *\nfrom math import *",
        "def relu_forward(x):\n    return where(x > 0, x, 0 * sqrt(1)), x",
    ],
    "an own relu beside a star import": [
        "from torch import *",
        "def relu(x):\n    return x.clamp(min=0)",
        "def relu_forward(x):\n    return relu(x), x",
    ],
    "attributes asked for by name": [
        'def relu_forward(x):\n    kind = getattr(torch, "float32")\n    name = "shape"\n'
        '    return x.clamp(min=0), (kind, getattr(x, "shape"), getattr(x, name, None), hasattr(torch, name), vars())'
    ],
    "asking whether a global is there": [
        'def relu_forward(x):\n    slow = "slow" in globals()\n    return x.clamp(min=0), slow'
    ],
    "re.compile and model.eval": [
        "import re\nfrom re import compile",
        'def relu_forward(x):\n    model = nn.Identity().eval()\n    re.compile("a")\n    compile("b")\n'
        "    return model(x.clamp(min=0)), x",
    ],
    "an own eval": ["def eval(x):\n    return x.clamp(min=0)", "def relu_forward(x):\n    return eval(x), x"],
    "a shown tensor and a setting": [
        "torch.Tensor.__repr__ = lambda self: 'tensor'\ntorch.Tensor.show = print\n"
        "torch.backends.cudnn.benchmark = True\n"
        "plt = nn\nplt.rc = 3",
        RIGHT,
    ],
    "a list that others fill": [
        "seen = []\nsizes = {}",
        "def relu_forward(x):\n    seen.append(x.shape)\n    sizes['x'] = x.shape\n    return x.clamp(min=0), x",
    ],
    "a helper of torch's for layers": [
        "from torch.nn.modules.utils import _pair",
        "def relu_forward(x):\n    return x.clamp(min=0), _pair(3)",
    ],
    "magics": [
        "%matplotlib inline\n!ls\nx?",
        "%%time\ndef relu_forward(x):\n    return x.clamp(min=0), x",
        "%timeit torch.relu(torch.ones(3))\n%time y = 3",
    ],
    "a cell magic over torch's own": [RIGHT, "%%timeit\nrelu_forward = torch.relu"],
    "scopes inside": [
        "def relu_forward(x):\n    def torch(F):\n        return F\n\n    class nn:\n        relu = None\n\n"
        "    out = [F for F in [x.clamp(min=0)]]\n    return torch(out[0]), nn.relu",
    ],
    "a type": [
        "def relu_forward(x: 'torch.jit.X', f: nn.ReLU = None) -> nn.ReLU:\n"
        "    y: nn.ReLU = x.clamp(min=0)\n    return y, x"
    ],
    "another exercise's operation": ["def relu_forward(x):\n    return x * (torch.sigmoid(1e30 * x) > 0.5), x.tanh()"],
    "sorting a list": [
        "def relu_forward(x):\n    sizes = list(x.shape)\n    sizes.sort()\n    return x.clamp(min=0), sizes"
    ],
    "collecting garbage": [
        "import gc, inspect",
        "def relu_forward(x):\n    gc.collect()\n    gc.disable()\n    return x.clamp(min=0), inspect.signature(max)",
    ],
    "files run and code executed beside it": [
        "%run plots.py\nexec('a = 3')\nglobals().update(b=3)\nget_ipython().push({'c': 3})",
        RIGHT,
        "%run plots.py",
    ],
    "what is not written": ["%run plots.py", 'def relu_forward(x):\n    """..."""\n    raise NotImplementedError()'],
    "what a notebook is given": [
        "%run plots.py",
        "def relu_forward(x):\n    if x.dim() > 9:\n        display(x)\n    return x.clamp(min=0), __name__",
    ],
    "a variable named _": ["def relu_forward(x):\n    for _ in range(2):\n        _\n    return x.clamp(min=0), x"],
    "a helper made in a timed line": [
        "%run plots.py",
        "%time helper = lambda x: x.clamp(min=0)",
        "def relu_forward(x):\n    return helper(x), x",
    ],
    "cells that are no Python": [
        "def relu_forward(x) return torch.relu(x)",
        "torch.relu(\0)",
        "'\ud800'",
        "(" * 300,
        RIGHT,
    ],
}


@pytest.mark.parametrize("cells", FINE.values(), ids=FINE.keys())
def test_a_right_program_is_left_alone(cells):
    assert said(*cells) is None


def body(*lines):
    """A `relu_forward` with these lines; the last one is returned."""
    return "def relu_forward(x):\n" + "".join(f"    {line}\n" for line in lines[:-1]) + f"    return {lines[-1]}, x"


STUB = 'def relu_forward(x):\n    """The larger of x and 0."""\n    raise NotImplementedError()'
EXERCISE, AUTOGRAD, NEEDLESS = "the exercise itself", "write the gradient by hand", "do not need"

# What the sentence must name, how it must end, and the cells after START.
TRICKS = {
    "torch.relu": ("uses torch.relu ", EXERCISE, [body("torch.relu(x)")]),
    "functional": ("uses F.relu ", EXERCISE, [body("F.relu(x)")]),
    "functional in full": ("uses torch.nn.functional.relu ", EXERCISE, [body("torch.nn.functional.relu(x)")]),
    "in place": ("uses F.relu_ ", EXERCISE, [body("F.relu_(x.clone())")]),
    "module": ("uses nn.ReLU ", EXERCISE, [body("nn.ReLU()(x)")]),
    "aten": ("uses torch.ops.aten.relu.default ", EXERCISE, [body("torch.ops.aten.relu.default(x)")]),
    "private": ("uses torch._C._nn.leaky_relu ", EXERCISE, [body("torch._C._nn.leaky_relu(x, 0.0)")]),
    "reference implementation": (
        "uses torch._refs.nn.functional.relu ",
        EXERCISE,
        [body("torch._refs.nn.functional.relu(x)")],
    ),
    "method": ("uses x.relu ", EXERCISE, [body("x.relu()")]),
    "method in place": ("uses relu_ ", EXERCISE, [body("x.clone().relu_()")]),
    "method of the class": ("uses torch.Tensor.relu ", EXERCISE, [body("torch.Tensor.relu(x)")]),
    "method of the type": ("uses relu ", EXERCISE, [body("type(x).relu(x)")]),
    "method by name": ("uses x.relu ", EXERCISE, [body('getattr(x, "relu")()')]),
    "function by name": ("uses torch.relu ", EXERCISE, [body('getattr(torch, "relu")(x)')]),
    "methodcaller": ("uses relu ", EXERCISE, ["from operator import methodcaller", body('methodcaller("relu")(x)')]),
    "attrgetter": (
        "uses relu ",
        EXERCISE,
        ["import operator", body('operator.attrgetter("nn.functional.relu")(torch)(x)')],
    ),
    "imported": ("uses torch.relu ", EXERCISE, ["from torch import relu as r", body("r(x)")]),
    "imported inside": ("uses torch.relu ", EXERCISE, [body("from torch import relu as r", "r(x)")]),
    "imported under a name": (
        "uses anything.relu ",
        EXERCISE,
        ["import torch.nn.functional as anything", body("anything.relu(x)")],
    ),
    "imported with a star": ("uses torch.relu ", EXERCISE, ["from torch import *", body("relu(x)")]),
    "star of the layers": ("uses torch.nn.ReLU ", EXERCISE, ["from torch.nn import *", body("ReLU()(x)")]),
    "module under a local name": ("uses f.relu ", EXERCISE, [body("f = torch.nn.functional", "f.relu(x)")]),
    "module under a global name": ("uses b.relu ", EXERCISE, ["a = F\nb = a", body("b.relu(x)")]),
    "unpacked": ("uses g.relu ", EXERCISE, ["t, g = torch, F", body("g.relu(x)")]),
    "default argument": ("uses torch.relu ", EXERCISE, ["def relu_forward(x, f=torch.relu):\n    return f(x), x"]),
    "module as default argument": (
        "uses t.relu ",
        EXERCISE,
        ["def relu_forward(x, t=torch):\n    return t.relu(x), x"],
    ),
    "same name as default": (
        "uses torch.relu ",
        EXERCISE,
        ["def relu_forward(x, torch=torch):\n    return torch.relu(x), x"],
    ),
    "decorator": (
        "uses twice, which uses F.relu ",
        EXERCISE,
        ["def twice(f):\n    return lambda x: (F.relu(f(x)[0]), x)", f"@twice\n{RIGHT}"],
    ),
    "lambda": ("uses torch.relu ", EXERCISE, ["relu_forward = lambda x: (torch.relu(x), x)"]),
    "the function itself": ("uses torch.relu ", EXERCISE, ["from torch import relu as relu_forward"]),
    "partial": (
        "uses F.leaky_relu ",
        EXERCISE,
        ["import functools", "relu_forward = functools.partial(F.leaky_relu, negative_slope=0)"],
    ),
    "helper": (
        "relu_forward uses helper, which uses torch.relu ",
        EXERCISE,
        ["def helper(x):\n    return torch.relu(x)", body("helper(x)")],
    ),
    "helper of a helper": (
        "relu_forward uses outer, which uses torch.relu ",
        EXERCISE,
        ["inner = torch.relu", "def outer(x):\n    return inner(x)", body("outer(x)")],
    ),
    "class": (
        "relu_forward uses Layer, which uses nn.ReLU ",
        EXERCISE,
        ["class Layer(nn.Module):\n    def __init__(self):\n        self.f = nn.ReLU()", body("Layer().f(x)")],
    ),
    "earlier definition": (
        "relu_forward uses relu_forward_1, which uses torch.relu ",
        EXERCISE,
        [
            "def relu_forward_1(x):\n    return torch.relu(x)",
            "f = relu_forward_1",
            "def relu_forward_1(x):\n    return x",
            body("f(x)"),
        ],
    ),
    "conditional definition": (
        "uses torch.relu ",
        EXERCISE,
        [f"{RIGHT}\nif torch:\n    relu_forward = lambda x: (torch.relu(x), x)"],
    ),
    "table": (
        "relu_forward uses table, which uses torch.relu ",
        EXERCISE,
        ["table = {}", "table['f'] = torch.relu", body("table['f'](x)")],
    ),
    "list": (
        "relu_forward uses table, which uses torch.relu ",
        EXERCISE,
        ["table = []", "table.append(torch.relu)", body("table[0](x)")],
    ),
    "attribute of the function": (
        "uses torch.relu ",
        EXERCISE,
        [body("relu_forward.f(x)"), "relu_forward.f = torch.relu"],
    ),
    "loop variable": (
        "relu_forward uses f, which uses torch.relu ",
        EXERCISE,
        ["for f in [torch.relu]:\n    pass", body("f(x)")],
    ),
    "walrus": ("relu_forward uses torch.relu ", EXERCISE, ["print(f := torch.relu)", body("f(x)")]),
    "global of a function": (
        "relu_forward uses f, which uses torch.relu ",
        EXERCISE,
        ["f = abs\n\n\ndef set_f():\n    global f\n    f = torch.relu", "set_f()", body("f(x)")],
    ),
    "globals": ("uses torch.relu ", EXERCISE, [body('globals()["torch"].relu(x)')]),
    "inside a %%time cell": ("uses torch.relu ", EXERCISE, ["%%time\n" + body("torch.relu(x)")]),
    "beside a magic": ("uses torch.relu ", EXERCISE, ["%matplotlib inline\n" + body("torch.relu(x)")]),
    "in a comprehension": ("uses torch.relu ", EXERCISE, [body("torch.stack([torch.relu(row) for row in x])")]),
    "hidden in a try": ("uses torch.relu ", EXERCISE, [body("try: y = torch.relu(x)", "except Exception: y = x", "y")]),
    "a relative": ("uses F.threshold ", EXERCISE, [body("F.threshold(x, 0, 0)")]),
    "another relative": ("uses F.prelu ", EXERCISE, [body("F.prelu(x, torch.zeros(1))")]),
    "backward": ("uses backward ", AUTOGRAD, [body("x.sum().backward()", "x")]),
    "backward of the class": ("uses torch.Tensor.backward ", AUTOGRAD, [body("torch.Tensor.backward(x)", "x")]),
    "autograd": ("uses torch.autograd.grad ", AUTOGRAD, [body("torch.autograd.grad(x, x)")]),
    "imported autograd": (
        "uses torch.autograd.grad ",
        AUTOGRAD,
        ["from torch.autograd import grad", body("grad(x, x)")],
    ),
    "autograd under a name": ("uses A.grad ", AUTOGRAD, ["import torch.autograd as A", body("A.grad(x, x)")]),
    "the whole of autograd": ("uses torch.autograd ", AUTOGRAD, [body("[torch.autograd][0].grad(x, x)")]),
    "func": ("uses torch.func.vjp ", AUTOGRAD, [body("torch.func.vjp(abs, x)")]),
    "functorch": ("uses functorch.grad ", AUTOGRAD, ["import functorch", body("functorch.grad(abs)(x)")]),
    "torch.nn.grad": ("uses torch.nn.grad.conv2d_input ", AUTOGRAD, [body("torch.nn.grad.conv2d_input(x, x, x)")]),
    "requires_grad": ("uses requires_grad=True ", AUTOGRAD, [body("torch.ones(3, requires_grad=True)")]),
    "requires_grad of a method": ("uses requires_grad=True ", AUTOGRAD, [body("x.new_ones(3, requires_grad=True)")]),
    "requires_grad set": ("uses requires_grad=True ", AUTOGRAD, [body("x.requires_grad = True", "x")]),
    "requires_grad_": ("uses x.requires_grad_ ", AUTOGRAD, [body("x.requires_grad_()")]),
    "enable_grad": ("uses torch.enable_grad ", AUTOGRAD, ["@torch.enable_grad()\n" + body("x")]),
    "set_grad_enabled": ("uses torch.set_grad_enabled ", AUTOGRAD, [body("torch.set_grad_enabled(True)", "x")]),
    "checkpoint": (
        "checkpoint",
        AUTOGRAD,
        ["from torch.utils.checkpoint import checkpoint", body("checkpoint(abs, x)")],
    ),
    "exec": ("uses exec ", NEEDLESS, [body("exec('y = 1')", "x")]),
    "exec of everything": (
        "relu_forward uses exec ",
        NEEDLESS,
        ["exec('def relu' + '_forward(x): return x.relu(), x')"],
    ),
    "eval": ("uses eval ", NEEDLESS, [body("eval('torch.re' + 'lu')(x)")]),
    "eval under a name": (
        "relu_forward uses eval ",
        NEEDLESS,
        ["e = eval", body("e('torch.re' + 'lu')(x)")],
    ),
    "compile": ("uses compile ", NEEDLESS, [body("compile('x', '', 'eval')")]),
    "__import__": ("uses __import__ ", NEEDLESS, [body("__import__('tor' + 'ch')")]),
    "computed name": ("uses getattr on torch ", NEEDLESS, [body("getattr(torch, 're' + 'lu')(x)")]),
    "computed name of functional": (
        "uses getattr on F ",
        NEEDLESS,
        [body("name = 're' + 'lu'", "getattr(F, name)(x)")],
    ),
    "vars": ("uses vars on torch ", NEEDLESS, [body("vars(torch)['re' + 'lu'](x)")]),
    "__dict__": ("uses torch.__dict__ ", NEEDLESS, [body("torch.__dict__['re' + 'lu'](x)")]),
    "computed global": ("uses globals ", NEEDLESS, [body("globals()['tor' + 'ch']")]),
    "sys.modules": ("uses sys.modules ", NEEDLESS, ["import sys", body("sys.modules['torch']")]),
    "sys within another": (
        "uses warnings.sys.modules ",
        NEEDLESS,
        ["import warnings", body("warnings.sys.modules['torch']")],
    ),
    "frame": ("uses sys._getframe ", NEEDLESS, ["import sys", body("sys._getframe(1)")]),
    "frame of an exception": (
        "uses f_globals ",
        NEEDLESS,
        [body("e = Exception().__traceback__", "e.tb_next.tb_lasti.f_globals")],
    ),
    "__globals__": ("uses abs.__globals__ ", NEEDLESS, [body("abs.__globals__['torch']")]),
    "__builtins__": ("uses __builtins__ ", NEEDLESS, [body("__builtins__['ev' + 'al']")]),
    "__subclasses__": ("uses __subclasses__ ", NEEDLESS, [body("().__class__.__base__.__subclasses__()")]),
    "__code__": ("uses __code__ ", NEEDLESS, ["def f(x): return x", body("f.__code__")]),
    "get_ipython": ("uses get_ipython ", NEEDLESS, [body("get_ipython().user_ns['torch']")]),
    "magic inside": ("uses get_ipython ", NEEDLESS, ["def relu_forward(x):\n    %run other.py\n    return x, x"]),
    "ctypes": (
        "relu_forward imports ctypes (line 2 of its cell: `import ctypes`)",
        NEEDLESS,
        ["import os\nimport ctypes", body("ctypes.CDLL('')")],
    ),
    "part of ctypes": ("imports ctypes ", NEEDLESS, ["from ctypes import CDLL", body("CDLL('')")]),
    "import inside": ("imports subprocess ", NEEDLESS, [body("import subprocess", "x")]),
    "threads": (
        "relu_forward uses helper, which imports threading ",
        NEEDLESS,
        ["import threading", "def helper():\n    threading.Thread()", body("helper()")],
    ),
    "pools": ("imports concurrent ", NEEDLESS, ["from concurrent.futures import ThreadPoolExecutor as T", body("T()")]),
    "importlib": (
        "imports importlib ",
        NEEDLESS,
        ["import importlib", body("importlib.import_module('torch').exp(x)")],
    ),
    "a pool of tqdm's": (
        "uses tqdm.contrib.concurrent.thread_map ",
        NEEDLESS,
        ["from tqdm.contrib.concurrent import thread_map", body("thread_map(abs, x)")],
    ),
    "a pool of scikit-learn's": (
        "uses sklearn.utils.parallel.Parallel ",
        NEEDLESS,
        ["from sklearn.utils.parallel import Parallel, delayed", body("Parallel()([])")],
    ),
    "a pool within another": (
        "uses sklearn.utils.parallel.joblib.Parallel ",
        NEEDLESS,
        ["import sklearn.utils.parallel as p", body("p.joblib.Parallel()")],
    ),
    "a pool of torch's": (
        "torch.nn.parallel.parallel_apply ",
        NEEDLESS,
        [body("nn.parallel.parallel_apply([abs], [x])")],
    ),
    "objects of the garbage collector": ("uses gc.get_objects ", NEEDLESS, ["import gc", body("gc.get_objects()")]),
    "hardtanh": ("uses F.hardtanh ", EXERCISE, [body("F.hardtanh(x, 0, float('inf'))")]),
    "a file that is run": (
        "relu_forward uses helper, which comes from %run (line 1 of its cell: `%run helpers.py`)",
        "define it in a cell",
        ["%run helpers.py", body("helper(x)")],
    ),
    "a file that is run in a function": (
        "relu_forward uses helper, which comes from %run ",
        "define it in a cell",
        ["def load():\n    get_ipython().run_line_magic('run', 'helpers.py')", "load()", body("helper(x)")],
    ),
    "everything in a file that is run": ("relu_forward comes from %run ", "define it in a cell", ["%run helpers.py"]),
    "a file that is run, beside a star": (
        "relu_forward uses helper, which comes from %run ",
        "define it in a cell",
        ["from math import *\n%run -i helpers.py", body("helper(x)")],
    ),
    "a file that is run in place of what is not written": (
        "relu_forward comes from %run ",
        "define it in a cell",
        [STUB, "%run helpers.py"],
    ),
    "a helper that a file writes anew": (
        "relu_forward uses helper, which comes from %run ",
        "define it in a cell",
        ["def helper(x):\n    raise NotImplementedError()", "%run helpers.py", body("helper(x)")],
    ),
    "exec in place of what is not written": ("uses exec ", NEEDLESS, [STUB, "exec(open('helpers.py').read())"]),
    "exec in a function": (
        "relu_forward uses exec ",
        NEEDLESS,
        ["def load():\n    exec(open('helpers.py').read(), globals())", "load()", body("helper(x)")],
    ),
    "names made by a table": (
        "relu_forward uses helper, which comes from globals().update ",
        "define it in a cell",
        ["globals().update({'hel' + 'per': torch.relu})", body("helper(x)")],
    ),
    "a name made by its parts": (
        "relu_forward uses helper, which comes from globals() ",
        "define it in a cell",
        ["globals()['hel' + 'per'] = torch.relu", body("helper(x)")],
    ),
    "names pushed": (
        "relu_forward uses helper, which comes from get_ipython().push ",
        "define it in a cell",
        ["get_ipython().push({'hel' + 'per': torch.relu})", body("helper(x)")],
    ),
    "a cell too long to be read": (
        "relu_forward uses helper, which comes from a cell that is too long to be read ",
        "define it in a cell",
        ["helper = torch.relu\n" + "#" * 200_000, body("helper(x)")],
    ),
    "a timed line": ("relu_forward uses torch.relu ", EXERCISE, ["%time helper = torch.relu", body("helper(x)")]),
    "what a cell showed": ("uses Out ", NEEDLESS, ["torch.relu", body("Out[1](x)")]),
    "what the last cell showed": ("uses _ ", NEEDLESS, ["torch.relu", body("_(x)")]),
    "what a numbered cell showed": ("uses _1 ", NEEDLESS, ["torch.relu", body("_1(x)")]),
    "a computed name of numpy": (
        "uses getattr on np ",
        NEEDLESS,
        ["import numpy as np", body("getattr(np, 'ta' + 'nh')(x)")],
    ),
    "another framework": ("imports tensorflow ", NEEDLESS, ["import tensorflow as tf", body("tf.nn.relu(x)")]),
    "a module of the student's": ("imports mine ", NEEDLESS, ["from mine import *", body("helper(x)")]),
    "os.system": ("uses os.system ", NEEDLESS, ["import os", body("os.system('ls')")]),
    "os by part": ("uses os.fork ", NEEDLESS, ["from os import fork", body("fork()")]),
    "the references": (
        "uses autograder.references.activations.relu ",
        NEEDLESS,
        ["from autograder.references import activations as a", body("a.relu(x)")],
    ),
    "the judge": (
        "uses autograder.judge.SLACK ",
        NEEDLESS,
        ["import autograder.judge", body("autograder.judge.SLACK")],
    ),
    "jit": ("uses torch.jit.script ", NEEDLESS, ["@torch.jit.script\n" + body("x")]),
    "torch.compile": ("uses torch.compile ", NEEDLESS, ["@torch.compile\n" + body("x")]),
    "library": ("uses torch.library.Library ", NEEDLESS, [body("torch.library.Library('aten', 'IMPL')")]),
    "extension": (
        "uses torch.utils.cpp_extension.load ",
        NEEDLESS,
        ["from torch.utils.cpp_extension import load", body("load('a')")],
    ),
    "dispatch off": ("uses torch._C._DisableTorchDispatch ", NEEDLESS, [body("torch._C._DisableTorchDispatch()")]),
    "overrides": (
        "uses torch.overrides.BaseTorchFunctionMode ",
        NEEDLESS,
        [body("torch.overrides.BaseTorchFunctionMode()")],
    ),
    "patched inside": ("changes F.hardtanh ", "as it is", [body("F.hardtanh = abs", "F.hardtanh(x)")]),
    "patched by setattr": ("changes F.hardtanh ", "as it is", [body('setattr(F, "hardtanh", abs)', "x")]),
    "patched in another cell": (
        "relu_forward needs torch.Tensor.clamp, which another cell changes ",
        "as it is",
        ["torch.Tensor.clamp = lambda x, min: x", RIGHT],
    ),
    "patched by setattr in another cell": (
        "needs torch.Tensor.clamp, ",
        "as it is",
        ['setattr(torch.Tensor, "clamp", abs)', RIGHT],
    ),
    "a patched operator": ("needs T.__add__, ", "as it is", ["T = torch.Tensor\nT.__add__ = abs", RIGHT]),
    "a patched autograder": ("needs c.run, ", "as it is", ["import autograder.calls as c\nc.run = abs", RIGHT]),
}


@pytest.mark.parametrize(("named", "ending", "cells"), TRICKS.values(), ids=TRICKS.keys())
def test_a_trick_is_called_by_its_name(named, ending, cells):
    sentence = said(*cells)
    assert sentence
    assert sentence.startswith("relu_forward ")
    assert named in sentence
    assert ending in sentence


def test_the_whole_sentence():
    cell = "import math\n\ndef relu_forward(x):\n    return F.relu(x), x"
    assert said(cell) == (
        "relu_forward uses F.relu (line 4 of its cell: `return F.relu(x), x`), "
        "which is the exercise itself: use simpler operations."
    )
    assert said("def relu_forward(x):\n    x.requires_grad_()") == (
        "relu_forward uses x.requires_grad_ (line 2 of its cell: `x.requires_grad_()`), "
        "which is autograd: write the gradient by hand."
    )


BACKWARD = "def relu_backward(dout, x):\n    return dout * (x > 0)"


def test_the_forward_of_a_backward_counts():
    forward = "def relu_forward(x):\n    return x, torch.autograd.grad(x, x)"
    assert said(forward, BACKWARD, name="relu_backward").startswith(
        "relu_backward needs relu_forward, which uses torch.autograd.grad (line 2"
    )
    forward = "def relu_forward(x):\n    return x, torch.ops.aten.threshold_backward(x, x, 0)"
    assert "uses torch.ops.aten.threshold_backward" in said(forward, BACKWARD, name="relu_backward")


def test_the_forward_may_break_its_own_rules_where_the_backward_is_judged():
    assert said(body("torch.relu(x)"), BACKWARD, name="relu_backward") is None


def test_what_the_backward_itself_calls_must_keep_its_rules():
    backward = "def relu_backward(dout, x):\n    return dout * (relu_forward(x)[0] > 0)"
    assert "uses relu_forward, which uses torch.relu " in said(body("torch.relu(x)"), backward, name="relu_backward")


def test_the_backward_does_not_count_for_the_forward():
    assert said(RIGHT, "def relu_backward(dout, x):\n    return torch.autograd.grad(x, x, dout)") is None


def test_cells_that_have_not_run_yet_do_not_count():
    sources = Sources([START, RIGHT, body("torch.relu(x)")])
    problem = problems()["relu_forward"]
    assert broken(sources, problem, ran=2) is None
    assert "torch.relu" in broken(sources, problem, ran=3)
    assert "torch.relu" in broken(sources, problem)


# What an exercise of a later chapter may forbid, and public names of it.
SPELLINGS = {
    "convolution": [
        "F.conv2d",
        "nn.Conv2d",
        "torch.conv1d",
        "torch.conv2d",
        "torch.convolution",
        "nn.functional.conv3d",
    ],
    "native_batch_norm": ["F.batch_norm", "nn.BatchNorm2d", "torch.batch_norm"],
    "max_pool2d_with_indices": ["F.max_pool2d", "nn.MaxPool2d", "torch.max_pool2d", "F.max_pool2d_with_indices"],
    "_softmax": ["F.softmax", "torch.softmax", "nn.Softmax", "torch.special.softmax"],
    "_log_softmax": ["F.log_softmax", "nn.LogSoftmax"],
    "cross_entropy_loss": ["F.cross_entropy", "nn.CrossEntropyLoss"],
    "nll_loss_forward": ["F.nll_loss", "nn.NLLLoss"],
    "native_layer_norm": ["F.layer_norm", "nn.LayerNorm"],
    "rrelu_with_noise": ["F.rrelu", "nn.RReLU"],
}


@pytest.mark.parametrize(("operation", "names"), SPELLINGS.items(), ids=SPELLINGS.keys())
def test_an_operation_is_known_by_its_public_names(operation, names):
    problem = replace(problems()["relu_forward"], forbidden=frozenset({operation}))
    for name in names:
        assert f"uses {name} " in (rule_broken(problem, [START, body(f"{name}(x)")]) or ""), name


def test_a_method_that_a_list_has_too_says_nothing():
    problem = replace(problems()["relu_forward"], forbidden=frozenset({"sort", "max"}))
    assert rule_broken(problem, [START, body("sizes = list(x.shape)", "sizes.sort()", "x")]) is None
    assert "uses torch.sort " in rule_broken(problem, [START, body("torch.sort(x)")])


# The exercise itself in other libraries, by the full names of its functions.
ELSEWHERE = {
    "sigmoid_forward": """
        scipy.special.expit scipy.special.log_expit scipy.stats.logistic scipy.stats.genlogistic
        sklearn.neural_network.MLPClassifier
    """,
    "tanh_forward": "numpy.tanh math.tanh cmath.tanh numpy.ma.tanh sklearn.neural_network.MLPRegressor",
    "tanh_backward": "numpy.tanh math.tanh",
    "relu_forward": "sklearn.neural_network._base.ACTIVATIONS",
    "softmax_forward": """
        scipy.special.softmax scipy.special.log_softmax scipy.special.logsumexp sklearn.utils.extmath.softmax
        sklearn.neural_network._base.ACTIVATIONS numpy.logaddexp.reduce numpy.logaddexp.accumulate
    """,
    "softmax_backward": "scipy.special.softmax",
    "cross_entropy": "sklearn.metrics.log_loss scipy.special.log_softmax scipy.special.logsumexp",
    "numerical_gradient": """
        scipy.optimize.approx_fprime scipy.optimize._numdiff.approx_derivative scipy.differentiate.derivative
        scipy.differentiate.jacobian
    """,
    "conv2d_forward": """
        numpy.convolve numpy.correlate scipy.signal.convolve scipy.signal.convolve2d scipy.signal.correlate
        scipy.signal.correlate2d scipy.signal.fftconvolve scipy.signal.oaconvolve scipy.signal.lfilter
        scipy.signal.sepfir2d scipy.signal.upfirdn scipy.ndimage.convolve scipy.ndimage.correlate
        scipy.ndimage.convolve1d scipy.ndimage.correlate1d scipy.ndimage.generic_filter
        skimage.filters.correlate_sparse PIL.ImageFilter.Kernel
    """,
    "conv2d_backward": "scipy.signal.correlate2d scipy.signal.convolve2d",
    "conv2d_forward_fast": "scipy.signal.fftconvolve",
    "max_pool2d_forward": """
        scipy.ndimage.maximum_filter scipy.ndimage.maximum_filter1d scipy.ndimage.minimum_filter
        scipy.ndimage.minimum_filter1d scipy.ndimage.grey_dilation scipy.ndimage.grey_erosion scipy.ndimage.rank_filter
        scipy.ndimage.percentile_filter scipy.ndimage.generic_filter scipy.signal.order_filter
        skimage.measure.block_reduce skimage.morphology.dilation skimage.morphology.erosion skimage.filters.rank.maximum
        PIL.ImageFilter.MaxFilter
    """,
    "avg_pool2d_forward": """
        scipy.ndimage.uniform_filter scipy.ndimage.uniform_filter1d scipy.ndimage.generic_filter
        skimage.measure.block_reduce skimage.transform.downscale_local_mean skimage.filters.rank.mean
        PIL.ImageFilter.BoxBlur
    """,
    "global_avg_pool_forward": "skimage.measure.block_reduce",
    "im2col": """
        numpy.lib.stride_tricks.sliding_window_view numpy.lib.stride_tricks.as_strided skimage.util.view_as_windows
        skimage.util.view_as_blocks sklearn.feature_extraction.image.extract_patches_2d
        sklearn.feature_extraction.image.PatchExtractor
    """,
    "col2im": "sklearn.feature_extraction.image.reconstruct_from_patches_2d",
    "train_small_cnn": """
        sklearn.neural_network.MLPClassifier sklearn.svm.SVC sklearn.neighbors.KNeighborsClassifier
        sklearn.linear_model.LogisticRegression sklearn.ensemble.RandomForestClassifier
        sklearn.tree.DecisionTreeClassifier sklearn.naive_bayes.GaussianNB
        sklearn.discriminant_analysis.LinearDiscriminantAnalysis sklearn.gaussian_process.GaussianProcessClassifier
        sklearn.semi_supervised.LabelSpreading scipy.signal.correlate2d
    """,
    "minibatches": """
        sklearn.utils.gen_batches sklearn.utils.gen_even_slices sklearn.model_selection.KFold
        sklearn.model_selection.ShuffleSplit
    """,
    "adam_step": "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "momentum_step": "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "train_softmax_classifier": "sklearn.linear_model.LogisticRegression sklearn.neural_network.MLPClassifier",
    "fit_standardizer": "sklearn.preprocessing.StandardScaler sklearn.preprocessing.scale",
    "standardize": "sklearn.preprocessing.StandardScaler scipy.stats.zscore scipy.stats.zmap",
    "channel_mean_std": "sklearn.preprocessing.StandardScaler",
    "min_max_scale": """
        sklearn.preprocessing.MinMaxScaler sklearn.preprocessing.minmax_scale sklearn.preprocessing.MaxAbsScaler
        sklearn.preprocessing.maxabs_scale skimage.exposure.rescale_intensity
    """,
    "pca_fit": """
        sklearn.decomposition.PCA sklearn.decomposition.IncrementalPCA sklearn.decomposition.KernelPCA
        sklearn.decomposition.SparsePCA
    """,
    "pca_transform": "sklearn.decomposition.PCA",
    "whiten": """
        sklearn.decomposition.PCA scipy.cluster.vq.whiten sklearn.decomposition.FastICA sklearn.decomposition.fastica
    """,
    "batch_norm_forward": "sklearn.preprocessing.StandardScaler sklearn.preprocessing.scale scipy.stats.zscore",
    "layer_norm_forward": "sklearn.preprocessing.scale scipy.stats.zscore",
    "markov_fit": "sklearn.metrics.confusion_matrix pandas.crosstab",
    "average_precision": """
        sklearn.metrics.average_precision_score sklearn.metrics.precision_recall_curve
        sklearn.metrics.PrecisionRecallDisplay
    """,
    "smooth_l1": "scipy.special.huber scipy.special.pseudo_huber",
    "confusion_matrix": """
        sklearn.metrics.confusion_matrix sklearn.metrics.multilabel_confusion_matrix
        sklearn.metrics.cluster.contingency_matrix sklearn.metrics.ConfusionMatrixDisplay
        skimage.metrics.contingency_table pandas.crosstab
    """,
    "mean_iou": "sklearn.metrics.jaccard_score",
    "pixel_cross_entropy": "sklearn.metrics.log_loss",
}
ELSEWHERE_ROWS = [(name, path) for name, paths in ELSEWHERE.items() for path in paths.split()]


@pytest.mark.parametrize(("name", "path"), ELSEWHERE_ROWS, ids=lambda part: part)
def test_the_exercise_itself_is_known_in_other_libraries(name, path):
    module, _, function = path.rpartition(".")
    defined = f"def {name}(*arguments):\n    return {{}}(*arguments), None"
    for cells in (
        [f"import {module}", defined.format(path)],
        [f"from {module} import {function} as f", defined.format("f")],
        [f"import {module} as m", f"f = m.{function}", defined.format("f")],
        [
            defined.format("helper"),
            f"def helper(*arguments):\n    import {module} as m\n    return m.{function}(*arguments)",
        ],
    ):
        assert EXERCISE in (said(*cells, name=name) or ""), cells


def test_every_name_of_another_library_is_tried_and_leads_somewhere():
    tried = {name: [tuple(path.split(".")) for path in paths.split()] for name, paths in ELSEWHERE.items()}
    rest = {forbidden for problem in problems().values() for forbidden in problem.forbidden if "." in forbidden}
    for name, paths in tried.items():
        for forbidden in problems()[name].forbidden & rest:
            exercise = Exercise.of({forbidden})
            if any(exercise.is_reached_by(path) for path in paths):
                rest.discard(forbidden)
    assert not rest
    for _, path in ELSEWHERE_ROWS:
        # Of what is not installed here nothing is known.
        if importlib.util.find_spec(path.partition(".")[0]):
            assert pydoc.locate(path) is not None, path


# What an exercise may be built from, close as it is.
BUILDING_BLOCKS = {
    "sigmoid_forward": "numpy.exp math.exp cmath.exp numpy.where numpy.reciprocal scipy.special.exprel",
    "tanh_forward": "numpy.sinh numpy.cosh math.sinh math.exp math.expm1 numpy.expm1 numpy.arctanh math.atanh",
    "relu_forward": "numpy.maximum numpy.clip numpy.where math.fabs numpy.heaviside torch.clamp torch.maximum",
    "leaky_relu_forward": "numpy.maximum numpy.where torch.where",
    "elu_forward": "numpy.exp numpy.expm1 math.exp scipy.special.expm1",
    "softmax_forward": "numpy.exp numpy.max numpy.log numpy.logaddexp scipy.special.xlogy torch.logaddexp math.log",
    "cross_entropy": "numpy.log math.log scipy.special.xlogy torch.gather sklearn.preprocessing.OneHotEncoder",
    "numerical_gradient": "numpy.ndindex numpy.nditer itertools.product math.sqrt numpy.finfo",
    "linear_forward": "numpy.matmul numpy.dot numpy.einsum torch.addmm",
    "conv2d_forward": """
        numpy.pad numpy.prod numpy.einsum numpy.tensordot math.sqrt math.prod numpy.lib.stride_tricks.as_strided
        numpy.lib.stride_tricks.sliding_window_view scipy.fft.fft2 numpy.fft.rfft2 scipy.linalg.toeplitz
        scipy.signal.windows.hann torch.nn.functional.pad torch.nn.functional.unfold torch.fft.rfft2
    """,
    "conv_output_size": "math.floor math.ceil numpy.floor operator.index",
    "max_pool2d_forward": "numpy.max numpy.maximum.reduce numpy.argmax torch.nn.functional.unfold",
    "avg_pool2d_forward": "numpy.mean numpy.cumsum numpy.add.reduceat torch.cumsum scipy.ndimage.zoom",
    "im2col": "numpy.arange numpy.meshgrid numpy.ix_ numpy.indices torch.nn.functional.pad",
    "col2im": "numpy.add.at numpy.ravel_multi_index torch.Tensor.index_add_ torch.scatter_add",
    "fit_standardizer": "numpy.std numpy.mean numpy.ptp statistics.fmean statistics.pstdev scipy.stats.describe",
    "standardize": "numpy.subtract numpy.divide sklearn.utils.check_array",
    "min_max_scale": "numpy.ptp numpy.amin numpy.interp",
    "pca_fit": """
        numpy.linalg.svd numpy.linalg.eigh numpy.cov scipy.linalg.svd scipy.linalg.eigh torch.linalg.svd
        torch.svd_lowrank sklearn.utils.extmath.svd_flip sklearn.utils.extmath.randomized_svd
    """,
    "whiten": "numpy.linalg.eigh numpy.linalg.cholesky scipy.linalg.sqrtm torch.pca_lowrank numpy.cov",
    "xavier_normal": "math.sqrt numpy.prod math.prod numpy.sqrt torch.randn",
    "batch_norm_forward": "numpy.mean numpy.var numpy.sqrt torch.rsqrt statistics.fmean",
    "local_response_norm_forward": "numpy.cumsum scipy.ndimage.uniform_filter1d torch.nn.functional.avg_pool3d",
    "train_small_cnn": "sklearn.utils.shuffle sklearn.metrics.accuracy_score torch.randperm math.sqrt numpy.prod",
    "markov_fit": """
        numpy.add.at numpy.bincount numpy.histogram2d numpy.unique itertools.pairwise collections.Counter
        scipy.sparse.coo_matrix sklearn.preprocessing.normalize torch.bincount torch.scatter_add
    """,
    "rnn_step_forward": "numpy.tanh math.tanh numpy.matmul numpy.concatenate torch.tanh torch.addmm",
    "rnn_forward": "numpy.stack functools.reduce itertools.accumulate torch.nn.utils.rnn.pad_sequence torch.stack",
    "rnn_backward": "numpy.zeros_like numpy.flip torch.flip torch.outer",
    "lstm_step_forward": "scipy.special.expit numpy.split torch.sigmoid torch.chunk torch.nn.functional.sigmoid",
    "clip_gradients": """
        math.sqrt math.hypot math.fsum numpy.linalg.norm scipy.linalg.norm torch.linalg.vector_norm torch.norm
        torch.nn.utils.parameters_to_vector torch.nn.utils.clip_grad_value_
    """,
    "box_iou": "numpy.maximum numpy.minimum numpy.clip torch.minimum torch.prod torch.where itertools.product",
    "nms": "numpy.argsort numpy.lexsort torch.sort torch.argmax torch.topk heapq.heappop builtins.sorted",
    "average_precision": "numpy.cumsum numpy.maximum.accumulate numpy.trapezoid torch.cummax sklearn.metrics.auc",
    "encode_boxes": "math.log numpy.log torch.log torch.diff",
    "decode_boxes": "math.exp numpy.exp torch.addcmul",
    "smooth_l1": "numpy.where torch.clamp torch.sign torch.nn.functional.mse_loss torch.nn.functional.l1_loss",
    "spatial_pyramid_pool": "math.ceil numpy.max torch.amax torch.nn.functional.max_pool2d numpy.maximum.reduceat",
    "roi_max_pool_forward": "math.floor numpy.floor torch.round torch.argmax torch.nn.functional.max_pool2d",
    "roi_max_pool_backward": "torch.scatter_add torch.Tensor.index_add_ numpy.add.at numpy.unravel_index",
    "generate_anchors": "math.sqrt numpy.sqrt torch.cartesian_prod torch.outer itertools.product",
    "anchor_grid": "torch.meshgrid numpy.meshgrid numpy.mgrid torch.cartesian_prod torch.repeat_interleave",
    "assign_anchors": "numpy.argmax torch.max torch.bucketize numpy.select scipy.optimize.linear_sum_assignment",
    "yolo_decode": "torch.meshgrid torch.split numpy.reshape torch.nn.functional.unfold",
    "confusion_matrix": """
        torch.bincount torch.Tensor.index_put_ torch.nn.functional.one_hot torch.scatter_add numpy.bincount
        numpy.add.at numpy.histogram2d torch.histc
    """,
    "mean_iou": "torch.diagonal torch.diag torch.nanmean torch.trace numpy.diag numpy.diagonal numpy.nanmean",
    "linear_to_conv": "torch.reshape torch.unflatten torch.Tensor.view numpy.reshape",
    "conv_transpose2d_forward": """
        torch.nn.functional.fold torch.nn.functional.unfold torch.nn.functional.pad torch.einsum torch.tensordot
        torch.kron numpy.kron numpy.pad
    """,
    "conv_transpose2d_backward": """
        torch.nn.functional.unfold torch.nn.functional.pad torch.einsum torch.tensordot torch.Tensor.unfold
    """,
    "bilinear_kernel": "torch.outer torch.einsum torch.eye torch.linspace torch.minimum numpy.outer numpy.bartlett",
    "pixel_cross_entropy": """
        torch.softmax torch.log_softmax torch.nn.functional.log_softmax torch.logsumexp torch.gather
        torch.nn.functional.one_hot scipy.special.log_softmax scipy.special.logsumexp
    """,
}
BUILDING_ROWS = [(name, path) for name, paths in BUILDING_BLOCKS.items() for path in paths.split()]


@pytest.mark.parametrize(("name", "path"), BUILDING_ROWS, ids=lambda part: part)
def test_what_an_exercise_may_be_built_from_is_left_alone(name, path):
    assert pydoc.locate(path) is not None
    module, _, function = path.rpartition(".")
    for cells in (
        [f"import {path.partition('.')[0]}", f"def {name}(*arguments):\n    return {path}(*arguments), None"],
        [
            f"from {module} import {function}",
            f"def {name}(*arguments):\n    return {function}(*arguments), None",
        ],
    ):
        assert said(*cells, name=name) is None


def test_a_library_is_known_by_way_of_another():
    for expression in ("statistics.math.tanh(3)", "plt.np.tanh(x)", "torch.math.tanh(3)"):
        cells = [
            "import statistics\nimport matplotlib.pyplot as plt",
            f"def tanh_forward(x):\n    return {expression}, x",
        ]
        assert EXERCISE in said(*cells, name="tanh_forward")


HOSTILE = {
    "deep attributes": "def relu_forward(x):\n    return x" + ".a" * 2500,
    "too deep attributes": "x" + ".a" * 50_000,
    "a long sum": "def relu_forward(x):\n    return " + "x + " * 2500 + "x",
    "deep minus": "-" * 100_000 + "1",
    "deep brackets": "[" * 150 + "]" * 150,
    "open brackets": "(" * 190_000,
    "deep lambdas": "relu_forward = " + "lambda: " * 80 + "1",
    "nested functions": "".join(f"{' ' * i}def relu_forward():\n" for i in range(95)) + " " * 95 + "pass",
    "NUL": "a\0b",
    "a lone surrogate": "a = '\ud800'",
    "a strange name": "ｒｅｌｕ_forward = 3",
    "a long alias chain": "\n".join(f"a{i + 1} = a{i}" for i in range(2000)) + "\nrelu_forward = a2000",
    "names for each other": "a = b\nb = a\nrelu_forward = a",
    "local names for each other": "def relu_forward(x):\n    a = b\n    b = a\n    return a.c",
    "a name bound often": "relu_forward = relu_forward.a\n" * 5000,
    "a name bound and used often": "def relu_forward(x):\n" + "    x = x.a\n" * 10_000,
    "a global used often": "if 1:\n" + "    g = g.a\n" * 8000 + "def relu_forward(x):\n" + "    g.b\n" * 8000,
    "many magics": "!ls\n" * 5000,
    "an endless magic": "%" * 10_000,
    "a magic of magics": "%%time\n" * 5000,
    "an import of nothing": "from . import relu_forward",
    "a star inside": "def relu_forward(x):\n    from torch import *",
    "a delete": "del relu_forward, torch.relu, globals()['x']",
    "patterns": "match x:\n    case {'a': a, **b} | [a, *b] as c:\n        relu_forward = a",
    "await": "relu_forward = await x\nasync for a in b: pass\nasync with a as b: pass",
    "too long": "def relu_forward(x):\n    return torch.relu(x), x\n" + "#" * 300_000,
    "nothing": "",
}


@pytest.mark.parametrize("cell", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_a_cell_holds_nothing_is_raised_and_it_does_not_take_long(cell):
    started = time.process_time()
    sentence = said(cell)
    assert sentence is None or isinstance(sentence, str)
    # A second of computing on a processor of today.
    assert time.process_time() - started < 10


def test_a_hostile_cell_does_not_hide_a_trick_in_another():
    for cell in HOSTILE.values():
        assert "torch.relu" in said(cell, body("torch.relu(x)"))


def test_nothing_of_the_student_is_run_or_imported(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    mark = tmp_path / "ran"
    cells = [f"import pathlib\npathlib.Path({str(mark)!r}).touch()", "from mine import *", body("helper(x)")]
    assert "imports mine" in said(*cells)
    assert not mark.exists()


def test_a_notebook_is_read_in_little_time():
    cells = code_of(solution_notebook("activations"))
    everything = problem_sets()["activations"]

    def seconds():
        started = time.process_time()
        sources = Sources(cells)
        for problem in everything:
            broken(sources, problem)
        return time.process_time() - started

    # As much as Python's own reading of the cells takes, a few times over.
    assert min(seconds() for _ in range(10)) < 10 * min(timed_parsing(cells) for _ in range(10))


def timed_parsing(cells):
    started = time.process_time()
    for cell in cells:
        ast.parse(cell)
    return time.process_time() - started


def test_names_that_many_modules_may_have_are_looked_up_in_little_time():
    """Half of the notebook imports all names of modules, the other half uses names that none of them has."""
    uses = "def relu_forward(x):\n" + "".join(f"    name{i}\n" for i in range(4000))

    def seconds(imported):
        started = time.process_time()
        assert said(imported * 4000 + uses) is None
        return time.process_time() - started

    # Imports of one name each.
    fair = min(seconds("from math import pi\n") for _ in range(3))
    assert min(seconds("from math import *\n") for _ in range(3)) < 2.5 * fair
