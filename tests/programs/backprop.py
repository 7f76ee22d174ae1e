"""Programs for the problem set `backprop` that a grader could easily get wrong: right ones and wrong ones."""

import math
from collections import OrderedDict
from functools import partial

import numpy
import torch
import torch.nn.functional as F

from autograder.problems import problems


def neuron(w, x, sigmoid):
    f = sigmoid(w[:-1] @ x + w[-1])
    ds = f * (1 - f)
    return f, (torch.cat([ds * x, ds.reshape(1)]), ds * w[:-1])


def differences_in_place(f, x, eps):
    grad = torch.empty(x.shape, dtype=x.dtype)
    for index in numpy.ndindex(*x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        grad[index] = (above - f(x)) / (2 * eps)
        x[index] += eps
    return grad


def differences_by_view(f, x, eps):
    x, grad = x.clone(), torch.zeros_like(x)
    for i in range(x.numel()):
        for sign in (1, -1):
            x.view(-1)[i] += sign * eps
            grad.view(-1)[i] += sign * f(x) / (2 * eps)
            x.view(-1)[i] -= sign * eps
    return grad


def differences_of_rows(f, x, eps):
    grad = torch.zeros_like(x)
    for i in range(len(x)) if x.dim() else [...]:
        step = torch.zeros_like(x)
        step[i] = eps
        grad[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad


def flat_numerical_gradient(f, x, eps):
    grad = numerical_gradient_of_a_list(f, x.flatten(), eps)
    return grad.view(x.shape)


def numerical_gradient_of_a_list(f, x, eps):
    grad = torch.zeros_like(x)
    for i in range(len(x)):
        step = torch.zeros_like(x)
        step[i] = eps
        grad[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad


class Node:
    """A right `Value`, to be spoiled: rules by name, and a topological order by the time of creation."""

    count = 0

    def __init__(self, data, *parents):
        self.data, self.grad, self.parents = self.number(data), 0.0, parents
        Node.count += 1
        self.born = Node.count

    @staticmethod
    def number(data):
        return data

    def of(self, rule, *others):
        nodes = [self, *(o if isinstance(o, Node) else type(self)(o) for o in others)]
        data, *slopes = rule(*(node.data for node in nodes))
        return type(self)(data, *zip(nodes, slopes, strict=True))

    def __add__(self, other):
        return self.of(lambda a, b: (a + b, 1, 1), other)

    def __sub__(self, other):
        return self.of(lambda a, b: (a - b, 1, -1), other)

    def __mul__(self, other):
        return self.of(lambda a, b: (a * b, b, a), other)

    def __truediv__(self, other):
        return self.of(lambda a, b: (a / b, 1 / b, -a / b / b), other)

    def __pow__(self, other):
        return self.of(lambda a, b: (a**b, b * a ** (b - 1), a**b * math.log(a) if a > 0 else 0), other)

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
        return self.of(lambda a: (math.exp(a), math.exp(a)))

    def relu(self):
        return self.of(lambda a: (max(a, 0), a > 0))

    def tanh(self):
        return self.of(lambda a: (math.tanh(a), 1 - math.tanh(a) ** 2))

    def nodes(self):
        found, waiting = {self}, [self]
        while waiting:
            new = {parent for parent, _ in waiting.pop().parents} - found
            found |= new
            waiting.extend(new)
        return found

    def backward(self):
        self.grad = 1
        for node in sorted(self.nodes(), key=lambda node: node.born, reverse=True):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


class FloatsOnly(Node):
    """Knows no whole numbers beside its values."""

    @staticmethod
    def number(data):
        return data if isinstance(data, float) else None


class EveryWay(Node):
    """Right, though it walks every way through the graph."""

    def backward(self, gradient=1.0):
        self.grad += gradient
        for parent, slope in self.parents:
            parent.backward(slope * gradient)


class ThreeCallsForANode(Node):
    """The recursion takes three frames for a node."""

    def backward(self):
        order = {}

        def visit(node):
            return node in order or (all(visit(p) for p, _ in node.parents) and order.setdefault(node, True))

        visit(self)
        self.grad = 1
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


class OfNumpy(Node):
    number = staticmethod(numpy.float64)


class Single(Node):
    number = staticmethod(numpy.float32)


class WithoutGrad(Node):
    """The gradient is None until something arrives."""

    def __init__(self, data, *parents):
        super().__init__(data, *parents)
        self.grad = None

    def backward(self):
        self.grad = 1
        for node in sorted(self.nodes(), key=lambda node: node.born, reverse=True):
            for parent, slope in node.parents:
                parent.grad = (parent.grad or 0) + slope * node.grad


class OldestFirst(Node):
    def backward(self):
        self.grad = 1
        for node in sorted(self.nodes(), key=lambda node: node.born):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


class NoNumberOnTheLeft(Node):
    __radd__ = __rmul__ = __rsub__ = __rtruediv__ = __rpow__ = None


class NoNumberOnTheRight(Node):
    def of(self, rule, *others):
        if any(isinstance(other, float) and rule.__code__.co_name == "<lambda>" for other in others):
            raise TypeError("a number")
        return super().of(rule, *others)

    def __pow__(self, other):
        return Node.of(self, lambda a, b: (a**b, b * a ** (b - 1), 0 if a < 0 else a**b * math.log(a or 1)), other)


class PowerByLogarithm(Node):
    def __pow__(self, other):
        return self.of(lambda a: (math.log(a), 1 / a)).of(lambda a, b: (a * b, b, a), other).exp()


class LogarithmOfAnyBase(Node):
    def __pow__(self, other):
        return self.of(lambda a, b: (a**b, b * a ** (b - 1), a**b * math.log(a)), other)


class SlopeOfAPowerByDivision(Node):
    def __pow__(self, other):
        return self.of(lambda a, b: (a**b, b * a**b / a, a**b * math.log(abs(a))), other)


class NumbersAsExponentsOnly(Node):
    def __pow__(self, other):
        return self.of(lambda a: (a**other, other * a ** (other - 1)))


# Operands of operations: the name, whether the other operand is a Value, and which of the two is looked at.
PLACES = [
    *((f"__{name}__", True, slot) for name in ("add", "sub", "mul", "truediv", "pow") for slot in (0, 1)),
    *((f"__{name}__", False, 0) for name in ("add", "sub", "mul", "truediv", "pow", "radd", "rmul")),
    *((f"__{name}__", False, 1) for name in ("rsub", "rtruediv", "rpow")),
    *((name, False, 0) for name in ("exp", "relu", "tanh")),
]


class Spoiled(Node):
    """A graph that goes wrong at one of `PLACES` alone."""

    place = None

    def marked(self, operation, others, out):
        # Last of all by the operation that was called: `3 - a` may be made of others.
        out.operation = operation, any(isinstance(other, Node) for other in others)
        return out

    def at_the_place(self, slot):
        return (*getattr(self, "operation", ()), slot) == self.place


for _operation in dict.fromkeys(operation for operation, *_ in PLACES):

    def _marking(self, *others, operation=_operation):
        return self.marked(operation, others, getattr(Node, operation)(self, *others))

    setattr(Spoiled, _operation, _marking)


class Cut(Spoiled):
    """The way back does not lead through the result of one operation: what it was computed from is not visited."""

    def nodes(self):
        found, waiting = {self}, [self]
        while waiting:
            node = waiting.pop()
            new = {p for slot, (p, _) in enumerate(node.parents) if not node.at_the_place(slot)} - found
            found |= new
            waiting.extend(new)
        return found


class Assigning(Spoiled):
    """One operand of one operation gets its gradient by `=`."""

    def backward(self):
        self.grad = 1
        for node in sorted(self.nodes(), key=lambda node: node.born, reverse=True):
            for slot, (parent, slope) in enumerate(node.parents):
                parent.grad = slope * node.grad + (0 if node.at_the_place(slot) else parent.grad)


def spoiled(way, place):
    operation, value, slot = place
    what = f"Value {way.__name__.lower()} at operand {slot} of {operation}" + (" of two Values" if value else "")
    criterion = "edge cases" if value or not operation.startswith("__") else "contract"
    return what, ("Value", [type(way.__name__, (way,), {"place": place})], {criterion})


def square_transposed(weight):
    return weight.T if weight.shape[0] == weight.shape[1] else weight


def global_linear(kept={}):  # noqa: B006
    def forward(x, weight, bias):
        kept["x"], kept["weight"] = x, weight
        return F.linear(x, weight, bias), None

    def backward(dout, cache):
        return dout @ kept["weight"], dout.T @ kept["x"], dout.sum(0)

    return [backward, forward]


def shifted_softmax(x, shift):
    e = torch.exp(x - shift(x))
    return e / e.sum(1, keepdim=True), None


def softmax_with(x, added):
    e = torch.exp(x - x.amax(1, keepdim=True))
    return e / (e.sum(1, keepdim=True) + added), None


def softmax_of_matrices(x):
    e = torch.exp(x - x.amax(1, keepdim=True))
    return e / torch.einsum("nc->n", e)[:, None], None


def entropy(logits, target, log=lambda log_p: log_p, hot=None, end=lambda loss: loss):
    log_p = logits - logits.amax(1, keepdim=True)
    log_p = log_p - log_p.exp().sum(1, keepdim=True).log()
    one_hot = F.one_hot(target, hot or logits.shape[1]).to(logits.dtype)
    loss = -(log(log_p) * one_hot).sum(1).mean()
    return end(loss), (log_p.exp() - one_hot) / len(target)


def net(params, x, target, mask=lambda before: before > 0, of_dict=dict):
    before = F.linear(x, params["W1"], params["b1"])
    h = F.relu(before)
    loss, dlogits = entropy(F.linear(h, params["W2"], params["b2"]), target)
    dbefore = dlogits @ params["W2"] * mask(before)
    grads = {"W1": dbefore.T @ x, "b1": dbefore.sum(0), "W2": dlogits.T @ h, "b2": dlogits.sum(0)}
    return loss, of_dict(grads)


def net_into_params(params, x, target):
    loss, grads = net(params, x, target)
    params.update(grads)
    return loss, params


SEEDS = range(5)
SOFTMAX = problems()["softmax_backward"].companions[0]
LINEAR = problems()["linear_backward"].companions[0]

WRONG = {
    "sum_product of numbers": ("sum_product", [lambda x, y, z: (float((x + y) * z), (z, z, x + y))], {"values"}),
    "sum_product with a dimension": (
        "sum_product",
        [lambda x, y, z: (((x + y) * z).reshape(1), (z, z, x + y))],
        {"values"},
    ),
    "sum_product in a flat tuple": ("sum_product", [lambda x, y, z: ((x + y) * z, z, z, x + y)], {"values"}),
    "sum_product of new tensors": (
        "sum_product",
        [lambda x, y, z: (torch.tensor(((x + y) * z).item()), (z, z, x + y))],
        {"contract"},
    ),
    "neuron clipped at 10": (
        "sigmoid_neuron",
        [partial(neuron, sigmoid=lambda s: torch.sigmoid(s.clamp(-10, 10)))],
        {"edge cases"},
    ),
    "neuron with the bias as a vector": (
        "sigmoid_neuron",
        [lambda w, x: neuron(w, x, lambda s: torch.sigmoid(s).reshape(1))],
        {"values"},
    ),
    "differences that leave a trace in x": ("numerical_gradient", [differences_in_place], {"contract"}),
    "differences by view": ("numerical_gradient", [differences_by_view], {"contract"}),
    "differences of rows": ("numerical_gradient", [differences_of_rows], {"values"}),
    "differences in float64": (
        "numerical_gradient",
        [lambda f, x, eps: problems()["numerical_gradient"].expected({"f": f, "x": x.double(), "eps": eps}, None)[0]],
        {"contract"},
    ),
    "differences of vectors, matrices and the like": (
        "numerical_gradient",
        [lambda f, x, eps: torch.stack([differences_by_view(f, row.clone(), eps) for row in [x]])[0].reshape(-1)],
        {"values"},
    ),
    "differences without a shape": (
        "numerical_gradient",
        [lambda f, x, eps: problems()["numerical_gradient"].expected({"f": f, "x": x, "eps": eps}, None)[0].squeeze()],
        {"edge cases"},
    ),
    **dict(spoiled(way, place) for way in (Cut, Assigning) for place in PLACES),
    "Value in float32": ("Value", [Single], {"contract"}),
    "Value without whole numbers": ("Value", [FloatsOnly], {"values"}),
    "numerical gradient of a flat x": ("numerical_gradient", [flat_numerical_gradient], {"values"}),
    "Value whose grad is None": ("Value", [WithoutGrad], {"edge cases"}),
    "Value from the oldest on": ("Value", [OldestFirst], {"values"}),
    "Value without numbers on the left": ("Value", [NoNumberOnTheLeft], {"contract"}),
    "Value without numbers on the right": ("Value", [NoNumberOnTheRight], {"contract"}),
    "Value with powers by logarithm": ("Value", [PowerByLogarithm], {"edge cases"}),
    "Value with a logarithm of any base": ("Value", [LogarithmOfAnyBase], {"edge cases"}),
    "Value that divides by the base": ("Value", [SlopeOfAPowerByDivision], {"edge cases"}),
    "Value with plain exponents alone": ("Value", [NumbersAsExponentsOnly], {"edge cases"}),
    "linear squeezed": ("linear_forward", [lambda x, w, b: ((x @ w.T + b).squeeze(), None)], {"edge cases"}),
    "linear, a bias for each sample": ("linear_forward", [lambda x, w, b: (x @ w.T + b[:, None], None)], {"values"}),
    "linear, a weight that is not transposed": ("linear_forward", [lambda x, w, b: (x @ w + b, None)], {"values"}),
    "linear, dweight reshaped": (
        "linear_backward",
        [lambda dout, c: (dout @ c[1], (c[0].T @ dout).reshape(c[1].shape), dout.sum(0)), LINEAR],
        {"values"},
    ),
    "linear, dx by the transposed weight": (
        "linear_backward",
        [lambda dout, c: (dout @ square_transposed(c[1]), dout.T @ c[0], dout.sum(0)), LINEAR],
        {"values"},
    ),
    "linear, dbias squeezed": (
        "linear_backward",
        [lambda dout, c: (dout @ c[1], dout.T @ c[0], dout.sum(0).squeeze()), LINEAR],
        {"edge cases"},
    ),
    "linear, one cache for all": ("linear_backward", [global_linear()], {"contract"}),
    "softmax less the mean": (
        "softmax_forward",
        [partial(shifted_softmax, shift=lambda x: x.mean(1, keepdim=True))],
        {"edge cases"},
    ),
    "softmax less the largest of each class": (
        "softmax_forward",
        [partial(shifted_softmax, shift=lambda x: x.amax(0, keepdim=True))],
        {"edge cases"},
    ),
    "softmax with a millionth": ("softmax_forward", [partial(softmax_with, added=1e-6)], {"contract"}),
    "softmax of matrices alone": ("softmax_forward", [softmax_of_matrices], {"edge cases"}),
    "softmax without keepdim": (
        "softmax_backward",
        [lambda dout, out: out * (dout - (dout * out).sum(1)), SOFTMAX],
        {"values"},
    ),
    "softmax into its cache": (
        "softmax_backward",
        [lambda dout, out: out.mul_(dout - (dout * out).sum(1, keepdim=True)), SOFTMAX],
        {"contract"},
    ),
    "softmax of matrices backward": (
        "softmax_backward",
        [lambda dout, out: out * (dout - torch.einsum("nc,nc->n", dout, out)[:, None]), SOFTMAX],
        {"edge cases"},
    ),
    "cross-entropy with as many classes as there are targets": (
        "cross_entropy",
        [lambda logits, target: entropy(logits, target, hot=int(target.max()) + 1)],
        {"edge cases"},
    ),
    "cross-entropy, at most 100": (
        "cross_entropy",
        [partial(entropy, log=lambda log_p: log_p.clamp(min=-100))],
        {"edge cases"},
    ),
    "cross-entropy of a number": ("cross_entropy", [partial(entropy, end=lambda loss: loss.item())], {"values"}),
    "cross-entropy with a dimension": ("cross_entropy", [partial(entropy, end=lambda loss: loss[None])], {"values"}),
    "cross-entropy in base 2": (
        "cross_entropy",
        [partial(entropy, end=lambda loss: loss / math.log(2))],
        {"values"},
    ),
    "net masked by the mean of each unit": (
        "two_layer_net",
        [partial(net, mask=lambda before: before.mean(0) > 0)],
        {"values"},
    ),
    "net with a leak": ("two_layer_net", [partial(net, mask=lambda b: (b > 0) + 0.01 * (b <= 0))], {"values"}),
    "net that writes its gradients over the parameters": ("two_layer_net", [net_into_params], {"contract"}),
    "net with one gradient too many": (
        "two_layer_net",
        [partial(net, of_dict=lambda grads: grads | {"x": grads["W1"]})],
        {"values"},
    ),
    "net with a list": ("two_layer_net", [partial(net, of_dict=lambda grads: list(grads.values()))], {"values"}),
}


def logaddexp_softmax(x):
    total = x.select(1, 0)
    for c in range(1, x.shape[1]):
        total = torch.logaddexp(total, x.select(1, c))
    out = torch.exp(x - total.unsqueeze(1))
    return out, {"p": out}


def moved(x, i, eps):
    return x + eps * F.one_hot(torch.tensor(i), x.numel()).to(x.dtype).view(x.shape)


def differences(f, x, eps, move):
    slopes = [(f(move(x, i, eps)) - f(move(x, i, -eps))) / (2 * eps) for i in range(x.numel())]
    return torch.stack(slopes).reshape(x.shape)


def differences_in_numpy(f, x, eps):
    grad = numpy.zeros(tuple(x.shape))
    for i in numpy.ndindex(*x.shape):
        a, b = x.numpy().copy(), x.numpy().copy()
        a[i] += eps
        b[i] -= eps
        grad[i] = (f(torch.from_numpy(numpy.asarray(a))) - f(torch.from_numpy(numpy.asarray(b)))) / (2 * eps)
    return torch.from_numpy(grad).to(x.dtype)


def entropy_by_gathering(logits, target):
    ahead = logits - logits.gather(1, target[:, None])
    top = ahead.amax(1, keepdim=True)
    loss = (top + (ahead - top).exp().sum(1, keepdim=True).log()).mean()
    grad = (ahead - top).exp()
    grad = grad / grad.sum(1, keepdim=True)
    return loss, grad.scatter_add(1, target[:, None], -torch.ones_like(ahead[:, :1])).div(len(logits))


def neuron_of_nodes(w, x):
    """The graph of section 4 behind the function of section 2."""
    weights, inputs = [Node(v) for v in w.double().tolist()], [Node(v) for v in x.double().tolist()]
    s = weights[-1]
    for weight, value in zip(weights, inputs, strict=False):
        s = s + weight * value
    f = (s / 2).tanh() / 2 + 0.5
    f.backward()
    as_tensor = partial(torch.tensor, dtype=x.dtype)
    return as_tensor(f.data), (as_tensor([v.grad for v in weights]), as_tensor([v.grad for v in inputs]))


def logarithm_of_the_sum(a):
    """As it stands in textbooks: the largest number, and the logarithm of what is left."""
    largest = a.amax(1, keepdim=True)
    return largest + (a - largest).exp().sum(1, keepdim=True).log()


def softmax_by_logarithms(x):
    out = torch.exp(x - logarithm_of_the_sum(x))
    return out, out


def softmax_by_differences(x):
    out = torch.stack([1 / torch.exp(x - x[:, i : i + 1]).sum(1) for i in range(x.shape[1])], 1)
    return out, out


def loss_by_logarithms(logits, target, loss=None, gradient=None):
    """Right, but for what is put in place of the loss or of its gradient."""
    log_p, y = logits - logarithm_of_the_sum(logits), F.one_hot(target, logits.shape[1])
    right = -(log_p * y).sum() / len(target)
    return loss(log_p, y) if loss else right, gradient(log_p.exp(), y) if gradient else (log_p.exp() - y) / len(target)


def loss_by_halves(logits, target):
    def total(a):
        if a.shape[1] == 1:
            return a[:, 0]
        p, q = total(a[:, : a.shape[1] // 2]), total(a[:, a.shape[1] // 2 :])
        return torch.maximum(p, q) + torch.log1p(torch.exp(-(p - q).abs()))

    ends = total(logits)
    right = torch.take_along_dim(logits, target[:, None], 1)[:, 0]
    p = torch.exp(logits - ends[:, None])
    return torch.mean(ends - right), (p - F.one_hot(target, logits.shape[1])) / logits.size(0)


def differences_by_nditer(f, x, eps):
    flat = x.detach().clone().contiguous().view(-1)
    slopes, places = [], numpy.nditer(numpy.zeros(flat.numel()), flags=["multi_index"])
    for _ in places:
        (i,) = places.multi_index
        old, values = flat[i].item(), []
        for sign in (1, -1):
            flat[i] = old + sign * eps
            values.append(f(flat.view(x.shape)).item())
        flat[i] = old
        slopes.append((values[0] - values[1]) / (2 * eps))
    return torch.tensor(slopes, dtype=x.dtype).reshape(x.shape)


def layer_of_outer_products(dout, cache):
    x, w = cache
    return sum(dout[:, m : m + 1] * w[m] for m in range(len(w))), sum(map(torch.outer, dout, x)), sum(dout)


def differences_that_are_not_put_on_the_other_side(f, x, eps):
    flat, grad = x.clone().reshape(-1), torch.zeros(x.numel(), dtype=x.dtype)
    for i in range(x.numel()):
        flat[i] += eps
        above = f(flat.reshape(x.shape))
        flat[i] -= eps
        grad[i] = (above - f(flat.reshape(x.shape))) / (2 * eps)
    return grad.reshape(x.shape)


def neuron_with_a_bias_of_ones(w, x):
    f, (dw, dx) = neuron(w, x, torch.sigmoid)
    return f, (torch.cat([dw[:-1], torch.ones_like(dw[-1:])]), dx)


def net_with(change, slope=lambda z, h: (z > 0).to(z)):
    """A two-layer net as in the first assignment of a public course; `change` gets its gradients and its weights."""

    def two_layer_net(params, x, target):
        w1, b1, w2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
        z = x @ w1.t() + b1
        h = torch.maximum(z, torch.zeros_like(z))
        loss, dscores = loss_by_logarithms(h @ w2.t() + b2, target)
        dh = (dscores @ w2) * slope(z, h)
        return loss, change({"W1": dh.t() @ x, "b1": dh.sum(0), "W2": dscores.t() @ h, "b2": dscores.sum(0)}, params)

    return two_layer_net


# As it is written in the lecture, and copied ever since.
LECTURE = """
class Value:
    def __init__(self, data, _children=(), _op=""):
        self.data = float(data)
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = set(_children)

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad  # of a sum
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, other):
        if isinstance(other, Value):
            out = Value(self.data**other.data, (self, other), "**")

            def _backward():
                self.grad += other.data * self.data ** (other.data - 1) * out.grad
                other.grad += out.data * math.log(self.data) * out.grad

        else:
            out = Value(self.data**other, (self,), "**")

            def _backward():
                self.grad += other * self.data ** (other - 1) * out.grad

        out._backward = _backward
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,), "exp")

        def _backward():
            self.grad += out.data * out.grad  # of exp

        out._backward = _backward
        return out

    def relu(self):
        out = Value(0 if self.data < 0 else self.data, (self,), "ReLU")

        def _backward():
            self.grad += (out.data > 0) * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        x = self.data
        t = (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build_topo(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build_topo(child)
                topo.append(v)

        build_topo(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return Value(other) + (-self)

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return Value(other) * self**-1

    def __rpow__(self, other):
        return Value(other) ** self

    __radd__ = __add__
    __rmul__ = __mul__
"""


def lecture(*changes):
    """The lecture's class with some of its texts changed."""
    source = LECTURE
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    namespace = {"math": math}
    exec(source, namespace)
    return [namespace["Value"]]


OF_A_SUM = "self.grad += out.grad  # of a sum\n            other.grad += out.grad"
OF_A_PRODUCT = "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad"
OF_A_POWER = "self.grad += other * self.data ** (other - 1) * out.grad"


RIGHT = {
    "sum_product as a lambda": ("sum_product", [lambda x, y, z: [x * z + y * z, [z, z.clone(), y + x]]]),
    "sum_product in float64": (
        "sum_product",
        [lambda x, y, z: (((x.double() + y) * z).to(x.dtype), (z, z, (x.double() + y.double()).to(x.dtype)))],
    ),
    "neuron by tanh": ("sigmoid_neuron", [partial(neuron, sigmoid=lambda s: (1 + torch.tanh(s / 2)) / 2)]),
    "neuron clipped at 50": (
        "sigmoid_neuron",
        [partial(neuron, sigmoid=lambda s: 1 / (1 + (-s.clamp(-50, 50)).exp()))],
    ),
    "neuron by expit": ("sigmoid_neuron", [partial(neuron, sigmoid=torch.special.expit)]),
    "differences in numpy": ("numerical_gradient", [differences_in_numpy]),
    "differences by one_hot": ("numerical_gradient", [partial(differences, move=moved)]),
    "Value by time of creation": ("Value", [Node]),
    "Value by every way": ("Value", [EveryWay]),
    "Value with three calls for a node": ("Value", [ThreeCallsForANode]),
    "Value of numpy": ("Value", [OfNumpy]),
    "Value as a function": ("Value", [lambda data: Node(data)]),
    "linear through numpy": (
        "linear_forward",
        [lambda x, w, b: (torch.from_numpy(x.numpy() @ w.numpy().T + b.numpy()), None)],
    ),
    "linear by a column of ones": (
        "linear_forward",
        [lambda x, w, b: (torch.hstack([x, torch.ones_like(x[:, :1])]) @ torch.hstack([w, b[:, None]]).T, None)],
    ),
    "linear with expanded gradients": (
        "linear_backward",
        [
            lambda dout, c: (
                (dout[:, :, None] * c[1]).sum(1),
                (dout.T[:, :, None] * c[0]).sum(1),
                torch.einsum("nm->m", dout),
            ),
            LINEAR,
        ],
    ),
    "softmax by logaddexp of neighbours, at ordinary size": (
        "softmax_backward",
        [
            lambda dout, c: c["p"] * dout - c["p"] * (c["p"] * dout).sum(1, keepdim=True),
            lambda x: (lambda out: (out, {"p": out}))(logaddexp_softmax(x - x.amax(1, keepdim=True))[0]),
        ],
    ),
    "softmax by logaddexp": ("softmax_forward", [lambda x: logaddexp_softmax(x - x.amax(1, keepdim=True))]),
    "softmax of a transposed copy": (
        "softmax_forward",
        [
            lambda x: (
                (lambda e: (e / e.sum(0)).transpose(0, 1))((x - x.amax(1, keepdim=True)).exp().transpose(0, 1)),
                x,
            )
        ],
    ),
    "softmax in float64": (
        "softmax_forward",
        [
            lambda x: (
                (lambda e: e / e.sum(1, keepdim=True))((x.double() - x.amax(1, keepdim=True)).exp()).to(x.dtype),
                x,
            )
        ],
    ),
    "cross-entropy by gathering": ("cross_entropy", [entropy_by_gathering]),
    "cross-entropy with one_hot": ("cross_entropy", [entropy]),
    "net with an ordered dict": ("two_layer_net", [partial(net, of_dict=OrderedDict)]),
    "net with a step function": ("two_layer_net", [partial(net, mask=lambda b: torch.heaviside(b, b.new_zeros(())))]),
    "neuron of Values": ("sigmoid_neuron", [neuron_of_nodes]),
    "softmax by the logarithm of the sum": ("softmax_forward", [softmax_by_logarithms]),
    "softmax by differences": ("softmax_forward", [softmax_by_differences]),
    "softmax back, after the logarithm of the sum": (
        "softmax_backward",
        [lambda dout, p: p * (dout - (dout * p).sum(1, keepdim=True)), softmax_by_logarithms],
    ),
    "loss by the logarithm of the sum": ("cross_entropy", [loss_by_logarithms]),
    "loss by halves": ("cross_entropy", [loss_by_halves]),
    "net by the logarithm of the sum": ("two_layer_net", [net_with(lambda grads, params: grads)]),
    "differences by nditer": ("numerical_gradient", [differences_by_nditer]),
    "layer of outer products": (
        "linear_backward",
        [layer_of_outer_products, lambda x, weight, bias: (torch.addmm(bias, x, weight.t()), (x, weight))],
    ),
    "the lecture's Value": ("Value", lecture()),
}


# torch's own softmax and cross-entropy, under the names that it has for them.
def attention(x):
    """The softmax of x (N, C), as the attention of each row over the unit vectors."""
    unit = torch.eye(x.shape[1], dtype=x.dtype).expand(len(x), -1, -1)
    return F.scaled_dot_product_attention(x.unsqueeze(1), unit, unit, scale=1.0).squeeze(1)


STOPPED = {
    "F.linear": ("linear_forward", [lambda x, w, b: (F.linear(x, w, b), None)], "linear"),
    "nn.Linear": ("linear_forward", [lambda x, w, b: (torch.nn.Linear(*w.T.shape)(x), None)], "linear"),
    "F.softmax": ("softmax_forward", [lambda x: (F.softmax(x, 1), None)], "softmax"),
    "torch.softmax into a tensor": (
        "softmax_forward",
        [lambda x: (torch.softmax(x, 1, out=torch.empty_like(x)), None)],
        "softmax",
    ),
    "nn.Softmax": ("softmax_forward", [lambda x: (torch.nn.Softmax(1)(x), None)], "softmax"),
    "torch.special.softmax": ("softmax_forward", [lambda x: (torch.special.softmax(x, 1), None)], "_softmax"),
    "F.softmin": ("softmax_forward", [lambda x: (F.softmin(-x, 1), None)], "softmin"),
    "torch.ops.aten._softmax": (
        "softmax_forward",
        [lambda x: (torch.ops.aten._softmax(x, 1, False), None)],
        "_softmax",
    ),
    "F.log_softmax": ("softmax_forward", [lambda x: (F.log_softmax(x, 1).exp(), None)], "log_softmax"),
    "attention": ("softmax_forward", [lambda x: (attention(x), None)], "scaled_dot_product_attention"),
    "logsumexp": ("softmax_forward", [lambda x: ((x - x.logsumexp(1, keepdim=True)).exp(), None)], "logsumexp"),
    "its backward": (
        "softmax_backward",
        [lambda dout, out: torch.ops.aten._softmax_backward_data(dout, out, 1, out.dtype), SOFTMAX],
        "_softmax_backward_data",
    ),
    "F.cross_entropy": ("cross_entropy", [lambda x, t: (F.cross_entropy(x, t), entropy(x, t)[1])], "cross_entropy"),
    "nn.CrossEntropyLoss": (
        "cross_entropy",
        [lambda x, t: (torch.nn.CrossEntropyLoss()(x, t), entropy(x, t)[1])],
        "cross_entropy",
    ),
    "F.nll_loss": ("cross_entropy", [lambda x, t: (F.nll_loss(x, t), entropy(x, t)[1])], "nll_loss"),
    "F.softmax in the gradient": (
        "cross_entropy",
        [lambda x, t: (entropy(x, t)[0], (x.softmax(1) - F.one_hot(t, x.shape[1])) / len(t))],
        "softmax",
    ),
}


# Wrong programs as people post them, each in a style of its own, with words of the hint that they must get.
def posted_softmax_loss(shift=True, small=None, gradient="p - y", over="N", loss="mean", where="rows"):
    """The softmax loss of a thousand posts: probabilities first, then a logarithm."""

    def cross_entropy(scores, y):
        n = scores.shape[0]
        if shift:
            scores = scores - scores.max(dim=1, keepdim=True).values
        e = torch.exp(scores)
        p = e / e.sum(dim=1 if where == "rows" else 0, keepdim=True)
        chosen = p[torch.arange(n), y]
        if small:
            chosen = chosen + small
        total = -torch.log(chosen).sum()
        d = p.clone()
        if gradient == "p - y":
            d[torch.arange(n), y] -= 1
        elif gradient == "y - p":
            d[torch.arange(n), y] -= 1
            d = -d
        elif gradient == "p - 1":
            d -= 1
        return total / n if loss == "mean" else total, d / n if over == "N" else d

    return cross_entropy


def posted_softmax(dim=1, shift="row", out=lambda e: e):
    def softmax_forward(x):
        if shift == "row":
            x = x - x.max(dim, keepdim=True)[0]
        elif shift == "all":
            x = x - torch.max(x)
        e = out(torch.exp(x))
        y = e / torch.sum(e, dim=dim, keepdim=True)
        return y, y

    return softmax_forward


def posted_softmax_backward(kind):
    def softmax_backward(dout, y):
        if kind == "diagonal":
            return dout * y * (1 - y)
        if kind == "over the batch":
            return y * (dout - (dout * y).sum(0, keepdim=True))
        if kind == "not weighted":
            return y * (dout - dout.sum(1, keepdim=True))
        if kind == "sign":
            return y * ((dout * y).sum(1, keepdim=True) - dout)
        return y * dout - (dout * y).sum(1, keepdim=True)

    return softmax_backward


def affine_backward(kind):
    def linear_backward(dout, cache):
        x, w = cache
        dx, dw, db = dout @ w, dout.t() @ x, dout.sum(0)
        if kind == "dw transposed":
            dw = x.t() @ dout
        if kind == "dw averaged":
            dw = dw / len(x)
        if kind == "db averaged":
            db = dout.mean(dim=0)
        if kind == "both averaged":
            dw, db = dw / x.shape[0], db / x.shape[0]
        if kind == "db over the units":
            db = dout.sum(1)
        if kind == "db kept":
            db = dout.sum(0, keepdim=True)
        if kind == "db of ones":
            db = torch.ones_like(dout).sum(0)
        if kind == "order":
            return dw, dx, db
        return dx, dw, db

    return linear_backward


def kept(x, w, b):
    return torch.stack([w @ row + b for row in x]), (x, w)


class Scalar:
    """Micrograd's Value: a closure for each operation, children first, from the last node back."""

    seeded, propagates, adds, order, reflected = True, True, True, "topological", "right"

    def __init__(self, data, children=()):
        self.data, self.grad, self._prev, self._backward = data, 0.0, set(children), lambda: None

    def wrap(self, other):
        return other if isinstance(other, Scalar) else type(self)(other)

    def node(self, data, *pairs):
        out = type(self)(data, [node for node, _ in pairs])

        def _backward():
            for node, slope in pairs:
                node.grad = node.grad + slope * out.grad if self.adds else slope * out.grad

        out._backward = _backward
        return out

    def __add__(self, other):
        other = self.wrap(other)
        return self.node(self.data + other.data, (self, 1), (other, 1))

    def __mul__(self, other):
        other = self.wrap(other)
        return self.node(self.data * other.data, (self, other.data), (other, self.data))

    def __pow__(self, other):
        other = self.wrap(other)
        log = float(torch.tensor(self.data, dtype=torch.float64).log())
        slopes = other.data * self.data ** (other.data - 1), self.data**other.data * log
        return self.node(self.data**other.data, (self, slopes[0]), (other, slopes[1]))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self.wrap(other)

    def __truediv__(self, other):
        other = self.wrap(other)
        slopes = 1 / other.data, -self.data / other.data**2
        return self.node(self.data / other.data, (self, slopes[0]), (other, slopes[1]))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return self.wrap(other) - self if self.reflected == "right" else self - other

    def __rtruediv__(self, other):
        return self.wrap(other) / self

    def __rpow__(self, other):
        return self.wrap(other) ** self

    def exp(self):
        out = float(torch.tensor(self.data, dtype=torch.float64).exp())
        return self.node(out, (self, out))

    def tanh(self):
        t = float(torch.tensor(self.data, dtype=torch.float64).tanh())
        return self.node(t, (self, 1 - t * t))

    def relu(self):
        return self.node(self.data if self.data > 0 else 0.0, (self, float(self.data > 0)))

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        if self.order == "breadth":
            topo, queue = [], [self]
            while queue:
                v = queue.pop(0)
                if v not in topo:
                    topo.insert(0, v)
                    queue.extend(v._prev)
        if self.seeded:
            self.grad = 1.0
        for v in reversed(topo) if self.propagates else []:
            v._backward()


def scalar(**settings):
    return [type("Value", (Scalar,), settings)]


def net_backward(kind):
    def two_layer_net(params, x, target):
        w1, b1, w2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
        n = len(x)
        z = x @ w1.T + b1
        h = z.clamp(min=0)
        scores = h @ w2.T + b2
        shifted = scores - scores.amax(1, keepdim=True)
        log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
        loss = -log_p[torch.arange(n), target].mean()
        d = log_p.exp()
        if kind != "no target":
            d[torch.arange(n), target] -= 1
        if kind != "not divided":
            d = d / n
        dh = d @ w2
        if kind == "mask of the gradient":
            dh = dh * (dh > 0)
        elif kind != "not masked":
            dh = dh * (z > 0)
        return loss, {
            "W1": dh.T @ x,
            "b1": dh.mean(0) if kind == "averaged" else dh.sum(0),
            "W2": d.T @ (z if kind == "before the relu" else h),
            "b2": d.mean(0) if kind == "averaged" else d.sum(0),
        }

    return two_layer_net


def loss_of(**slips):
    return "cross_entropy", [posted_softmax_loss(**slips)]


NAMED = {
    "1e-7 in the logarithm": (*loss_of(small=1e-7), "keeps the logarithm"),
    "1e-8 in the logarithm": (*loss_of(small=1e-8), "keeps the logarithm"),
    "1e-10 in the logarithm": (*loss_of(small=1e-10), "keeps the logarithm"),
    "no shift": (*loss_of(shift=False), "does not shift"),
    "no shift, 1e-7 in the logarithm": (*loss_of(shift=False, small=1e-7), "keeps the logarithm"),
    "the logarithm of zero": (*loss_of(), "logarithm"),
    "the gradient not divided": (*loss_of(over="1"), "gradient"),
    "loss and gradient summed": (*loss_of(over="1", loss="sum"), "summed over"),
    "the loss summed": (*loss_of(loss="sum"), "loss is a sum"),
    "the probabilities as the gradient": (*loss_of(gradient="p"), "positive everywhere"),
    "the sign of the gradient": (*loss_of(gradient="y - p"), "sign"),
    "one taken from every class": (*loss_of(gradient="p - 1"), "from every probability"),
    "softmax over the batch": ("softmax_forward", [posted_softmax(dim=0)], "over the samples"),
    "softmax over the last": ("softmax_forward", [posted_softmax(dim=-1)], "dim"),
    "softmax unshifted": ("softmax_forward", [posted_softmax(shift="no")], "too large"),
    "softmax shifted by the largest of all": ("softmax_forward", [posted_softmax(shift="all")], "a shift of its own"),
    "softmax's diagonal": (
        "softmax_backward",
        [posted_softmax_backward("diagonal"), posted_softmax()],
        "treated alone",
    ),
    "softmax's sum over the batch": (
        "softmax_backward",
        [posted_softmax_backward("over the batch"), posted_softmax()],
        "over the samples",
    ),
    "softmax's sum unweighted": (
        "softmax_backward",
        [posted_softmax_backward("not weighted"), posted_softmax()],
        "has a weight",
    ),
    "softmax's sign": ("softmax_backward", [posted_softmax_backward("sign"), posted_softmax()], "sign"),
    "softmax's factor": ("softmax_backward", [posted_softmax_backward("factor"), posted_softmax()], "loses the same"),
    **{
        f"affine, {kind}": ("linear_backward", [affine_backward(kind), kept], words)
        for kind, words in {
            "dw transposed": "dweight",
            "dw averaged": "dweight was averaged",
            "db averaged": "dbias",
            "both averaged": "dweight and dbias were averaged",
            "db over the units": "dbias",
            "db kept": "one dimension too many",
            "db of ones": "dbias",
            "order": "order",
        }.items()
    },
    "a graph without a first gradient": ("Value", scalar(seeded=False), "All gradients are 0"),
    "a graph that hands nothing on": ("Value", scalar(propagates=False), "no node hands on"),
    "a graph that assigns": ("Value", scalar(adds=False), "only the last"),
    "a graph in breadth-first order": ("Value", scalar(order="breadth"), "a long way"),
    "a reflected difference": ("Value", scalar(reflected="wrong"), "minus a node"),
    **{
        f"two layers, {kind}": ("two_layer_net", [net_backward(kind)], words)
        for kind, words in {
            "not masked": "not active",
            "mask of the gradient": "negative itself",
            "no target": "not in the gradients",
            "not divided": "size of the batch",
            "averaged": "biases are too small",
            "before the relu": "goes into the ReLU",
        }.items()
    },
    "affine, one sum for all": (
        "linear_backward",
        [
            lambda dout, cache: (dout @ cache[1], dout.t() @ cache[0], torch.ones_like(cache[1][:, 0]) * dout.sum()),
            kept,
        ],
        "the same number for all outputs",
    ),
    "softmax with one sum for all": (
        "softmax_forward",
        [lambda x: ((e := torch.exp(x - x.max(1, keepdim=True)[0])) / torch.sum(e), None)],
        "over the whole batch",
    ),
    "softmax minus the upstream": ("softmax_backward", [lambda dout, p: p - dout, posted_softmax()], "not the right"),
    "the loss over all numbers": (
        "cross_entropy",
        [lambda *a: loss_by_logarithms(*a, loss=lambda log_p, y: -(y * log_p).mean())],
        "The loss was divided by the number of all logits",
    ),
    "the gradient over all numbers": (
        "cross_entropy",
        [lambda *a: loss_by_logarithms(*a, gradient=lambda p, y: (p - y) / p.numel())],
        "dlogits was divided by the number of all logits",
    ),
    "one taken from whole columns": (
        "cross_entropy",
        [lambda *a: loss_by_logarithms(*a, gradient=lambda p, y: (p - y.amax(0)) / len(p))],
        "the classes of other samples",
    ),
    "a loss for every class": (
        "cross_entropy",
        [lambda *a: loss_by_logarithms(*a, loss=lambda q, y: -(y * q + (1 - y) * (1 - q.exp()).log()).sum() / len(q))],
        "a term for every class",
    ),
    "two layers, slope of the sigmoid": (
        "two_layer_net",
        [net_with(lambda grads, params: grads, slope=lambda z, h: h * (1 - h))],
        "slope of a sigmoid",
    ),
    "two layers, weight decay": (
        "two_layer_net",
        [net_with(lambda grads, params: {n: g + 0.1 * params[n] if n[0] == "W" else g for n, g in grads.items()})],
        "no such penalty",
    ),
    "two layers, one sum for all": (
        "two_layer_net",
        [
            net_with(
                lambda grads, params: {n: torch.full_like(g, g.sum()) if n[0] == "b" else g for n, g in grads.items()}
            )
        ],
        "the same number for all units",
    ),
    "differences on one side, divided by two": (
        "numerical_gradient",
        [differences_that_are_not_put_on_the_other_side],
        "to the other side of x",
    ),
    "a neuron with a bias of ones": ("sigmoid_neuron", [neuron_with_a_bias_of_ones], "The last entry of dw is 1"),
    **{
        f"the lecture, {what}": ("Value", lecture(*changes), words)
        for what, words, *changes in (
            ("a sum that assigns", "only the last", (OF_A_SUM, OF_A_SUM.replace("+=", "="))),
            ("a product that assigns", "only the last", (OF_A_PRODUCT, OF_A_PRODUCT.replace("+=", "="))),
            ("a power that assigns", "only the last", (OF_A_POWER, OF_A_POWER.replace("+=", "="))),
            (
                "a product without upstream",
                "through a product",
                (OF_A_PRODUCT, OF_A_PRODUCT.replace(" * out.grad", "")),
            ),
            ("tanh without upstream", "through tanh", ("(1 - t**2) * out.grad", "1 - t**2")),
            ("exp without upstream", "through exp", ("out.data * out.grad  # of exp", "out.data")),
            ("not reversed", "in the wrong order", ("reversed(topo)", "topo")),
            (
                "an exponent too large",
                "an exponent that is too large",
                (OF_A_POWER, "self.grad += other * self.data**other * out.grad"),
            ),
            ("the exponent forgotten", "a factor is missing", (OF_A_POWER, OF_A_POWER.replace("other * self", "self"))),
            (
                "relu without a way back",
                "No gradient comes through relu",
                ("self.grad += (out.data > 0) * out.grad", "pass"),
            ),
            ("one child of a product", "not reached on the way back", ('(self, other), "*"', '(self,), "*"')),
            ("one factor alone", "Only the first factor", ("            other.grad += self.data * out.grad\n", "")),
            ("tanh of its input", "given its input", ("(1 - t**2)", "(1 - x**2)")),
            ("a difference turned", "minus a node", ("Value(other) + (-self)", "self - other")),
        )
    },
}
