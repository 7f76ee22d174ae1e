"""The rules about method, read from the source: what a graded function uses. Nothing of the student's is run.

`calls` enforces the same rules while a function runs. Reading finds what never gets as far as torch's dispatcher, and
deters; that the outputs are right is decided elsewhere. So where a use cannot be told from an ordinary one, it passes.

Only what the graded function can reach by name counts: functions, classes, assignments and imports of any cell, the
last definition of each name. What experiments do beside it does not. An assignment to ``torch.Tensor.clamp``, in
whatever cell, counts for a function that uses something called ``clamp``; one to an operator, to a private part of
torch or to the autograder always.
"""

import ast
import builtins
import functools
import re
import sys
import warnings
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy

from autograder.calls import AUTOGRAD, shorten
from autograder.problem import Problem

# Characters of a cell that is read, and of all cells together; exercises have a hundredth of it.
LONGEST_CELL = 200_000
LONGEST_NOTEBOOK = 1_000_000
# Characters that IPython may read in translating the magics of a notebook: it reads a cell once for each of them.
LONGEST_TRANSLATION = 100_000
# How many names may stand for each other, one after the other.
LONGEST_ALIAS = 20
# How many names of a notebook are looked up; a large one needs a hundredth of it.
MOST_STEPS = 100_000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _dotted(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in text.split())


# What an exercise could need. Of a module with a set of its own only these attributes are.
MODULES = _words("""
    torch numpy scipy sklearn matplotlib mpl_toolkits PIL pandas seaborn skimage einops opt_einsum tqdm ipywidgets
    IPython autograder functorch typing_extensions jaxtyping pylab
    __future__ abc array base64 bisect builtins calendar cmath collections colorsys contextlib copy csv dataclasses
    datetime decimal difflib enum errno fractions functools glob graphlib hashlib heapq html io itertools json keyword
    locale logging math numbers operator os pathlib platform pprint queue random re reprlib secrets statistics string
    struct sys tempfile textwrap time timeit traceback types typing unicodedata unittest uuid warnings weakref zlib
    zoneinfo
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
    "IPython": _words("display"),
    "autograder": _words("check datasets device devices when_written"),
}
# Modules that others import, so that they lie within reach of any of them: warnings.sys, torch.os.
WITHIN = _words("""
    os sys builtins ctypes gc importlib inspect marshal multiprocessing pickle pkgutil runpy socket subprocess
    threading _thread
""")
NOT_NEEDED = _dotted("""
    torch.jit torch.compile torch.library torch.utils.cpp_extension torch.multiprocessing torch.hub torch.fx
    torch.overrides torch.package torch.distributed torch.export torch.onnx torch.ops.load_library
    torch.ops.import_module numpy.ctypeslib numpy.f2py traceback.walk_stack types.CodeType types.FunctionType
    types.FrameType builtins.exec builtins.eval builtins.compile builtins.__import__ builtins.__builtins__
    builtins.__loader__ builtins.__spec__ builtins.get_ipython
""")
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

MUTATORS = _words("add append extend insert setdefault update")
MAKERS = _words("NamedTuple make_dataclass namedtuple setattr type")
BUILTINS = frozenset(dir(builtins)) | {"__builtins__", "get_ipython"}
# Methods that other things than tensors have: a call of one says nothing.
ELSEWHERE = frozenset(
    name for kind in (list, dict, set, tuple, str, bytes, float, int, complex, numpy.ndarray) for name in dir(kind)
)

# The ends of the sentences.
EXERCISE = ", which is the exercise itself: use simpler operations"
GRADIENT = f", which is {AUTOGRAD}"
NEEDLESS = ", which exercises do not need"
UNCHANGED = ": leave what you import as it is"

Path = tuple[str, ...]
_cell, _position = attrgetter("cell"), attrgetter("position")
_NESTED = ("body", "orelse", "finalbody", "handlers", "cases")


def broken(problem: Problem, cells: Sequence[str]) -> str | None:
    """One sentence that names a rule which the function of `problem` breaks, or None; see `Sources`."""
    return Sources(cells).broken(problem)


class Sources:
    """The code cells of a notebook, in the order in which they run; each is read once for all problems.

    Cells that are no Python, or too long to be a student's, are passed over. Nothing is raised, whatever they hold.
    """

    def __init__(self, cells: Sequence[str]):
        self._texts: dict[int, str] = {}
        self._trees: dict[int, ast.Module] = {}
        self._bindings: dict[str, list[_Binding]] = {}
        # What changes a thing that stays what it was: an entry of a dict, an attribute, a global set by a function.
        self._changes: dict[str, list[_Binding]] = {}
        self._stars: list[_Binding] = []
        self._executed: list[_Binding] = []
        self._uses: dict[_Binding, list[_Use]] = {}
        self._paths: dict[tuple[str, int | None, int | None], list[tuple[Path, _Binding | None]]] = {}
        self._count = self._steps = 0
        left, translation = LONGEST_NOTEBOOK, _Translation()
        with warnings.catch_warnings():
            # Python's opinion of the student's escapes is not for whoever grades.
            warnings.simplefilter("ignore")
            for i, cell in enumerate(cells):
                if len(cell) > min(LONGEST_CELL, left):
                    continue
                left -= len(cell)
                parsed = _parse(cell, translation)
                if parsed:
                    self._texts[i], self._trees[i] = parsed
                    self._index(i)

    def broken(self, problem: Problem, ran: int | None = None) -> str | None:
        """One sentence for the student that names a rule which the function of `problem` breaks; None if there is none.

        With `ran`, only the first `ran` cells have run when the function is called. A backward function is called
        after its forward, whose cache could carry the answer: that one may use the operation itself, as in a check,
        but neither autograd nor an operation's own backward.
        """
        forward = problem.name.removesuffix("_backward") + "_forward"
        forbidden = frozenset(map(_plain, problem.forbidden))
        searches = [(problem.name, problem.name, forbidden)]
        if forward != problem.name and problem.name.endswith("_backward"):
            gradients = frozenset(name for name in forbidden if name.endswith("backward"))
            searches.append((forward, f"{problem.name} needs {forward}, which", gradients))
        return next(filter(None, (_Search(self, *search, ran).finding() for search in searches)), None)

    def live(self, name: str, position: int | None, ran: int | None) -> list["_Binding"]:
        """What `name` may stand for at `position`, or at the end: its last certain definition and what came after."""
        bindings = self._bindings.get(name, [])
        known = len(bindings) if ran is None else bisect_left(bindings, ran, key=_cell)
        end = known if position is None else min(known, bisect_left(bindings, position, key=_position))
        found: list[_Binding] = []
        for binding in reversed(bindings[max(0, (end or known) - LONGEST_ALIAS) : end or known]):
            found.append(binding)
            if binding.certain:
                break
        if not any(binding.path for binding in found):
            changes = self._changes.get(name, ())[-LONGEST_ALIAS:]
            found.extend(change for change in changes if ran is None or change.cell < ran)
        return found

    def paths(self, root: str, position: int | None, ran: int | None) -> list[tuple[Path, "_Binding | None"]]:
        """The dotted paths that the global name `root` stands for, each with the import it comes from, if any."""
        if (root, position, ran) not in self._paths:
            self._paths[root, position, ran] = list(self._find_paths(root, position, ran))
        return self._paths[root, position, ran]

    def _find_paths(self, root: str, position: int | None, ran: int | None) -> Iterator[tuple[Path, "_Binding | None"]]:
        seen: set[tuple[str, int | None]] = set()
        waiting: list[tuple[str, Path, int | None]] = [(root, (), position)]
        while waiting and len(seen) < LONGEST_ALIAS and self._steps < MOST_STEPS:
            name, rest, where = waiting.pop()
            if (name, where) in seen:
                continue
            seen.add((name, where))
            bindings = self.live(name, where, ran)
            self._steps += 1 + len(bindings)
            if not bindings:
                yield from (((*path, *rest), None) for path in self._unbound(name, where, ran))
            for binding in bindings:
                if binding.path:
                    yield (*binding.path, *rest), binding
                elif binding.alias:
                    for base, middle in _Scope().chains(binding.node):
                        if base:
                            waiting.append((base, (*middle, *rest), binding.position))

    def _unbound(self, name: str, position: int | None, ran: int | None) -> Iterator[Path]:
        """Where a name comes from that nothing defines: from Python itself, or from ``from module import *``."""
        if name in BUILTINS:
            yield "builtins", name
            return
        stars = [
            s for s in self._stars if (position is None or s.position < position) and (ran is None or s.cell < ran)
        ]
        # Of a module that is loaded here it is known what it has; nothing is loaded for it.
        loaded = [sys.modules.get(".".join(s.path)) for s in stars]
        having = [s for s, module in zip(stars, loaded, strict=True) if module is None or name in vars(module)]
        needed = [s for s in having if s.path[0] in MODULES] or having
        if needed:
            yield (*needed[-1].path, name)

    def executed(self, name: str, ran: int | None) -> list["_Binding"]:
        """The calls of ``exec`` that must have defined a name which nothing else defines."""
        if name in self._bindings or name in BUILTINS or self._stars:
            return []
        return [b for b in self._executed if ran is None or b.cell < ran]

    def uses(self, binding: "_Binding") -> list["_Use"]:
        """What the statement behind a binding uses, in the order of its lines."""
        if binding not in self._uses:
            found = _Walk(binding).uses()
            self._uses[binding] = sorted(found, key=lambda use: (use.node.lineno, use.node.col_offset))
        return self._uses[binding]

    def changes(self, ran: int | None) -> Iterator["_Binding"]:
        """All assignments to attributes at the level of the cells."""
        for bindings in self._changes.values():
            yield from (b for b in bindings if b.target and (ran is None or b.cell < ran))

    def where(self, cell: int, node: ast.AST) -> str:
        """The line of `node`, in words, as `calls` says it."""
        lines = re.split(r"\r\n|\r|\n", self._texts[cell])
        source = lines[node.lineno - 1].strip() if node.lineno <= len(lines) else ""
        return f" (line {node.lineno} of its cell: `{shorten(source)}`)"

    @functools.cached_property
    def own(self) -> frozenset[str]:
        """Names of attributes that objects of the student's may have: a method call of one need not be a tensor's."""
        found: set[str] = set()
        for tree in self._trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    for member in node.body:
                        found.update(_bound_by(member))
                elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                    # Tensors have this one; everything else an object must have been given.
                    if node.attr != "requires_grad" or _last_name(node.value) == "self":
                        found.add(node.attr)
                elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg != "requires_grad"):
                    found.add(node.arg or "")
                elif isinstance(node, ast.Call) and _last_name(node.func) in MAKERS:
                    strings = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
                    found.update(w for s in strings if isinstance(s, str) for w in re.findall(r"\w+", s))
        return frozenset(found)

    def _index(self, cell: int) -> None:
        tree, text = self._trees[cell], self._texts[cell]
        for statement in tree.body:
            self._index_statement(cell, statement)
        if ":=" in text:
            for node in ast.walk(tree):
                if isinstance(node, ast.NamedExpr):
                    self._bind(node.target.id, cell, node.value, alias=True)
        if "global" in text:
            for function in ast.walk(tree):
                self._index_globals(cell, function)

    def _index_statement(self, cell: int, statement: ast.stmt) -> None:
        """Note what a statement and those in it define: for certain, if they do so whenever their cell runs."""
        waiting: list[tuple[ast.AST, bool]] = [(statement, True)]
        while waiting:
            node, certain = waiting.pop()
            self._count += 1
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    self._bind(node.name, cell, node, certain)
                    continue
                case ast.Import() | ast.ImportFrom():
                    self._import(cell, node, certain)
                case ast.Assign():
                    for target in node.targets:
                        self._assign(cell, target, node.value, certain)
                case ast.AnnAssign(value=ast.expr()):
                    self._assign(cell, node.target, node.value, certain)
                case ast.AugAssign():
                    self._assign(cell, node.target, node.value, False)
                case ast.For() | ast.AsyncFor():
                    self._assign(cell, node.target, node.iter, False)
                case ast.With() | ast.AsyncWith():
                    for item in node.items:
                        if item.optional_vars:
                            self._assign(cell, item.optional_vars, item.context_expr, certain)
                case ast.Expr(value=ast.Call()):
                    self._index_call(cell, node.value)
            # The body of a `with` runs whenever the statement does; that of any other may not.
            certain = certain and isinstance(node, ast.With)
            nested = [child for name in _NESTED for child in getattr(node, name, ())]
            waiting.extend((child, certain) for child in reversed(nested))

    def _index_call(self, cell: int, call: ast.Call) -> None:
        match call:
            case ast.Call(func=ast.Name(id="exec")):
                self._executed.append(_Binding("exec", cell, self._count, call))
            case ast.Call(func=ast.Name(id="setattr"), args=[target, ast.Constant(value=str(name)), value]):
                self._change(cell, ast.Attribute(target, name, ast.Store()), value, call)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in MUTATORS:
                self._changes.setdefault(name, []).append(_Binding(name, cell, self._count, call))

    def _index_globals(self, cell: int, function: ast.AST) -> None:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        nodes = list(ast.walk(function))
        names = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
        for node in nodes if names else ():
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in names:
                        binding = _Binding(target.id, cell, self._count, node.value)
                        self._changes.setdefault(target.id, []).append(binding)

    def _bind(self, name: str, cell: int, node: ast.AST, certain: bool = False, **more) -> None:
        binding = _Binding(name, cell, self._count, node, certain, **more)
        self._bindings.setdefault(name, []).append(binding)

    def _import(self, cell: int, node: ast.Import | ast.ImportFrom, certain: bool) -> None:
        for name, path in _imported(node):
            if name == "*":
                self._stars.append(_Binding(name, cell, self._count, node, path=path[:-1]))
            else:
                self._bind(name, cell, node, certain, path=path)

    def _assign(self, cell: int, target: ast.expr, value: ast.expr, certain: bool) -> None:
        waiting = [(target, value)]
        while waiting:
            target, value = waiting.pop()
            match target:
                case ast.Name():
                    self._bind(target.id, cell, value, certain, alias=True)
                case ast.Tuple() | ast.List():
                    # Each name its own value, where they stand side by side.
                    pairs = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
                    waiting.extend(zip(target.elts, value.elts if pairs else [value] * len(target.elts), strict=True))
                case ast.Starred():
                    waiting.append((target.value, value))
                case ast.Subscript(value=ast.Call(func=ast.Name(id="globals")), slice=ast.Constant(value=str(name))):
                    self._bind(name, cell, value, certain, alias=True)
                case ast.Attribute() | ast.Subscript():
                    self._change(cell, target, value, target)

    def _change(self, cell: int, target: ast.expr, value: ast.expr, node: ast.expr) -> None:
        """Note a change of a thing that has a name; `node` is where it stands."""
        parts: list[str] = []
        while isinstance(target, ast.Attribute | ast.Subscript):
            parts.append(target.attr if isinstance(target, ast.Attribute) else "[]")
            target = target.value
        if isinstance(target, ast.Name):
            path = () if "[]" in parts else tuple(reversed(parts))
            binding = _Binding(target.id, cell, self._count, value, target=path, at=node)
            self._changes.setdefault(target.id, []).append(binding)


@dataclass(frozen=True, eq=False)
class _Binding:
    """One definition of a name at the level of the cells; an import has the `path` of what it brings.

    `certain` if it replaces what the name was. `alias` if it makes the name another word for the value `node`.
    `target` are the attributes of a change like ``name.target = node``, which stands `at` a place of its own.
    """

    name: str
    cell: int
    position: int
    node: ast.AST
    certain: bool = False
    path: Path = ()
    alias: bool = False
    target: Path = ()
    at: ast.AST | None = None


@dataclass(slots=True)
class _Use:
    """One use of ``root.parts``; without a root it is an attribute of something unknown.

    `kind` is "call" or "value", "store" for an assignment to it, "import" for an import inside a function, "computed"
    for an attribute of it whose name is computed, "requires_grad" for a call with ``requires_grad=True``, "enable" for
    one that switches gradients on, and "globals". `position` is None for what runs when a function is called.
    """

    kind: str
    root: str | None
    parts: Path
    node: ast.AST
    position: int | None
    expression: ast.expr

    @property
    def spelled(self) -> str:
        """`expression` as the student wrote it, as far as it is names."""
        base, parts = _chain(self.expression)
        name = base.id if isinstance(base, ast.Name) else _of_globals(base)
        return shorten(".".join((name, *parts) if name else parts), 80)


@dataclass
class _Scope:
    """The names of one function, class body or comprehension, with the values that they are other words for."""

    parent: "_Scope | None" = None
    is_class: bool = False
    names: dict[str, list["ast.expr | Path"]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    _meanings: dict[str, list[tuple[str | None, Path]]] = field(default_factory=dict)

    def bind(self, name: str, value: "ast.expr | Path | None" = None) -> None:
        """Make `name` belong to this scope; what has no parent is the level of the cells, which keeps its own names."""
        if self.parent is not None:
            values = self.names.setdefault(name, [])
            if value is not None and len(values) < LONGEST_ALIAS:
                values.append(value)

    def find(self, name: str) -> "_Scope | None":
        """The scope that `name` belongs to; None if it is global."""
        scope, inner = self, True
        while scope is not None and name not in scope.globals:
            # The names of a class are seen in its body alone, not in its methods.
            if name in scope.names and (inner or not scope.is_class):
                return scope
            scope, inner = scope.parent, False
        return None

    def chains(self, expression: ast.expr) -> list[tuple[str | None, Path]]:
        """What a name with attributes stands for: global names or imports, each with its attributes."""
        base, parts = _chain(expression)
        if not isinstance(base, ast.Name):
            return [(_of_globals(base), parts)]
        owner = self.find(base.id)
        if owner is None:
            return [(base.id, parts)]
        return [(root, (*middle, *parts)) for root, middle in owner.meanings(base.id)]

    def meanings(self, local: str) -> list[tuple[str | None, Path]]:
        """`chains` of a name of this scope, whose names must all be known by now."""
        if local not in self._meanings:
            found = dict.fromkeys(self._find_meanings(local))
            self._meanings[local] = list(found)[:LONGEST_ALIAS] or [(None, ())]
        return self._meanings[local]

    def _find_meanings(self, local: str) -> Iterator[tuple[str | None, Path]]:
        waiting: list[tuple[str, Path, _Scope]] = [(local, (), self)]
        seen: set[tuple[int, str]] = set()
        while waiting:
            name, rest, scope = waiting.pop()
            owner = scope.find(name)
            if owner is None:
                yield name, rest
            elif len(seen) < LONGEST_ALIAS and (id(owner), name) not in seen:
                seen.add((id(owner), name))
                for value in owner.names[name]:
                    if isinstance(value, tuple):
                        yield ".".join(("import", *value)), rest
                        continue
                    base, parts = _chain(value)
                    if isinstance(base, ast.Name):
                        # A default value, as in `def f(x, torch=torch)`, belongs to the scope outside.
                        outside = (owner.parent or _Scope()) if base.id == name else owner
                        waiting.append((base.id, (*parts, *rest), outside))
                    elif outside := _of_globals(base):
                        yield outside, (*parts, *rest)


class _Search:
    """Looks through everything that one function reaches, nearest first, for the first rule that it breaks."""

    def __init__(self, sources: Sources, name: str, subject: str, forbidden: Collection[str], ran: int | None):
        self.sources, self.name, self.subject, self.forbidden, self.ran = sources, name, subject, forbidden, ran

    def finding(self) -> str | None:
        waiting = list(self.sources.live(self.name, None, self.ran))
        for binding in waiting:
            if binding.path:
                found = self._path(binding.path, binding, binding, binding.node, ".".join(binding.path))
                if found:
                    return found
        for binding in self.sources.executed(self.name, self.ran):
            return self._say(binding, binding.node, "uses exec", NEEDLESS)
        waiting = [b for b in waiting if not b.path]
        reached, attributes = set(waiting), set()
        for binding in waiting:
            for use in self.sources.uses(binding):
                found = self._use(use, binding)
                if found:
                    return found
                attributes.update(use.parts)
                for other in self._next(use):
                    if other not in reached:
                        reached.add(other)
                        waiting.append(other)
        return self._patches(attributes) if waiting else None

    def _next(self, use: _Use) -> Iterator[_Binding]:
        if use.root and not use.root.startswith("import."):
            yield from (b for b in self.sources.live(use.root, use.position, self.ran) if not b.path)
            yield from self.sources.executed(use.root, self.ran)

    def _use(self, use: _Use, owner: _Binding) -> str | None:
        paths = self._paths(use)
        for path, imported in paths:
            found = self._use_of_path(use, path, imported, owner)
            if found:
                return found
        if paths and paths[0][0][0] != "builtins":
            return None
        return self._use_of_unknown(use, owner)

    def _paths(self, use: _Use) -> list[tuple[Path, _Binding | None]]:
        if use.root is None:
            return []
        if use.root.startswith("import."):
            return [((*use.root.split(".")[1:], *use.parts), None)]
        paths = self.sources.paths(use.root, use.position, self.ran)
        return [((*path, *use.parts), imported) for path, imported in paths]

    def _use_of_path(self, use: _Use, path: Path, imported: _Binding | None, owner: _Binding) -> str | None:
        of_torch = path[0] in ("torch", "functorch")
        match use.kind:
            case "computed" if of_torch or path[0] in ("autograder", "sys", "os") or path == ("builtins", "builtins"):
                return self._say(owner, use.node, f"uses {use.node.func.id} on {use.spelled}", NEEDLESS)
            case "store" if path[0] in PATCHED and path[:2] != SETTINGS:
                return self._say(owner, use.node, f"changes {use.spelled}", UNCHANGED)
            case "requires_grad" if of_torch:
                return self._say(owner, use.node, "uses requires_grad=True", GRADIENT)
            case "enable" if of_torch:
                return self._say(owner, use.node, f"uses {use.spelled}", GRADIENT)
            case "globals" if path == ("builtins", "globals"):
                return self._say(owner, use.node, "uses globals", NEEDLESS)
            case "call" | "value" | "import":
                return self._path(path, imported, owner, use.node, use.spelled, use.kind)
        return None

    def _use_of_unknown(self, use: _Use, owner: _Binding) -> str | None:
        """Rules about an object that may be the student's own: only what must be a tensor's method counts."""
        if escapes := ESCAPES.intersection(use.parts):
            return self._say(owner, use.node, f"uses {min(escapes)}", NEEDLESS)
        if use.kind == "requires_grad" and use.parts:
            name, say, why = "requires_grad", "uses requires_grad=True", GRADIENT
        elif frames := FRAMES.intersection(use.parts):
            name, why = min(frames), NEEDLESS
            say = f"uses {name}"
        elif use.kind == "call" and use.parts and use.parts[-1] in AUTOGRAD_METHODS:
            name, say, why = use.parts[-1], f"uses {use.spelled}", GRADIENT
        elif use.kind == "call" and use.parts and _plain(use.parts[-1]) in self.forbidden:
            name, say, why = use.parts[-1], f"uses {use.spelled}", EXERCISE
        else:
            return None
        own = self.sources.own
        if name in own or name in ELSEWHERE or "__getattr__" in own or "__getattribute__" in own:
            return None
        return self._say(owner, use.node, say, why)

    def _path(
        self,
        path: Path,
        imported: _Binding | None,
        owner: _Binding,
        node: ast.AST,
        spelled: str,
        kind: str = "value",
    ) -> str | None:
        if path[0] not in MODULES:
            place, at = (imported, imported.node) if imported else (owner, node)
            return self._say(owner, at, f"imports {path[0].lstrip('.') or 'a file'}", NEEDLESS, place.cell)
        if kind == "import":
            # What it brings counts where it is used.
            return None
        # As it is written, where that tells what it is.
        said = spelled if "." in spelled and spelled.endswith(f".{path[-1]}") else ".".join(path)
        if path[0] == "torch" and any(_plain(part) in self.forbidden for part in path[1:]):
            return self._say(owner, node, f"uses {said}", EXERCISE)
        if _is_autograd(path):
            return self._say(owner, node, f"uses {said}", GRADIENT)
        if _is_needless(path):
            return self._say(owner, node, f"uses {'.'.join(path).removeprefix('builtins.')}", NEEDLESS)
        return None

    def _patches(self, attributes: Collection[str]) -> str | None:
        """A change of something imported that reaches the function without being named by it."""
        for change in self.sources.changes(self.ran):
            name = change.target[-1]
            for root, _ in self.sources.paths(change.name, change.position, self.ran):
                path = (*root, *change.target)
                if path[0] not in PATCHED or path[:2] == SETTINGS or name in SHOWN:
                    continue
                if name in attributes or path[0] == "autograder" or any(part.startswith("_") for part in path):
                    what = ".".join((change.name, *change.target))
                    where = self.sources.where(change.cell, change.at)
                    return f"{self.subject} needs {what}, which another cell changes{where}{UNCHANGED}."
        return None

    def _say(self, owner: _Binding, node: ast.AST, what: str, why: str, cell: int | None = None) -> str:
        helper = "" if owner.name in (self.name, "exec") else f" uses {owner.name}, which"
        where = self.sources.where(owner.cell if cell is None else cell, node)
        return f"{self.subject}{helper} {what}{where}{why}."


class _Translation:
    """Turns IPython's magics into Python, as long as a notebook has not asked for too much of it."""

    _MAGIC = re.compile(r"\s*[%!?,;/]|.*\?\s*$|.*=\s*[%!]")
    # These run the rest of their cell like any other, names and all.
    _TRANSPARENT = re.compile(r"\s*%%(time|capture|prun)\b[^\n]*")

    def __init__(self):
        self._left = LONGEST_TRANSLATION

    def without_cell_magic(self, cell: str) -> str:
        """`cell` with magics that only watch it replaced by empty lines."""
        for _ in range(LONGEST_ALIAS):
            found = self._TRANSPARENT.match(cell)
            if not found:
                break
            cell = "\n" * found.group().count("\n") + cell[found.end() :]
        return cell

    def python(self, cell: str) -> str | None:
        """`cell` as the Python that IPython makes of it; None if there is nothing to translate, or too much."""
        cost = len(cell) * sum(1 for line in cell.splitlines() if self._MAGIC.match(line[:1000]))
        if not 0 < cost <= self._left:
            return None
        self._left -= cost
        # Only here: most notebooks have no magics.
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(cell)


def _parse(cell: str, translation: _Translation) -> tuple[str, ast.Module] | None:
    """A cell as Python, and its tree; None if it is none, for then it cannot run either."""
    cell = translation.without_cell_magic(cell) if "%%" in cell else cell
    try:
        return cell, ast.parse(cell)
    except Exception:  # Beside SyntaxError: NUL, lone surrogates, deep nesting, all by different names.
        pass
    try:
        python = translation.python(cell)
        return None if python is None else (python, ast.parse(python))
    except Exception:
        return None


class _Walk:
    """Collects the uses in one statement or expression. Without recursion, for the depth is the student's to choose."""

    def __init__(self, binding: _Binding):
        self._raw: list[tuple[str, ast.AST, ast.expr, _Scope, int | None]] = []
        self._called: set[int] = set()
        self._waiting: list[tuple[ast.AST, _Scope, int | None]] = [(binding.node, _Scope(), binding.position)]
        while self._waiting:
            node, scope, position = self._waiting.pop()
            visit = self._VISITS.get(type(node))
            if visit:
                visit(self, node, scope, position)
            else:
                self._push(ast.iter_child_nodes(node), scope, position)

    def uses(self) -> list[_Use]:
        return [
            _Use(kind, root, parts, node, position, expression)
            for kind, node, expression, scope, position in self._raw
            for root, parts in scope.chains(expression)
        ]

    def _push(self, nodes, scope: _Scope, position: int | None) -> None:
        self._waiting.extend((node, scope, position) for node in nodes if node is not None)

    def _note(self, kind: str, node: ast.AST, expression: ast.expr, scope: _Scope, position: int | None) -> None:
        self._raw.append((kind, node, expression, scope, position))

    def _pass(self, node, scope, position) -> None:
        pass

    def _name(self, node: ast.Name, scope, position) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note("value", node, node, scope, position)
        else:
            scope.bind(node.id)

    def _attribute(self, node: ast.Attribute, scope, position) -> None:
        kind = "call" if id(node) in self._called else "value"
        self._note(kind if isinstance(node.ctx, ast.Load) else "store", node, node, scope, position)
        self._base(node, scope, position)

    def _base(self, node: ast.expr, scope, position) -> None:
        base, _ = _chain(node)
        if not isinstance(base, ast.Name) and not _of_globals(base):
            self._push([base], scope, position)

    def _subscript(self, node: ast.Subscript, scope, position) -> None:
        if _of_globals(node):
            self._note("value", node, node, scope, position)
        else:
            self._push([node.value, node.slice], scope, position)

    def _compare(self, node: ast.Compare, scope, position) -> None:
        # Asking whether a name is known does no harm.
        parts = [part for part in (node.left, *node.comparators) if not _is_call_of(part, "globals")]
        self._push(parts, scope, position)

    def _call(self, node: ast.Call, scope, position) -> None:
        function, arguments = node.func, node.args
        values = [*arguments, *(keyword.value for keyword in node.keywords)]
        constants = [value.value for value in values if isinstance(value, ast.Constant)]
        last = _last_name(function)
        for keyword in node.keywords:
            if keyword.arg == "requires_grad" and _is_true(keyword.value):
                self._note("requires_grad", node, function, scope, position)
        if last == "set_grad_enabled" and any(constant for constant in constants):
            self._note("enable", node, function, scope, position)
        if last in ("methodcaller", "attrgetter"):
            for constant in constants:
                if isinstance(constant, str):
                    asked = ast.Attribute(ast.Constant(None), constant.rpartition(".")[2], ast.Load())
                    self._note("call", node, asked, scope, position)
        if isinstance(function, ast.Name):
            match function.id, arguments:
                case "getattr", [_, ast.Constant(value=str()), *rest]:
                    self._note("call", node, node, scope, position)
                    self._base(node, scope, position)
                    self._push(rest, scope, position)
                    return
                case "setattr" | "delattr", [target, ast.Constant(value=str(name)), *_]:
                    self._note("store", node, ast.Attribute(target, name, ast.Store()), scope, position)
                case "getattr" | "setattr" | "delattr" | "vars", [target, *_]:
                    self._note("computed", node, target, scope, position)
                case "globals", []:
                    self._note("globals", node, function, scope, position)
        if not (last == "requires_grad_" and constants and not any(constants)):
            self._called.add(id(function))
        self._push([function, *values], scope, position)

    def _assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr, scope, position) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                scope.bind(target.id, node.value)
            elif isinstance(target, ast.Attribute) and target.attr == "requires_grad" and _is_true(node.value):
                self._note("requires_grad", target, target, scope, position)
        self._push([*targets, node.value], scope, position)

    def _function(self, node, scope: _Scope, position) -> None:
        arguments = node.args
        defaults = [*arguments.defaults, *arguments.kw_defaults]
        self._push([*defaults, *getattr(node, "decorator_list", ())], scope, position)
        if hasattr(node, "name"):
            scope.bind(node.name)
        inner = _Scope(scope)
        ordered = [*arguments.posonlyargs, *arguments.args]
        for argument in [*ordered, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
            if argument:
                inner.bind(argument.arg)
        with_defaults = ordered[len(ordered) - len(arguments.defaults) :] + arguments.kwonlyargs
        for argument, default in zip(with_defaults, defaults, strict=True):
            if default:
                inner.bind(argument.arg, default)
        self._push([node.body] if isinstance(node, ast.Lambda) else node.body, inner, None)

    def _class(self, node: ast.ClassDef, scope, position) -> None:
        scope.bind(node.name)
        self._push([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)], scope, position)
        self._push(node.body, _Scope(scope, is_class=True), position)

    def _comprehension(self, node, scope, position) -> None:
        self._push(ast.iter_child_nodes(node), _Scope(scope), position)

    def _import(self, node, scope, position) -> None:
        for name, path in _imported(node):
            scope.bind(name, path)
            use = ast.Name(".".join(("import", *path)), ast.Load())
            self._note("import", node, use, _Scope(), position)

    def _global(self, node: ast.Global, scope, position) -> None:
        scope.globals.update(node.names)

    def _capture(
        self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping, scope, position
    ) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            scope.bind(name)
        self._push(ast.iter_child_nodes(node), scope, position)

    _VISITS = {  # noqa: RUF012 - a table of methods, never changed
        ast.Constant: _pass,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Compare: _compare,
        ast.Call: _call,
        **dict.fromkeys((ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr), _assign),
        **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), _function),
        ast.ClassDef: _class,
        **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _comprehension),
        **dict.fromkeys((ast.Import, ast.ImportFrom), _import),
        ast.Global: _global,
        **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping), _capture),
    }


def _chain(node: ast.expr) -> tuple[ast.expr, Path]:
    """What stands before the first dot, and the attributes after it; ``getattr(a, "b")`` is ``a.b``."""
    parts: list[str] = []
    while True:
        match node:
            case ast.Attribute():
                parts.append(node.attr)
                node = node.value
            case ast.Call(func=ast.Name(id="getattr"), args=[target, ast.Constant(value=str(name)), *_]):
                parts.append(name)
                node = target
            case _:
                return node, tuple(reversed(parts))


def _of_globals(node: ast.expr) -> str | None:
    """The name in ``globals()["name"]``."""
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Name(id="globals")), slice=ast.Constant(value=str(name))):
            return name
    return None


def _is_call_of(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a class body gives to the class."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Path]]:
    """The names that an import binds, each with the dotted path of what it brings."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield alias.asname or alias.name, (*module.split("."), alias.name)
        elif alias.asname:
            yield alias.asname, tuple(alias.name.split("."))
        else:
            root = alias.name.partition(".")[0]
            yield root, (root,)


_AROUND = re.compile(r"^(_|native_|cudnn_|mkldnn_|miopen_)+|(_kernel|_with_indices|_with_noise|_forward|_?loss)+$")
_DIMENSIONS = re.compile(r"^(conv|convtranspose|batchnorm|instancenorm|dropout)[123]d$")


@functools.lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """One word for an operation's name in aten and its public names, such as _softmax and Softmax."""
    plain = _AROUND.sub("", name.lower()).replace("_", "").replace("convolution", "conv")
    return _DIMENSIONS.sub(r"\1", plain)


def _rerooted(path: Path) -> Path:
    """The path from the last module in it that others happen to import: sys.modules for warnings.sys.modules."""
    start = max((i for i, part in enumerate(path) if i and part in WITHIN), default=0)
    return path[start:]


def _is_autograd(path: Path) -> bool:
    return any(path[: len(a)] == a and not NO_AUTOGRAD.intersection(path[len(a) :]) for a in AUTOGRADS)


def _is_needless(path: Path) -> bool:
    path = _rerooted(path)
    if path[0] not in MODULES or any(path[: len(n)] == n for n in NOT_NEEDED) or ESCAPES.intersection(path):
        return True
    if path[0] in PARTS and len(path) > 1:
        return path[1] not in PARTS[path[0]]
    return path[0] == "torch" and _is_private(path)


def _is_private(path: Path) -> bool:
    """Whether a path leads into what torch keeps for itself; its small helpers for layers are known to students."""
    if path[:4] == ("torch", "nn", "modules", "utils"):
        return False
    dunder = {"__dict__", "__getattr__", "__getattribute__"}
    return any(part in dunder or (part.startswith("_") and not part.startswith("__")) for part in path)
