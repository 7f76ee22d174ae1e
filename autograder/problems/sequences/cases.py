"""How the inputs of steps and of whole sequences are drawn in the problem set `sequences`."""

import torch

from autograder.problems.drawing import normal


def weights(generator: torch.Generator, d: int, h: int, gates: int = 1) -> dict[str, torch.Tensor]:
    """Weights and biases of a cell with `d` inputs and `h` units: small enough that the states do not saturate."""
    rows = gates * h
    return {
        "w_ih": normal(generator, rows, d) / 2,
        "w_hh": normal(generator, rows, h) / 2,
        "b_ih": normal(generator, rows) / 2,
        "b_hh": normal(generator, rows) / 2,
    }


def with_a_large_sample(generator: torch.Generator, x: torch.Tensor, w_ih: torch.Tensor) -> torch.Tensor:
    """`x` (..., N, D) with a first sample of some 10,000, at which every unit and every gate saturates.

    What is only nearly saturated would be multiplied by 10,000 together with its rounding: it is drawn again.
    """
    while True:
        large = 1e4 * normal(generator, *x.shape[:-2], 1, x.shape[-1])
        if (large @ w_ih.T).abs().min() > 100:
            return torch.cat([large, x[..., 1:, :]], dim=-2)


def state(generator: torch.Generator, n: int, h: int) -> torch.Tensor:
    """A state as tanh gives it: between -1 and 1."""
    return normal(generator, n, h).tanh()
