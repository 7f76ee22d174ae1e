"""What a notebook imports: `check` for the student's functions and `device` to compute on."""

from autograder.check import check
from autograder.devices import device

__all__ = ["check", "device"]
