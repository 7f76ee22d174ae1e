"""Answers that are alike beyond what the problem forces, for a person to read. It says nothing about points.

What a problem forces, many write: a statement that others of the class have, too, says little, and one that stands in a
known program says nothing. One that two students share and hardly anybody else has is a reason to look. Statements are
compared as syntax trees, without the names that a student chooses, comments and layout.
"""

import ast
import hashlib
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from autograder.grading.graded import Class, Member, Task
from autograder.names import tree_of

# A statement that more than this share of the class have, and more than a few, is not looked at.
COMMON, FEW = 0.1, 4
# What a pair must share to be shown: statements, and a weight. If students wrote each statement independently, the
# largest weight of all pairs would be beyond the logarithm of their number and this margin in one of 2^7 classes.
STATEMENTS, MARGIN = 3, 7.0

Statements = Mapping[str, tuple[int, int]]


@dataclass
class Pair:
    """Two students, and what they share.

    weight    the sum over the statements of how rare each is: 1 for every halving of the share who have it
    shared    how many statements they share, by task
    lines     the lines of these statements in each one's source, by task
    """

    members: tuple[Member, Member]
    weight: float = 0.0
    shared: Counter[Task] = field(default_factory=Counter)
    lines: dict[Task, tuple[set[int], set[int]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return self.shared.total()


def pairs(of: Class, known: Mapping[str, Iterable[str]]) -> list[Pair]:
    """The pairs to look at, those that share most first; `known` are programs that everybody may know, by task."""
    found: dict[tuple[str, str], Pair] = {}
    for task in of.tasks:
        written = {
            member: read
            for member in of.handed_in
            if member.answers[task].begun and (read := statements(member.answers[task].source))
        }
        stands = {statement for source in known.get(task.name, ()) for statement in statements(source)}
        for pair, alike in _alike(written, stands):
            one = found.setdefault((pair[0].id, pair[1].id), Pair(pair))
            for statement, weight in alike.items():
                one.weight += weight
                one.shared[task] += 1
                lines = one.lines.setdefault(task, (set(), set()))
                for member, marked in zip(pair, lines, strict=True):
                    first, last = written[member][statement]
                    marked.update(range(first, last + 1))
    least = math.log2(max(1, math.comb(len(of.handed_in), 2))) + MARGIN
    told = [pair for pair in found.values() if pair.count >= STATEMENTS and pair.weight >= least]
    return sorted(told, key=lambda pair: -pair.weight)


def _alike(
    written: Mapping[Member, Statements], known: set[str]
) -> Iterator[tuple[tuple[Member, Member], dict[str, float]]]:
    """Each two who share statements that are not common, and the weights of these statements."""
    having: dict[str, list[Member]] = defaultdict(list)
    for member, own in written.items():
        for statement in own:
            having[statement].append(member)
    shared: dict[tuple[Member, Member], dict[str, float]] = defaultdict(dict)
    for statement, members in having.items():
        others = len(members) - 2
        if statement in known or not 0 <= others <= max(FEW, COMMON * len(written)):
            continue
        weight = math.log2(len(written) / (others + 1))
        for pair in itertools.combinations(sorted(members, key=lambda member: member.id), 2):
            shared[pair][statement] = weight
    yield from shared.items()


def statements(source: str) -> dict[str, tuple[int, int]]:
    """Each statement's fingerprint, and its first and last line; nothing where the source is no program."""
    try:
        tree = tree_of(source)
        return {
            _fingerprint(node): (node.lineno, _last_line(node))
            for node in ast.walk(_without_names(tree))
            if isinstance(node, ast.stmt) and not _says_nothing(node)
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _says_nothing(node: ast.stmt) -> bool:
    """A docstring, and the frame that the problem itself gives: imports, and the head of a function or class."""
    alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return alone or isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Pass)


def _last_line(node: ast.stmt) -> int:
    """The end of a simple statement; of one that holds others, that of its head."""
    body = getattr(node, "body", None)
    return max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno


def _fingerprint(node: ast.stmt) -> str:
    """The tree of a statement, without those that it holds."""
    held = {"body", "orelse", "finalbody", "handlers", "cases", "type_comment"}
    parts = [_dumped(value) for name, value in ast.iter_fields(node) if name not in held]
    return hashlib.sha256(f"{type(node).__name__} {parts}".encode()).hexdigest()


def _dumped(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_dumped, value))}]"
    return ast.dump(value) if isinstance(value, ast.AST) else repr(value)


class _Renamed(ast.NodeTransformer):
    """Takes the chosen names away. In a statement, two places that had the same name still have the same one."""

    def __init__(self, chosen: set[str]):
        self._chosen = chosen
        self._numbers: dict[str, int] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.stmt):
            self._numbers = {}
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._of(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg, node.annotation = self._of(node.arg), None
        return node

    def _of(self, name: str) -> str:
        if name not in self._chosen:
            return name
        return f"name {self._numbers.setdefault(name, len(self._numbers))}"


def _without_names(tree: ast.Module) -> ast.Module:
    """The tree without what students choose: variables, arguments, and names of functions inside of functions."""
    chosen = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    chosen |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    inner = (child for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for child in ast.walk(node))
    chosen |= {child.name for child in inner if isinstance(child, ast.FunctionDef)} - {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    return _Renamed(chosen).visit(tree)
