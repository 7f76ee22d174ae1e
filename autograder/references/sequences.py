"""References of the problem set `sequences`: torch's own cells, its unrolled network and its clipping."""

from collections import Counter
from itertools import pairwise

import torch


def markov_fit(sequence: torch.Tensor, states: int) -> torch.Tensor:
    """The share of each next state after each state, float32 (states, states); zeros after a state never left."""
    pairs = Counter(pairwise(sequence.tolist()))
    left = Counter(sequence[:-1].tolist())
    shares = torch.zeros(states, states, dtype=torch.float32, device=sequence.device)
    for (state, following), count in pairs.items():
        shares[state, following] = count / left[state]
    return shares


def rnn_step(
    x: torch.Tensor, h: torch.Tensor, w_ih: torch.Tensor, w_hh: torch.Tensor, b_ih: torch.Tensor, b_hh: torch.Tensor
) -> torch.Tensor:
    """One step of a network with tanh (Elman 1990): x (N, D), h (N, H) to the new state (N, H)."""
    return torch.rnn_tanh_cell(x, h, w_ih, w_hh, b_ih, b_hh)


def rnn(
    x: torch.Tensor, h0: torch.Tensor, w_ih: torch.Tensor, w_hh: torch.Tensor, b_ih: torch.Tensor, b_hh: torch.Tensor
) -> torch.Tensor:
    """The states of all steps, (T, N, H): x (T, N, D), h0 (N, H)."""
    weights = [w_ih, w_hh, b_ih, b_hh]
    return torch.rnn_tanh(x, h0[None], weights, True, 1, 0.0, False, False, False)[0]


def lstm_step(
    x: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    w_ih: torch.Tensor,
    w_hh: torch.Tensor,
    b_ih: torch.Tensor,
    b_hh: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of an LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000): the new h and the new c, both (N, H)."""
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)


def lstm_step_stacked(**arguments: torch.Tensor) -> torch.Tensor:
    """Both outputs of `lstm_step` in one tensor, (2, N, H)."""
    return torch.stack(lstm_step(**arguments))


def clip_gradients(grads: list[torch.Tensor], max_norm: float) -> tuple[torch.Tensor, ...]:
    """The gradients, and last their norm, as of `torch.nn.utils.clip_grad_norm_` (Pascanu et al. 2013)."""
    holders = [torch.zeros_like(grad) for grad in grads]
    for holder, grad in zip(holders, grads, strict=True):
        holder.grad = grad.clone()
    norm = torch.nn.utils.clip_grad_norm_(holders, max_norm, foreach=False)
    return *(holder.grad for holder in holders), norm
