"""The experiments of the book: one training loop, several seeds, several learning rates, the spread told."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Task:
    """Samples of which a network says the class: inputs (N, ...) and labels (N,), to learn from and to test with."""

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Trial:
    """What came of one network, trained from several seeds.

    rate     the learning rate
    losses   (seeds, steps), the loss of every step in nats; nan from where a run was no longer a number
    right    for each seed, the percent of the test samples that it gets right at the end
    """

    rate: float
    losses: Tensor
    right: tuple[float, ...]

    @property
    def end(self) -> Tensor:
        """The loss of each run, averaged over its last 20 steps."""
        return self.losses[:, -20:].mean(1)


def train(
    net: nn.Module,
    task: Task,
    rate: float,
    steps: int,
    seed: int = 0,
    watch: Callable[[int, Tensor, float], None] | None = None,
) -> Tensor:
    """Plain gradient descent on batches of 64 samples; returns the loss of every step (steps,).

    `seed` draws the batches, and what the network draws. `watch(step, batch, loss)` is called when the gradients are
    there and the step is not yet made; `batch` holds the places of the batch's samples.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    losses = torch.full((steps,), math.nan)
    net.train()
    for step in range(steps):
        batch = torch.randint(0, len(task.inputs), (64,))
        optimizer.zero_grad()
        loss = F.cross_entropy(net(task.inputs[batch]), task.labels[batch])
        if not loss.isfinite():
            break
        loss.backward()
        if watch is not None:
            watch(step, batch, loss.item())
        optimizer.step()
        losses[step] = loss.item()
    return losses


def right(net: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Percent of the samples that the network gets right, in evaluation mode."""
    net.eval()
    with torch.no_grad():
        return 100 * (net(inputs).argmax(1) == labels).double().mean().item()


def trial(make: Callable[[int], nn.Module], task: Task, rate: float, steps: int, seeds: Iterable[int] = SEEDS) -> Trial:
    """Train the network `make(seed)` for each seed."""
    nets = {seed: make(seed) for seed in seeds}
    losses = torch.stack([train(net, task, rate, steps, seed) for seed, net in nets.items()])
    return Trial(rate, losses, tuple(right(net, task.test_inputs, task.test_labels) for net in nets.values()))


def trials(
    make: Callable[[int], nn.Module], task: Task, rates: Iterable[float], steps: int, seeds: Iterable[int] = SEEDS
) -> list[Trial]:
    """As `trial` at each of the rates, but with all networks trained side by side, which computes for less time.

    For networks that differ in their weights alone, and neither draw anything in training nor keep anything of a batch.
    """
    rates, seeds = list(rates), list(seeds)
    nets = [make(seed) for _ in rates for seed in seeds]
    weights, _ = torch.func.stack_module_state(nets)
    rate_of = torch.tensor(rates).repeat_interleave(len(seeds))
    batches = torch.stack([_batches(task, steps, seed) for seed in seeds]).repeat(len(rates), 1, 1)
    losses = torch.empty(len(nets), steps)

    def answer(own: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return torch.func.functional_call(nets[0], own, (inputs,))

    for step in range(steps):
        batch = batches[:, step]
        logits = torch.vmap(answer)(weights, task.inputs[batch])
        loss = F.cross_entropy(logits.transpose(1, 2), task.labels[batch], reduction="none").mean(1)
        gradients = torch.autograd.grad(loss.sum(), list(weights.values()))
        with torch.no_grad():
            for weight, gradient in zip(weights.values(), gradients, strict=True):
                weight -= rate_of.view(-1, *[1] * (weight.dim() - 1)) * gradient
        losses[:, step] = loss.detach()
    losses[~losses.isfinite().cumprod(1).bool()] = math.nan
    with torch.no_grad():
        answers = torch.vmap(answer, in_dims=(0, None))(weights, task.test_inputs).argmax(-1)
    shares = 100 * (answers == task.test_labels).double().mean(1)
    return [
        Trial(rate, found, tuple(share.tolist()))
        for rate, found, share in zip(rates, losses.split(len(seeds)), shares.split(len(seeds)), strict=True)
    ]


def _batches(task: Task, steps: int, seed: int) -> Tensor:
    """The places of the samples that `train` draws, (steps, 64)."""
    torch.manual_seed(seed)
    return torch.stack([torch.randint(0, len(task.inputs), (64,)) for _ in range(steps)])


def best(trials: Iterable[Trial]) -> Trial:
    """The trial whose runs end with the lowest training loss, on average; a run that ends as nan is the worst."""
    return min(trials, key=lambda found: found.end.nan_to_num(math.inf).mean().item())


def span(values: Iterable[float], form: str = ".0f") -> str:
    """The lowest and the highest as text, as one number if they look alike."""
    values = list(values)
    low, high = (format(choice(values), form) for choice in (min, max))
    return low if low == high else f"{low} to {high}"
