"""The code cells of a notebook, read: what every name stands for, and where it is changed."""

import ast
import functools
import re
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import attrgetter

from autograder.calls.outcome import shorten
from autograder.rules.allowed import BUILTINS, HISTORY, MODULES, _words
from autograder.rules.cells import Translation, parse
from autograder.rules.scopes import (
    LONGEST_ALIAS,
    Binding,
    Path,
    Scope,
    Use,
    bound_by,
    imported,
    is_stub,
    last_name,
    of_globals,
)
from autograder.rules.uses import Walk

# Characters of a cell that is read, and of all cells together; exercises have a hundredth of it.
LONGEST_CELL = 200_000
LONGEST_NOTEBOOK = 1_000_000

# How many names of a notebook are looked up; a large one needs a hundredth of it.
MOST_STEPS = 100_000
# How many modules, of which all names are imported, are looked into.
MOST_STARS = 50

# IPython's own words that define names, and calls that do.
DEFINING_MAGICS = _words("run pylab store rerun recall macro loadpy cython cython_inline load_ext")
DEFINING_CALLS = {(name, "update") for name in ("globals", "locals", "vars")}
# What may be called of get_ipython() without it.
ASKING = _words(
    "getoutput show_usage system magic set_next_input register_magic_function run_line_magic run_cell_magic"
)
# Characters of a line that is shown.
LONGEST_LINE = 200

MUTATORS = _words("add append extend insert setdefault update")
MAKERS = _words("NamedTuple make_dataclass namedtuple setattr type")
_cell, _position = attrgetter("cell"), attrgetter("position")
_NESTED = ("body", "orelse", "finalbody", "handlers", "cases")


class Sources:
    """The code cells of a notebook, in the order in which they run; each is read once for all problems.

    Cells that are no Python, or too long to be a student's, are passed over. Nothing is raised, whatever they hold.
    """

    def __init__(self, cells: Sequence[str]):
        self._texts: dict[int, str] = {}
        self._trees: dict[int, ast.Module] = {}
        self._bindings: dict[str, list[Binding]] = {}
        # What changes a thing that stays what it was: an entry of a dict, an attribute, a global set by a function.
        self._changes: dict[str, list[Binding]] = {}
        self._stars: list[Binding] = []
        self._hidden: list[Binding] = []
        self._uses: dict[Binding, list[Use]] = {}
        self._paths: dict[tuple[str, int | None, int | None], list[tuple[Path, Binding | None]]] = {}
        self._count = self._steps = 0
        left, translation = LONGEST_NOTEBOOK, Translation()
        for i, cell in enumerate(cells):
            if len(cell) > min(LONGEST_CELL, left):
                self._texts[i] = cell[:LONGEST_LINE]
                self._hide("a cell that is too long to be read", i, ast.Pass(lineno=1))
                continue
            left -= len(cell)
            parsed = parse(cell, translation)
            if parsed:
                python, self._trees[i] = parsed
                # As it was written, if its lines are where Python has them.
                self._texts[i] = cell if len(cell.splitlines()) == len(python.splitlines()) else python
                self._index(i, python)

    def live(self, name: str, position: int | None, ran: int | None) -> list["Binding"]:
        """What `name` may stand for at `position`, or at the end: its last certain definition and what came after."""
        bindings = self._bindings.get(name, [])
        known = len(bindings) if ran is None else bisect_left(bindings, ran, key=_cell)
        end = known if position is None else min(known, bisect_left(bindings, position, key=_position))
        found: list[Binding] = []
        for binding in reversed(bindings[max(0, (end or known) - LONGEST_ALIAS) : end or known]):
            found.append(binding)
            if binding.certain:
                break
        if not any(binding.path for binding in found):
            changes = self._changes.get(name, ())[-LONGEST_ALIAS:]
            found.extend(change for change in changes if ran is None or change.cell < ran)
        return found

    def paths(self, root: str, position: int | None, ran: int | None) -> list[tuple[Path, "Binding | None"]]:
        """The dotted paths that the global name `root` stands for, each with the import it comes from, if any."""
        if (root, position, ran) not in self._paths:
            self._paths[root, position, ran] = list(self._find_paths(root, position, ran))
        return self._paths[root, position, ran]

    def _find_paths(self, root: str, position: int | None, ran: int | None) -> Iterator[tuple[Path, "Binding | None"]]:
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
                    for base, middle in Scope().chains(binding.node):
                        if base:
                            waiting.append((base, (*middle, *rest), binding.position))

    def _unbound(self, name: str, position: int | None, ran: int | None) -> Iterator[Path]:
        """Where a name comes from that nothing defines: from Python itself, or from ``from module import *``."""
        if name in BUILTINS or HISTORY.fullmatch(name):
            yield "builtins", name
            return
        known = len(self._stars) if ran is None else bisect_left(self._stars, ran, key=_cell)
        end = known if position is None else min(known, bisect_left(self._stars, position, key=_position))
        stars = self._known_stars[end]
        # Of a module that is loaded here it is known what it has; nothing is loaded for it.
        loaded = [sys.modules.get(".".join(s.path)) for s in stars]
        having = [
            s
            for s, module in zip(stars, loaded, strict=True)
            if module is None or name in getattr(module, "__all__", vars(module))
        ]
        needed = [s for s in having if s.path[0] in MODULES] or having
        if needed:
            yield (*needed[-1].path, name)

    @functools.cached_property
    def _known_stars(self) -> list[tuple[Binding, ...]]:
        """After each ``from module import *`` those that count, the last one of each module, in their order."""
        recent: dict[Path, Binding] = {}
        known: list[tuple[Binding, ...]] = [()]
        for star in self._stars:
            recent.pop(star.path, None)
            recent[star.path] = star
            if len(recent) > MOST_STARS:
                recent.pop(next(iter(recent)))
            known.append(tuple(recent.values()))
        return known

    def hidden(self, name: str, ran: int | None) -> list["Binding"]:
        """What must have defined, out of sight, a name that nothing else defines: ``exec``, ``%run`` and their like.

        Each is called by what does it. What is not written yet is not defined either.
        """
        hidden = [b for b in self._hidden if ran is None or b.cell < ran]
        if not hidden:
            return []
        if name in self._bindings:
            last = self._bindings[name][-1]
            return [b for b in hidden if b.position >= last.position] if is_stub(last.node) else []
        return [] if any(True for _ in self._unbound(name, None, ran)) else hidden

    def uses(self, binding: "Binding") -> list["Use"]:
        """What the statement behind a binding uses, in the order of its lines."""
        if binding not in self._uses:
            found = Walk(binding).uses()
            self._uses[binding] = sorted(found, key=lambda use: (use.node.lineno, use.node.col_offset))
        return self._uses[binding]

    def changes(self, ran: int | None) -> Iterator["Binding"]:
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
                        found.update(bound_by(member))
                elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                    # Tensors have this one; everything else an object must have been given.
                    if node.attr != "requires_grad" or last_name(node.value) == "self":
                        found.add(node.attr)
                elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg != "requires_grad"):
                    found.add(node.arg or "")
                elif isinstance(node, ast.Call) and last_name(node.func) in MAKERS:
                    strings = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
                    found.update(w for s in strings if isinstance(s, str) for w in re.findall(r"\w+", s))
        return frozenset(found)

    def _index(self, cell: int, text: str) -> None:
        tree = self._trees[cell]
        for statement in tree.body:
            self._index_statement(cell, statement)
        if ":=" in text:
            for node in ast.walk(tree):
                if isinstance(node, ast.NamedExpr):
                    self._bind(node.target.id, cell, node.value, alias=True)
        if any(word in text for word in ("exec", "get_ipython", "globals", "locals", "vars")):
            self._index_hidden(cell)
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
            case ast.Call(func=ast.Name(id="setattr"), args=[target, ast.Constant(value=str(name)), value]):
                self._change(cell, ast.Attribute(target, name, ast.Store()), value, call)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in MUTATORS:
                self._changes.setdefault(name, []).append(Binding(name, cell, self._count, call))

    def _index_hidden(self, cell: int) -> None:
        """Note what defines names that are not written there, at the level of the cells or in a function."""
        for node in ast.walk(self._trees[cell]):
            match node:
                case ast.Call(func=ast.Name(id="exec")):
                    self._hide("exec", cell, node)
                case ast.Call(
                    func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"),
                    args=[ast.Constant(value=str(magic)), *_],
                ):
                    if magic in DEFINING_MAGICS:
                        self._hide(f"%{magic}", cell, node)
                case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id=name)), attr=attr)):
                    if (name, attr) in DEFINING_CALLS or (name == "get_ipython" and attr not in ASKING):
                        self._hide(f"{name}().{attr}", cell, node)
                case ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars" as name))):
                    if isinstance(node.ctx, ast.Store) and not of_globals(node):
                        self._hide(f"{name}()", cell, node)

    def _hide(self, what: str, cell: int, node: ast.AST) -> None:
        self._hidden.append(Binding(what, cell, self._count, node))

    def _index_globals(self, cell: int, function: ast.AST) -> None:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        nodes = list(ast.walk(function))
        names = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
        for node in nodes if names else ():
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in names:
                        binding = Binding(target.id, cell, self._count, node.value)
                        self._changes.setdefault(target.id, []).append(binding)

    def _bind(self, name: str, cell: int, node: ast.AST, certain: bool = False, **more) -> None:
        binding = Binding(name, cell, self._count, node, certain, **more)
        self._bindings.setdefault(name, []).append(binding)

    def _import(self, cell: int, node: ast.Import | ast.ImportFrom, certain: bool) -> None:
        for name, path in imported(node):
            if name == "*":
                self._stars.append(Binding(name, cell, self._count, node, path=path[:-1]))
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
            binding = Binding(target.id, cell, self._count, value, target=path, at=node)
            self._changes.setdefault(target.id, []).append(binding)
