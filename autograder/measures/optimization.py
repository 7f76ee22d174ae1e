"""What is measured on the outputs of the problem set `optimization`."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from autograder.calls.case import Case


def _batch_of(indices: torch.Tensor, sizes: torch.Tensor, n: int) -> torch.Tensor:
    """For each index the number of its batch (n,), float64; what is no index is left out."""
    numbers = torch.arange(len(sizes)).repeat_interleave(sizes.long())
    found = torch.zeros(n, dtype=torch.float64)
    inside = (indices >= 0) & (indices < n)
    found[indices[inside].long()] = numbers[inside].double()
    return found


def order(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """How often each index comes, and how the batches of an epoch are related to the data's order, and to each other.

    In which order the indices stand in their batch does not matter: a gradient is a mean over the batch.
    """
    sizes, first, second, again = (output.cpu() for output in outputs)
    n = case.arguments["n"]
    times = torch.stack([torch.bincount(part.long().clamp(0, n), minlength=n + 1) for part in (first, second)])
    wanted = torch.tensor([1.0] * n + [0.0])
    often = (times != wanted).any(dim=0).double().mean()
    batch, later, repeated = (_batch_of(part, sizes, n) for part in (first, second, again))
    places = torch.arange(n, dtype=torch.float64)
    spread = batch.std(correction=0) * places.std(correction=0)
    slope = ((batch - batch.mean()) * (places - places.mean())).mean() / spread.clamp(min=1e-12)
    neighbors = (batch[1:] == batch[:-1]).double().mean() if n > 1 else torch.zeros((), dtype=torch.float64)
    return sizes, often, (batch == repeated).double().mean(), slope, neighbors, (batch == later).double().mean()


def quality(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """How good the classifier is, whether the losses are its own, and, of one batch an epoch, how far off it is.

    With one batch an epoch nothing is drawn that counts: the weight, the bias and the losses are known. And of two
    samples, one a batch, the losses are known of a training whose epochs all have the same order. New orders are that
    once in 2^29 trainings.
    """
    weight, bias, losses, *again, other = (output.cpu() for output in outputs)
    x, target = case.arguments["x"], case.arguments["target"]
    nothing = torch.zeros((), dtype=torch.float64)
    accuracy = ratio = calm = torch.ones((), dtype=torch.float64)
    distance = nothing
    if "test" in case.kept:
        logits = case.kept["test"].double() @ weight.T + bias
        accuracy = (logits.argmax(dim=1) == case.kept["truth"]).double().mean()
        ratio = losses[-1] / F.cross_entropy(F.linear(x.double(), weight, bias), target)
        calm = 1 - (losses[1:] / losses[:-1].clamp(min=1e-9)).max()
    elif "exact" in case.kept:
        exact = case.kept["exact"]
        distance = torch.stack([apart.max() for apart in _apart((weight, bias, losses), exact)]).max()
    known = [right for name, right in case.kept.items() if name.startswith("order")]
    once = any(bool(torch.allclose(losses.double(), right, rtol=1e-3, atol=0)) for right in known)
    pairs = zip((weight, bias), again, strict=True)
    differ = max(bool((a - b).abs().max() > 1e-3 * (1 + a.abs().max())) for a, b in pairs)
    same = case.another_call and bool((weight == other).all())
    return accuracy, ratio, calm, distance, nothing + once, nothing + differ, nothing + same


def _apart(found: tuple[torch.Tensor, ...], exact: tuple[torch.Tensor, ...]) -> Iterator[torch.Tensor]:
    """How far weight, bias and losses are from the right ones: the first two as a share of the largest weight."""
    largest = exact[0].abs().max()
    for got, right, scale in zip(found, exact, (largest, largest, exact[2].abs().max()), strict=True):
        yield (got - right).abs() / scale
