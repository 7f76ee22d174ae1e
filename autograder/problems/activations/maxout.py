"""`maxout_forward` and `maxout_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, wide_normal
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import activations as reference


def _maxout(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, arguments, **how):
            n, m = len(arguments["x"]), arguments["weight"].shape[1]
            dout = wide_normal(generator, n, m) if gradient else None
            return Case(name, criterion, arguments, dout, **how)

        def drawn(n, d, m, k):
            """x, weight and bias; drawn again while two pieces come too close for their order to be certain."""
            while True:
                x, weight = wide_normal(generator, n, d), wide_normal(generator, k, m, d)
                bias = wide_normal(generator, k, m)
                best = (torch.einsum("nd,kmd->nkm", x, weight) + bias).topk(min(2, k), dim=1).values
                if k == 1 or (best[:, 0] - best[:, 1]).min() > 1e-3:
                    return {"x": x, "weight": weight, "bias": bias}

        # Whole numbers: equal pieces are equal in any order of summation.
        piece = torch.randint(-3, 4, (2, 3), generator=generator).double()
        x = torch.randint(-3, 4, (3, 3), generator=generator).double()
        # Of x and -x at least one makes the tied pieces the largest.
        tied = {
            "x": torch.cat([x, -x]),
            "weight": torch.stack([piece, piece, -piece]),
            "bias": torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]], dtype=torch.float64),
        }
        low = drawn(5, 4, 2, 3)
        low["bias"] -= torch.tensor([[1000.0], [1000.0], [2000.0]], dtype=torch.float64)
        return [
            case("x (5, 4), weight (3, 2, 4), bias (3, 2)", "values", drawn(5, 4, 2, 3)),
            case("x (6, 2), weight (4, 4, 2), bias (4, 4)", "values", drawn(6, 2, 4, 4)),
            case("tied pieces", "edge cases", tied),
            case("one example, one piece", "edge cases", drawn(1, 3, 2, 1)),
            case("one output", "edge cases", drawn(5, 4, 1, 3)),
            case("one feature", "edge cases", drawn(6, 1, 3, 4)),
            case("far below 0, the last piece never chosen", "edge cases", low),
            case("float64", "contract", drawn(5, 4, 2, 3), dtype=torch.float64),
            case("inputs with gaps in memory", "contract", drawn(5, 4, 2, 3), layout="strided"),
            case("inputs transposed in memory", "contract", drawn(5, 4, 2, 3), layout="transposed"),
            case(NEXT_CALL, "contract", drawn(5, 4, 2, 3), another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "maxout",
    reference.maxout,
    _maxout,
    ({"values": 5, "edge cases": 2, "contract": 1}, {"values": 6, "edge cases": 2, "contract": 1}),
    __name__,
    wrt=("x", "weight", "bias"),
    shares={"dx": 2, "dweight": 2, "dbias": 2},
)


def maxout_forward__keeps_choice(x, weight, bias):
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    choice = pieces.argmax(dim=1, keepdim=True)
    return pieces.gather(1, choice).squeeze(1), (x, weight, choice)


def maxout_forward__loop_over_pieces(x, weight, bias):
    out = x @ weight[0].T + bias[0]
    choice = torch.zeros_like(out, dtype=torch.int64)
    for k in range(len(weight)):
        piece = x @ weight[k].T + bias[k]
        better = piece > out
        choice = torch.where(better, k, choice)
        out = torch.where(better, piece, out)
    return out, (x, weight, choice.unsqueeze(1))


def maxout_forward__loops(x, weight, bias):
    out = torch.zeros(len(x), weight.shape[1], dtype=x.dtype, device=x.device)
    for n in range(len(x)):
        for m in range(weight.shape[1]):
            out[n, m] = max((x[n] * weight[k, m]).sum() + bias[k, m] for k in range(len(weight)))
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    return out, (x, weight, pieces.argmax(dim=1, keepdim=True))


def maxout_forward__keeps_all(x, weight, bias):
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amax(dim=1), (x, weight, bias)


def maxout_forward__sum(x, weight, bias):
    """The pieces were added up."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).sum(dim=1), None


def maxout_forward__minimum(x, weight, bias):
    """The smallest piece was taken."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amin(dim=1), None


def maxout_forward__over_outputs(x, weight, bias):
    """The maximum was taken over the outputs; it belongs over the pieces."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amax(dim=2), None


def maxout_forward__no_bias(x, weight, bias):
    """The bias is not used."""
    return torch.einsum("nd,kmd->nkm", x, weight).amax(dim=1), None


def maxout_forward__bias_after_maximum(x, weight, bias):
    """The maximum was taken before the bias was added: each piece has a bias of its own."""
    return torch.einsum("nd,kmd->nkm", x, weight).amax(dim=1) + bias.amax(dim=0), None


def maxout_forward__largest_weights(x, weight, bias):
    """The maximum was taken of the weights; the linear pieces come first, for each example."""
    return x @ weight.amax(dim=0).T + bias.amax(dim=0), None


def maxout_forward__with_zero(x, weight, bias):
    """The results never fall below 0: maxout compares the pieces with each other, not with 0."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amax(dim=1).clamp(min=0), None


def maxout_backward__by_one_hot(dout, cache):
    x, weight, choice = cache
    chosen = torch.zeros(len(x), *weight.shape[:2], dtype=dout.dtype, device=dout.device)
    dpieces = chosen.scatter_(1, choice, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__loop_over_pieces(dout, cache):
    x, weight, choice = cache
    dx, dweight = torch.zeros_like(x), torch.zeros_like(weight)
    dbias = torch.zeros_like(weight[..., 0])
    for k in range(len(weight)):
        part = dout * (choice.squeeze(1) == k)
        dx += part @ weight[k]
        dweight[k] = part.T @ x
        dbias[k] = part.sum(0)
    return dx, dweight, dbias


@follows(maxout_forward__keeps_all)
def maxout_backward__every_tied_piece(dout, cache):
    """Where two pieces are equal, both received the gradient."""
    x, weight, bias = cache
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    dpieces = (pieces == pieces.amax(dim=1, keepdim=True)) * dout.unsqueeze(1)
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


@follows(maxout_forward__keeps_all)
def maxout_backward__last_tied_piece(dout, cache):
    """Where two pieces are equal, the last one received the gradient."""
    x, weight, bias = cache
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    last = len(weight) - 1 - pieces.flip(1).argmax(dim=1, keepdim=True)
    dpieces = torch.zeros_like(pieces).scatter_(1, last, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__all_pieces(dout, cache):
    """Every piece received the gradient, chosen or not."""
    x, weight, _ = cache
    dpieces = dout.unsqueeze(1).expand(-1, len(weight), -1)
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


slip(
    maxout_backward__by_one_hot,
    "mean_over_the_batch",
    "dweight and dbias were averaged over the batch; the chain rule adds up.",
    (
        'return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)',
        'return dx, torch.einsum("nkm,nd->kmd", dpieces, x) / len(x), dpieces.mean(0)',
    ),
)

slip(
    maxout_backward__by_one_hot,
    "without_upstream",
    "These are the local derivatives; the chain rule has one more factor.",
    (
        "dpieces = chosen.scatter_(1, choice, dout.unsqueeze(1))",
        "dpieces = chosen.scatter_(1, choice, 1.0)",
    ),
)

slip(
    maxout_backward__by_one_hot,
    "bias_of_every_piece",
    "dbias is the same for every piece: only the chosen one of an example earned its part.",
    (
        'return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)',
        'return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dout.sum(0).expand(len(weight), -1)',
    ),
)

slip(
    maxout_backward__by_one_hot,
    "order",
    "The gradients come in the wrong order: first dx, then dweight, then dbias.",
    (
        'return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)',
        'return dpieces.sum(0), torch.einsum("nkm,nd->kmd", dpieces, x), dx',
    ),
)
