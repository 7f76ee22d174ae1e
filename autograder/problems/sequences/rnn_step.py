"""`rnn_step_forward` and `rnn_step_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, normal
from autograder.problems.forbidden import RECURRENT, RECURRENT_BACKWARD
from autograder.problems.pairs import pair
from autograder.problems.sequences.cases import state, weights, with_a_large_sample
from autograder.programs import follows, slip
from autograder.references import sequences as reference

GRADIENTS = ("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")


def _steps(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, n, d, h, saturated=False, first=False, **how):
            arguments = {
                "x": normal(generator, n, d),
                "h": state(generator, n, h),
                **weights(generator, d, h),
            }
            if saturated:
                arguments["x"] = with_a_large_sample(generator, arguments["x"], arguments["w_ih"])
            if first:
                arguments["h"] = torch.zeros_like(arguments["h"])
            return Case(name, criterion, arguments, normal(generator, n, h) if gradient else None, **how)

        return [
            case("x (4, 3), h (4, 5)", "values", 4, 3, 5),
            case("x (3, 6), h (3, 4)", "values", 3, 6, 4),
            case("x (4, 4), h (4, 4)", "values", 4, 4, 4),
            case("one sample", "edge cases", 1, 3, 5),
            case("one feature", "edge cases", 4, 1, 3),
            case("one unit", "edge cases", 3, 4, 1),
            case("the first step, h 0", "edge cases", 4, 3, 5, first=True),
            case("a sample of some 10,000: units that saturate", "edge cases", 4, 3, 5, saturated=True),
            case("float64", "contract", 4, 3, 5, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 4, 3, 5, layout="strided"),
            case("inputs transposed in memory", "contract", 3, 6, 4, layout="transposed"),
            case(NEXT_CALL, "contract", 4, 3, 5, another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "rnn_step",
    reference.rnn_step,
    _steps,
    ({"values": 5, "edge cases": 2, "contract": 1}, {"values": 8, "edge cases": 2, "contract": 2}),
    __name__,
    wrt=GRADIENTS,
    shares={"dx": 2, "dh": 2, "dw_ih": 1, "dw_hh": 1, "db_ih": 1, "db_hh": 1},
    forbidden=RECURRENT,
    forbidden_backward=RECURRENT_BACKWARD,
)


def rnn_step_forward__products(x, h, w_ih, w_hh, b_ih, b_hh):
    out = torch.tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
    return out, (x, h, w_ih, w_hh, out)


def rnn_step_forward__side_by_side(x, h, w_ih, w_hh, b_ih, b_hh):
    both, weight = torch.cat([x, h], dim=1), torch.cat([w_ih, w_hh], dim=1)
    out = torch.addmm(b_ih + b_hh, both, weight.T).tanh()
    return out, (both, weight, out)


def rnn_step_forward__einsum(x, h, w_ih, w_hh, b_ih, b_hh):
    z = torch.einsum("nd,hd->nh", x, w_ih) + torch.einsum("nk,hk->nh", h, w_hh)
    out = (z + b_ih + b_hh).tanh()
    return out, {"x": x, "h": h, "w_ih": w_ih, "w_hh": w_hh, "out": out}


def rnn_step_forward__layers(x, h, w_ih, w_hh, b_ih, b_hh):
    linear = torch.nn.functional.linear
    z = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    return z.tanh(), [x, h, w_ih, w_hh, z]


def rnn_step_forward__loops(x, h, w_ih, w_hh, b_ih, b_hh):
    out = torch.zeros_like(h)
    for n in range(len(x)):
        for unit in range(len(w_ih)):
            z = (w_ih[unit] * x[n]).sum() + b_ih[unit] + (w_hh[unit] * h[n]).sum() + b_hh[unit]
            out[n, unit] = torch.tanh(z)
    return out, (x, h, w_ih, w_hh, out)


slip(
    rnn_step_forward__products,
    "hh_not_transposed",
    "w_hh is used as it is; like w_ih it has a row for each unit that is computed.",
    ("h @ w_hh.T", "h @ w_hh"),
)

slip(
    rnn_step_forward__products,
    "no_b_ih",
    "b_ih is not added.",
    (" + b_ih +", " +"),
)

slip(
    rnn_step_forward__products,
    "no_b_hh",
    "b_hh is not added.",
    (" + b_hh)", ")"),
)

slip(
    rnn_step_forward__products,
    "no_bias",
    "Neither bias is added.",
    (" + b_ih +", " +"),
    (" + b_hh)", ")"),
)

slip(
    rnn_step_forward__products,
    "no_tanh",
    "The sum is returned as it is: tanh is missing.",
    ("torch.tanh(", "("),
)

slip(
    rnn_step_forward__products,
    "sigmoid",
    "The sum went through a sigmoid; tanh is asked for.",
    ("torch.tanh(", "torch.sigmoid("),
)

slip(
    rnn_step_forward__products,
    "relu",
    "The sum went through a ReLU; tanh is asked for.",
    ("torch.tanh(", "torch.relu("),
)

slip(
    rnn_step_forward__products,
    "no_memory",
    "The old state has no influence: the step forgets everything.",
    (" + h @ w_hh.T", ""),
)

slip(
    rnn_step_forward__products,
    "state_without_weight",
    "The old state was added as it is; it is multiplied by w_hh first.",
    (" + h @ w_hh.T", " + h"),
)

slip(
    rnn_step_forward__products,
    "tanh_of_the_input_alone",
    "tanh was taken of a part of the sum; all of it goes in.",
    ("b_ih + h @ w_hh.T + b_hh)", "b_ih) + h @ w_hh.T + b_hh"),
)

slip(
    rnn_step_forward__products,
    "state_overwritten",
    "The old state h was overwritten: operations whose name ends in _, and += on a tensor, work in place.",
    ("torch.tanh(", "h.copy_("),
    (" + b_hh)", " + b_hh).tanh_()"),
)


def rnn_step_backward__products(dout, cache):
    x, h, w_ih, w_hh, out = cache
    dz = dout * (1 - out * out)
    return dz @ w_ih, dz @ w_hh, dz.T @ x, dz.T @ h, dz.sum(dim=0), dz.sum(dim=0)


@follows(rnn_step_forward__side_by_side)
def rnn_step_backward__side_by_side(dout, cache):
    both, weight, out = cache
    dz = dout - dout * out.square()
    dboth, dweight, dbias = dz @ weight, dz.T @ both, dz.sum(0)
    split = both.shape[1] - out.shape[1]
    return [dboth[:, :split], dboth[:, split:], dweight[:, :split], dweight[:, split:], dbias, dbias]


@follows(rnn_step_forward__einsum)
def rnn_step_backward__einsum(dout, cache):
    dz = dout * (1 - cache["out"] ** 2)
    dx = torch.einsum("nh,hd->nd", dz, cache["w_ih"])
    dh = torch.einsum("nh,hk->nk", dz, cache["w_hh"])
    dw_ih = torch.einsum("nh,nd->hd", dz, cache["x"])
    dw_hh = torch.einsum("nh,nk->hk", dz, cache["h"])
    return dx, dh, dw_ih, dw_hh, torch.einsum("nh->h", dz), torch.einsum("nh->h", dz)


@follows(rnn_step_forward__layers)
def rnn_step_backward__from_the_sum(dout, cache):
    x, h, w_ih, w_hh, z = cache
    dz = dout * (1 - z.tanh()) * (1 + z.tanh())
    ones = torch.ones_like(x[:, 0])
    return dz.matmul(w_ih), dz.matmul(w_hh), (x.T @ dz).T, (h.T @ dz).T, ones @ dz, ones @ dz


def rnn_step_backward__sample_by_sample(dout, cache):
    x, h, w_ih, w_hh, out = cache
    dx, dh = torch.zeros_like(x), torch.zeros_like(h)
    dw_ih, dw_hh, db = torch.zeros_like(w_ih), torch.zeros_like(w_hh), torch.zeros_like(w_ih[:, 0])
    for n in range(len(x)):
        dz = dout[n] * (1 - out[n] ** 2)
        dx[n] = w_ih.T @ dz
        dh[n] = w_hh.T @ dz
        dw_ih += torch.outer(dz, x[n])
        dw_hh += torch.outer(dz, h[n])
        db += dz
    return dx, dh, dw_ih, dw_hh, db, db.clone()


slip(
    rnn_step_backward__products,
    "no_slope",
    "The slope of tanh is missing: what comes back goes through tanh before it reaches the sum.",
    ("dout * (1 - out * out)", "dout"),
)

slip(
    rnn_step_backward__products,
    "slope_at_the_output",
    "The slope of tanh was taken at the new state, which has been through tanh already.",
    ("(1 - out * out)", "(1 - out.tanh() ** 2)"),
)

slip(
    rnn_step_backward__products,
    "slope_from_the_sum",
    "The slope was computed as if the sum that goes into tanh were what comes out of it.",
    ("(1 - out * out)", "(1 - out.atanh() ** 2)"),
)

slip(
    rnn_step_backward__products,
    "slope_of_the_old_state",
    "The slope of tanh was taken from the old state: it belongs to the new one.",
    ("(1 - out * out)", "(1 - h * h)"),
)

slip(
    rnn_step_backward__products,
    "slope_of_the_sigmoid",
    "This is the slope of a sigmoid; the step has a tanh.",
    ("(1 - out * out)", "out * (1 - out)"),
)

slip(
    rnn_step_backward__products,
    "without_upstream",
    "dout has no influence: these are the gradients for a dout of ones.",
    ("dout * (1 - out * out)", "torch.ones_like(dout) * (1 - out * out)"),
)

slip(
    rnn_step_backward__products,
    "dh_transposed",
    "In dh the weight w_hh is turned around: the forward pass has it transposed, the way back has not.",
    ("dz @ w_hh,", "dz @ w_hh.T,"),
)

slip(
    rnn_step_backward__products,
    "dh_passed_on",
    "dh is what came in: on its way from h to the new state stand w_hh and tanh.",
    ("dz @ w_hh,", "dout,"),
)

slip(
    rnn_step_backward__products,
    "dh_without_slope",
    "The slope of tanh is missing in dh.",
    ("dz @ w_hh,", "dout @ w_hh,"),
)

slip(
    rnn_step_backward__products,
    "dx_without_slope",
    "The slope of tanh is missing in dx.",
    ("dz @ w_ih,", "dout @ w_ih,"),
)

slip(
    rnn_step_backward__products,
    "dw_hh_of_the_new_state",
    "dw_hh was computed with the new state: w_hh is multiplied by the old one.",
    ("dz.T @ h,", "dz.T @ out,"),
)

slip(
    rnn_step_backward__products,
    "dw_hh_transposed",
    "dw_hh is transposed: its rows belong to the units that are computed, its columns to the old state.",
    ("dz.T @ h,", "h.T @ dz,"),
)

slip(
    rnn_step_backward__products,
    "dw_ih_transposed",
    "dw_ih is transposed: a gradient has the shape of what it belongs to.",
    ("dz.T @ x,", "x.T @ dz,"),
)

slip(
    rnn_step_backward__products,
    "averaged",
    "The gradients of weights and biases were averaged over the batch; the chain rule adds up.",
    (
        "dz.T @ x, dz.T @ h, dz.sum(dim=0), dz.sum(dim=0)",
        "dz.T @ x / len(x), dz.T @ h / len(x), dz.mean(dim=0), dz.mean(dim=0)",
    ),
)

slip(
    rnn_step_backward__products,
    "biases_averaged",
    "db_ih and db_hh were averaged over the batch; the chain rule adds up.",
    ("dz.sum(dim=0), dz.sum(dim=0)", "dz.mean(dim=0), dz.mean(dim=0)"),
)

slip(
    rnn_step_backward__products,
    "biases_halved",
    "Each bias got half of the gradient: both are added to the sum, and each acts on it in full.",
    ("dz.sum(dim=0), dz.sum(dim=0)", "dz.sum(dim=0) / 2, dz.sum(dim=0) / 2"),
)

slip(
    rnn_step_backward__products,
    "no_db_hh",
    "db_hh is 0: both biases are added to the same sum.",
    ("dz.sum(dim=0), dz.sum(dim=0)", "dz.sum(dim=0), torch.zeros_like(dz[0])"),
)

slip(
    rnn_step_backward__products,
    "biases_of_dout",
    "The slope of tanh is missing in db_ih and db_hh.",
    ("dz.sum(dim=0), dz.sum(dim=0)", "dout.sum(dim=0), dout.sum(dim=0)"),
)

slip(
    rnn_step_backward__products,
    "weights_of_dout",
    "The slope of tanh is missing in dw_ih and dw_hh.",
    ("dz.T @ x, dz.T @ h,", "dout.T @ x, dout.T @ h,"),
)

slip(
    rnn_step_backward__products,
    "order",
    "The gradients come in the wrong order: they follow the arguments of the forward function.",
    ("dz @ w_ih, dz @ w_hh, dz.T @ x, dz.T @ h,", "dz @ w_ih, dz.T @ x, dz @ w_hh, dz.T @ h,"),
)

slip(
    rnn_step_backward__products,
    "dout_overwritten",
    "dout was overwritten: *= and methods that end in an underscore write into the tensor that you were given.",
    ("dz = dout * (1 - out * out)", "dz = dout.mul_(1 - out * out)"),
)

slip(
    rnn_step_backward__products,
    "state_overwritten",
    "The new state was overwritten, which the next step still needs.",
    ("dout * (1 - out * out)", "dout * out.square_().neg_().add_(1)"),
)
