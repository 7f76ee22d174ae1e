"""What is measured on the outputs of the problem set `regularization`: frequencies, correlations and agreement."""

from collections.abc import Callable

import torch

from autograder.calls.case import Case

# As many draws tell by their numbers whether the entries of one draw are independent.
MANY = 300


def rounding(case: Case, factor: float = 500.0) -> float:
    """What rounding may do to a number of size 1."""
    return factor * torch.finfo(case.dtype).eps


def multiple(got: torch.Tensor, right: torch.Tensor, tolerance: float) -> torch.Tensor:
    """The number that `right` must be multiplied by to give `got`; 0 if there is none."""
    square = right.square().sum()
    if not square:
        return torch.zeros((), dtype=torch.float64)
    factor = (got * right).sum() / square
    off = (got - factor * right).abs().max()
    return torch.where(off <= tolerance * max(1.0, abs(float(factor))) * right.abs().max(), factor, 0.0)


def neighbours(kept: torch.Tensor) -> torch.Tensor:
    """The correlation of neighbours along each dimension of `kept`, the draws first; 0 where there are none."""
    centered = kept.double() - kept.double().mean()
    variance = centered.square().mean()
    found = torch.zeros(kept.dim(), dtype=torch.float64)
    for dim, size in enumerate(kept.shape):
        if size > 1 and variance > 0:
            found[dim] = (centered.narrow(dim, 1, size - 1) * centered.narrow(dim, 0, size - 1)).mean() / variance
    return found


def spread(dropped: torch.Tensor, chance: float) -> torch.Tensor:
    """The variance of the number dropped in a draw, as a share of a binomial one's; nothing without many draws.

    Where it is far too large, it is told as 2: how large, is chance again.
    """
    if len(dropped) < MANY or not 0 < chance < 1:
        return torch.zeros(0, dtype=torch.float64)
    numbers = dropped.double().flatten(1).sum(1)
    return (numbers.var() / (dropped[0].numel() * chance * (1 - chance))).clamp(max=2.0)


def repeated(drawn: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """1 if a generator of the same seed gave the first draw again, else 0."""
    return torch.tensor(float(torch.equal(drawn[0], again)), dtype=torch.float64)


def of_indices(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """How often indices come, in one model, in two, and in two draws."""
    drawn, again = outputs
    n = case.arguments["n"]
    shares = (drawn.flatten()[:, None] == torch.arange(n)).double().mean(0)
    distinct = (drawn[..., None] == torch.arange(n)).any(2).double().mean()
    between = (drawn[:, 1:] == drawn[:, :-1]).double()
    return (
        shares,
        distinct,
        between.mean() if between.numel() else torch.zeros((), dtype=torch.float64),
        (drawn[1:] == drawn[:-1]).double().mean(),
        repeated(drawn, again),
    )


def corners_of(case: Case) -> tuple[int, int]:
    """How many rows and how many columns a crop may begin at."""
    (h, w), size, padding = case.arguments["images"].shape[2:], case.arguments["size"], case.arguments["padding"]
    return h + 2 * padding - size + 1, w + 2 * padding - size + 1


def _corners(case: Case, crops: torch.Tensor) -> torch.Tensor:
    """The place of the window of its own padded image that each crop (count, N, C, size, size) is; -1 if it is none."""
    images, size, padding = case.arguments["images"], case.arguments["size"], case.arguments["padding"]
    padded = torch.nn.functional.pad(images.to(case.dtype).double(), [padding] * 4)
    rows, columns = corners_of(case)
    found = torch.full(crops.shape[:2], -1)
    for row in range(rows):
        for column in range(columns):
            window = padded[:, :, row : row + size, column : column + size]
            found[(crops == window).all((2, 3, 4))] = row * columns + column
    return found


def of_crops(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Whether crops are windows of their images, and how often each corner comes."""
    drawn, again = outputs
    corners = _corners(case, drawn)
    places = torch.arange(corners_of(case)[0] * corners_of(case)[1])
    # One image may have the same corner twice by luck.
    same = repeated(drawn, again) if drawn.shape[1] > 1 else torch.ones((), dtype=torch.float64)
    whole = (corners >= 0).double().mean()
    together = (corners[:, 1:] == corners[:, :-1]) & (corners[:, 1:] >= 0)
    in_a_row = (corners[1:] == corners[:-1]) & (corners[1:] >= 0)
    return (
        whole,
        (corners.flatten()[:, None] == places).double().mean(0),
        together.double().mean() if together.numel() else torch.zeros((), dtype=torch.float64),
        in_a_row.double().mean(),
        same,
    )


def _found(case: Case, out: torch.Tensor):
    """The weights and the bias that gave `out` (..., N, M), and whether one weight for all samples explains it."""
    x, bias = case.arguments["x"], case.arguments["bias"]
    if len(x) > x.shape[1]:
        solved = torch.linalg.pinv(torch.cat([x, torch.ones_like(x[:, :1])], 1)) @ out
        weight, bias = solved[..., :-1, :].mT, solved[..., -1, :]
    else:
        weight, bias = (out - bias).mT / x, bias.expand(*out.shape[:-2], -1)
    explained = (out - x @ weight.mT - bias[..., None, :]).abs().max()
    return weight, bias, bool(explained <= rounding(case, 5000))


def _kept(case: Case, weight: torch.Tensor) -> torch.Tensor:
    return weight.abs() > 0.1 * case.arguments["weight"].abs()


def of_drop_connect(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Which weights were dropped, by what the others are multiplied, and how independent the draws are."""
    drawn, again = outputs
    weight, bias, one_mask = _found(case, drawn)
    kept = _kept(case, weight) if one_mask else torch.zeros_like(weight, dtype=torch.bool)
    factors = (weight / case.arguments["weight"])[kept]
    if not len(factors):
        factors = torch.zeros(1, dtype=torch.float64)
    biases = bias / case.arguments["bias"] if one_mask else torch.zeros(1, dtype=torch.float64)
    return (
        torch.tensor(float(one_mask), dtype=torch.float64),
        factors.min(),
        factors.max(),
        biases.min(),
        biases.max(),
        (~kept).double().mean(),
        neighbours(kept),
        spread(~kept, case.arguments["p"] if case.arguments["training"] else 0.0),
        repeated(drawn, again),
    )


def drop_connect_agreement(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Whether the gradients are those of the weights that gave the out."""
    out, dx, dweight, dbias = outputs
    x, weight = case.arguments["x"], case.arguments["weight"]
    kept = _kept(case, _found(case, out)[0]).double() / (1 - case.arguments["p"] if case.arguments["training"] else 1.0)

    def layer(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x, weight * kept, bias)

    right = _gradients(layer, (x, weight, case.arguments["bias"]), case.dout)
    pairs = zip((dx, dweight, dbias), right, strict=True)
    return *(multiple(got, asked, rounding(case, 2000)) for got, asked in pairs), (dweight == 0).double().mean()


def of_dropout(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Which entries were dropped, by what the others are multiplied, and how independent the draws are."""
    drawn, again = outputs
    x = case.arguments["x"].expand(drawn.shape)
    kept = drawn != 0
    factors = (drawn / x)[kept]
    if not len(factors):
        factors = torch.zeros(1, dtype=torch.float64)
    share = (~kept[x != 0]).double().mean()
    # Of a 0 it cannot be seen whether it was dropped.
    near = torch.zeros(0, dtype=torch.float64) if (x == 0).any() else neighbours(kept)
    return (
        factors.min(),
        factors.max(),
        share,
        near,
        spread(~kept, case.arguments["p"] if case.arguments["training"] else 0.0),
        repeated(drawn, again),
    )


def dropout_agreement(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Whether the gradient is that of the entries that the out shows to be kept."""
    out, dx = outputs
    x, p = case.arguments["x"], case.arguments["p"] if case.arguments["training"] else 0.0
    zero = x == 0
    # Where x is 0 the out does not tell what was dropped: the gradient itself does, in the right share.
    kept = torch.where(zero, dx, out) != 0
    looked_at = zero if zero.any() else torch.ones_like(zero)
    (right,) = _gradients(lambda x: x * kept / (1 - p), (x,), case.dout)
    return multiple(dx, right, rounding(case)), (dx[looked_at] == 0).double().mean()


def _gradients(
    of: Callable[..., torch.Tensor], inputs: tuple[torch.Tensor, ...], dout: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """torch's own gradients of a function whose draws are known."""
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    with torch.enable_grad():
        return torch.autograd.grad((of(*leaves) * dout).sum(), leaves)
