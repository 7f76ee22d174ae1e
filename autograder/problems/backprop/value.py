"""`Value`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a mistake of the class Value is a class)

import ast

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import graph
from autograder.problem import Problem
from autograder.problems.drawing import sized
from autograder.programs import slip
from autograder.references import graph_of

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}

# Every operation, with an operand in every place: beside another Value c, alone, and beside a plain number.
_BESIDE_A_VALUE = [text for op in _OPERATORS.values() for text in (f"{{}} {op} c", f"c {op} {{}}")]
_ALONE = ["{}.exp()", "{}.relu()", "{}.tanh()"]
_BESIDE_A_NUMBER = [text for op in _OPERATORS.values() for text in (f"{{}} {op} 2.5", f"3 {op} {{}}")] + ["{} ** 3"]
_TWICE = [f"h {op} h" for op in _OPERATORS.values()]


def _graph_of(text: str) -> tuple[int, tuple[tuple, ...]]:
    """The number of values and the steps (see `calls.graph`) of lines such as ``h = a * b; h + h.exp()``.

    The names that get nothing assigned are the values, in alphabetical order.
    """
    tree = ast.parse(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assigned = {line.targets[0].id for line in tree.body if isinstance(line, ast.Assign)}
    values = sorted(names - assigned)
    numbers = {name: i for i, name in enumerate(values)}
    steps: list[tuple] = []

    def operand(node: ast.expr) -> int | float | str:
        match node:
            case ast.Name(id=name):
                return numbers[name]
            case ast.Constant(value=value):
                return str(value) if isinstance(value, int) else value
            case ast.BinOp():
                step = (_OPERATORS[type(node.op)], operand(node.left), operand(node.right))
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                step = (name, operand(value))
        steps.append(step)
        return len(values) + len(steps) - 1

    for line in tree.body:
        number = operand(line.value)
        if isinstance(line, ast.Assign):
            numbers[line.targets[0].id] = number
    return len(values), tuple(steps)


def _value(generator: torch.Generator) -> list[Case]:
    def case(text, criterion, name=None, numbers=(1, 1, -1, -1), **how):
        """The values are 0.5 to 1.5 times `numbers`: no sum comes near 0, and no base is negative by chance."""
        count, steps = _graph_of(text)
        values = torch.tensor(numbers[:count], dtype=torch.float64) * sized(generator, count)
        return Case(name or text, criterion, {"values": values, "steps": steps}, **how)

    single = [
        case("(a + b) * c", "values"),
        case("a - b * c", "values"),
        case("a / b - c", "values"),
        case("a * b.exp()", "values"),
        case("(a + b).tanh() * c", "values"),
        case("a.relu() * b + c.relu() * d", "values"),
        case("a ** 3 * b ** 0.5", "values"),
        case("a * b * c", "values"),
        case("a * a", "edge cases"),
        case("(a + a) * b", "edge cases"),
        case("h = a * b; h * h.exp()", "edge cases"),
        case("h = a * b; h.exp() * h", "edge cases"),
        case("h = a + b; h.tanh() * h.exp()", "edge cases"),
        case("h = a + b; h / (h * a).tanh()", "edge cases"),
        case(
            "h = a * b; " + "h = (h.tanh() + h) * b; " * 8 + "h",
            "edge cases",
            "h = a * b; eight times h = (h.tanh() + h) * b",
        ),
        case("c; a * b", "edge cases", "a * b, c not used"),
        case("h = a * b; h.exp(); h + c", "edge cases", "h = a * b; h.exp() leads nowhere; h + c", (1, 1, 1)),
        case("c ** 2 + c ** 3", "edge cases", "c ** 2 + c ** 3, c negative", (-1,)),
        case("h = a * b; u = h ** 3; u * h", "edge cases", "h = a * b; u = h ** 3; u * h, h negative", (-1, 1)),
        case("a ** 2 + b", "edge cases", "a ** 2 + b, a is 0", (0, 1)),
        case("a.relu() * b + b", "edge cases", "a.relu() * b + b, a is 0", (0, 1)),
        case(
            "h = a * b; u = h.relu(); u.exp() * c + h",
            "edge cases",
            "h = a * b; u = h.relu(); u.exp() * c + h, h negative",
            (-1, 1, 1),
        ),
        case("a ** b", "edge cases"),
        case("a ** a * b", "edge cases"),
        case("a" + " + b - c" * 120, "edge cases", "a + b - c + b - c + …, 240 operations"),
        case("(a + 2.5) * 3 - c / 4", "contract", numbers=(1, -1)),
        case("1.5 * (2 + a)", "contract"),
        case("2 - c", "contract", "2 - c, c negative", (-1,)),
        case("3 / a", "contract"),
        case("2 ** a", "contract"),
        case("a * b.exp() / c", "contract", "a * b.exp() / c, float64", dtype=torch.float64),
        case("a ** b * 2 ** c.tanh()", "contract", "a ** b * 2 ** c.tanh(), float64", dtype=torch.float64),
    ]
    # Every operation on a result; and on what the next step uses too, so that it has a part of its gradient already.
    # What comes back to the operation is never 1; no gradient is small beside the largest, which sets the tolerance.
    return (
        single
        + [
            case(graph.format(operation.format(operand)), criterion, numbers=(1, 1, 1, 1))
            for operations, criterion in ((_BESIDE_A_VALUE + _ALONE, "edge cases"), (_BESIDE_A_NUMBER, "contract"))
            for operation in operations
            for graph, operand in (("h = a * b; u = {}; u * d", "h"), ("u = {}; u * a + b", "a"))
        ]
        + [case(f"h = a * b; u = {operation}; u * b + h", "edge cases") for operation in _TWICE]
    )


PROBLEMS = (
    Problem(
        name="Value",
        call=graph,
        returns=("data", "grad"),
        cases=_value,
        expected=graph_of(),
        points={"values": 12, "edge cases": 9, "contract": 4},
        shares={"data": 3, "grad": 9},
        modules=(__name__,),
    ),
)


class Value__closures:
    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self._children = tuple(children)
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, type(self)) else type(self)(other)
        out = type(self)(self.data + other.data, (self, other))

        def spread():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = spread
        return out

    def __mul__(self, other):
        other = other if isinstance(other, type(self)) else type(self)(other)
        out = type(self)(self.data * other.data, (self, other))

        def spread():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = spread
        return out

    def __pow__(self, other):
        if isinstance(other, type(self)):
            return (other * self.log()).exp()
        out = type(self)(self.data**other, (self,))

        def spread():
            self.grad += other * self.data ** (other - 1) * out.grad

        out._backward = spread
        return out

    def log(self):
        import math

        out = type(self)(math.log(self.data), (self,))

        def spread():
            self.grad += out.grad / self.data

        out._backward = spread
        return out

    def exp(self):
        import math

        out = type(self)(math.exp(self.data), (self,))

        def spread():
            self.grad += out.data * out.grad

        out._backward = spread
        return out

    def relu(self):
        out = type(self)(max(0.0, self.data), (self,))

        def spread():
            self.grad += (out.data > 0) * out.grad

        out._backward = spread
        return out

    def tanh(self):
        twice = (2 * self).exp()
        return (twice - 1) / (twice + 1)

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node._children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def __rpow__(self, other):
        return type(self)(other) ** self

    __radd__ = __add__
    __rmul__ = __mul__


class Value__counts_consumers:
    def __init__(self, data, *parents):
        self.data, self.grad, self.parents = torch.tensor(float(data), dtype=torch.float64), 0.0, parents

    def __add__(self, other):
        return self._of(lambda a, b: (a + b, 1, 1), other)

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self._of(lambda a, b: (a - b, 1, -1), other)

    def __rsub__(self, other):
        return type(self)(other) - self

    def __mul__(self, other):
        return self._of(lambda a, b: (a * b, b, a), other)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self._of(lambda a, b: (a / b, 1 / b, -a / b**2), other)

    def __rtruediv__(self, other):
        return type(self)(other) / self

    def __pow__(self, other):
        return self._of(lambda a, b: (a**b, b * a ** (b - 1), a**b * torch.log(a)), other)

    def __rpow__(self, other):
        return type(self)(other) ** self

    def exp(self):
        return self._of(lambda a: (a.exp(), a.exp()))

    def relu(self):
        return self._of(lambda a: (a.clamp(min=0), a > 0))

    def tanh(self):
        return self._of(lambda a: (a.tanh(), 1 - a.tanh() ** 2))

    def _of(self, rule, *others):
        operands = [self, *(o if isinstance(o, type(self)) else type(self)(o) for o in others)]
        data, *slopes = rule(*(operand.data for operand in operands))
        return type(self)(data, *zip(operands, slopes, strict=True))

    def backward(self):
        waiting, consumers = [self], {self: 0}
        while waiting:
            for parent, _ in waiting.pop().parents:
                if parent not in consumers:
                    consumers[parent] = 0
                    waiting.append(parent)
                consumers[parent] += 1
        self.grad, ready = 1.0, [self]
        while ready:
            node = ready.pop()
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                consumers[parent] -= 1
                if not consumers[parent]:
                    ready.append(parent)


class Value__tape:
    tape = []  # noqa: RUF012

    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0, parents
        self.tape.append(self)

    def node(self, other):
        return other if isinstance(other, type(self)) else type(self)(other)

    def __add__(self, other):
        other = self.node(other)
        return type(self)(self.data + other.data, [(self, 1), (other, 1)])

    def __sub__(self, other):
        return self + self.node(other) * -1

    def __mul__(self, other):
        other = self.node(other)
        return type(self)(self.data * other.data, [(self, other.data), (other, self.data)])

    def __truediv__(self, other):
        other = self.node(other)
        slopes = [(self, 1 / other.data), (other, -self.data / other.data**2)]
        return type(self)(self.data / other.data, slopes)

    def __pow__(self, other):
        import math

        other = self.node(other)
        data = self.data**other.data
        log = math.log(self.data) if self.data > 0 else 0.0
        return type(self)(data, [(self, other.data * self.data ** (other.data - 1)), (other, data * log)])

    def __radd__(self, other):
        return self.node(other) + self

    def __rsub__(self, other):
        return self.node(other) - self

    def __rmul__(self, other):
        return self.node(other) * self

    def __rtruediv__(self, other):
        return self.node(other) / self

    def __rpow__(self, other):
        return self.node(other) ** self

    def exp(self):
        return self.node(2.718281828459045) ** self

    def relu(self):
        return self if self.data > 0 else self * 0

    def tanh(self):
        import math

        return type(self)(math.tanh(self.data), [(self, 1 / math.cosh(self.data) ** 2)])

    def backward(self):
        for node in self.tape:
            node.grad = 0
        self.grad = 1
        for node in reversed(self.tape[: self.tape.index(self) + 1]):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


class Value__rules:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents

    def of(self, rule, *others):
        nodes = [self, *(o if isinstance(o, type(self)) else type(self)(o) for o in others)]
        data, *slopes = rule(*(node.data for node in nodes))
        return type(self)(data, list(zip(nodes, slopes, strict=True)))

    def __add__(self, other):
        return self.of(lambda a, b: (a + b, 1, 1), other)

    def __sub__(self, other):
        return self.of(lambda a, b: (a - b, 1, -1), other)

    def __mul__(self, other):
        return self.of(lambda a, b: (a * b, b, a), other)

    def __truediv__(self, other):
        return self.of(lambda a, b: (a / b, 1 / b, -a / b**2), other)

    def __pow__(self, other):
        log = torch.tensor(self.data, dtype=torch.float64).log().item()
        return self.of(lambda a, b: (a**b, b * a ** (b - 1), a**b * log), other)

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return type(self)(other) - self

    def __rtruediv__(self, other):
        return type(self)(other) / self

    def __rpow__(self, other):
        return type(self)(other) ** self

    def exp(self):
        return self.of(lambda a: (2.718281828459045**a, 2.718281828459045**a))

    def relu(self):
        return self.of(lambda a: (max(a, 0.0), a > 0))

    def tanh(self):
        out = 1 - 2 / (2.718281828459045 ** (2 * self.data) + 1)
        return self.of(lambda a: (out, 1 - out**2))

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent, _ in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


class Value__micrograd:
    def __init__(self, data, children=()):
        self.data = float(data)
        self.grad = 0.0
        # In order: with a set it would depend on where the nodes lie what a node that is overwritten keeps.
        self._prev = tuple(children)
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, type(self)) else type(self)(other)
        out = type(self)(self.data + other.data, (self, other))

        def spread():
            self.grad += 1.0 * out.grad
            other.grad += 1.0 * out.grad

        out._backward = spread
        return out

    def __mul__(self, other):
        other = other if isinstance(other, type(self)) else type(self)(other)
        out = type(self)(self.data * other.data, (self, other))

        def spread():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = spread
        return out

    def __pow__(self, other):
        import math

        number = other.data if isinstance(other, type(self)) else other
        out = type(self)(self.data**number, (self, other) if number is not other else (self,))

        def spread():
            self.grad += number * self.data ** (number - 1) * out.grad
            if number is not other:
                other.grad += out.data * math.log(self.data) * out.grad

        out._backward = spread
        return out

    def exp(self):
        import math

        out = type(self)(math.exp(self.data), (self,))

        def spread():
            self.grad += 1 * out.data * out.grad

        out._backward = spread
        return out

    def relu(self):
        out = type(self)(0 if self.data < 0 else self.data, (self,))

        def spread():
            self.grad += (out.data > 0) * out.grad

        out._backward = spread
        return out

    def tanh(self):
        import math

        t = math.tanh(self.data)
        out = type(self)(t, (self,))

        def spread():
            self.grad += (1 - t**2) * out.grad

        out._backward = spread
        return out

    def backward(self):
        topo, visited = [], set()

        def build(node):
            if node not in visited:
                visited.add(node)
                for child in node._prev:
                    build(child)
                topo.append(node)

        build(self)
        self.grad = 1.0
        for node in reversed(topo):
            node._backward()

    def __neg__(self):
        return self * -1

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def __rpow__(self, other):
        return type(self)(other) ** self


# What is said of the same slip in several ways of writing.
_OVERWRITTEN = "A node that is used twice keeps only the last of the gradients that come back to it."
_OWN_FACTOR = "In a product each factor got its own value for a slope."
_NOT_LOWERED = "The slope of a power has an exponent that is too large."

_TOPOLOGICAL = """\
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent, _ in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
"""

slip(
    Value__rules,
    "assigns",
    _OVERWRITTEN,
    ("parent.grad += slope", "parent.grad = slope"),
)
slip(
    Value__rules,
    "spreads_at_once",
    "What came back over the first of two ways is sent on twice: a node sends on when all of its gradient is there.",
    (
        _TOPOLOGICAL,
        """\
        def spread(node):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                spread(parent)

        self.grad = 1.0
        spread(self)
""",
    ),
)
slip(
    Value__rules,
    "every_way_on_a_stack",
    "What came back over the first of two ways is sent on twice: a node sends on when all of its gradient is there.",
    (
        _TOPOLOGICAL,
        """\
        self.grad = 1.0
        stack = [self]
        while stack:
            node = stack.pop()
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                stack.append(parent)
""",
    ),
)
slip(
    Value__rules,
    "depth_first",
    "A node sends its gradient on before all of it has arrived: the order of the way back is wrong.",
    (
        _TOPOLOGICAL,
        """\
        seen = set()

        def spread(node):
            if node not in seen:
                seen.add(node)
                for parent, slope in node.parents:
                    parent.grad += slope * node.grad
                for parent, _ in node.parents:
                    spread(parent)

        self.grad = 1.0
        spread(self)
""",
    ),
)
slip(
    Value__rules,
    "breadth_first",
    "Where a short and a long way lead to a node, it sends its gradient on before the long way has arrived.",
    (
        _TOPOLOGICAL,
        """\
        queue, seen = [self], {self}
        self.grad = 1.0
        while queue:
            node = queue.pop(0)
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)
""",
    ),
)
slip(
    Value__rules,
    "no_seed",
    "All gradients are 0: either the way back begins without a first gradient, or no node hands on its own.",
    ("        self.grad = 1.0\n", ""),
)
slip(
    Value__rules,
    "one_entry_for_each_operand",
    "When both operands are the same node, only one of the two slopes was kept.",
    ("list(zip(nodes, slopes, strict=True))", "dict(zip(nodes, slopes, strict=True)).items()"),
)
slip(
    Value__rules,
    "own_factor",
    _OWN_FACTOR,
    ("(a * b, b, a)", "(a * b, a, b)"),
)
slip(
    Value__rules,
    "minus_as_plus",
    "The gradient of what is subtracted has the wrong sign.",
    ("(a - b, 1, -1)", "(a - b, 1, 1)"),
)
slip(
    Value__rules,
    "quotient_not_squared",
    "The slope of a quotient with respect to the number below the line has the wrong size.",
    ("-a / b**2", "-a / b"),
)
slip(
    Value__rules,
    "quotient_sign",
    "The slope of a quotient with respect to the number below the line has the wrong sign.",
    ("-a / b**2", "a / b**2"),
)
slip(
    Value__rules,
    "exponent_not_lowered",
    _NOT_LOWERED,
    ("b * a ** (b - 1)", "b * a**b"),
)
slip(
    Value__rules,
    "exponent_gets_nothing",
    "A node that is an exponent gets no gradient: the power changes with it too.",
    ("a**b * log)", "0)"),
    ("        log = torch.tensor(self.data, dtype=torch.float64).log().item()\n", ""),
)
slip(
    Value__rules,
    "number_on_the_left",
    "With a plain number on the left, the two sides were exchanged.",
    ("type(self)(other) - self", "self - other"),
    ("type(self)(other) / self", "self / other"),
    ("type(self)(other) ** self", "self**other"),
)
slip(
    Value__rules,
    "exp_of_input",
    "The slope of exp is written in terms of its output, but was given its input.",
    ("(2.718281828459045**a, 2.718281828459045**a)", "(2.718281828459045**a, a)"),
)
slip(
    Value__rules,
    "tanh_of_input",
    "The slope of tanh is written in terms of its output, but was given its input.",
    ("1 - out**2", "1 - a**2"),
)
slip(
    Value__rules,
    "relu_passes_everything",
    "The gradient passes through relu where its input is negative.",
    ("(max(a, 0.0), a > 0)", "(max(a, 0.0), 1)"),
)
slip(
    Value__rules,
    "relu_slope_at_zero",
    "Look at relu where its input is exactly 0: torch counts it to the negative side.",
    ("a > 0", "a >= 0"),
)
slip(
    Value__rules,
    "reflected_difference_turned",
    "A plain number minus a node came out with the opposite sign: look at which of the two is on the left.",
    ("return type(self)(other) - self", "return self - other"),
)
slip(
    Value__rules,
    "reflected_quotient_turned",
    "A plain number divided by a node came out turned around: look at which of the two is on the left.",
    ("return type(self)(other) / self", "return self / other"),
)


# Where a difference and a quotient are made of sums, products and powers, a slip in these shows in those, too.
_MICROGRAD = Value__micrograd
for operation, named, slopes in (
    (
        "sum",
        "a sum",
        ("1.0 * out.grad\n            other.grad += 1.0 * out.grad", "1.0\n            other.grad += 1.0"),
    ),
    (
        "product",
        "a product",
        (
            "other.data * out.grad\n            other.grad += self.data * out.grad",
            "other.data\n            other.grad += self.data",
        ),
    ),
    ("power", "a power", ("(number - 1) * out.grad", "(number - 1)")),
    ("exp", "exp", ("1 * out.data * out.grad", "out.data")),
    ("relu", "relu", ("(out.data > 0) * out.grad", "float(out.data > 0)")),
    ("tanh", "tanh", ("(1 - t**2) * out.grad", "1 - t**2")),
):
    slip(
        _MICROGRAD,
        f"{operation}_without_upstream",
        f"On the way back through {named} only its own slope is handed on; the chain rule has one more factor.",
        slopes,
    )
for operation, old in (
    ("sum", "self.grad += 1.0 * out.grad\n            other.grad += 1.0"),
    ("product", "self.grad += other.data * out.grad\n            other.grad += self.data"),
    ("power", "self.grad += number"),
    ("exp", "self.grad += 1 * out.data"),
    ("relu", "self.grad += (out.data > 0)"),
    ("tanh", "self.grad += (1 - t**2)"),
):
    slip(_MICROGRAD, f"{operation}_assigns", _OVERWRITTEN, (old, old.replace("+=", "=")))
slip(
    _MICROGRAD,
    "own_factor_in_all_products",
    _OWN_FACTOR,
    (
        "other.data * out.grad\n            other.grad += self.data * out.grad",
        "self.data * out.grad\n            other.grad += other.data * out.grad",
    ),
)
slip(
    _MICROGRAD,
    "exponent_not_lowered_in_quotients",
    _NOT_LOWERED,
    ("** (number - 1)", "** number"),
)
slip(
    _MICROGRAD,
    "factor_of_the_power_missing",
    "In the slope of a power a factor is missing: the exponent comes down as one.",
    ("number * self.data ** (number - 1)", "self.data ** (number - 1)"),
)
slip(
    _MICROGRAD,
    "relu_gives_nothing",
    "No gradient comes through relu, where its input is positive either.",
    ("            self.grad += (out.data > 0) * out.grad", "            pass"),
)
slip(
    _MICROGRAD,
    "first_factor_alone",
    "The second factor of a product is not reached on the way back: a node has to know all that it was made of.",
    ("self.data * other.data, (self, other)", "self.data * other.data, (self,)"),
)
slip(
    _MICROGRAD,
    "from_the_inputs_on",
    "The nodes hand on their gradients in the wrong order: the one that is differentiated comes first.",
    ("reversed(topo)", "topo"),
)
slip(
    _MICROGRAD,
    "sum_to_the_first_alone",
    "Only the first number of a sum gets a gradient: the sum changes with the other one, too.",
    ("            other.grad += 1.0 * out.grad\n", ""),
)
slip(
    _MICROGRAD,
    "product_to_the_first_alone",
    "Only the first factor of a product gets a gradient: the product changes with the other one, too.",
    ("            other.grad += self.data * out.grad\n", ""),
)
