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
}


# torch's own softmax and cross-entropy, under the names that it has for them.
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
