"""Mutants of a program: its source with one small thing changed, as a slip of the pen would."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

# What an operator is exchanged for.
OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Div),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}

# Names that are easily taken for each other, in both directions.
NAMES = dict(
    pair
    for one, other in (
        ("amax", "amin"),
        ("max", "min"),
        ("maximum", "minimum"),
        ("argmax", "argmin"),
        ("sum", "mean"),
        ("var", "std"),
        ("exp", "expm1"),
        ("log", "log1p"),
        ("zeros_like", "ones_like"),
        ("new_zeros", "new_ones"),
        ("zeros", "ones"),
        ("rows", "columns"),
        ("height", "width"),
        ("kh", "kw"),
        ("i", "j"),
    )
    for pair in ((one, other), (other, one))
)


@dataclass(frozen=True)
class Mutant:
    """A changed source, and what was changed: the line in it, the old text and the new."""

    source: str
    line: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.old}  ->  {self.new}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a source; each differs from it in one place."""
    tree = ast.parse(source)
    for parent in list(ast.walk(tree)):
        for field, value in ast.iter_fields(parent):
            children = value if isinstance(value, list) else [value]
            for place, child in enumerate(children):
                for changed in _changes(child) if isinstance(child, ast.AST) else ():
                    if isinstance(value, list):
                        value[place] = changed
                        yield _mutant(tree, child, changed)
                        value[place] = child
                    else:
                        setattr(parent, field, changed)
                        yield _mutant(tree, child, changed)
                        setattr(parent, field, child)


def _mutant(tree: ast.AST, old: ast.AST, new: ast.AST) -> Mutant:
    return Mutant(ast.unparse(tree), getattr(old, "lineno", 0), ast.unparse(old), ast.unparse(new))


def _with(node: ast.AST, **fields) -> ast.AST:
    changed = copy.copy(node)
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(value=float(value)):
            yield from (ast.Constant(2 * value + (value == 0)), ast.Constant(-value))
        case ast.BinOp(left=left, op=op, right=right):
            yield from (_with(node, op=other()) for other in OPERATORS.get(type(op), ()))
            yield from (left, right)
        case ast.Compare(ops=[op]):
            yield from (_with(node, ops=[other()]) for other in OPERATORS.get(type(op), ()))
        case ast.BoolOp(op=op, values=[first, *_]):
            yield from (_with(node, op=OPERATORS[type(op)][0]()), first)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.AugAssign(target=target, op=op, value=value):
            yield ast.Assign([target], value, lineno=node.lineno)
            yield from (_with(node, op=other()) for other in OPERATORS.get(type(op), ()))
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.If() | ast.IfExp():
            yield from (_with(node, test=ast.Constant(value)) for value in (True, False))
        case ast.Call(args=args, keywords=keywords):
            yield from (_with(node, keywords=keywords[:i] + keywords[i + 1 :]) for i in range(len(keywords)))
            if len(args) > 1 and not any(isinstance(arg, ast.Starred) for arg in args):
                yield _with(node, args=[args[1], args[0], *args[2:]])
        case ast.Slice():
            yield from (_with(node, **{end: None}) for end in ("lower", "upper", "step") if getattr(node, end))
        case ast.Attribute(attr=name) if name in NAMES:
            yield _with(node, attr=NAMES[name])
        case ast.Name(id=name, ctx=ast.Load()) if name in NAMES:
            yield _with(node, id=NAMES[name])
