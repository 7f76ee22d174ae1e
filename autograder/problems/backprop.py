"""The problem set `backprop`: gradients by hand, of scalars, of a graph that differentiates itself, and of layers.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it.

For each problem first its cases, then its right and wrong programs, then the problem itself.
"""

# ruff: noqa: N801 (a mistake of the class Value is a class)
import ast

import torch

from autograder.calls import NamedFunction, backward, forward, function, graph
from autograder.problem import Case, Cases, Measure, Problem, programs, slip
from autograder.references import backprop as reference
from autograder.references import gradients_of, graph_of, value_of, values_of

NEXT_CALL = "another call before this one's results are used"

SOFTMAX = frozenset(
    {
        *("softmax", "_softmax", "_safe_softmax", "_masked_softmax", "_sparse_softmax"),
        *("log_softmax", "_log_softmax", "_sparse_log_softmax", "logsumexp", "logcumsumexp"),
        *("_softmax_backward_data", "_log_softmax_backward_data", "_masked_softmax_backward"),
        *("_sparse_softmax_backward_data", "_sparse_log_softmax_backward_data"),
    }
)
CROSS_ENTROPY = SOFTMAX | {
    *("cross_entropy_loss", "nll_loss", "nll_loss_nd", "nll_loss_forward", "nll_loss2d", "nll_loss2d_forward"),
    *("nll_loss_backward", "nll_loss2d_backward"),
}


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _sized(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Positive numbers from 0.5 to 1.5."""
    return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5


def _labels(generator: torch.Generator, n: int, classes: int) -> torch.Tensor:
    return torch.randint(classes, (n,), generator=generator)


# (x + y) z


def _sum_product(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, signs, **how):
        # x and y are of one sign: a sum of almost nothing would have almost no right digits.
        x, y, z = (torch.tensor(signs, dtype=torch.float64) * (1 + _sized(generator, 3))).unbind()
        return Case(name, criterion, {"x": x, "y": -x if name.startswith("y is") else y, "z": z}, **how)

    return [
        case("x, y and z positive", "values", (1, 1, 1)),
        case("x and y negative", "values", (-1, -1, 1)),
        case("z negative", "values", (1, 1, -1)),
        case("y is -x", "edge cases", (1, 1, -1)),
        case("z is 0", "edge cases", (1, 1, 0)),
        case("float64", "contract", (1, 1, -1), dtype=torch.float64),
        case("float32", "contract", (-1, -1, -1)),
    ]


def sum_product__step_by_step(x, y, z):
    q = x + y
    df = torch.ones_like(q)
    dq, dz = df * z, df * q
    return q * z, (dq, dq, dz)


def sum_product__multiplied_out(x, y, z):
    f = x * z + y * z
    return [f, [z, z, x + y]]


def sum_product__no_parentheses(x, y, z):
    """f itself is wrong: the sum comes first, and then the product."""
    return x + y * z, (torch.ones_like(x), z, y)


def sum_product__local_slopes(x, y, z):
    """dx and dy are the slopes of the sum alone: the chain rule goes on from the sum to f."""
    return (x + y) * z, (torch.ones_like(x), torch.ones_like(y), x + y)


def sum_product__dz_is_z(x, y, z):
    """dz is the slope towards the other factor: ask what f does when z moves and the sum stays."""
    return (x + y) * z, (z, z, z)


def sum_product__product_of_three(x, y, z):
    """dx and dy are those of a product of x and y; here the two are added."""
    return (x + y) * z, (y * z, x * z, x + y)


def sum_product__order(x, y, z):
    """The gradients are in the wrong order: they follow the arguments."""
    return (x + y) * z, (x + y, z, z)


def sum_product__sum_shared_out(x, y, z):
    """The gradient at the sum was divided between x and y: a sum passes all of it to each."""
    return (x + y) * z, (z / 2, z / 2, x + y)


def sum_product__by_division(x, y, z):
    """At x = -y or z = 0 a gradient is NaN: it was found by a division, and what was divided by is 0."""
    f = (x + y) * z
    return f, (f / (x + y), f / (x + y), f / z)


def sum_product__single_precision(x, y, z):
    """The results are float32 whatever the dtype of the inputs is."""
    x, y, z = x.float(), y.float(), z.float()
    return (x + y) * z, (z, z, x + y)


def sum_product__in_place(x, y, z):
    """x itself was overwritten: operations whose name ends in _, and += on a tensor, work in place."""
    q = x.add_(y)
    return q * z, (z, z, q)


SUM_PRODUCT = Problem(
    name="sum_product",
    call=function,
    returns=("f", ("dx", "dy", "dz")),
    cases=_sum_product,
    expected=values_of(reference.sum_product),
    points={"values": 3, "edge cases": 1, "contract": 1},
    mistakes=programs(
        sum_product__no_parentheses,
        sum_product__local_slopes,
        sum_product__dz_is_z,
        sum_product__product_of_three,
        sum_product__order,
        sum_product__sum_shared_out,
        sum_product__by_division,
        sum_product__single_precision,
        sum_product__in_place,
    ),
    alternatives=programs(sum_product__step_by_step, sum_product__multiplied_out),
)


# The sigmoid neuron


def _sigmoid_neuron(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, count, total, **how):
        """`count` inputs; the bias makes the sum what it has to be."""
        signs = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)[:count]
        weight, x = signs * _sized(generator, count), 1 + _sized(generator, count)
        w = torch.cat([weight, (total - weight @ x).reshape(1)])
        # What is measured in float64 is compared with the reference on numbers that float32 holds.
        return Case(name, criterion, {"w": w.float().double(), "x": x.float().double()}, **how)

    return [
        case("two inputs, sum 1", "values", 2, 1.0),
        case("four inputs, sum -0.8", "values", 4, -0.8),
        case("three inputs, sum 1.7", "values", 3, 1.7),
        case("one input", "edge cases", 1, -1.2),
        case("sum 0", "edge cases", 2, 0.0),
        case("sum 200", "edge cases", 3, 200.0),
        case("sum -200", "edge cases", 3, -200.0),
        case("sum 10,000", "edge cases", 3, 1e4),
        case("sum -10,000", "edge cases", 3, -1e4),
        case("float64", "contract", 3, 1.1, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", 4, -0.6, layout="strided"),
    ]


def sigmoid_neuron__from_output(w, x):
    f = 1 / (1 + torch.exp(-((w[:-1] * x).sum() + w[-1])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__symmetric(w, x):
    s = w[:-1].dot(x) + w[-1]
    small = torch.exp(-s.abs())
    f = torch.where(s > 0, 1, small) / (1 + small)
    ds = small / (1 + small) ** 2
    dw = torch.empty_like(w)
    dw[:-1], dw[-1] = ds * x, ds
    return f, (dw, w[:-1] * ds)


def sigmoid_neuron__loops(w, x):
    s = w[-1]
    for weight, value in zip(w[:-1], x, strict=True):
        s = s + weight * value
    f = torch.sigmoid(s)
    slope = f - f**2
    return f, (torch.stack([slope * v for v in x] + [slope]), torch.stack([slope * v for v in w[:-1]]))


def sigmoid_neuron__sign_of_exponent(w, x):
    """f falls where it should rise: look at the sign of the exponent."""
    f = 1 / (1 + torch.exp(w[:-1] @ x + w[-1]))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__no_bias(w, x):
    """The bias is not in the sum."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x)))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__bias_first(w, x):
    """The first entry of w was taken for the bias."""
    f = 1 / (1 + torch.exp(-(w[1:] @ x + w[0])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([torch.ones_like(x[:1]), x]), ds * w[1:])


def sigmoid_neuron__sum_alone(w, x):
    """The gradients are those of the weighted sum: the chain rule goes on through the sigmoid."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    return f, (torch.cat([x, torch.ones_like(x[:1])]), w[:-1].clone())


def sigmoid_neuron__square_forgotten(w, x):
    """The slope of the sigmoid is too large by one factor: look at the slope of 1/u, and at its power of u."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = 1 - f
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__sign(w, x):
    """All gradients have the wrong sign: two of the steps have a negative slope, not one."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (f - 1)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__sum_as_output(w, x):
    """The slope of the sigmoid is written in terms of its output, but was given its input."""
    s = w[:-1] @ x + w[-1]
    ds = s * (1 - s)
    return 1 / (1 + torch.exp(-s)), (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__bias_gets_nothing(w, x):
    """The last entry of dw is 0: the bias moves the sum too."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.zeros_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__bias_not_in_dw(w, x):
    """dw has no entry for the bias."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (1 - f)
    return f, (ds * x, ds * w[:-1])


def sigmoid_neuron__dx_with_bias(w, x):
    """dx has an entry for the bias; there is no input to it."""
    f = 1 / (1 + torch.exp(-(w[:-1] @ x + w[-1])))
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w)


def sigmoid_neuron__overflows_on_the_left(w, x):
    """For a very negative sum a gradient is NaN: an exponential overflows, above and below the line."""
    e = torch.exp(-(w[:-1] @ x + w[-1]))
    ds = e / (1 + e) ** 2
    return 1 / (1 + e), (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


def sigmoid_neuron__overflows_on_the_right(w, x):
    """For a large sum f is inf / inf, which is NaN: look at which exponential overflows."""
    e = torch.exp(w[:-1] @ x + w[-1])
    f = e / (1 + e)
    ds = f * (1 - f)
    return f, (ds * torch.cat([x, torch.ones_like(x[:1])]), ds * w[:-1])


SIGMOID_NEURON = Problem(
    name="sigmoid_neuron",
    call=function,
    returns=("f", ("dw", "dx")),
    cases=_sigmoid_neuron,
    expected=values_of(reference.sigmoid_neuron),
    points={"values": 6, "edge cases": 3, "contract": 1},
    # Where the sum is very negative everything is close to 0; beside 1 - f, an error of 1e-20 is none.
    measured=Measure(("f", "dw", "dx", "1 - f"), lambda case, outputs: (*outputs, 1 - outputs[0])),
    mistakes=programs(
        sigmoid_neuron__sign_of_exponent,
        sigmoid_neuron__no_bias,
        sigmoid_neuron__bias_first,
        sigmoid_neuron__sum_alone,
        sigmoid_neuron__square_forgotten,
        sigmoid_neuron__sign,
        sigmoid_neuron__sum_as_output,
        sigmoid_neuron__bias_gets_nothing,
        sigmoid_neuron__bias_not_in_dw,
        sigmoid_neuron__dx_with_bias,
        sigmoid_neuron__overflows_on_the_left,
        sigmoid_neuron__overflows_on_the_right,
    ),
    alternatives=programs(
        sigmoid_neuron__from_output,
        sigmoid_neuron__symmetric,
        sigmoid_neuron__loops,
    ),
)


# Central differences


def _numerical_gradient(generator: torch.Generator) -> list[Case]:
    def case(f, shape, eps, criterion, special=None, dtype=torch.float64, **how):
        x = 2 * _sized(generator, *shape) - 2
        name = f"{special or f'x {shape}'}: {f}, eps {eps}"
        # So large an eps that forward differences, and the true gradient, are far from what is asked for.
        return Case(name, criterion, {"f": NamedFunction(f), "x": x, "eps": eps}, dtype=dtype, **how)

    return [
        case("sum of exponentials", (5,), 0.5, "values"),
        case("weighted sines", (2, 3), 0.25, "values"),
        case("sum of exponentials", (3, 2, 2), 0.1, "values"),
        case("product", (4,), 0.5, "edge cases"),
        case("weighted sines", (1,), 0.4, "edge cases"),
        case("sum of exponentials", (), 0.3, "edge cases"),
        case("weighted sines", (2, 1, 2, 3), 0.2, "edge cases"),
        case("sum of exponentials", (2, 3), 0.25, "contract", "float32", torch.float32),
        case("weighted sines", (4, 3), 0.5, "contract", "x with gaps in memory", layout="strided"),
        case("weighted sines", (2, 3, 2), 0.3, "contract", "x transposed in memory", layout="transposed"),
    ]


def numerical_gradient__unit_steps(f, x, eps):
    grad = torch.empty(x.numel(), dtype=x.dtype, device=x.device)
    for i in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
        step[i] = eps
        step = step.reshape(x.shape)
        grad[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad.reshape(x.shape)


def numerical_gradient__by_index(f, x, eps):
    import itertools

    x = x.clone()
    grad = torch.zeros_like(x)
    for index in itertools.product(*map(range, x.shape)):
        before = x[index].item()
        x[index] = before + eps
        above = f(x)
        x[index] = before - eps
        below = f(x)
        x[index] = before
        grad[index] = (above - below) / (2 * eps)
    return grad


def numerical_gradient__puts_back(f, x, eps):
    import numpy

    grad = torch.zeros_like(x)
    for index in numpy.ndindex(*x.shape):
        before = x[index].clone()
        x[index] = before + eps
        above = f(x).item()
        x[index] = before - eps
        grad[index] = (above - f(x).item()) / 2 / eps
        x[index] = before
    return grad


def numerical_gradient__forward_differences(f, x, eps):
    """These are forward differences: only one side of x was looked at."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__backward_differences(f, x, eps):
    """These are backward differences: only one side of x was looked at."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x) - f(x - step)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__twice_too_large(f, x, eps):
    """Every entry is twice too large: ask how far apart the two points are."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__not_divided(f, x, eps):
    """The differences were not divided by the distance of the two points."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([f(x + step) - f(x - step) for step in steps]).reshape(x.shape)


def numerical_gradient__two_times_eps_without_parentheses(f, x, eps):
    """Python divides and multiplies from left to right: look at what / 2 * eps does."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / 2 * eps for step in steps]).reshape(x.shape)


def numerical_gradient__own_eps(f, x, eps):
    """The result does not depend on the eps that is given."""
    steps = 1e-5 * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / 2e-5 for step in steps]).reshape(x.shape)


def numerical_gradient__half_steps(f, x, eps):
    """The two points are eps / 2 away from x; they should be eps away."""
    steps = eps / 2 * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__sign(f, x, eps):
    """The sign is reversed: look at which of the two values is subtracted."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x - step) - f(x + step)) / (2 * eps) for step in steps]).reshape(x.shape)


def numerical_gradient__all_entries_at_once(f, x, eps):
    """All entries of x were moved at the same time: that gives one slope, not one for each entry."""
    return (f(x + eps) - f(x - eps)) / (2 * eps) * torch.ones_like(x)


def numerical_gradient__not_put_back(f, x, eps):
    """An entry that was moved stays where it is when the next one is moved."""
    x = x.clone(memory_format=torch.contiguous_format)
    grad = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
    for i in range(x.numel()):
        x.view(-1)[i] += eps
        above = f(x)
        x.view(-1)[i] -= 2 * eps
        grad[i] = (above - f(x)) / (2 * eps)
    return grad.reshape(x.shape)


def numerical_gradient__flat(f, x, eps):
    """The result has the right numbers but not the shape of x."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / (2 * eps) for step in steps])


def numerical_gradient__flat_copy(f, x, eps):
    """For an x that does not lie row after row, the entries were moved, or written, in a copy that nobody reads."""
    grad, moved = torch.zeros_like(x), x.clone()
    for i in range(x.numel()):
        moved.reshape(-1)[i] += eps
        above = f(moved)
        moved.reshape(-1)[i] -= 2 * eps
        grad.reshape(-1)[i] = (above - f(moved)) / (2 * eps)
        moved.reshape(-1)[i] += eps
    return grad


NUMERICAL_GRADIENT = Problem(
    name="numerical_gradient",
    call=function,
    returns=("grad",),
    cases=_numerical_gradient,
    expected=value_of(reference.numerical_gradient),
    points={"values": 6, "edge cases": 2, "contract": 2},
    mistakes=programs(
        numerical_gradient__forward_differences,
        numerical_gradient__backward_differences,
        numerical_gradient__twice_too_large,
        numerical_gradient__not_divided,
        numerical_gradient__two_times_eps_without_parentheses,
        numerical_gradient__own_eps,
        numerical_gradient__half_steps,
        numerical_gradient__sign,
        numerical_gradient__all_entries_at_once,
        numerical_gradient__not_put_back,
        numerical_gradient__flat,
        numerical_gradient__flat_copy,
    ),
    alternatives=programs(
        numerical_gradient__unit_steps,
        numerical_gradient__by_index,
        numerical_gradient__puts_back,
    ),
)


# Scalars of a graph

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


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
        values = torch.tensor(numbers[:count], dtype=torch.float64) * _sized(generator, count)
        return Case(name or text, criterion, {"values": values, "steps": steps}, **how)

    return [
        case("(a + b) * c", "values"),
        case("a - b * c", "values"),
        case("a / b - c", "values"),
        case("a * b.exp()", "values"),
        case("(a + b).tanh() * c", "values"),
        case("a.relu() * b + c.relu() * d", "values"),
        case("a ** 3 * b ** 0.5", "values"),
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
        case("a ** 2 + b", "edge cases", "a ** 2 + b, a is 0", (0, 1)),
        case("a.relu() * b + b", "edge cases", "a.relu() * b + b, a is 0", (0, 1)),
        case("a ** b", "edge cases"),
        case("a ** a * b", "edge cases"),
        case("a" + " + b - c" * 120, "edge cases", "a + b - c + b - c + …, 240 operations"),
        case("(a + 2.5) * 3 - c / 4", "contract", numbers=(1, -1)),
        case("1.5 * (2 + a)", "contract"),
        case("2 - c", "contract", "2 - c, c negative", (-1,)),
        case("3 / a", "contract"),
        case("2 ** a", "contract"),
        case("a * b.exp() / c", "contract", "a * b.exp() / c, float64", dtype=torch.float64),
    ]


class Value__closures:
    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self._children = set(children)
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

_VALUE_SLIPS = (
    slip(
        Value__rules,
        "assigns",
        "A node that is used twice keeps only the last of the gradients that come back to it.",
        ("parent.grad += slope", "parent.grad = slope"),
    ),
    slip(
        Value__rules,
        "spreads_at_once",
        "What came back over the first of two ways is sent on twice: a node sends on when all of its gradient is "
        "there.",
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
    ),
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
    ),
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
    ),
    slip(
        Value__rules,
        "no_seed",
        "All gradients are 0: something has to be the first gradient, before the way back begins.",
        ("        self.grad = 1.0\n", ""),
    ),
    slip(
        Value__rules,
        "one_entry_for_each_operand",
        "When both operands are the same node, only one of the two slopes was kept.",
        ("list(zip(nodes, slopes, strict=True))", "dict(zip(nodes, slopes, strict=True)).items()"),
    ),
    slip(
        Value__rules,
        "own_factor",
        "In a product each factor got its own value for a slope.",
        ("(a * b, b, a)", "(a * b, a, b)"),
    ),
    slip(
        Value__rules,
        "minus_as_plus",
        "The gradient of what is subtracted has the wrong sign.",
        ("(a - b, 1, -1)", "(a - b, 1, 1)"),
    ),
    slip(
        Value__rules,
        "quotient_not_squared",
        "The slope of a quotient with respect to the number below the line has the wrong size.",
        ("-a / b**2", "-a / b"),
    ),
    slip(
        Value__rules,
        "quotient_sign",
        "The slope of a quotient with respect to the number below the line has the wrong sign.",
        ("-a / b**2", "a / b**2"),
    ),
    slip(
        Value__rules,
        "exponent_not_lowered",
        "The slope of a power has an exponent that is too large.",
        ("b * a ** (b - 1)", "b * a**b"),
    ),
    slip(
        Value__rules,
        "exponent_gets_nothing",
        "A node that is an exponent gets no gradient: the power changes with it too.",
        ("a**b * log)", "0)"),
        ("        log = torch.tensor(self.data, dtype=torch.float64).log().item()\n", ""),
    ),
    slip(
        Value__rules,
        "number_on_the_left",
        "With a plain number on the left, the two sides were exchanged.",
        ("type(self)(other) - self", "self - other"),
        ("type(self)(other) / self", "self / other"),
        ("type(self)(other) ** self", "self**other"),
    ),
    slip(
        Value__rules,
        "exp_of_input",
        "The slope of exp is written in terms of its output, but was given its input.",
        ("(2.718281828459045**a, 2.718281828459045**a)", "(2.718281828459045**a, a)"),
    ),
    slip(
        Value__rules,
        "tanh_of_input",
        "The slope of tanh is written in terms of its output, but was given its input.",
        ("1 - out**2", "1 - a**2"),
    ),
    slip(
        Value__rules,
        "relu_passes_everything",
        "The gradient passes through relu where its input is negative.",
        ("(max(a, 0.0), a > 0)", "(max(a, 0.0), 1)"),
    ),
    slip(
        Value__rules,
        "relu_slope_at_zero",
        "Look at relu where its input is exactly 0: torch counts it to the negative side.",
        ("a > 0", "a >= 0"),
    ),
)


VALUE = Problem(
    name="Value",
    call=graph,
    returns=("data", "grad"),
    cases=_value,
    expected=graph_of(),
    points={"values": 12, "edge cases": 9, "contract": 4},
    mistakes=programs(*_VALUE_SLIPS),
    alternatives=programs(Value__closures, Value__counts_consumers, Value__tape, Value__rules),
)


# A linear layer


def _linear(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, n, d, m, **how):
            arguments = {
                "x": _normal(generator, n, d),
                "weight": _normal(generator, m, d),
                "bias": 2 * _normal(generator, m),
            }
            return Case(name, criterion, arguments, _normal(generator, n, m) if gradient else None, **how)

        return [
            case("x (5, 4), weight (3, 4)", "values", 5, 4, 3),
            case("x (3, 2), weight (6, 2)", "values", 3, 2, 6),
            case("x (4, 4), weight (4, 4)", "values", 4, 4, 4),
            case("one sample", "edge cases", 1, 4, 3),
            case("one feature", "edge cases", 5, 1, 3),
            case("one output", "edge cases", 5, 4, 1),
            case("float64", "contract", 5, 4, 3, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 5, 4, 3, layout="strided"),
            case("inputs transposed in memory", "contract", 5, 4, 3, layout="transposed"),
            case(NEXT_CALL, "contract", 5, 4, 3, another_call=True),
        ]

    return cases


def linear_forward__keeps_x_and_weight(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_forward__einsum(x, weight, bias):
    return torch.einsum("nd,md->nm", x, weight).add(bias), (x, weight)


def linear_forward__broadcast(x, weight, bias):
    return (x[:, None, :] * weight).sum(2) + bias, [x, weight]


def linear_forward__loops(x, weight, bias):
    out = torch.zeros(len(x), len(weight), dtype=x.dtype, device=x.device)
    for n in range(len(x)):
        for m in range(len(weight)):
            out[n, m] = torch.dot(x[n], weight[m]) + bias[m]
    return out, (x, weight)


def linear_forward__no_bias(x, weight, bias):
    """The bias is not added."""
    return x @ weight.T, None


def linear_forward__reshaped(x, weight, bias):
    """The weight was reshaped where it had to be transposed: its numbers lie in other places then."""
    return x @ weight.reshape(x.shape[1], -1) + bias, None


def linear_forward__out_transposed(x, weight, bias):
    """out is transposed: the samples must stay along the first dimension."""
    return weight @ x.T + bias[:, None], None


def linear_forward__sum_of_biases(x, weight, bias):
    """Every output got the sum of all biases; each has one of its own."""
    return x @ weight.T + bias.sum(), None


def linear_forward__bias_multiplied(x, weight, bias):
    """The outputs were multiplied by the bias."""
    return x @ weight.T * bias, None


def linear_forward__mean(x, weight, bias):
    """The products were averaged over the features; they are added up."""
    return x @ weight.T / x.shape[1] + bias, None


def linear_forward__bias_in_place(x, weight, bias):
    """bias itself was overwritten: operations whose name ends in _, and += on a tensor, work in place."""
    out = x @ weight.T + bias
    return out, bias.copy_(out[0])


def linear_backward__products(dout, cache):
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(dim=0)


def linear_backward__einsum(dout, cache):
    x, weight = cache
    return (
        torch.einsum("nm,md->nd", dout, weight),
        torch.einsum("nm,nd->md", dout, x),
        torch.einsum("nm->m", dout),
    )


def linear_backward__sample_by_sample(dout, cache):
    x, weight = cache
    dx, dweight, dbias = torch.zeros_like(x), torch.zeros_like(weight), torch.zeros_like(weight[:, 0])
    for n in range(len(x)):
        dx[n] = weight.T @ dout[n]
        dweight += torch.outer(dout[n], x[n])
        dbias += dout[n]
    return dx, dweight, dbias


def linear_forward__closure(x, weight, bias):
    def gradients(dout):
        return [dout.matmul(weight), (x.T @ dout).T, torch.ones(len(x), dtype=x.dtype, device=x.device) @ dout]

    return torch.addmm(bias, x, weight.T), gradients


def linear_backward__closure(dout, cache):
    return cache(dout)


def linear_backward__weight_reshaped(dout, cache):
    """dx was computed with a reshaped weight: its numbers lie in other places then."""
    x, weight = cache
    return dout @ weight.T.reshape(weight.shape), dout.T @ x, dout.sum(dim=0)


def linear_backward__dweight_transposed(dout, cache):
    """dweight is transposed: a gradient has the shape of what it belongs to."""
    x, weight = cache
    return dout @ weight, x.T @ dout, dout.sum(dim=0)


def linear_backward__mean_over_the_batch(dout, cache):
    """dweight and dbias were averaged over the batch; the chain rule adds up."""
    x, weight = cache
    return dout @ weight, dout.T @ x / len(x), dout.mean(dim=0)


def linear_backward__dbias_averaged(dout, cache):
    """dbias was averaged over the batch; the chain rule adds up."""
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.mean(dim=0)


def linear_backward__dbias_over_outputs(dout, cache):
    """dbias was summed over the outputs; it has one entry for each of them."""
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(dim=1)


def linear_backward__dbias_of_ones(dout, cache):
    """dbias is the local derivative; the chain rule has one more factor."""
    x, weight = cache
    return dout @ weight, dout.T @ x, torch.full_like(weight[:, 0], len(x))


def linear_backward__without_upstream(dout, cache):
    """These are the local derivatives; the chain rule has one more factor."""
    x, weight = cache
    ones = torch.ones_like(dout)
    return ones @ weight, ones.T @ x, ones.sum(dim=0)


def linear_backward__dbias_two_dimensional(dout, cache):
    """dbias has one dimension too many: a gradient has the shape of what it belongs to."""
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(dim=0, keepdim=True)


def linear_backward__order(dout, cache):
    """The gradients are in the wrong order: they follow the arguments of the forward pass."""
    x, weight = cache
    return dout.T @ x, dout.sum(dim=0), dout @ weight


def linear_backward__weight_changed(dout, cache):
    """The weight itself was overwritten, which the caller still needs."""
    x, weight = cache
    dx = dout @ weight
    return dx, weight.copy_(dout.T @ x), dout.sum(dim=0)


LINEAR = (
    Problem(
        name="linear_forward",
        call=forward,
        returns=("out",),
        cases=_linear(gradient=False),
        expected=value_of(reference.linear),
        points={"values": 3, "edge cases": 1, "contract": 1},
        forbidden=frozenset({"linear"}),
        mistakes=programs(
            linear_forward__no_bias,
            linear_forward__reshaped,
            linear_forward__out_transposed,
            linear_forward__sum_of_biases,
            linear_forward__bias_multiplied,
            linear_forward__mean,
            linear_forward__bias_in_place,
        ),
        alternatives=programs(
            linear_forward__keeps_x_and_weight,
            linear_forward__einsum,
            linear_forward__broadcast,
            linear_forward__loops,
        ),
    ),
    Problem(
        name="linear_backward",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=_linear(gradient=True),
        expected=gradients_of(reference.linear),
        points={"values": 6, "edge cases": 1, "contract": 1},
        mistakes=programs(
            linear_backward__weight_reshaped,
            linear_backward__dweight_transposed,
            linear_backward__mean_over_the_batch,
            linear_backward__dbias_averaged,
            linear_backward__dbias_over_outputs,
            linear_backward__dbias_of_ones,
            linear_backward__without_upstream,
            linear_backward__dbias_two_dimensional,
            linear_backward__order,
            linear_backward__weight_changed,
        ),
        alternatives=programs(
            linear_backward__products,
            linear_backward__einsum,
            linear_backward__sample_by_sample,
            (linear_backward__closure, linear_forward__closure),
        ),
        companions=(linear_forward__keeps_x_and_weight,),
    ),
)


# Softmax


def _softmax(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, *shape, shift=0.0, **how):
            x = 2 * _normal(generator, *shape) + torch.tensor(shift, dtype=torch.float64)
            return Case(name, criterion, {"x": x}, _normal(generator, *shape) if gradient else None, **how)

        return [
            case("x (4, 5)", "values", 4, 5),
            case("x (6, 3)", "values", 6, 3),
            case("x (4, 4)", "values", 4, 4),
            case("images, x (2, 5, 4, 3)", "edge cases", 2, 5, 4, 3),
            case("one sample", "edge cases", 1, 5),
            case("one class", "edge cases", 4, 1),
            case("x near 10,000", "edge cases", 4, 5, shift=1e4),
            case("x near -10,000", "edge cases", 4, 5, shift=-1e4),
            case("samples of very different size", "edge cases", 3, 5, shift=[[1e4], [0.0], [-1e4]]),
            case("one class far ahead", "edge cases", 4, 5, shift=[0.0, 0.0, 1e4, 0.0, 0.0]),
            case("float64", "contract", 4, 5, dtype=torch.float64),
            case("x with gaps in memory", "contract", 2, 5, 4, 3, layout="strided"),
            case("x transposed in memory", "contract", 4, 5, layout="transposed"),
            case(NEXT_CALL, "contract", 4, 5, another_call=True),
        ]

    return cases


def softmax_forward__keeps_output(x):
    e = torch.exp(x - x.amax(dim=1, keepdim=True))
    out = e / e.sum(dim=1, keepdim=True)
    return out, out


def softmax_forward__through_logarithms(x):
    shifted = x - x.max(dim=1, keepdim=True).values
    out = (shifted - shifted.exp().sum(1, keepdim=True).log()).exp()
    return out, out


def softmax_forward__row_by_row(x):
    rows = x.movedim(1, -1).reshape(-1, x.shape[1])
    out = torch.stack([(row - row.max()).exp() / (row - row.max()).exp().sum() for row in rows])
    out = out.reshape(x.movedim(1, -1).shape).movedim(-1, 1)
    return out, out


def softmax_forward__pairwise(x):
    differences = x.unsqueeze(1) - x.unsqueeze(2)
    out = 1 / differences.exp().sum(dim=2)
    return out, out


def softmax_forward__over_the_batch(x):
    """The results add up to 1 over the samples; they should do so over the classes of each sample."""
    e = torch.exp(x - x.amax(dim=0, keepdim=True))
    return e / e.sum(dim=0, keepdim=True), None


def softmax_forward__last_dimension(x):
    """For images the results add up to 1 over the last dimension; the classes are along dim 1."""
    e = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return e / e.sum(dim=-1, keepdim=True), None


def softmax_forward__over_everything(x):
    """The results add up to 1 over the whole batch; they should do so for each sample."""
    e = torch.exp(x - x.max())
    return e / e.sum(), None


def softmax_forward__overflows(x):
    """Far from 0 the result is inf / inf or 0 / 0, which is NaN: the exponentials are too large, or all too small."""
    e = torch.exp(x)
    return e / e.sum(dim=1, keepdim=True), None


def softmax_forward__one_shift_for_all(x):
    """A sample far below the others is 0 / 0, which is NaN: each sample needs a shift of its own."""
    e = torch.exp(x - x.max())
    return e / e.sum(dim=1, keepdim=True), None


def softmax_forward__clipped(x):
    """Far from 0 all classes of a sample come out alike: x was clipped, and the differences were lost."""
    e = torch.exp(x.clamp(-50, 50))
    return e / e.sum(dim=1, keepdim=True), None


def softmax_forward__logarithm(x):
    """The results are negative: these are the logarithms of what is asked for."""
    shifted = x - x.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log(), None


def softmax_forward__divided_by_the_largest(x):
    """The largest result of each sample is 1: it is the sum that should be 1."""
    return torch.exp(x - x.amax(dim=1, keepdim=True)), None


def softmax_forward__without_exponential(x):
    """The numbers were divided by their sum as they are; they must be made positive first."""
    return x / x.sum(dim=1, keepdim=True), None


def softmax_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _, and -= on a tensor, work in place."""
    x -= x.amax(dim=1, keepdim=True)
    e = x.exp_()
    return e / e.sum(dim=1, keepdim=True), None


def softmax_backward__centered(dout, cache):
    return cache * (dout - (dout * cache).sum(dim=1, keepdim=True))


def softmax_backward__two_terms(dout, cache):
    part = dout * cache
    return part - cache * part.sum(1).unsqueeze(1)


def softmax_backward__jacobian(dout, cache):
    rows, drows = cache.movedim(1, -1), dout.movedim(1, -1)
    jacobian = torch.diag_embed(rows) - rows.unsqueeze(-1) * rows.unsqueeze(-2)
    return (jacobian @ drows.unsqueeze(-1)).squeeze(-1).movedim(-1, 1)


def softmax_backward__diagonal(dout, cache):
    """Each class was treated alone: every output depends on all classes of its sample."""
    return dout * cache * (1 - cache)


def softmax_backward__summed_over_the_batch(dout, cache):
    """The sum goes over the samples; it should go over the classes of each."""
    return cache * (dout - (dout * cache).sum(dim=0, keepdim=True))


def softmax_backward__last_dimension(dout, cache):
    """For images the sum goes over the last dimension; the classes are along dim 1."""
    return cache * (dout - (dout * cache).sum(dim=-1, keepdim=True))


def softmax_backward__summed_over_everything(dout, cache):
    """The sum goes over the whole batch; each sample has one of its own."""
    return cache * (dout - (dout * cache).sum())


def softmax_backward__not_weighted(dout, cache):
    """In the sum over the classes each entry of dout has a weight, which is missing."""
    return cache * (dout - dout.sum(dim=1, keepdim=True))


def softmax_backward__of_the_logarithm(dout, cache):
    """This is the gradient for the logarithm of the softmax."""
    return dout - cache * dout.sum(dim=1, keepdim=True)


def softmax_backward__mean(dout, cache):
    """The terms of the classes were averaged; the chain rule adds up."""
    return cache * (dout - (dout * cache).mean(dim=1, keepdim=True))


def softmax_backward__one_factor_missing(dout, cache):
    """Even a class of probability 0 gets a gradient: one factor is missing."""
    return dout - (dout * cache).sum(dim=1, keepdim=True)


def softmax_backward__sign(dout, cache):
    """The sign is reversed: a class that is wanted more must rise."""
    return cache * ((dout * cache).sum(dim=1, keepdim=True) - dout)


def softmax_backward__changes_dout(dout, cache):
    """dout itself was overwritten: operations whose name ends in _, and -= on a tensor, work in place."""
    dout -= (dout * cache).sum(dim=1, keepdim=True)
    return dout * cache


SOFTMAX_PROBLEMS = (
    Problem(
        name="softmax_forward",
        call=forward,
        returns=("out",),
        cases=_softmax(gradient=False),
        expected=value_of(reference.softmax),
        points={"values": 3, "edge cases": 2, "contract": 1},
        forbidden=SOFTMAX,
        mistakes=programs(
            softmax_forward__over_the_batch,
            softmax_forward__last_dimension,
            softmax_forward__over_everything,
            softmax_forward__overflows,
            softmax_forward__one_shift_for_all,
            softmax_forward__clipped,
            softmax_forward__logarithm,
            softmax_forward__divided_by_the_largest,
            softmax_forward__without_exponential,
            softmax_forward__in_place,
        ),
        alternatives=programs(
            softmax_forward__keeps_output,
            softmax_forward__through_logarithms,
            softmax_forward__row_by_row,
            softmax_forward__pairwise,
        ),
    ),
    Problem(
        name="softmax_backward",
        call=backward,
        returns=("dx",),
        cases=_softmax(gradient=True),
        expected=gradients_of(reference.softmax),
        points={"values": 5, "edge cases": 2, "contract": 1},
        forbidden=SOFTMAX,
        mistakes=programs(
            softmax_backward__diagonal,
            softmax_backward__summed_over_the_batch,
            softmax_backward__last_dimension,
            softmax_backward__summed_over_everything,
            softmax_backward__not_weighted,
            softmax_backward__of_the_logarithm,
            softmax_backward__mean,
            softmax_backward__one_factor_missing,
            softmax_backward__sign,
            softmax_backward__changes_dout,
        ),
        alternatives=programs(
            softmax_backward__centered,
            softmax_backward__two_terms,
            softmax_backward__jacobian,
        ),
        companions=(softmax_forward__keeps_output,),
    ),
)


# Cross-entropy


def _cross_entropy(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, classes, scale=2.0, shift=0.0, target=None, **how):
        logits = scale * _normal(generator, n, classes)
        if shift:
            # Float32 holds the logits and their differences exactly, whichever logit is taken from the others.
            logits = (64 * logits).round() / 64 + torch.tensor(shift, dtype=torch.float64)
        target = _labels(generator, n, classes) if target is None else torch.tensor(target)
        return Case(name, criterion, {"logits": logits, "target": target}, **how)

    return [
        case("logits (4, 5)", "values", 4, 5),
        case("logits (7, 3)", "values", 7, 3),
        case("logits (4, 4)", "values", 4, 4),
        case("one sample", "edge cases", 1, 5),
        case("classes that no sample has", "edge cases", 4, 6, target=[2, 0, 2, 1]),
        case("logits all alike", "edge cases", 3, 5, scale=0.0),
        # The right class is far behind. Where all are near 10,000 and alike, the textbook's logarithm of a sum keeps
        # no digits of a small loss in float32, and is right all the same.
        case(
            "logits near 10,000, the right class 5,000 behind",
            "edge cases",
            4,
            5,
            shift=[*[1e4] * 4, 5e3],
            target=[4] * 4,
        ),
        case(
            "logits near -5,000, the right class 5,000 behind",
            "edge cases",
            4,
            5,
            shift=[*[-5e3] * 4, -1e4],
            target=[4] * 4,
        ),
        case(
            "samples of very different size",
            "edge cases",
            3,
            5,
            shift=[[*[s] * 4, s - 5e3] for s in (1e4, 0.0, -5e3)],
            target=[4] * 3,
        ),
        case("another class 10,000 ahead", "edge cases", 3, 4, shift=[0.0, 1e4, 0.0, 0.0], target=[0, 2, 3]),
        case("the right class 10,000 ahead, or behind", "edge cases", 2, 4, shift=[0.0, 1e4, 0.0, 0.0], target=[1, 3]),
        case("float64", "contract", 4, 5, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", 4, 5, layout="strided"),
        case("logits transposed in memory", "contract", 4, 5, layout="transposed"),
    ]


def cross_entropy__logarithm_of_a_sum(logits, target):
    largest = logits.amax(dim=1)
    summed = (logits - largest[:, None]).exp().sum(dim=1)
    rows = torch.arange(len(target), device=target.device)
    loss = (largest + summed.log() - logits[rows, target]).mean()
    dlogits = (logits - largest[:, None]).exp() / summed[:, None]
    dlogits[rows, target] -= 1
    return loss, dlogits / len(target)


def cross_entropy__one_hot(logits, target):
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)


def cross_entropy__indexed(logits, target):
    rows = torch.arange(len(target), device=target.device)
    e = torch.exp(logits - logits.max(1, keepdim=True).values)
    total = e.sum(1)
    right = (logits - logits.max(1, keepdim=True).values)[rows, target]
    dlogits = e / total[:, None]
    dlogits[rows, target] -= 1
    return (torch.log(total) - right).mean(), dlogits / len(target)


def cross_entropy__sample_by_sample(logits, target):
    loss, dlogits = 0, torch.empty_like(logits)
    for n, label in enumerate(target.tolist()):
        ahead = logits[n] - logits[n].max()
        e = ahead.exp()
        loss = loss + (e.sum().log() - ahead[label]) / len(logits)
        dlogits[n] = e / e.sum() / len(logits)
        dlogits[n, label] -= 1 / len(logits)
    return loss, dlogits


def cross_entropy__gathered(logits, target):
    import numpy

    x = logits.double().cpu().numpy()
    x = x - x.max(axis=1, keepdims=True)
    log_p = x - numpy.log(numpy.exp(x).sum(axis=1, keepdims=True))
    rows, labels = numpy.arange(len(x)), target.cpu().numpy()
    grad = numpy.exp(log_p)
    grad[rows, labels] -= 1
    return torch.tensor(-log_p[rows, labels].mean()).to(logits), torch.tensor(grad / len(x)).to(logits)


def cross_entropy__sum(logits, target):
    """Loss and gradient were summed over the batch; the mean is asked for."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(), log_p.exp() - one_hot


def cross_entropy__gradient_of_the_sum(logits, target):
    """The loss is a mean over the batch, but dlogits is the gradient of a sum."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), log_p.exp() - one_hot


def cross_entropy__mean_over_all_entries(logits, target):
    """Loss and gradient were divided by the number of all logits; the mean goes over the samples."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).mean(), (log_p.exp() - one_hot) / logits.numel()


def cross_entropy__probabilities_as_gradient(logits, target):
    """dlogits is positive everywhere: the logit of the right class must rise for the loss to fall."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), log_p.exp() / len(logits)


def cross_entropy__right_class_only(logits, target):
    """dlogits is 0 for the other classes: they are in the sum below the line, and so in the loss."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) * one_hot / len(logits)


def cross_entropy__gradient_of_the_probability(logits, target):
    """dlogits is the gradient with respect to the probabilities: the way back goes on through the softmax."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), torch.where(one_hot > 0, -1 / log_p.exp(), 0) / len(logits)


def cross_entropy__sign_of_gradient(logits, target):
    """dlogits has the wrong sign: with it the loss would rise."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), (one_hot - log_p.exp()) / len(logits)


def cross_entropy__sign_of_loss(logits, target):
    """The loss is negative: the logarithm of a probability is, and the loss is not."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return (log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)


def cross_entropy__all_classes(logits, target):
    """The loss takes the logarithms of all classes; only that of the right one counts."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -log_p.sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)


def cross_entropy__overflows(logits, target):
    """Far from 0 the result is NaN: inf / inf or 0 / 0, as in a softmax that does not shift its input."""
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(p * one_hot).sum(dim=1).log().mean(), (p - one_hot) / len(logits)


def cross_entropy__logarithm_of_zero(logits, target):
    """With another class far ahead the loss is inf: this is the logarithm of a probability that was rounded to 0."""
    e = torch.exp(logits - logits.amax(dim=1, keepdim=True))
    p = e / e.sum(dim=1, keepdim=True)
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(p * one_hot).sum(dim=1).log().mean(), (p - one_hot) / len(logits)


def cross_entropy__small_number_added(logits, target):
    """Where another class is far ahead the loss is too small: something keeps the logarithm from getting large."""
    e = torch.exp(logits - logits.amax(dim=1, keepdim=True))
    p = e / e.sum(dim=1, keepdim=True)
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -((p * one_hot).sum(dim=1) + 1e-12).log().mean(), (p - one_hot) / len(logits)


def cross_entropy__in_place(logits, target):
    """logits was overwritten: operations whose name ends in _, and -= on a tensor, work in place."""
    logits -= logits.amax(dim=1, keepdim=True)
    log_p = logits - logits.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)


CROSS_ENTROPY_PROBLEM = Problem(
    name="cross_entropy",
    call=function,
    returns=("loss", "dlogits"),
    cases=_cross_entropy,
    expected=values_of(reference.cross_entropy),
    points={"values": 6, "edge cases": 4, "contract": 1},
    forbidden=CROSS_ENTROPY,
    mistakes=programs(
        cross_entropy__sum,
        cross_entropy__gradient_of_the_sum,
        cross_entropy__mean_over_all_entries,
        cross_entropy__probabilities_as_gradient,
        cross_entropy__right_class_only,
        cross_entropy__gradient_of_the_probability,
        cross_entropy__sign_of_gradient,
        cross_entropy__sign_of_loss,
        cross_entropy__all_classes,
        cross_entropy__overflows,
        cross_entropy__logarithm_of_zero,
        cross_entropy__small_number_added,
        cross_entropy__in_place,
    ),
    alternatives=programs(
        cross_entropy__one_hot,
        cross_entropy__indexed,
        cross_entropy__sample_by_sample,
        cross_entropy__gathered,
    ),
)


# A network of two layers


def _two_layer_net(generator: torch.Generator) -> list[Case]:
    def drawn(n, d, h, classes, scale=1.0):
        """Parameters, x and target; drawn again while rounding could switch a unit or a winner."""
        while True:
            params = {
                "W1": _normal(generator, h, d),
                "b1": _normal(generator, h),
                "W2": scale * _normal(generator, classes, h),
                "b2": _normal(generator, classes),
            }
            x = _normal(generator, n, d)
            before = x @ params["W1"].T + params["b1"]
            logits = before.clamp(min=0) @ params["W2"].T + params["b2"]
            best = logits.topk(2, dim=1).values
            mixed = (before > 0).any(dim=1).all() and (before < 0).any()
            if mixed and before.abs().min() > 1e-2 and (best[:, 0] - best[:, 1]).min() > 1e-2 * scale:
                target = _labels(generator, n, classes)
                # If every sample were right already, next to nothing would be left to compare.
                target[0] = logits[0].argmin()
                return {"params": params, "x": x, "target": target}

    dead = drawn(6, 3, 4, 5)
    dead["params"]["b1"][1] -= 1000
    # Whole numbers: the first unit is at exactly 0 for the first sample, in any order of summation.
    corner = drawn(3, 2, 4, 3)
    corner["x"] = torch.randint(1, 4, (3, 2), generator=generator).double()
    corner["params"]["W1"] = torch.randint(1, 4, (4, 2), generator=generator).double()
    corner["params"]["b1"] = torch.ones(4, dtype=torch.float64)
    corner["params"]["b1"][0] = -(corner["x"][0] @ corner["params"]["W1"][0])
    return [
        Case("x (6, 3), 4 hidden units, 5 classes", "values", drawn(6, 3, 4, 5)),
        Case("x (4, 5), 6 hidden units, 3 classes", "values", drawn(4, 5, 6, 3)),
        Case("x (4, 4), 4 hidden units, 4 classes", "values", drawn(4, 4, 4, 4)),
        Case("one sample", "edge cases", drawn(1, 3, 2, 5)),
        Case("a hidden unit that is never active", "edge cases", dead),
        Case("a hidden unit at exactly 0", "edge cases", corner),
        Case("logits of some 10,000", "edge cases", drawn(6, 3, 4, 5, 1e4)),
        Case("float64", "contract", drawn(6, 3, 4, 5), dtype=torch.float64),
        Case("inputs with gaps in memory", "contract", drawn(6, 3, 4, 5), layout="strided"),
        Case("inputs transposed in memory", "contract", drawn(6, 3, 4, 5), layout="transposed"),
    ]


def two_layer_net__own_softmax(params, x, target):
    z = x @ params["W1"].T + params["b1"]
    h = torch.where(z > 0, z, 0)
    logits = h @ params["W2"].T + params["b2"]
    logits = logits - logits.amax(dim=1, keepdim=True)
    total = logits.exp().sum(dim=1, keepdim=True)
    rows = torch.arange(len(x), device=x.device)
    loss = (total.log().squeeze(1) - logits[rows, target]).sum() / len(x)
    d = logits.exp() / total
    d[rows, target] -= 1
    d /= len(x)
    dz = torch.where(z > 0, d @ params["W2"], 0)
    return loss, {"W2": d.T @ h, "b2": d.sum(0), "W1": dz.T @ x, "b1": dz.sum(0)}


def two_layer_net__einsum(params, x, target):
    h = torch.relu(torch.einsum("nd,hd->nh", x, params["W1"]) + params["b1"])
    logits = torch.einsum("nh,ch->nc", h, params["W2"]) + params["b2"]
    loss = torch.nn.functional.cross_entropy(logits, target)
    dlogits = torch.softmax(logits, 1) - torch.eye(logits.shape[1], dtype=x.dtype, device=x.device)[target]
    dh = torch.einsum("nc,ch->nh", dlogits, params["W2"]) * torch.sign(h)
    grads = {
        "W1": torch.einsum("nh,nd->hd", dh, x),
        "b1": torch.einsum("nh->h", dh),
        "W2": torch.einsum("nc,nh->ch", dlogits, h),
        "b2": torch.einsum("nc->c", dlogits),
    }
    return loss, {name: grad / len(x) for name, grad in grads.items()}


def two_layer_net__sample_by_sample(params, x, target):
    grads = {name: torch.zeros_like(value) for name, value in params.items()}
    loss = 0
    for sample, label in zip(x, target, strict=True):
        z = params["W1"] @ sample + params["b1"]
        h = z.clamp(min=0)
        logits = params["W2"] @ h + params["b2"]
        ahead = logits - logits.max()
        loss += (ahead.exp().sum().log() - ahead[label]) / len(x)
        d = ahead.exp() / ahead.exp().sum()
        d[label] -= 1
        d = d / len(x)
        dz = (params["W2"].T @ d) * (z > 0)
        grads["W2"] += torch.outer(d, h)
        grads["b2"] += d
        grads["W1"] += torch.outer(dz, sample)
        grads["b1"] += dz
    return loss, grads


def two_layer_net__not_masked(params, x, target):
    """The gradient comes through hidden units that are not active: look at the step back through the ReLU."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"]
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__mask_of_gradient(params, x, target):
    """The gradient at the hidden layer was cut where it is negative itself: what counts is the input of the ReLU."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = (dlogits @ params["W2"]).clamp(min=0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__slope_at_zero(params, x, target):
    """Look at a hidden unit whose ReLU gets exactly 0: torch counts it to the negative side."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before >= 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__no_relu(params, x, target):
    """There is no ReLU between the layers."""
    before = x @ params["W1"].T + params["b1"]
    h = before
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"]
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__relu_at_the_end(params, x, target):
    """There is a ReLU behind the second layer too: logits may be negative."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax((h @ params["W2"].T + params["b2"]).clamp(min=0), dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__divided_twice(params, x, target):
    """The gradients are too small by the size of the batch: the mean was taken twice on the way back."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x / len(x), "b1": dbefore.mean(0), "W2": dlogits.T @ h / len(x), "b2": dlogits.mean(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__not_divided(params, x, target):
    """The gradients are too large by the size of the batch: the loss is a mean."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = log_p.exp() - one_hot
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__no_target(params, x, target):
    """The target is in the loss but not in the gradients."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = log_p.exp() / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__weights_transposed(params, x, target):
    """The gradients of the weights are transposed: a gradient has the shape of what it belongs to."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": x.T @ dbefore, "b1": dbefore.sum(0), "W2": h.T @ dlogits, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__biases_over_the_units(params, x, target):
    """The gradients of the biases were summed over the units; each unit has a bias of its own."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(1), "W2": dlogits.T @ h, "b2": dlogits.sum(1)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__biases_averaged(params, x, target):
    """The gradients of the biases are too small by the size of the batch."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.mean(0), "W2": dlogits.T @ h, "b2": dlogits.mean(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__before_the_relu(params, x, target):
    """The gradient of W2 was computed from what goes into the ReLU; the second layer gets what comes out."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ before, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__first_bias_not_masked(params, x, target):
    """The gradient of b1 comes through hidden units that are not active; that of W1 does not."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": (dlogits @ params["W2"]).sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(dim=1).mean(), grads


def two_layer_net__loss_summed(params, x, target):
    """The loss was summed over the batch; the mean is asked for."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p * one_hot).sum(), grads


def two_layer_net__logarithm_of_zero(params, x, target):
    """For large logits the loss is inf: the probability was rounded to 0 before its logarithm was taken."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return -(log_p.exp() * one_hot).sum(dim=1).log().mean(), grads


def two_layer_net__parameters_updated(params, x, target):
    """The parameters were changed: the step of gradient descent belongs to the caller."""
    before = x @ params["W1"].T + params["b1"]
    h = before.clamp(min=0)
    log_p = torch.log_softmax(h @ params["W2"].T + params["b2"], dim=1)
    one_hot = (target[:, None] == torch.arange(log_p.shape[1], device=x.device)).to(x.dtype)
    dlogits = (log_p.exp() - one_hot) / len(x)
    dbefore = dlogits @ params["W2"] * (before > 0)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    for name, grad in grads.items():
        params[name] -= 0.1 * grad
    return -(log_p * one_hot).sum(dim=1).mean(), grads


TWO_LAYER_NET = Problem(
    name="two_layer_net",
    call=function,
    returns=("loss", {"W1": "grads['W1']", "b1": "grads['b1']", "W2": "grads['W2']", "b2": "grads['b2']"}),
    cases=_two_layer_net,
    expected=values_of(reference.two_layer_net),
    points={"values": 7, "edge cases": 3, "contract": 2},
    mistakes=programs(
        two_layer_net__not_masked,
        two_layer_net__mask_of_gradient,
        two_layer_net__slope_at_zero,
        two_layer_net__no_relu,
        two_layer_net__relu_at_the_end,
        two_layer_net__divided_twice,
        two_layer_net__not_divided,
        two_layer_net__no_target,
        two_layer_net__weights_transposed,
        two_layer_net__biases_over_the_units,
        two_layer_net__biases_averaged,
        two_layer_net__before_the_relu,
        two_layer_net__first_bias_not_masked,
        two_layer_net__loss_summed,
        two_layer_net__logarithm_of_zero,
        two_layer_net__parameters_updated,
    ),
    alternatives=programs(
        two_layer_net__own_softmax,
        two_layer_net__einsum,
        two_layer_net__sample_by_sample,
    ),
)


PROBLEMS = (
    SUM_PRODUCT,
    SIGMOID_NEURON,
    NUMERICAL_GRADIENT,
    VALUE,
    *LINEAR,
    *SOFTMAX_PROBLEMS,
    CROSS_ENTROPY_PROBLEM,
    TWO_LAYER_NET,
)
