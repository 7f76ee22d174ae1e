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


def state(generator: torch.Generator, n: int, h: int) -> torch.Tensor:
    """A state as tanh gives it: between -1 and 1."""
    return normal(generator, n, h).tanh()
