"""`lstm_step_forward` and `lstm_step_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import backward, forward
from autograder.problem import Cases, Problem
from autograder.problems.drawing import NEXT_CALL, normal
from autograder.problems.forbidden import RECURRENT, RECURRENT_BACKWARD
from autograder.problems.sequences.cases import state, weights, with_a_large_sample
from autograder.programs import follows, slip
from autograder.references import gradients_of, values_of
from autograder.references import sequences as reference

GRADIENTS = ("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh")


def _steps(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, n, d, h, saturated=False, first=False, full=False, **how):
            arguments = {
                "x": normal(generator, n, d),
                "h": state(generator, n, h),
                "c": 1.5 * normal(generator, n, h),
                **weights(generator, d, h, gates=4),
            }
            if saturated:
                arguments["x"] = with_a_large_sample(generator, arguments["x"], arguments["w_ih"])
            if first:
                arguments |= {"h": torch.zeros_like(arguments["h"]), "c": torch.zeros_like(arguments["c"])}
            if full:
                arguments["c"] = 20 * arguments["c"].sign() * (1 + arguments["c"].abs())
            return Case(name, criterion, arguments, normal(generator, 2, n, h) if gradient else None, **how)

        return [
            case("x (4, 3), h (4, 5)", "values", 4, 3, 5),
            case("x (3, 6), h (3, 2)", "values", 3, 6, 2),
            case("x (4, 4), h (4, 4)", "values", 4, 4, 4),
            case("one sample", "edge cases", 1, 3, 5),
            case("one feature", "edge cases", 4, 1, 3),
            case("one unit", "edge cases", 3, 4, 1),
            case("the first step, h and c 0", "edge cases", 4, 3, 5, first=True),
            case("a cell state of some 20", "edge cases", 4, 3, 5, full=True),
            case("a sample of some 10,000: gates that saturate", "edge cases", 4, 3, 5, saturated=True),
            case("float64", "contract", 4, 3, 5, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 4, 3, 5, layout="strided"),
            case("inputs transposed in memory", "contract", 3, 6, 2, layout="transposed"),
            case(NEXT_CALL, "contract", 4, 3, 5, another_call=True),
        ]

    return cases


PROBLEMS = (
    Problem(
        name="lstm_step_forward",
        call=forward,
        returns=(("h", "c"),),
        cases=_steps(gradient=False),
        expected=values_of(reference.lstm_step),
        points={"values": 7, "edge cases": 3, "contract": 2},
        shares={"h": 3, "c": 4},
        forbidden=RECURRENT,
        modules=(__name__,),
    ),
    Problem(
        name="lstm_step_backward",
        call=backward,
        returns=tuple(f"d{name}" for name in GRADIENTS),
        upstream=("dh", "dc"),
        cases=_steps(gradient=True),
        expected=gradients_of(reference.lstm_step_stacked, wrt=GRADIENTS),
        points={"values": 11, "edge cases": 4, "contract": 2},
        shares={"dx": 2, "dh": 2, "dc": 2, "dw_ih": 2, "dw_hh": 1, "db_ih": 1, "db_hh": 1},
        forbidden=RECURRENT_BACKWARD,
        modules=(__name__,),
    ),
)


def lstm_step_forward__chunks(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    new_c = f * c + i * g
    new_h = o * torch.tanh(new_c)
    return (new_h, new_c), (x, h, c, w_ih, w_hh, i, f, g, o, new_c)


def lstm_step_forward__side_by_side(x, h, c, w_ih, w_hh, b_ih, b_hh):
    both, weight = torch.cat([x, h], 1), torch.cat([w_ih, w_hh], 1)
    gates = torch.addmm(b_ih + b_hh, both, weight.T)
    i, f, g, o = torch.split(gates, h.shape[1], dim=1)
    new_c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return (o.sigmoid() * new_c.tanh(), new_c), {"both": both, "weight": weight, "gates": gates, "c": c, "new": new_c}


def lstm_step_forward__gate_by_gate(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n = h.shape[1]

    def gate(k):
        rows = slice(k * n, (k + 1) * n)
        linear = torch.nn.functional.linear
        return linear(x, w_ih[rows], b_ih[rows]) + linear(h, w_hh[rows], b_hh[rows])

    i, f, o = (1 / (1 + torch.exp(-gate(k))) for k in (0, 1, 3))
    g = gate(2).tanh()
    new_c = torch.addcmul(f * c, i, g)
    squashed = new_c.tanh()
    return [o * squashed, new_c], [x, h, c, w_ih, w_hh, (i, f, g, o), squashed]


def lstm_step_forward__einsum(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n, units = h.shape
    z = torch.einsum("nd,gd->ng", x, w_ih) + torch.einsum("nk,gk->ng", h, w_hh) + (b_ih + b_hh)
    z = z.reshape(n, 4, units)
    i, f, o = torch.sigmoid(z[:, [0, 1, 3]]).unbind(1)
    g = z[:, 2].tanh()
    new_c = f * c + i * g

    def gradients(dh, dc):
        dc = dc + dh * o * (1 - new_c.tanh() ** 2)
        dz = torch.stack(
            [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * new_c.tanh() * o * (1 - o)], dim=1
        )
        dz = dz.reshape(n, 4 * units)
        dw_ih, dw_hh = torch.einsum("ng,nd->gd", dz, x), torch.einsum("ng,nk->gk", dz, h)
        return [dz @ w_ih, dz @ w_hh, dc * f, dw_ih, dw_hh, dz.sum(0), dz.sum(0)]

    return (o * new_c.tanh(), new_c), gradients


slip(
    lstm_step_forward__chunks,
    "order_of_the_book",
    "The gates are in another order: here it is torch's, with the candidate before the output gate.",
    ("i, f, g, o = (x", "i, f, o, g = (x"),
)

slip(
    lstm_step_forward__chunks,
    "input_and_forget_exchanged",
    "The input gate and the forget gate have changed places: the forget gate belongs to the old cell state.",
    ("i, f, g, o = (x", "f, i, g, o = (x"),
)

slip(
    lstm_step_forward__chunks,
    "candidate_first",
    "The gates are in another order: here it is torch's, with the candidate in the third place.",
    ("i, f, g, o = (x", "g, i, f, o = (x"),
)

slip(
    lstm_step_forward__chunks,
    "forget_input_output",
    "The gates are in another order: here it is torch's, from the input gate to the output gate.",
    ("i, f, g, o = (x", "f, i, o, g = (x"),
)

slip(
    lstm_step_forward__chunks,
    "interleaved",
    "The rows of the weights were dealt out to the gates in turn: each gate has one block of rows, as many as units.",
    (".chunk(4, dim=1)", ".reshape(len(x), -1, 4).unbind(2)"),
)

slip(
    lstm_step_forward__chunks,
    "candidate_by_sigmoid",
    "The candidate went through a sigmoid, which is never negative; it goes through tanh.",
    ("torch.tanh(g)", "torch.sigmoid(g)"),
)

slip(
    lstm_step_forward__chunks,
    "gates_by_tanh",
    "The gates went through tanh: they say what share is let through, from 0 to 1.",
    (
        "torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)",
        "torch.tanh(i), torch.tanh(f), torch.tanh(g), torch.tanh(o)",
    ),
)

slip(
    lstm_step_forward__chunks,
    "output_of_the_old_cell",
    "The new h was made from the old cell state; the new one comes first.",
    ("o * torch.tanh(new_c)", "o * torch.tanh(c)"),
)

slip(
    lstm_step_forward__chunks,
    "no_tanh_of_the_cell",
    "The cell state went into h as it is: there it goes through tanh.",
    ("o * torch.tanh(new_c)", "o * new_c"),
)

slip(
    lstm_step_forward__chunks,
    "cell_through_tanh",
    "The cell state itself went through tanh: only what goes into h does.",
    (
        "new_c = f * c + i * g\n    new_h = o * torch.tanh(new_c)",
        "new_c = torch.tanh(f * c + i * g)\n    new_h = o * new_c",
    ),
)

slip(
    lstm_step_forward__chunks,
    "no_output_gate",
    "The output gate has no influence on h.",
    ("o * torch.tanh(new_c)", "torch.tanh(new_c)"),
)

slip(
    lstm_step_forward__chunks,
    "no_forget_gate",
    "Nothing is forgotten: the old cell state is multiplied by the forget gate.",
    ("f * c + i * g", "c + i * g"),
)

slip(
    lstm_step_forward__chunks,
    "no_input_gate",
    "The candidate is let in as a whole: it is multiplied by the input gate.",
    ("f * c + i * g", "f * c + g"),
)

slip(
    lstm_step_forward__chunks,
    "cell_not_kept",
    "The old cell state is lost: what the forget gate leaves of it is added to what is new.",
    ("f * c + i * g", "i * g"),
)

slip(
    lstm_step_forward__chunks,
    "coupled_gates",
    "The share of the candidate is what the forget gate leaves free: it has a gate of its own.",
    ("f * c + i * g", "f * c + (1 - f) * g"),
)

slip(
    lstm_step_forward__chunks,
    "no_b_ih",
    "b_ih is not added.",
    (" + b_ih +", " +"),
)

slip(
    lstm_step_forward__chunks,
    "no_b_hh",
    "b_hh is not added.",
    (" + b_hh)", ")"),
)

slip(
    lstm_step_forward__chunks,
    "no_memory",
    "The old h has no influence on the gates.",
    (" + h @ w_hh.T", ""),
)

slip(
    lstm_step_forward__chunks,
    "forget_bias",
    "1 was added in the forget gate: that belongs into the biases at the start, not into the step.",
    ("torch.sigmoid(f)", "torch.sigmoid(f + 1)"),
)

slip(
    lstm_step_forward__chunks,
    "order_of_the_results",
    "The results come in the wrong order: first the new h, then the new c.",
    ("return (new_h, new_c),", "return (new_c, new_h),"),
)

slip(
    lstm_step_forward__chunks,
    "overflow",
    "For large sums a gate is nan: exp of a large number is inf, and inf divided by inf is nan.",
    (
        "torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)",
        "i.exp() / (1 + i.exp()), f.exp() / (1 + f.exp()), torch.tanh(g), o.exp() / (1 + o.exp())",
    ),
)

slip(
    lstm_step_forward__chunks,
    "cell_overwritten",
    "The old cell state was overwritten: it belongs to the caller.",
    ("new_c = f * c + i * g", "new_c = c.mul_(f).add_(i * g)"),
)


def lstm_step_backward__written_out(dh, dc, cache):
    x, h, c, w_ih, w_hh, i, f, g, o, new_c = cache
    squashed = torch.tanh(new_c)
    do = dh * squashed
    dcell = dc + dh * o * (1 - squashed**2)
    di, df, dg = dcell * g, dcell * c, dcell * i
    dz = torch.cat([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], dim=1)
    return dz @ w_ih, dz @ w_hh, dcell * f, dz.T @ x, dz.T @ h, dz.sum(dim=0), dz.sum(dim=0)


@follows(lstm_step_forward__side_by_side)
def lstm_step_backward__side_by_side(dh, dc, cache):
    weight, both, c, new = cache["weight"], cache["both"], cache["c"], cache["new"]
    units = c.shape[1]
    d, gates = both.shape[1] - units, cache["gates"]
    opened = gates.sigmoid()
    i, f, o = (opened[:, k * units : (k + 1) * units] for k in (0, 1, 3))
    g = gates[:, 2 * units : 3 * units].tanh()
    dcell = dc + o * dh * (1 - new.tanh().square())
    dz = torch.zeros_like(gates)
    dz[:, :units] = dcell * g
    dz[:, units : 2 * units] = dcell * c
    dz[:, 3 * units :] = dh * new.tanh()
    dz = dz * opened * (1 - opened)
    dz[:, 2 * units : 3 * units] = dcell * i * (1 - g.square())
    dboth, dweight, db = torch.mm(dz, weight), torch.mm(dz.T, both), dz.sum(0)
    return dboth[:, :d], dboth[:, d:], dcell * f, dweight[:, :d], dweight[:, d:], db, db


@follows(lstm_step_forward__gate_by_gate)
def lstm_step_backward__gate_by_gate(dh, dc, cache):
    x, h, c, w_ih, w_hh, (i, f, g, o), squashed = cache
    dcell = dh * o * (1 - squashed) * (1 + squashed) + dc
    parts = (
        dcell * g * (i - i * i),
        dcell * c * (f - f * f),
        dcell * i * (1 - g) * (1 + g),
        dh * squashed * (o - o * o),
    )
    dx, dh_before, dw_ih, dw_hh, db = torch.zeros_like(x), torch.zeros_like(h), [], [], []
    for k, dz in enumerate(parts):
        rows = slice(k * h.shape[1], (k + 1) * h.shape[1])
        dx = dx + dz @ w_ih[rows]
        dh_before = dh_before + dz @ w_hh[rows]
        dw_ih.append(dz.T @ x)
        dw_hh.append(dz.T @ h)
        db.append(dz.sum(0))
    return dx, dh_before, f * dcell, torch.cat(dw_ih), torch.cat(dw_hh), torch.cat(db), torch.cat(db)


@follows(lstm_step_forward__einsum)
def lstm_step_backward__closure(dh, dc, cache):
    return cache(dh, dc)


slip(
    lstm_step_backward__written_out,
    "dc_ignored",
    "dc has no influence: later steps reach the cell state directly too, not by way of h alone.",
    ("dcell = dc + dh", "dcell = dh"),
)

slip(
    lstm_step_backward__written_out,
    "dh_not_into_the_cell",
    "What comes back to h did not go on into the cell state: h is made from it.",
    ("dcell = dc + dh * o * (1 - squashed**2)", "dcell = dc"),
)

slip(
    lstm_step_backward__written_out,
    "no_slope_of_tanh_at_the_cell",
    "On the way from h into the cell state the slope of tanh is missing.",
    (" * (1 - squashed**2)", ""),
)

slip(
    lstm_step_backward__written_out,
    "slope_at_the_old_cell",
    "On the way from h into the cell state the slope of tanh was taken at the old cell state.",
    ("(1 - squashed**2)", "(1 - torch.tanh(c) ** 2)"),
)

slip(
    lstm_step_backward__written_out,
    "slope_of_the_cell_itself",
    "On the way from h into the cell state, the slope was computed as if the cell state were its own tanh.",
    ("(1 - squashed**2)", "(1 - new_c**2)"),
)

slip(
    lstm_step_backward__written_out,
    "no_output_gate",
    "On the way from h into the cell state the output gate is missing.",
    ("dh * o * (1", "dh * (1"),
)

slip(
    lstm_step_backward__written_out,
    "dc_without_forget_gate",
    "dc was handed on as a whole: the old cell state has been through the forget gate.",
    ("dcell * f,", "dcell,"),
)

slip(
    lstm_step_backward__written_out,
    "dc_of_the_upstream_alone",
    "In the dc that is returned, what came by way of h is missing.",
    ("dcell * f,", "dc * f,"),
)

slip(
    lstm_step_backward__written_out,
    "forget_gate_with_the_new_cell",
    "The gradient of the forget gate was computed with the new cell state: it multiplies the old one.",
    ("dcell * c,", "dcell * new_c,"),
)

slip(
    lstm_step_backward__written_out,
    "input_gate_and_candidate_exchanged",
    "The input gate's gradient was computed with itself, and the candidate's with the candidate: each multiplies the "
    "other.",
    ("dcell * g, dcell * c, dcell * i", "dcell * i, dcell * c, dcell * g"),
)

slip(
    lstm_step_backward__written_out,
    "output_gate_without_tanh",
    "The gradient of the output gate was computed with the cell state as it is: the gate multiplies its tanh.",
    ("do = dh * squashed", "do = dh * new_c"),
)

slip(
    lstm_step_backward__written_out,
    "no_slopes",
    "The slopes of the gates are missing: a gate is a sigmoid of its sum, the candidate a tanh.",
    (
        "[di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]",
        "[di, df, dg, do]",
    ),
)

slip(
    lstm_step_backward__written_out,
    "candidate_with_the_slope_of_a_sigmoid",
    "The candidate has the slope of a sigmoid; it is a tanh.",
    ("dg * (1 - g**2)", "dg * g * (1 - g)"),
)

slip(
    lstm_step_backward__written_out,
    "gates_with_the_slope_of_tanh",
    "The gates have the slope of a tanh; they are sigmoids.",
    ("di * i * (1 - i), df * f * (1 - f)", "di * (1 - i**2), df * (1 - f**2)"),
    ("do * o * (1 - o)", "do * (1 - o**2)"),
)

slip(
    lstm_step_backward__written_out,
    "order_of_the_gates",
    "The gates are put together in another order than they were taken apart.",
    (
        "dg * (1 - g**2), do * o * (1 - o)]",
        "do * o * (1 - o), dg * (1 - g**2)]",
    ),
)

slip(
    lstm_step_backward__written_out,
    "input_and_forget_exchanged",
    "The input gate and the forget gate have changed places on the way back.",
    (
        "[di * i * (1 - i), df * f * (1 - f),",
        "[df * f * (1 - f), di * i * (1 - i),",
    ),
)

slip(
    lstm_step_backward__written_out,
    "without_upstream",
    "dh has no influence: these are the gradients for a dh of ones.",
    ("    do = dh * squashed", "    dh = torch.ones_like(dh)\n    do = dh * squashed"),
)

slip(
    lstm_step_backward__written_out,
    "dw_hh_of_the_new_state",
    "dw_hh was computed with the new h: w_hh is multiplied by the old one.",
    ("dz.T @ h,", "dz.T @ (o * squashed),"),
)

slip(
    lstm_step_backward__written_out,
    "weights_transposed",
    "dw_ih and dw_hh are transposed: a gradient has the shape of what it belongs to.",
    ("dz.T @ x, dz.T @ h,", "x.T @ dz, h.T @ dz,"),
)

slip(
    lstm_step_backward__written_out,
    "averaged",
    "The gradients of weights and biases were averaged over the batch; the chain rule adds up.",
    (
        "dz.T @ x, dz.T @ h, dz.sum(dim=0), dz.sum(dim=0)",
        "dz.T @ x / len(x), dz.T @ h / len(x), dz.mean(dim=0), dz.mean(dim=0)",
    ),
)

slip(
    lstm_step_backward__written_out,
    "biases_averaged",
    "db_ih and db_hh were averaged over the batch; the chain rule adds up.",
    ("dz.sum(dim=0), dz.sum(dim=0)", "dz.mean(dim=0), dz.mean(dim=0)"),
)

slip(
    lstm_step_backward__written_out,
    "no_db_hh",
    "db_hh is 0: both biases are added to the same sums.",
    ("dz.sum(dim=0), dz.sum(dim=0)", "dz.sum(dim=0), torch.zeros_like(dz[0])"),
)

slip(
    lstm_step_backward__written_out,
    "order",
    "The gradients come in the wrong order: they follow the arguments of the forward function.",
    ("dz @ w_ih, dz @ w_hh, dcell * f, dz.T @ x,", "dz @ w_ih, dcell * f, dz @ w_hh, dz.T @ x,"),
)

slip(
    lstm_step_backward__written_out,
    "dc_overwritten",
    "dc was overwritten: += and methods that end in an underscore write into the tensor that you were given.",
    ("dcell = dc + dh * o * (1 - squashed**2)", "dcell = dc.add_(dh * o * (1 - squashed**2))"),
)

slip(
    lstm_step_backward__written_out,
    "state_overwritten",
    "The new cell state was overwritten, which the next step still needs.",
    ("squashed = torch.tanh(new_c)", "squashed = new_c.tanh_()"),
)
