"""`local_response_norm_forward` and `local_response_norm_backward`: cases, reference, right and wrong programs."""

from functools import partial
from typing import Any

import torch

from autograder.problems.drawing import NEXT_CALL
from autograder.problems.forbidden import RESPONSE_NORM
from autograder.problems.normalization.cases import Row, drawn
from autograder.problems.pairs import pair
from autograder.programs import slip
from autograder.references import normalization as reference


def _response_arguments(generator: torch.Generator, x: torch.Tensor, options: dict[str, Any]) -> dict[str, Any]:
    return {"x": x, **{name: options[name] for name in ("size", "alpha", "beta", "k") if name in options}}


def _strong(x: torch.Tensor) -> torch.Tensor:
    """Numbers so large that the default alpha counts."""
    return 30 * x


def _with_zeros(x: torch.Tensor) -> torch.Tensor:
    x[:, ::2] = 0
    return x


LOCAL_RESPONSE_NORM_ROWS: tuple[Row, ...] = (
    ("window of 3, alpha 1, beta 0.6, k 2", "values", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "beta": 0.6, "k": 2.0}),
    ("window of 5, all else left out", "values", (3, 6, 4, 2), {"size": 5, "changed": _strong}),
    ("window of 4", "edge cases", (2, 7, 3, 4), {"size": 4, "alpha": 1.5, "beta": 0.75, "k": 1.0}),
    ("window of 2", "edge cases", (2, 5, 4, 3), {"size": 2, "alpha": 1.5, "beta": 0.75, "k": 1.0}),
    ("window of 1", "edge cases", (2, 5, 4, 3), {"size": 1, "alpha": 0.1, "beta": 0.75, "k": 1.0}),
    ("window wider than x", "edge cases", (2, 3, 4, 5), {"size": 9, "alpha": 2.0, "beta": 0.75, "k": 0.5}),
    ("even window wider than x", "edge cases", (2, 3, 4, 5), {"size": 10, "alpha": 2.0, "beta": 0.75, "k": 0.5}),
    ("one image, one channel", "edge cases", (1, 1, 4, 5), {"size": 3, "alpha": 0.5, "beta": 0.75, "k": 1.0}),
    (
        "channels of zeros",
        "edge cases",
        (2, 5, 4, 3),
        {"size": 3, "alpha": 1.0, "beta": 0.75, "k": 2.0, "changed": _with_zeros},
    ),
    (
        "float64, alpha 1/7, beta 5/7, k 13/7",
        "contract",
        (2, 7, 3, 4),
        {"size": 3, "alpha": 1 / 7, "beta": 5 / 7, "k": 13 / 7, "dtype": torch.float64},
    ),
    (
        "float64, all else left out",
        "contract",
        (2, 7, 3, 4),
        {"size": 3, "changed": _strong, "dtype": torch.float64},
    ),
    ("x with gaps in memory", "contract", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "layout": "strided"}),
    ("x transposed in memory", "contract", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "layout": "transposed"}),
    (NEXT_CALL, "contract", (2, 7, 3, 4), {"size": 3, "alpha": 1.0, "beta": 0.6, "k": 1.5, "another_call": True}),
)

PROBLEMS = pair(
    "local_response_norm",
    reference.local_response_norm,
    partial(drawn, LOCAL_RESPONSE_NORM_ROWS, _response_arguments),
    ({"values": 4, "edge cases": 2, "contract": 1}, {"values": 6, "edge cases": 2, "contract": 1}),
    __name__,
    wrt=("x",),
    forbidden=RESPONSE_NORM,
    forbidden_backward=RESPONSE_NORM,
)


def local_response_norm_forward__keeps_base(x, size, alpha=1e-4, beta=0.75, k=1.0):
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__matrix_of_windows(x, size, alpha=1e-4, beta=0.75, k=1.0):
    channel = torch.arange(x.shape[1], device=x.device)
    offset = channel - channel[:, None]
    inside = ((offset >= -(size // 2)) & (offset <= (size - 1) // 2)).to(x.dtype)
    base = k + alpha * torch.einsum("cd,ndhw->nchw", inside, x**2) / size
    return x / base**beta, (x, base, size, alpha, beta)


def local_response_norm_forward__loop_over_channels(x, size, alpha=1e-4, beta=0.75, k=1.0):
    base = torch.empty_like(x)
    for c in range(x.shape[1]):
        first, last = max(0, c - size // 2), min(x.shape[1] - 1, c + (size - 1) // 2)
        base[:, c] = k + alpha * x[:, first : last + 1].square().sum(dim=1) / size
    return x * torch.exp(-beta * torch.log(base)), (x, base, size, alpha, beta)


def local_response_norm_forward__unfolded(x, size, alpha=1e-4, beta=0.75, k=1.0):
    windows = torch.nn.functional.pad(x, (0, 0, 0, 0, size // 2, (size - 1) // 2)).unfold(1, size, 1)
    base = k + alpha * (windows * windows).mean(-1)
    return x / base.pow(beta), (x, base, size, alpha, beta)


slip(
    local_response_norm_forward__keeps_base,
    "alpha_not_divided",
    "alpha counts too much: compare what stands before the sum.",
    (
        "base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
        "base = k + alpha * sum(padded[:, i : i + c] for i in range(size))",
    ),
)


def local_response_norm_forward__divided_by_what_is_there(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """At the first and last channels the mean was taken over those inside; alpha is divided by the same everywhere."""
    c = x.shape[1]
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    there = torch.nn.functional.pad(torch.ones_like(x), (0, 0, 0, 0, size // 2, (size - 1) // 2))
    count = sum(there[:, i : i + c] for i in range(size))
    base = k + alpha * sum(padded[:, i : i + c] for i in range(size)) / count
    return x * base**-beta, (x, base, size, alpha, beta)


def local_response_norm_forward__window_over_space(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The window moved over neighboring pixels; it belongs over neighboring channels."""
    w = x.shape[3]
    padded = torch.nn.functional.pad(x * x, (size // 2, (size - 1) // 2))
    base = k + alpha / size * sum(padded[..., i : i + w] for i in range(size))
    return x * base**-beta, (x, base, size, alpha, beta)


slip(
    local_response_norm_forward__keeps_base,
    "even_window_forward",
    "A window of even size lies one channel too far forward.",
    (
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))",
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, (size - 1) // 2, size // 2))",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "even_window_too_wide",
    "A window of even size has one channel too many: count them.",
    (
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))\n"
        "    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, size // 2))\n"
        "    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(2 * (size // 2) + 1))",
    ),
)


def local_response_norm_forward__even_window_too_narrow(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """A window of even size lacks a channel: count them."""
    c, half = x.shape[1], (size - 1) // 2
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, half, half))
    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(2 * half + 1))
    return x * base**-beta, (x, base, size, alpha, beta)


slip(
    local_response_norm_forward__keeps_base,
    "window_not_centered",
    "The window begins at the channel itself; it should lie around it.",
    (
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))",
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, 0, size - 1))",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "size_taken_for_radius",
    "The window reaches size channels to either side: size is the whole of it.",
    (
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))\n"
        "    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size, size))\n"
        "    base = k + alpha / size * sum(padded[:, i : i + c] for i in range(2 * size + 1))",
    ),
)


def local_response_norm_forward__around_the_corner(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """The first channel has the last one as its neighbor: beyond the ends there is nothing."""
    shifts = range(-((size - 1) // 2), size // 2 + 1)
    base = k + alpha / size * sum((x * x).roll(shift, dims=1) for shift in shifts)
    return x * base**-beta, (x, base, size, alpha, beta)


slip(
    local_response_norm_forward__keeps_base,
    "fixed_constant",
    "The argument k is not used.",
    (
        "base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
        "base = 1 + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "constant_left_out",
    "The constant in front of the sum is missing: small responses come out large.",
    (
        "base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
        "base = alpha / size * sum(padded[:, i : i + c] for i in range(size))",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "sign_of_exponent",
    "Strong neighbors make the result larger; they should make it smaller.",
    (
        "return x * base**-beta, (x, base, size, alpha, beta)",
        "return x * base**beta, (x, base, size, alpha, beta)",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "fixed_exponent",
    "The argument beta is not used.",
    (
        "return x * base**-beta, (x, base, size, alpha, beta)",
        "return x * base**-0.75, (x, base, size, alpha, beta)",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "not_squared",
    "The sum is over the absolute values; it belongs over something that grows faster.",
    (
        "padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, (size - 1) // 2))",
        "padded = torch.nn.functional.pad(x.abs(), (0, 0, 0, 0, size // 2, (size - 1) // 2))",
    ),
)

slip(
    local_response_norm_forward__keeps_base,
    "without_the_channel_itself",
    "The sum leaves out the channel itself; it is one of those in the window.",
    (
        "base = k + alpha / size * sum(padded[:, i : i + c] for i in range(size))",
        "base = k + alpha / size * (sum(padded[:, i : i + c] for i in range(size)) - x * x)",
    ),
)


def local_response_norm_backward__reversed_window(dout, cache):
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    sent = dout * x * base ** (-beta - 1)
    padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * collected


def local_response_norm_backward__matrix_of_windows(dout, cache):
    x, base, size, alpha, beta = cache
    channel = torch.arange(x.shape[1], device=x.device)
    offset = channel - channel[:, None]
    inside = ((offset >= -(size // 2)) & (offset <= (size - 1) // 2)).to(x.dtype)
    dbase = dout * x * -beta / base ** (beta + 1)
    dsquares = torch.einsum("nchw,cd->ndhw", dbase, inside) * alpha / size
    return dout / base**beta + 2 * x * dsquares


def local_response_norm_backward__loops(dout, cache):
    x, base, size, alpha, beta = cache
    dx = dout / base**beta
    for j in range(x.shape[1]):
        for i in range(max(0, j - size // 2), min(x.shape[1], j + (size - 1) // 2 + 1)):
            slope = -beta * base[:, j] ** (-beta - 1) * 2 * alpha / size * x[:, i]
            dx[:, i] += dout[:, j] * x[:, j] * slope
    return dx


def local_response_norm_backward__direct_term_only(dout, cache):
    """A channel also acts through the sums of its neighbors: that way is missing."""
    _, base, _, _, beta = cache
    return dout * base**-beta


def local_response_norm_backward__own_sum_only(dout, cache):
    """Only the channel's own sum was differentiated: x stands in the sums of its neighbors as well."""
    x, base, size, alpha, beta = cache
    return dout * base**-beta - 2 * alpha * beta / size * x * x * dout * base ** (-beta - 1)


slip(
    local_response_norm_backward__reversed_window,
    "upstream_of_itself",
    "dout was taken of the channel itself; what comes back from a neighbor brings the neighbor's dout.",
    (
        "sent = dout * x * base ** (-beta - 1)",
        "sent = x * base ** (-beta - 1)",
    ),
    (
        "return dout * base**-beta - 2 * alpha * beta / size * x * collected",
        "return dout * base**-beta - 2 * alpha * beta / size * x * dout * collected",
    ),
)


def local_response_norm_backward__base_of_itself(dout, cache):
    """The sum of squares was taken of the channel itself; a neighbor sends back through its own."""
    x, base, size, alpha, beta = cache
    c = x.shape[1]
    padded = torch.nn.functional.pad(dout * x, (0, 0, 0, 0, (size - 1) // 2, size // 2))
    collected = sum(padded[:, i : i + c] for i in range(size))
    return dout * base**-beta - 2 * alpha * beta / size * x * base ** (-beta - 1) * collected


slip(
    local_response_norm_backward__reversed_window,
    "window_not_reversed",
    "For windows of even size the wrong channels were added up: ask in which windows a channel lies.",
    (
        "padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, (size - 1) // 2, size // 2))",
        "padded = torch.nn.functional.pad(sent, (0, 0, 0, 0, size // 2, (size - 1) // 2))",
    ),
)

slip(
    local_response_norm_backward__reversed_window,
    "missing_factor_two",
    "The second term is half as large as it should be: look at the derivative of a square.",
    (
        "return dout * base**-beta - 2 * alpha * beta / size * x * collected",
        "return dout * base**-beta - alpha * beta / size * x * collected",
    ),
)

slip(
    local_response_norm_backward__reversed_window,
    "missing_beta",
    "The second term lacks the factor that the derivative of a power brings down.",
    (
        "return dout * base**-beta - 2 * alpha * beta / size * x * collected",
        "return dout * base**-beta - 2 * alpha / size * x * collected",
    ),
)

slip(
    local_response_norm_backward__reversed_window,
    "exponent_not_lowered",
    "The second term has the exponent of the function; its derivative has another.",
    (
        "sent = dout * x * base ** (-beta - 1)",
        "sent = dout * x * base**-beta",
    ),
)

slip(
    local_response_norm_backward__reversed_window,
    "alpha_not_divided",
    "In the second term alpha counts too much.",
    (
        "return dout * base**-beta - 2 * alpha * beta / size * x * collected",
        "return dout * base**-beta - 2 * alpha * beta * x * collected",
    ),
)

slip(
    local_response_norm_backward__reversed_window,
    "sign",
    "The second term has the wrong sign: a stronger channel weakens its neighbors.",
    (
        "return dout * base**-beta - 2 * alpha * beta / size * x * collected",
        "return dout * base**-beta + 2 * alpha * beta / size * x * collected",
    ),
)
