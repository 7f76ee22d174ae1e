"""The recurrent networks of this chapter, their training, and what they are asked to do."""

import torch
import torch.nn.functional as F
from markov import LEARN, LETTERS, TEST
from torch import nn
from torch.func import functional_call

CODES = {
    part: torch.tensor([LETTERS.index(letter) for letter in text]) for part, text in (("learn", LEARN), ("test", TEST))
}


class Recurrent(nn.Module):
    """A recurrent layer of torch, and a linear layer that reads each of its states."""

    def __init__(self, layer, outputs, seed, forget=None):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = layer()
        self.out = nn.Linear(self.layer.hidden_size, outputs)
        if forget is not None:
            # Torch has the gates in the order i, f, g, o, and two biases for each.
            size = self.layer.hidden_size
            with torch.no_grad():
                self.layer.bias_ih_l0[size : 2 * size] = forget
                self.layer.bias_hh_l0[size : 2 * size] = 0

    def forward(self, x):
        return self.out(self.layer(x)[0])


def train(net, rate, steps, loss_of, seed):
    """Adam with clipped gradients; `loss_of(net, generator)` draws samples and says the loss."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(net, generator).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return net


def number_task(samples, length, generator):
    """Sequences (T, N, 2) whose first input is a number to be said at the end (N,); the second one is noise."""
    noise, number = (2 * torch.rand(*shape, generator=generator) - 1 for shape in ((length, samples), (samples,)))
    first = torch.zeros(length, samples)
    first[0] = number
    return torch.stack([first, noise], 2), number


def number_loss(net, generator, length=50, samples=32):
    """The mean squared error of what is said at the end."""
    x, number = number_task(samples, length, generator)
    return F.mse_loss(net(x)[-1, :, 0], number)


def train_side_by_side(nets, rates, steps, seeds):
    """`train` with `number_loss`, for networks of `nn.RNN`: one wide layer whose weights are theirs, as blocks."""
    first = nets[0].layer
    sizes = first.input_size * len(nets), first.hidden_size * len(nets)
    wide = nn.RNN(*sizes, nonlinearity=first.nonlinearity)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    optimizers = [torch.optim.Adam(net.parameters(), lr=rate) for net, rate in zip(nets, rates, strict=True)]
    for _ in range(steps):
        tasks = [number_task(32, 50, generator) for generator in generators]
        weights = {}
        for name, weight in first.named_parameters():
            blocks = [getattr(net.layer, name) for net in nets]
            weights[name] = torch.block_diag(*blocks) if weight.dim() == 2 else torch.cat(blocks)
        inputs = torch.cat([x for x, _ in tasks], 2)
        last = functional_call(wide, weights, (inputs,))[0][-1].chunk(len(nets), 1)
        parts = zip(nets, last, tasks, strict=True)
        sum(F.mse_loss(net.out(state)[:, 0], number) for net, state, (_, number) in parts).backward()
        for net, optimizer in zip(nets, optimizers, strict=True):
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return nets


def letter_loss(net, generator, part="learn", samples=32, length=32):
    """The mean cost of the next letter, in nats, over pieces of the text."""
    codes = CODES[part]
    start = torch.randint(len(codes) - length, (samples,), generator=generator)
    pieces = codes[start + torch.arange(length + 1)[:, None]]
    return F.cross_entropy(net(F.one_hot(pieces[:-1], 27).float()).flatten(0, 1), pieces[1:].flatten())
