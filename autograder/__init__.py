"""What a notebook imports: `check` for the student's functions, `device` to compute on, `when_written` to try them."""

from autograder.check import check
from autograder.devices import device
from autograder.experiments import when_written

__all__ = ["check", "device", "when_written"]
