"""Programs for the problem set `sequences` that a grader could easily get wrong: right ones and wrong ones."""

import math
from collections import Counter
from itertools import accumulate, pairwise

import numpy
import torch
import torch.nn.functional as F
from torch import nn

SEEDS = (0, 1)

linear = F.linear


def markov_by_numpy(sequence, states):
    s = sequence.cpu().numpy()
    table = numpy.zeros((states, states))
    numpy.add.at(table, (s[:-1], s[1:]), 1)
    left = table.sum(axis=1, keepdims=True)
    table = numpy.divide(table, left, out=numpy.zeros_like(table), where=left > 0)
    return torch.tensor(table, dtype=torch.float32, device=sequence.device)


def markov_by_counter(sequence, states):
    pairs = Counter(pairwise(map(int, sequence)))
    out = torch.zeros((states, states), device=sequence.device)
    for i in range(states):
        total = sum(pairs[i, j] for j in range(states))
        if total == 0:
            continue
        for j in range(states):
            out[i, j] = pairs[i, j] / total
    return out


def markov_by_reciprocals(sequence, states):
    flat = torch.zeros(states * states, device=sequence.device)
    where = sequence[:-1] * states + sequence[1:]
    counts = flat.scatter_add(0, where, torch.ones_like(where, dtype=torch.float32)).view(states, states)
    once = counts.sum(1).reciprocal()
    return counts * once.masked_fill(once.isinf(), 0)[:, None]


def markov_by_unique_pairs(sequence, states):
    out = torch.zeros(states, states, dtype=torch.float64, device=sequence.device)
    pairs, counts = torch.stack([sequence[:-1], sequence[1:]]).unique(dim=1, return_counts=True)
    out[pairs[0], pairs[1]] = counts.double()
    total = out.sum(-1, keepdim=True)
    return torch.where(total > 0, out / total.clamp_min(1), 0.0).float()


def markov_by_comparisons(sequence, states):
    row = sequence[:-1, None] == torch.arange(states, device=sequence.device)
    column = sequence[1:, None] == torch.arange(states, device=sequence.device)
    counts = (row[:, :, None] & column[:, None, :]).sum(0)
    return (counts / counts.sum(1, keepdim=True).clamp(min=1)).to(torch.float32)


def step_by_numpy(x, h, w_ih, w_hh, b_ih, b_hh):
    a = [t.cpu().numpy() for t in (x, h, w_ih, w_hh, b_ih, b_hh)]
    out = numpy.tanh(a[0] @ a[2].T + a[1] @ a[3].T + a[4] + a[5])
    return torch.from_numpy(out).to(x), (*a, out)


def step_back_by_numpy(dout, cache):
    x, h, w_ih, w_hh, _, _, out = cache
    dz = dout.cpu().numpy() * (1 - out * out)
    parts = dz @ w_ih, dz @ w_hh, dz.T @ x, dz.T @ h, dz.sum(0), dz.sum(0)
    return tuple(torch.from_numpy(numpy.ascontiguousarray(part)).to(dout) for part in parts)


def step_that_keeps_its_sum(x, h, w_ih, w_hh, b_ih, b_hh):
    z = linear(x, w_ih, b_ih).add_(linear(h, w_hh, b_hh))
    return z.tanh(), {"z": z, "in": (x, h), "w": (w_ih, w_hh)}


def step_back_by_cosh(dout, cache):
    z, (x, h), (w_ih, w_hh) = cache["z"], cache["in"], cache["w"]
    dz = dout / z.cosh() ** 2
    return [dz @ w_ih, dz @ w_hh, dz.t() @ x, dz.t() @ h, dz.sum(0), dz.sum(0)]


def own_tanh(z):
    return (z.exp() - (-z).exp()) / (z.exp() + (-z).exp())


def step_that_overflows(x, h, w_ih, w_hh, b_ih, b_hh):
    return own_tanh(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)), None


def step_by_a_sigmoid(x, h, w_ih, w_hh, b_ih, b_hh):
    return 2 * torch.sigmoid(2 * (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh))) - 1, None


def unrolled(x, h0, w_ih, w_hh, b_ih, b_hh):
    """By steps with a cache of their own, in a list."""
    out, caches, h = [], [], h0
    for t in range(x.size(0)):
        h, cache = step_that_keeps_its_sum(x[t], h, w_ih, w_hh, b_ih, b_hh)
        out += [h]
        caches += [cache]
    return torch.cat([h[None] for h in out]), caches


def unrolled_back(dout, caches):
    grads, dxs = None, []
    carried = 0
    for t in range(len(caches) - 1, -1, -1):
        dx, carried, *rest = step_back_by_cosh(dout[t] + carried, caches[t])
        grads = rest if grads is None else [a + b for a, b in zip(grads, rest, strict=True)]
        dxs.insert(0, dx)
    return (torch.stack(dxs), carried, *grads)


def unrolled_by_numpy(x, h0, w_ih, w_hh, b_ih, b_hh):
    a = [t.cpu().numpy() for t in (x, h0, w_ih, w_hh, b_ih, b_hh)]
    hs = {-1: a[1]}
    for t in range(len(a[0])):
        hs[t] = numpy.tanh(a[0][t] @ a[2].T + hs[t - 1] @ a[3].T + a[4] + a[5])
    return torch.from_numpy(numpy.stack([hs[t] for t in range(len(x))])).to(x), (a, hs)


def unrolled_back_by_numpy(dout, cache):
    (x, h0, w_ih, w_hh, *_), hs = cache
    d, dnext = dout.cpu().numpy(), numpy.zeros_like(h0)
    dx, dw_ih, dw_hh = numpy.zeros_like(x), numpy.zeros_like(w_ih), numpy.zeros_like(w_hh)
    db = numpy.zeros_like(w_ih[:, 0])
    for t in reversed(range(len(x))):
        dz = (1 - hs[t] * hs[t]) * (d[t] + dnext)
        db += dz.sum(0)
        dw_ih += dz.T @ x[t]
        dw_hh += dz.T @ hs[t - 1]
        dx[t] = dz @ w_ih
        dnext = dz @ w_hh
    return tuple(torch.from_numpy(part.copy()).to(dout) for part in (dx, dnext, dw_ih, dw_hh, db, db))


def every_state_by_itself(dout, cache):
    """What each state's dout alone sends back through all earlier steps, added up."""
    x, h0, w_ih, w_hh, out = cache
    total = [torch.zeros_like(t) for t in (x, h0, w_ih, w_hh, w_ih[:, 0])]
    before = torch.cat([h0[None], out[:-1]])
    for last in range(len(x)):
        d = dout[last]
        for t in range(last, -1, -1):
            dz = d * (1 - out[t] ** 2)
            d = dz @ w_hh
            total[0][t] += dz @ w_ih
            total[2] += dz.T @ x[t]
            total[3] += dz.T @ before[t]
            total[4] += dz.sum(0)
        total[1] += d
    return (*total, total[4])


def truncated(dout, cache, far=10):
    """The gradient through time is cut where it has gone back so many steps."""
    x, h0, w_ih, w_hh, out = cache
    total = [torch.zeros_like(t) for t in (x, h0, w_ih, w_hh, w_ih[:, 0])]
    before = torch.cat([h0[None], out[:-1]])
    for last in range(len(x)):
        d = dout[last]
        for t in range(last, max(-1, last - far), -1):
            dz = d * (1 - out[t] ** 2)
            d = dz @ w_hh
            total[0][t] += dz @ w_ih
            total[2] += dz.T @ x[t]
            total[3] += dz.T @ before[t]
            total[4] += dz.sum(0)
        if last < far:
            total[1] += d
    return (*total, total[4])


def simple_unrolled(x, h0, w_ih, w_hh, b_ih, b_hh):
    out, h = [], h0
    for x_t in x:
        h = torch.tanh(linear(x_t, w_ih, b_ih) + linear(h, w_hh, b_hh))
        out.append(h)
    out = torch.stack(out)
    return out, (x, h0, w_ih, w_hh, out)


class Cell:
    """What an LSTM's step keeps, as an object."""

    def __init__(self, x, h, c, w_ih, w_hh, b_ih, b_hh):
        self.x, self.h, self.c, self.w_ih, self.w_hh = x, h, c, w_ih, w_hh
        z = x.mm(w_ih.t()) + h.mm(w_hh.t()) + b_ih + b_hh
        units = c.size(1)
        self.i = 0.5 * (1 + torch.tanh(z[:, :units] / 2))
        self.f = 0.5 * (1 + torch.tanh(z[:, units : 2 * units] / 2))
        self.g = torch.tanh(z[:, 2 * units : 3 * units])
        self.o = 0.5 * (1 + torch.tanh(z[:, 3 * units :] / 2))
        self.new_c = self.f * c + self.i * self.g

    def backward(self, dh, dc):
        t = self.new_c.tanh()
        back = dc + dh * self.o * (1 - t.pow(2))
        pieces = [
            back * self.g * self.i * (1 - self.i),
            back * self.c * self.f * (1 - self.f),
            back * self.i * (1 - self.g.pow(2)),
            dh * t * self.o * (1 - self.o),
        ]
        dz = torch.hstack(pieces)
        db = dz.sum(0)
        return [dz.mm(self.w_ih), dz.mm(self.w_hh), back * self.f, dz.t().mm(self.x), dz.t().mm(self.h), db, db]


def lstm_as_an_object(x, h, c, w_ih, w_hh, b_ih, b_hh):
    cell = Cell(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return (cell.o * cell.new_c.tanh(), cell.new_c), cell


def lstm_by_numpy(x, h, c, w_ih, w_hh, b_ih, b_hh):
    a = [t.cpu().numpy() for t in (x, h, c, w_ih, w_hh, b_ih, b_hh)]
    z = a[0] @ a[3].T + a[1] @ a[4].T + a[5] + a[6]
    i, f, g, o = numpy.split(z, 4, axis=1)
    with numpy.errstate(over="ignore"):
        i, f, o = (1 / (1 + numpy.exp(-gate)) for gate in (i, f, o))
    new = f * a[2] + i * numpy.tanh(g)
    return [torch.from_numpy(part).to(x) for part in (o * numpy.tanh(new), new)], None


def lstm_order(dh, dc, cache, order=(0, 1, 2, 3)):
    """Backward of `lstm_as_an_object`, with the blocks of the sums in an order."""
    t = cache.new_c.tanh()
    back = dc + dh * cache.o * (1 - t**2)
    pieces = [
        back * cache.g * cache.i * (1 - cache.i),
        back * cache.c * cache.f * (1 - cache.f),
        back * cache.i * (1 - cache.g**2),
        dh * t * cache.o * (1 - cache.o),
    ]
    dz = torch.cat([pieces[k] for k in order], 1)
    return dz @ cache.w_ih, dz @ cache.w_hh, back * cache.f, dz.T @ cache.x, dz.T @ cache.h, dz.sum(0), dz.sum(0)


def lstm_with_hard_gates(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, 1)
    i, f, o = ((gate / 6 + 0.5).clamp(0, 1) for gate in (i, f, o))
    new = f * c + i * g.tanh()
    return (o * new.tanh(), new), None


def lstm_whose_cell_is_bounded(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """The cell state is cut off at 10."""
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, 1)
    new = (f.sigmoid() * c + i.sigmoid() * g.tanh()).clamp(-10, 10)
    return (o.sigmoid() * new.tanh(), new), None


def posted_lstm(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """As in a course's notes: the gates i, f, o, g."""
    a = x @ w_ih.T + h @ w_hh.T + b_ih + b_hh
    units = a.shape[1] // 4
    i, f, o, g = (a[:, k * units : (k + 1) * units] for k in range(4))
    next_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * torch.tanh(next_c), next_c), None


def forgetful(step):
    """`step` with one cache for all calls: the last call's."""
    kept = {}

    def forward(*arguments):
        out, kept["cache"] = step(*arguments)
        return out, kept

    return forward


def of_kept(backward):
    return lambda *arguments: backward(*arguments[:-1], arguments[-1]["cache"])


def clip_by_numpy(grads, max_norm):
    total = math.sqrt(sum(float((g.double() ** 2).sum()) for g in grads))
    factor = min(max_norm / (total + 1e-6), 1)
    return [g * factor for g in grads], torch.tensor(total).to(grads[0])


def clip_by_hypot(grads, max_norm):
    norm = grads[0].new_tensor(math.hypot(*(x for g in grads for x in g.flatten().tolist())))
    if norm > max_norm:
        grads = [(max_norm / (norm + 1e-6)) * g for g in grads]
    return grads, norm


def clip_by_a_vector(grads, max_norm):
    vector = torch.hstack([g.reshape(-1) for g in grads])
    norm = torch.sqrt(vector @ vector)
    vector = vector * torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    parts = vector.split([g.numel() for g in grads])
    return [part.view_as(g) for part, g in zip(parts, grads, strict=True)], norm


def clip_without_eps(grads, max_norm):
    norm = sum(g.pow(2).sum() for g in grads) ** 0.5
    return [g * min(1, max_norm / max(float(norm), 1e-300)) for g in grads], norm


def clip_in_the_list(grads, max_norm):
    norm = torch.cat([g.reshape(-1) for g in grads]).norm()
    for k in range(len(grads)):
        grads[k] = grads[k] * (max_norm / (norm + 1e-6)).clamp(max=1)
    return grads, norm


def clip_in_single_precision(grads, max_norm):
    norm = torch.cat([g.flatten() for g in grads]).float().norm()
    return [g * (max_norm / (norm + 1e-6)).clamp(max=1).to(g) for g in grads], norm.to(grads[0])


def lstm_by_one_matrix(x, h, c, w_ih, w_hh, b_ih, b_hh):
    ones = x.new_ones(len(x), 1)
    joined, w = torch.cat([x, h, ones, ones], 1), torch.cat([w_ih, w_hh, b_ih[:, None], b_hh[:, None]], 1)
    i, f, g, o = torch.einsum("nk,gk->ng", joined, w).unflatten(1, (4, -1)).unbind(1)
    gates = {"i": torch.sigmoid(i), "f": torch.sigmoid(f), "g": torch.tanh(g), "o": torch.sigmoid(o)}
    new = torch.addcmul(gates["f"] * c, gates["i"], gates["g"])
    return (gates["o"] * new.tanh(), new), (joined, w, c, gates, new, x.shape[1])


def lstm_back_by_one_matrix(dh, dc, cache):
    joined, w, c, gates, new, width = cache
    squashed = torch.tanh(new)
    dc = dc + dh * gates["o"] * (1 - squashed) * (1 + squashed)
    upstream = {"i": dc * gates["g"], "f": dc * c, "g": dc * gates["i"], "o": dh * squashed}
    dz = torch.cat([upstream[k] * (1 - v**2 if k == "g" else v - v * v) for k, v in gates.items()], 1)
    djoined, dw, units = dz @ w, dz.T @ joined, c.shape[1]
    dx, dh = djoined[:, :width], djoined[:, width : width + units]
    return dx, dh, dc * gates["f"], dw[:, :width], dw[:, width : width + units], dw[:, -2], dw[:, -1]


def accumulated(x, h0, w_ih, w_hh, b_ih, b_hh):
    def step(h, x_t):
        return torch.tanh(F.linear(x_t, w_ih, b_ih) + F.linear(h, w_hh, b_hh))

    states = list(accumulate(x, step, initial=h0))
    return torch.stack(states[1:]), (x, states, w_ih, w_hh)


def back_by_recursion(dout, cache):
    x, states, w_ih, w_hh = cache

    def back(t, dh):
        if t < 0:
            return [], dh
        dz = (dout[t] + dh) * (1 - states[t + 1] ** 2)
        earlier, dh0 = back(t - 1, dz @ w_hh)
        return [*earlier, dz], dh0

    dzs, dh0 = back(len(x) - 1, torch.zeros_like(states[0]))
    dz, db = torch.stack(dzs), torch.stack(dzs).sum((0, 1))
    dw_hh = torch.einsum("tnh,tnk->hk", dz, torch.stack(states[:-1]))
    return dz @ w_ih, dh0, torch.einsum("tnh,tnd->hd", dz, x), dw_hh, db, db.clone()


RIGHT = {
    "by numpy": ("markov_fit", [markov_by_numpy]),
    "by a Counter": ("markov_fit", [markov_by_counter]),
    "by reciprocals": ("markov_fit", [markov_by_reciprocals]),
    "by unique pairs": ("markov_fit", [markov_by_unique_pairs]),
    "by comparisons": ("markov_fit", [markov_by_comparisons]),
    "step by numpy": ("rnn_step_forward", [step_by_numpy]),
    "step by a sigmoid": ("rnn_step_forward", [step_by_a_sigmoid]),
    "step back by numpy": ("rnn_step_backward", [step_back_by_numpy, step_by_numpy]),
    "slope by cosh": ("rnn_step_backward", [step_back_by_cosh, step_that_keeps_its_sum]),
    "unrolled by steps": ("rnn_forward", [unrolled]),
    "unrolled by numpy": ("rnn_forward", [unrolled_by_numpy]),
    "back by steps": ("rnn_backward", [unrolled_back, unrolled]),
    "back by numpy": ("rnn_backward", [unrolled_back_by_numpy, unrolled_by_numpy]),
    "every state by itself": ("rnn_backward", [every_state_by_itself, simple_unrolled]),
    "an LSTM as an object": ("lstm_step_forward", [lstm_as_an_object]),
    "an LSTM by numpy": ("lstm_step_forward", [lstm_by_numpy]),
    "an object's own backward": ("lstm_step_backward", [lambda dh, dc, c: c.backward(dh, dc), lstm_as_an_object]),
    "blocks in order": ("lstm_step_backward", [lstm_order, lstm_as_an_object]),
    "clipped by a number": ("clip_gradients", [clip_by_numpy]),
    "clipped by hypot": ("clip_gradients", [clip_by_hypot]),
    "clipped as a vector": ("clip_gradients", [clip_by_a_vector]),
    "one matrix for all gates": ("lstm_step_forward", [lstm_by_one_matrix]),
    "back through one matrix": ("lstm_step_backward", [lstm_back_by_one_matrix, lstm_by_one_matrix]),
    "accumulated": ("rnn_forward", [accumulated]),
    "back by recursion": ("rnn_backward", [back_by_recursion, accumulated]),
}

WRONG = {
    "a softmax of counts": (
        "markov_fit",
        [lambda s, n: torch.bincount(s[:-1] * n + s[1:], minlength=n * n).view(n, n).float().softmax(1)],
        {"values", "edge cases"},
    ),
    "a tanh that overflows": ("rnn_step_forward", [step_that_overflows], {"edge cases"}),
    "cut after ten steps": ("rnn_backward", [truncated, simple_unrolled], {"edge cases"}),
    "cut after two steps": (
        "rnn_backward",
        [lambda dout, cache: truncated(dout, cache, 2), simple_unrolled],
        {"values", "edge cases"},
    ),
    "one cache for all calls of a step": (
        "rnn_step_backward",
        [of_kept(step_back_by_cosh), forgetful(step_that_keeps_its_sum)],
        {"contract"},
    ),
    "one cache for all sequences": (
        "rnn_backward",
        [of_kept(every_state_by_itself), forgetful(simple_unrolled)],
        {"contract"},
    ),
    "one cache for all cells": (
        "lstm_step_backward",
        [of_kept(lstm_order), forgetful(lstm_as_an_object)],
        {"contract"},
    ),
    "gates of straight lines": ("lstm_step_forward", [lstm_with_hard_gates], {"values"}),
    "a bounded cell": ("lstm_step_forward", [lstm_whose_cell_is_bounded], {"edge cases"}),
    "clipped in the list": ("clip_gradients", [clip_in_the_list], {"contract"}),
    "clipped in float32": ("clip_gradients", [clip_in_single_precision], {"contract"}),
}

PARTLY_RIGHT = {
    "clipping without eps": ("clip_gradients", [clip_without_eps], {"edge cases", "contract"}),
    "a tanh that overflows": ("rnn_step_forward", [step_that_overflows], {"edge cases"}),
}


STOPPED = {
    "rnn_tanh_cell": ("rnn_step_forward", [lambda *a: (torch.rnn_tanh_cell(*a), None)], "rnn_tanh_cell"),
    "nn.RNNCell": (
        "rnn_step_forward",
        [lambda x, h, *w: (nn.RNNCell(x.shape[1], h.shape[1])(x, h), None)],
        "rnn_tanh_cell",
    ),
    "rnn_tanh": (
        "rnn_forward",
        [lambda x, h, *w: (torch.rnn_tanh(x, h[None], list(w), True, 1, 0.0, False, False, False)[0], None)],
        "rnn_tanh",
    ),
    "nn.RNN": ("rnn_forward", [lambda x, h, *w: (nn.RNN(x.shape[2], h.shape[1])(x, h[None])[0], None)], "rnn_tanh"),
    "nn.GRU": ("rnn_forward", [lambda x, h, *w: (nn.GRU(x.shape[2], h.shape[1])(x, h[None])[0], None)], "gru"),
    "lstm_cell": (
        "lstm_step_forward",
        [lambda x, h, c, *w: (torch.lstm_cell(x, (h, c), *w), None)],
        "lstm_cell",
    ),
    "nn.LSTMCell": (
        "lstm_step_forward",
        [lambda x, h, c, *w: (nn.LSTMCell(x.shape[1], h.shape[1])(x, (h, c)), None)],
        "lstm_cell",
    ),
    "nn.LSTM": (
        "lstm_step_forward",
        [lambda x, h, c, *w: (nn.LSTM(x.shape[1], h.shape[1])(x[None], (h[None], c[None]))[1], None)],
        "lstm",
    ),
}

IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F"
REFUSED = {
    f"{expression} in {name}": (
        name,
        [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"],
        "which is the exercise itself",
    )
    for name, expression in [
        ("rnn_step_forward", "nn.RNNCell(3, 5)(x)"),
        ("rnn_step_forward", "torch.rnn_tanh_cell(x, *more)"),
        ("rnn_step_forward", "torch.rnn_relu_cell(x, *more)"),
        ("rnn_step_forward", "nn.modules.rnn.RNNCell(3, 5)(x)"),
        ("rnn_step_forward", "nn.GRUCell(3, 5)(x)"),
        ("rnn_forward", "nn.RNN(3, 5)(x)"),
        ("rnn_forward", "torch.nn.RNN(3, 5)(x)"),
        ("rnn_forward", "nn.RNNBase('RNN_TANH', 3, 5)(x)"),
        ("rnn_forward", "nn.LSTM(3, 5)(x)"),
        ("rnn_forward", "torch.rnn_tanh(x, *more)"),
        ("rnn_forward", "nn.utils.rnn.torch.rnn_tanh(x, *more)"),
        ("lstm_step_forward", "nn.LSTMCell(3, 5)(x)"),
        ("lstm_step_forward", "nn.LSTM(3, 5)(x)"),
        ("lstm_step_forward", "torch.lstm_cell(x, *more)"),
        ("lstm_step_forward", "torch.lstm(x, *more)"),
        ("lstm_step_forward", "torch.ops.aten._thnn_fused_lstm_cell(x, *more)"),
        ("lstm_step_backward", "torch.ops.aten._thnn_fused_lstm_cell_backward(x, *more)"),
        ("lstm_step_backward", "torch.ops.aten._thnn_differentiable_lstm_cell_backward(x, *more)"),
        ("rnn_backward", "torch.ops.aten._cudnn_rnn_backward(x, *more)"),
        ("rnn_backward", "torch.ops.aten.mkldnn_rnn_layer_backward(x, *more)"),
        ("clip_gradients", "nn.utils.clip_grad_norm_(x, *more)"),
        ("clip_gradients", "nn.utils.clip_grad_norm(x, *more)"),
        ("clip_gradients", "nn.utils.clip_grads_with_norm_(x, *more)"),
        ("clip_gradients", "nn.utils.get_total_norm(x)"),
        ("clip_gradients", "torch.nn.utils.clip_grad.clip_grad_norm_(x, *more)"),
    ]
} | {
    f"autograd in {name}": (
        name,
        [IMPORTS, f"def {name}(*more):\n    return torch.autograd.grad(*more)"],
        "write the gradient by hand",
    )
    for name in ("rnn_step_backward", "rnn_backward", "lstm_step_backward")
}

ALLOWED = {
    f"{expression} in {name}": (name, [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"])
    for name, expression in [
        ("markov_fit", "torch.bincount(x)"),
        ("markov_fit", "F.one_hot(x)"),
        ("markov_fit", "F.normalize(x, p=1, dim=1)"),
        ("markov_fit", "x.index_put_(more, x, accumulate=True)"),
        ("markov_fit", "torch.histogramdd(x, *more)"),
        ("rnn_step_forward", "F.linear(x, *more)"),
        ("rnn_step_forward", "torch.tanh(x)"),
        ("rnn_step_forward", "nn.Tanh()(x)"),
        ("rnn_step_forward", "torch.addmm(x, *more)"),
        ("rnn_step_backward", "torch.ops.aten.tanh_backward(x, *more)"),
        ("rnn_forward", "nn.Linear(3, 5)(x)"),
        ("rnn_forward", "torch.stack(list(x))"),
        ("rnn_forward", "nn.utils.rnn.pad_sequence(list(x))"),
        ("rnn_forward", "x.rnn if hasattr(x, 'rnn') else x"),
        ("lstm_step_forward", "torch.sigmoid(x).chunk(4, 1)"),
        ("lstm_step_forward", "F.sigmoid(x)"),
        ("lstm_step_forward", "F.glu(x)"),
        ("clip_gradients", "torch.linalg.vector_norm(x)"),
        ("clip_gradients", "torch.norm(torch.stack([g.norm() for g in x]))"),
        ("clip_gradients", "nn.utils.parameters_to_vector(x)"),
        ("clip_gradients", "nn.utils.clip_grad_value_(x, 1)"),
        ("clip_gradients", "x.clamp(max=1)"),
    ]
}


def posted_back(dout, cache, through=True, h_of=lambda out, before, t: before[t], sign=1):
    """Backward as it is often posted, over a list of states."""
    x, h0, w_ih, w_hh, out = cache
    before = [h0, *out[:-1]]
    dw_ih, dw_hh, db = torch.zeros_like(w_ih), torch.zeros_like(w_hh), torch.zeros_like(w_ih[:, 0])
    dhnext, dx = torch.zeros_like(h0), torch.zeros_like(x)
    for t in range(len(x))[::-1]:
        dh = dout[t] + (dhnext if through else 0)
        dhraw = (1 - out[t] * out[t]) * dh
        db += dhraw.sum(0)
        dw_ih += dhraw.T.matmul(x[t])
        dw_hh += dhraw.T.matmul(h_of(out, before, t))
        dx[t] = dhraw.matmul(w_ih)
        dhnext = dhraw.matmul(w_hh)
    return dx, dhnext, dw_ih, dw_hh, db, db


NAMED = {
    "the gates of a course": ("lstm_step_forward", [posted_lstm], "in another order"),
    "the blocks of a course": (
        "lstm_step_backward",
        [lambda dh, dc, c: lstm_order(dh, dc, c, (0, 1, 3, 2)), lstm_as_an_object],
        "in another order",
    ),
    "dc left out": (
        "lstm_step_backward",
        [lambda dh, dc, c: c.backward(dh, 0 * dc), lstm_as_an_object],
        "dc has no influence",
    ),
    "no way through time": (
        "rnn_backward",
        [lambda dout, cache: posted_back(dout, cache, through=False), simple_unrolled],
        "through time is cut",
    ),
    "the state of the step itself": (
        "rnn_backward",
        [lambda dout, cache: posted_back(dout, cache, h_of=lambda out, before, t: out[t]), simple_unrolled],
        "the one before",
    ),
    "a recurrent weight as it is": (
        "rnn_step_forward",
        [lambda x, h, a, b, c, d: ((linear(x, a, c) + h.matmul(b) + d).tanh_(), None)],
        "w_hh is used as it is",
    ),
    "a matrix of counts": (
        "markov_fit",
        [lambda s, n: F.one_hot(s[:-1], n).T.float() @ F.one_hot(s[1:], n).float()],
        "These are counts",
    ),
    "columns that sum to one": (
        "markov_fit",
        [
            lambda s, n: F.normalize(
                torch.bincount(s[:-1] * n + s[1:], minlength=n * n).view(n, n).float(),
                p=1,
                dim=0,
            )
        ],
        "columns were divided",
    ),
    "pairs that are written once": (
        "markov_fit",
        [
            lambda s, n: F.normalize(
                torch.zeros(n, n).index_put((s[:-1], s[1:]), torch.ones(())),
                p=1,
                dim=1,
            )
        ],
        "was not counted again",
    ),
    "clipped one by one": (
        "clip_gradients",
        [
            lambda grads, m: (
                [g * min(1.0, m / (float(g.norm()) + 1e-6)) for g in grads],
                torch.stack([g.norm() for g in grads]).norm(),
            )
        ],
        "clipped by its own norm",
    ),
    "the norm of what is left": (
        "clip_gradients",
        [lambda grads, m: ((out := clip_by_a_vector(grads, m)[0]), torch.cat([g.flatten() for g in out]).norm())],
        "the one before clipping",
    ),
}
