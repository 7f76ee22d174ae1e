"""The experiments of the book: one training loop, several seeds, several learning rates, the spread told."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

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


class SideBySide:
    """Networks of one shape, trained side by side: one computation in place of many small ones.

    What the networks learn lies in common tensors, the `parameters` (networks, ...), of which each network has its
    part; so the networks themselves learn. `blocks` are the common tensors cut into equal blocks of networks, each a
    list of parameters for an optimizer: a rule that looks at every number alone may have another rate for each block.
    """

    def __init__(self, nets: Sequence[nn.Module], blocks: int = 1) -> None:
        self._net = nets[0].train()
        self._own, self._kept = stack_module_state(list(nets))
        common = self._own | self._kept
        for number, net in enumerate(nets):
            for name, own in (*net.named_parameters(), *net.named_buffers()):
                own.data = common[name].detach()[number]
        self.parameters = [parameter for parameter in self._own.values() if parameter.requires_grad]
        self.blocks = list(zip(*(parameter.detach().chunk(blocks) for parameter in self.parameters), strict=True))

    def __call__(self, inputs: Tensor) -> Tensor:
        """What each network says to inputs of its own, (networks, samples, ...), in training mode."""

        def ask(own: Mapping[str, Tensor], kept: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
            return functional_call(self._net, (own, kept), (inputs,))

        return vmap(ask, randomness="different")(self._own, self._kept, inputs)

    def gradients(self, losses: Tensor) -> tuple[Tensor, ...]:
        """The gradients of the networks' losses (networks,) for the parameters."""
        return torch.autograd.grad(losses.sum(), self.parameters)

    def backward(self, losses: Tensor) -> None:
        """Give the parameters of the blocks the gradients of the networks' losses (networks,)."""
        # The fused rules of torch read a gradient in the order in which it lies in memory.
        whole = (gradient.contiguous() for gradient in self.gradients(losses))
        parts = zip(*(gradient.chunk(len(self.blocks)) for gradient in whole), strict=True)
        for block, part in zip(self.blocks, parts, strict=True):
            for parameter, gradient in zip(block, part, strict=True):
                parameter.grad = gradient


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean loss of each network (networks,): logits (networks, samples, classes), labels (networks, samples)."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels).mean(1)


def trials(
    make: Callable[[int], nn.Module],
    task: Task,
    rates: Sequence[float],
    steps: int,
    seeds: Sequence[int] = SEEDS,
    size: int = 64,
) -> list[Trial]:
    """A `trial` for each rate, with all networks trained side by side: one computation in place of many small ones.

    The batches are those of `trial`, or have `size` samples in place of 64. What the networks draw themselves is drawn
    for all at once, and differs.
    """
    nets = [make(seed) for _ in rates for seed in seeds]
    both = SideBySide(nets)
    each_rate = torch.tensor(rates).repeat_interleave(len(seeds))
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    torch.manual_seed(seeds[0])
    rows = []
    for _ in range(steps):
        batches = [torch.randint(0, len(task.inputs), (size,), generator=generator) for generator in generators]
        batch = torch.stack(batches).repeat(len(rates), 1)
        losses = cross_entropies(both(task.inputs[batch]), task.labels[batch])
        gradients = both.gradients(losses)
        with torch.no_grad():
            for parameter, gradient in zip(both.parameters, gradients, strict=True):
                parameter -= each_rate.view(-1, *[1] * (gradient.dim() - 1)) * gradient
        rows.append(losses.detach())
    losses = torch.stack(rows, 1)
    losses[losses.isfinite().cumprod(1) == 0] = math.nan
    shares = [right(net, task.test_inputs, task.test_labels) for net in nets]
    starts = range(0, len(nets), len(seeds))
    parts = zip(rates, losses.split(len(seeds)), starts, strict=True)
    return [Trial(rate, some, tuple(shares[start : start + len(seeds)])) for rate, some, start in parts]


def best(trials: Iterable[Trial]) -> Trial:
    """The trial whose runs end with the lowest training loss, on average; a run that ends as nan is the worst."""
    return min(trials, key=lambda found: found.end.nan_to_num(math.inf).mean().item())


def span(values: Iterable[float], form: str = ".0f") -> str:
    """The lowest and the highest as text, as one number if they look alike."""
    values = list(values)
    low, high = (format(choice(values), form) for choice in (min, max))
    return low if low == high else f"{low} to {high}"
