"""What names stand for: definitions, scopes, and the uses of a name."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from autograder.calls.outcome import shorten

# How many names may stand for each other, one after the other.
LONGEST_ALIAS = 20
Path = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Binding:
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
class Use:
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
        base, parts = chain(self.expression)
        name = base.id if isinstance(base, ast.Name) else of_globals(base)
        return shorten(".".join((name, *parts) if name else parts), 80)


@dataclass
class Scope:
    """The names of one function, class body or comprehension, with the values that they are other words for."""

    parent: "Scope | None" = None
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

    def find(self, name: str) -> "Scope | None":
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
        base, parts = chain(expression)
        if not isinstance(base, ast.Name):
            return [(of_globals(base), parts)]
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
        waiting: list[tuple[str, Path, Scope]] = [(local, (), self)]
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
                    base, parts = chain(value)
                    if isinstance(base, ast.Name):
                        # A default value, as in `def f(x, torch=torch)`, belongs to the scope outside.
                        outside = (owner.parent or Scope()) if base.id == name else owner
                        waiting.append((base.id, (*parts, *rest), outside))
                    elif outside := of_globals(base):
                        yield outside, (*parts, *rest)


def chain(node: ast.expr) -> tuple[ast.expr, Path]:
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


def of_globals(node: ast.expr) -> str | None:
    """The name in ``globals()["name"]``."""
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Name(id="globals")), slice=ast.Constant(value=str(name))):
            return name
    return None


def is_call_of(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def is_stub(node: ast.AST) -> bool:
    """Whether a function or a class has nothing in it but a docstring and ``raise NotImplementedError()``."""
    match node:
        case ast.ClassDef():
            methods = [member for member in node.body if isinstance(member, ast.FunctionDef)]
            return bool(methods) and all(map(is_stub, methods))
        case ast.FunctionDef(body=[ast.Raise() as only]) | ast.FunctionDef(body=[ast.Expr(), ast.Raise() as only]):
            raised = only.exc.func if isinstance(only.exc, ast.Call) else only.exc
            return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return False


def last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a class body gives to the class."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name))


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Path]]:
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
