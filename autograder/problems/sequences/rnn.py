"""`rnn_forward` and `rnn_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, normal
from autograder.problems.forbidden import RECURRENT, RECURRENT_BACKWARD
from autograder.problems.pairs import pair
from autograder.problems.sequences.cases import state, weights, with_a_large_sample
from autograder.programs import follows, slip
from autograder.references import sequences as reference


def _sequences(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, t, n, d, h, saturated=False, first=False, **how):
            arguments = {
                "x": normal(generator, t, n, d),
                "h0": state(generator, n, h),
                **weights(generator, d, h),
            }
            if saturated:
                arguments["x"] = with_a_large_sample(generator, arguments["x"], arguments["w_ih"])
            if first:
                arguments["h0"] = torch.zeros_like(arguments["h0"])
            dout = normal(generator, t, n, h) if gradient else None
            return Case(name, criterion, arguments, dout, **how)

        return [
            case("x (4, 3, 2), 5 units", "values", 4, 3, 2, 5),
            case("x (3, 2, 6), 4 units", "values", 3, 2, 6, 4),
            case("x (3, 3, 3), 3 units", "values", 3, 3, 3, 3),
            case("one step", "edge cases", 1, 3, 2, 5),
            case("two steps", "edge cases", 2, 3, 4, 5),
            case("12 steps", "edge cases", 12, 2, 3, 4),
            case("one sample", "edge cases", 4, 1, 2, 5),
            case("one feature, one unit", "edge cases", 4, 3, 1, 1),
            case("h0 of zeros", "edge cases", 4, 3, 2, 5, first=True),
            case("a sample of some 10,000: units that saturate", "edge cases", 4, 3, 2, 5, saturated=True),
            case("float64", "contract", 4, 3, 2, 5, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", 4, 3, 2, 5, layout="strided"),
            case("inputs transposed in memory", "contract", 5, 4, 3, 2, layout="transposed"),
            case(NEXT_CALL, "contract", 4, 3, 2, 5, another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "rnn",
    reference.rnn,
    _sequences,
    ({"values": 5, "edge cases": 3, "contract": 1}, {"values": 10, "edge cases": 4, "contract": 2}),
    __name__,
    wrt=("x", "h0", "w_ih", "w_hh", "b_ih", "b_hh"),
    shares={"dx": 2, "dh0": 2, "dw_ih": 2, "dw_hh": 2, "db_ih": 1, "db_hh": 1},
    forbidden=RECURRENT,
    forbidden_backward=RECURRENT_BACKWARD,
)


def rnn_forward__list_of_states(x, h0, w_ih, w_hh, b_ih, b_hh):
    states, h = [], h0
    for x_t in x:
        h = torch.tanh(x_t @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
        states.append(h)
    out = torch.stack(states)
    return out, (x, h0, w_ih, w_hh, out)


def rnn_forward__filled_in(x, h0, w_ih, w_hh, b_ih, b_hh):
    steps, n, _ = x.shape
    every = torch.zeros(steps + 1, n, len(w_hh), dtype=x.dtype, device=x.device)
    every[0] = h0
    for t in range(steps):
        every[t + 1] = (x[t] @ w_ih.T + every[t] @ w_hh.T + (b_ih + b_hh)).tanh()
    return every[1:], (x, every, w_ih, w_hh)


def rnn_forward__inputs_first(x, h0, w_ih, w_hh, b_ih, b_hh):
    drive = torch.einsum("tnd,hd->tnh", x, w_ih) + b_ih + b_hh
    states = [h0]
    for now in drive.unbind(0):
        states.append(torch.tanh(now + torch.einsum("nk,hk->nh", states[-1], w_hh)))
    return torch.stack(states[1:], dim=0), {"x": x, "states": states, "weights": (w_ih, w_hh)}


def rnn_forward__side_by_side(x, h0, w_ih, w_hh, b_ih, b_hh):
    weight, h, kept = torch.cat([w_ih, w_hh], 1), h0, []
    for t in range(len(x)):
        both = torch.cat([x[t], h], dim=1)
        h = torch.nn.functional.linear(both, weight, b_ih + b_hh).tanh()
        kept.append((both, h))
    return torch.stack([h for _, h in kept]), (kept, weight, x.shape[2])


def rnn_forward__recursive(x, h0, w_ih, w_hh, b_ih, b_hh):
    def following(t, h):
        if t == len(x):
            return []
        h = torch.tanh(x[t] @ w_ih.T + b_ih + (h @ w_hh.T + b_hh))
        return [h, *following(t + 1, h)]

    out = torch.stack(following(0, h0))

    def gradients(dout):
        carried, dx = torch.zeros_like(h0), []
        dw_ih, dw_hh, db = torch.zeros_like(w_ih), torch.zeros_like(w_hh), torch.zeros_like(b_ih)
        before = torch.cat([h0[None], out[:-1]])
        for x_t, h_before, h, d in reversed(list(zip(x, before, out, dout, strict=True))):
            dz = (d + carried) * (1 - h.pow(2))
            carried = dz @ w_hh
            dx.insert(0, dz @ w_ih)
            dw_ih = dw_ih + dz.T @ x_t
            dw_hh = dw_hh + dz.T @ h_before
            db = db + dz.sum(0)
        return torch.stack(dx), carried, dw_ih, dw_hh, db, db

    return out, gradients


slip(
    rnn_forward__list_of_states,
    "h0_ignored",
    "The first step begins with zeros: h0 has no influence.",
    ("states, h = [], h0", "states, h = [], torch.zeros_like(h0)"),
)

slip(
    rnn_forward__list_of_states,
    "state_not_carried",
    "Every step begins at h0: the state of one step is the old state of the next.",
    ("h = torch.tanh(x_t @ w_ih.T + b_ih + h @", "h = torch.tanh(x_t @ w_ih.T + b_ih + h0 @"),
)

slip(
    rnn_forward__list_of_states,
    "hh_not_transposed",
    "w_hh is used as it is; like w_ih it has a row for each unit that is computed.",
    ("h @ w_hh.T", "h @ w_hh"),
)

slip(
    rnn_forward__list_of_states,
    "no_b_ih",
    "b_ih is not added.",
    (" + b_ih +", " +"),
)

slip(
    rnn_forward__list_of_states,
    "no_b_hh",
    "b_hh is not added.",
    (" + b_hh)", ")"),
)

slip(
    rnn_forward__list_of_states,
    "no_tanh",
    "The sums are states as they are: tanh is missing.",
    ("torch.tanh(", "("),
)

slip(
    rnn_forward__list_of_states,
    "tanh_at_the_end",
    "tanh was taken of all states at the end; each state goes through it before the next step begins.",
    ("torch.tanh(", "("),
    ("torch.stack(states)", "torch.stack(states).tanh()"),
)

slip(
    rnn_forward__list_of_states,
    "sigmoid",
    "The sums went through a sigmoid; tanh is asked for.",
    ("torch.tanh(", "torch.sigmoid("),
)

slip(
    rnn_forward__list_of_states,
    "no_memory",
    "No step knows of the one before: the old state has no influence.",
    (" + h @ w_hh.T", ""),
)

slip(
    rnn_forward__list_of_states,
    "last_state_alone",
    "Only the last state is returned; the states of all steps are asked for.",
    ("torch.stack(states)", "h"),
)

slip(
    rnn_forward__list_of_states,
    "with_h0",
    "There is one state too many: h0 is no state of a step.",
    ("states, h = [], h0", "states, h = [h0], h0"),
)

slip(
    rnn_forward__list_of_states,
    "one_step_late",
    "The states come one step late: the first of them is h0.",
    ("torch.stack(states)", "torch.stack([h0, *states[:-1]])"),
)

slip(
    rnn_forward__list_of_states,
    "backward_in_time",
    "The sequence was read from its end.",
    ("for x_t in x:", "for x_t in x.flip(0):"),
    ("torch.stack(states)", "torch.stack(states[::-1])"),
)

slip(
    rnn_forward__list_of_states,
    "states_turned_around",
    "The states are in the wrong order: the first of them belongs to the first step.",
    ("torch.stack(states)", "torch.stack(states[::-1])"),
)

slip(
    rnn_forward__list_of_states,
    "one_buffer",
    "All states are the last one: one tensor was filled anew at every step, and kept many times.",
    ("states, h = [], h0", "states, h = [], h0.clone()"),
    ("        h = torch.tanh(", "        h[:] = torch.tanh("),
)

slip(
    rnn_forward__list_of_states,
    "h0_overwritten",
    "h0 was overwritten: it belongs to the caller.",
    ("    out = torch.stack(states)", "    out = torch.stack(states)\n    h0.copy_(h)"),
)

slip(
    rnn_forward__list_of_states,
    "batch_first",
    "The first two dimensions have changed places: the steps are the first, the samples the second.",
    ("torch.stack(states)", "torch.stack(states, dim=1)"),
)


def rnn_backward__carried_back(dout, cache):
    x, h0, w_ih, w_hh, out = cache
    dx, dw_ih, dw_hh = torch.zeros_like(x), torch.zeros_like(w_ih), torch.zeros_like(w_hh)
    db = torch.zeros_like(w_ih[:, 0])
    carried = torch.zeros_like(h0)
    for t in reversed(range(len(x))):
        before = out[t - 1] if t > 0 else h0
        dz = (dout[t] + carried) * (1 - out[t] ** 2)
        carried = dz @ w_hh
        dx[t] = dz @ w_ih
        dw_ih += dz.T @ x[t]
        dw_hh += dz.T @ before
        db += dz.sum(dim=0)
    return dx, carried, dw_ih, dw_hh, db, db


@follows(rnn_forward__filled_in)
def rnn_backward__sums_at_the_end(dout, cache):
    x, every, w_ih, w_hh = cache
    dz = torch.zeros_like(dout)
    dh = torch.zeros_like(dout[0])
    for t in range(len(x) - 1, -1, -1):
        dz[t] = (dout[t] + dh) * (1 - every[t + 1].square())
        dh = torch.mm(dz[t], w_hh)
    dw_ih = torch.einsum("tnh,tnd->hd", dz, x)
    dw_hh = torch.einsum("tnh,tnk->hk", dz, every[:-1])
    return [dz @ w_ih, dh, dw_ih, dw_hh, dz.sum((0, 1)), dz.sum((0, 1))]


@follows(rnn_forward__inputs_first)
def rnn_backward__states_in_a_list(dout, cache):
    x, states, (w_ih, w_hh) = cache["x"], cache["states"], cache["weights"]
    dh, dzs = 0, []
    for d, h in zip(dout.flip(0), states[:0:-1], strict=True):
        dzs.append((d + dh) * (1 - h * h))
        dh = dzs[-1].matmul(w_hh)
    dz = torch.stack(dzs[::-1]).flatten(0, 1)
    before = torch.stack(states[:-1]).flatten(0, 1)
    db = dz.sum(0)
    return (dz @ w_ih).reshape(x.shape), dh, dz.T @ x.reshape(len(dz), -1), dz.T @ before, db, db.clone()


@follows(rnn_forward__side_by_side)
def rnn_backward__side_by_side(dout, cache):
    kept, weight, d = cache
    dx, dh, dweight, dbias = [], torch.zeros_like(dout[0]), torch.zeros_like(weight), 0
    for (both, h), upstream in zip(kept[::-1], dout.flip(0), strict=True):
        dz = (upstream + dh) * (1 - h.square())
        dboth = dz @ weight
        dx, dh = [dboth[:, :d], *dx], dboth[:, d:]
        dweight = dweight + dz.T @ both
        dbias = dbias + dz.sum(0)
    return torch.stack(dx), dh, dweight[:, :d], dweight[:, d:], dbias, dbias


@follows(rnn_forward__recursive)
def rnn_backward__closure(dout, cache):
    return cache(dout)


slip(
    rnn_backward__carried_back,
    "cut",
    "The gradient through time is cut: a state also acts on the loss by way of all later states.",
    ("(dout[t] + carried) *", "dout[t] *"),
)

slip(
    rnn_backward__carried_back,
    "last_state_alone",
    "Only what came back to the last state counts: dout has something for every state.",
    ("(dout[t] + carried) *", "((dout[t] if t == len(x) - 1 else 0) + carried) *"),
)

slip(
    rnn_backward__carried_back,
    "one_step_back",
    "What comes back from later steps goes one step and ends: what is handed on contains what was handed to it.",
    ("carried = dz @ w_hh", "carried = (dout[t] * (1 - out[t] ** 2)) @ w_hh"),
    ("return dx, carried,", "return dx, dz @ w_hh,"),
)

slip(
    rnn_backward__carried_back,
    "forward_in_time",
    "The steps are gone through in the wrong order: what comes from later steps must be known first.",
    ("reversed(range(len(x)))", "range(len(x))"),
)

slip(
    rnn_backward__carried_back,
    "no_slope",
    "The slope of tanh is missing at every step.",
    (" * (1 - out[t] ** 2)", ""),
)

slip(
    rnn_backward__carried_back,
    "slope_of_dout_alone",
    "What comes from the later steps did not go through the slope of tanh: both parts reach the state together.",
    ("(dout[t] + carried) * (1 - out[t] ** 2)", "dout[t] * (1 - out[t] ** 2) + carried"),
)

slip(
    rnn_backward__carried_back,
    "slope_of_the_old_state",
    "The slope of tanh was taken from the old state: it belongs to the new one.",
    ("(1 - out[t] ** 2)", "(1 - before**2)"),
)

slip(
    rnn_backward__carried_back,
    "slope_at_the_output",
    "The slope of tanh was taken at the new state, which has been through tanh already.",
    ("(1 - out[t] ** 2)", "(1 - out[t].tanh() ** 2)"),
)

slip(
    rnn_backward__carried_back,
    "hh_transposed",
    "Through time w_hh is turned around: the forward pass has it transposed, the way back has not.",
    ("carried = dz @ w_hh", "carried = dz @ w_hh.T"),
)

slip(
    rnn_backward__carried_back,
    "passed_on",
    "What is handed to the step before has not been through w_hh.",
    ("carried = dz @ w_hh", "carried = dz"),
)

slip(
    rnn_backward__carried_back,
    "no_dh0",
    "dh0 is 0: h0 acts on the first state, and so on all.",
    ("return dx, carried,", "return dx, torch.zeros_like(h0),"),
)

slip(
    rnn_backward__carried_back,
    "dh0_before_the_weight",
    "dh0 is the gradient of the first sum: between h0 and that stands w_hh.",
    ("return dx, carried,", "return dx, dz,"),
)

slip(
    rnn_backward__carried_back,
    "overwritten",
    "The gradients of weights and biases are those of one step: every step adds its own.",
    ("dw_ih += dz.T @ x[t]", "dw_ih = dz.T @ x[t]"),
    ("dw_hh += dz.T @ before", "dw_hh = dz.T @ before"),
    ("db += dz.sum(dim=0)", "db = dz.sum(dim=0)"),
)

slip(
    rnn_backward__carried_back,
    "weights_overwritten",
    "dw_ih and dw_hh are those of one step: every step adds its own.",
    ("dw_ih += dz.T @ x[t]", "dw_ih = dz.T @ x[t]"),
    ("dw_hh += dz.T @ before", "dw_hh = dz.T @ before"),
)

slip(
    rnn_backward__carried_back,
    "biases_overwritten",
    "db_ih and db_hh are those of one step: every step adds its own.",
    ("db += dz.sum(dim=0)", "db = dz.sum(dim=0)"),
)

slip(
    rnn_backward__carried_back,
    "averaged_over_time",
    "The gradients of weights and biases were averaged over the steps; they are added up.",
    ("dw_ih, dw_hh, db, db", "dw_ih / len(x), dw_hh / len(x), db / len(x), db / len(x)"),
)

slip(
    rnn_backward__carried_back,
    "averaged_over_the_batch",
    "The gradients of weights and biases were averaged over the batch; they are added up.",
    (
        "dw_ih, dw_hh, db, db",
        "dw_ih / x.shape[1], dw_hh / x.shape[1], db / x.shape[1], db / x.shape[1]",
    ),
)

slip(
    rnn_backward__carried_back,
    "dw_hh_of_the_new_state",
    "dw_hh was computed with the state that the step makes: w_hh is multiplied by the one before.",
    ("dz.T @ before", "dz.T @ out[t]"),
)

slip(
    rnn_backward__carried_back,
    "dw_hh_without_h0",
    "The first step has no part in dw_hh: there, too, w_hh is multiplied by a state, which is h0.",
    ("if t > 0 else h0", "if t > 0 else torch.zeros_like(h0)"),
)

slip(
    rnn_backward__carried_back,
    "before_the_first_the_last",
    "At the first step dw_hh was computed with the last state: in Python the index -1 is the last one.",
    ("out[t - 1] if t > 0 else h0", "out[t - 1]"),
)

slip(
    rnn_backward__carried_back,
    "dw_hh_transposed",
    "dw_hh is transposed: its rows belong to the units that are computed, its columns to the old state.",
    ("dz.T @ before", "before.T @ dz"),
)

slip(
    rnn_backward__carried_back,
    "no_db_hh",
    "db_hh is 0: both biases are added to the same sum.",
    ("db, db\n", "db, torch.zeros_like(db)\n"),
)

slip(
    rnn_backward__carried_back,
    "dx_turned_around",
    "dx is in the wrong order: its first part belongs to the first step.",
    ("return dx,", "return dx.flip(0),"),
)

slip(
    rnn_backward__carried_back,
    "without_upstream",
    "dout has no influence: these are the gradients for a dout of ones.",
    ("(dout[t] + carried)", "(1 + carried)"),
)

slip(
    rnn_backward__carried_back,
    "dout_overwritten",
    "dout was overwritten: += on a part of a tensor writes into all of it.",
    ("        dz = (dout[t] + carried)", "        dout[t] += carried\n        dz = dout[t]"),
)
