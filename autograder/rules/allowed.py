"""What functions may use, and what they must not, by name."""

import builtins
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy

from autograder.rules.scopes import Path


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _dotted(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in text.split())


# What an exercise could need. Of a module with a set of its own only these attributes are.
MODULES = _words("""
    torch numpy scipy sklearn matplotlib mpl_toolkits PIL pandas seaborn skimage einops opt_einsum tqdm ipywidgets
    IPython autograder functorch typing_extensions jaxtyping pylab
    __future__ abc argparse array base64 bisect builtins calendar cmath collections colorsys contextlib contextvars copy
    csv dataclasses datetime decimal difflib enum errno fractions functools gc glob graphlib hashlib heapq html inspect
    io itertools json keyword locale logging math numbers operator os pathlib platform pprint queue random re reprlib
    secrets statistics string struct sys tempfile textwrap time timeit traceback tracemalloc types typing unicodedata
    unittest uuid warnings weakref zlib zoneinfo
""")

PARTS = {
    "os": _words("""
        PathLike cpu_count curdir environ fspath getcwd getenv getpid linesep listdir makedirs name path pathsep
        scandir sep stat urandom walk
    """),
    "sys": _words("""
        argv byteorder displayhook exc_info executable exit flags float_info float_repr_style getdefaultencoding
        getrecursionlimit getsizeof hash_info implementation int_info maxsize maxunicode platform
        setrecursionlimit stderr stdout version version_info
    """),
    "gc": _words("""
        callbacks collect disable enable freeze garbage get_count get_stats get_threshold isenabled set_threshold
        unfreeze
    """),
    "inspect": _words("Parameter Signature getdoc isclass isfunction ismethod signature"),
    "IPython": _words("display"),
    "autograder": _words("check datasets device devices when_written"),
}

# Modules that others import, so that they lie within reach of any of them: warnings.sys, torch.os.
WITHIN = _words("""
    os sys builtins concurrent ctypes gc importlib inspect joblib marshal multiprocessing pickle pkgutil runpy socket
    subprocess threading _thread
""")

NOT_NEEDED = _dotted("""
    torch.jit torch.compile torch.library torch.utils.cpp_extension torch.multiprocessing torch.hub torch.fx
    torch.overrides torch.package torch.distributed torch.export torch.onnx torch.ops.load_library
    torch.ops.import_module torch.nn.parallel torch.nn.DataParallel sklearn.utils.parallel logging.handlers
    logging.config numpy.ctypeslib numpy.f2py traceback.walk_stack types.CodeType types.FunctionType
    types.FrameType builtins.exec builtins.eval builtins.compile builtins.__import__ builtins.__builtins__
    builtins.__loader__ builtins.__spec__ builtins.get_ipython
""")

# Libraries whose functions are not asked for by a computed name.
LIBRARIES = _words("torch functorch numpy scipy math cmath sklearn skimage autograder") | frozenset(PARTS)

# Helpers for sequences of several lengths, in a module that is called as a layer is.
PADDING = ("torch", "nn", "utils", "rnn")

# How modules that import a library call it.
NICKNAMES = {"np": "numpy", "sp": "scipy"}

AUTOGRADS = _dotted("""
    torch.autograd torch.func functorch torch.nn.grad torch.utils.checkpoint torch.enable_grad
    torch.Tensor.backward torch.Tensor.requires_grad_
""")

# These compute no gradient: a Function's forward and backward are the student's own.
NO_AUTOGRAD = _words("""
    Function FunctionCtx Variable function functional_call grad_mode inference_mode is_grad_enabled no_grad profiler
    set_grad_enabled stack_module_state variable vmap
""")

AUTOGRAD_METHODS = _words("backward requires_grad_")

# Ways from an object into the interpreter.
ESCAPES = _words("__builtins__ __closure__ __code__ __globals__ __import__ __loader__ __subclasses__")
FRAMES = _words("ag_frame cr_frame f_back f_builtins f_globals f_locals gi_frame tb_frame")

# Changing how a tensor is shown changes no result, and torch's settings are there to be set.
SHOWN = _words("__repr__ __str__ __format__ _repr_html_ _repr_png_")
SETTINGS = ("torch", "backends")
PATCHED = _words("torch functorch numpy scipy math operator functools itertools copy builtins autograder")
BUILTINS = frozenset(dir(builtins)) | {"__builtins__", "display", "get_ipython"}

# What IPython keeps of the cells that ran: any of them may be a function.
HISTORY = re.compile(r"In|Out|_[io]h|_{1,3}|_i{1,3}|_i?\d+")

# Methods that other things than tensors have: a call of one says nothing.
ELSEWHERE = frozenset(
    name for kind in (list, dict, set, tuple, str, bytes, float, int, complex, numpy.ndarray) for name in dir(kind)
)

_AROUND = re.compile(r"^(_|native_|cudnn_|mkldnn_|miopen_)+|(_kernel|_with_indices|_with_noise|_forward|_?loss)+$")
_DIMENSIONS = re.compile(r"^(conv|convtranspose|batchnorm|instancenorm|dropout)[123]d$")


@functools.lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """One word for an operation's name in aten and its public names, such as _softmax and Softmax."""
    plain = _AROUND.sub("", name.lower()).replace("_", "").replace("convolution", "conv")
    return _DIMENSIONS.sub(r"\1", plain)


@dataclass(frozen=True)
class Exercise:
    """The functions that are an exercise itself, as `problems.forbidden` names them: torch's, and other libraries'."""

    operations: frozenset[str]
    functions: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str]) -> "Exercise":
        dotted = frozenset(name for name in names if "." in name)
        operations = frozenset(map(plain, frozenset(names) - dotted))
        return cls(operations, frozenset(tuple(name.split(".")) for name in dotted))

    def is_reached_by(self, path: Path) -> bool:
        """Whether a dotted path leads to one of them, also by way of another module that imports its library."""
        path = tuple(NICKNAMES.get(part, part) for part in path)
        if path[: len(PADDING)] == PADDING:
            path = ("torch", *path[len(PADDING) :])
        return self.is_named_by(_below("torch", path)) or any(
            _contains(_below(library, path), rest) for library, *rest in self.functions
        )

    def is_named_by(self, parts: Path) -> bool:
        """Whether one of `parts` is the name of an operation of torch's."""
        return any(plain(part) in self.operations for part in parts)


def _below(module: str, path: Path) -> Path:
    return path[path.index(module) + 1 :] if module in path else ()


def _contains(path: Path, rest: list[str]) -> bool:
    return any(path[i : i + len(rest)] == tuple(rest) for i in range(len(path)))


def rerooted(path: Path) -> Path:
    """The path from the last module in it that others happen to import: sys.modules for warnings.sys.modules."""
    start = max((i for i, part in enumerate(path) if i and part in WITHIN), default=0)
    return path[start:]


def is_autograd(path: Path) -> bool:
    return any(path[: len(a)] == a and not NO_AUTOGRAD.intersection(path[len(a) :]) for a in AUTOGRADS)


def is_needless(path: Path) -> bool:
    path = rerooted(path)
    if path[0] not in MODULES or any(path[: len(n)] == n for n in NOT_NEEDED) or ESCAPES.intersection(path):
        return True
    if path[0] == "builtins" and len(path) > 1 and HISTORY.fullmatch(path[1]):
        return True
    if path[0] in PARTS and len(path) > 1:
        return path[1] not in PARTS[path[0]]
    return path[0] == "torch" and is_private(path)


def is_private(path: Path) -> bool:
    """Whether a path leads into what torch keeps for itself; its small helpers for layers are known to students."""
    if path[:4] == ("torch", "nn", "modules", "utils"):
        return False
    dunder = {"__dict__", "__getattr__", "__getattribute__"}
    return any(part in dunder or (part.startswith("_") and not part.startswith("__")) for part in path)
