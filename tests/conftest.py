"""The devices on which tests run."""

from collections.abc import Iterator

import pytest
import torch

from autograder.devices import simulated_gpu


@pytest.fixture(params=["cpu", "simulated GPU"])
def any_device(request) -> Iterator[torch.device]:
    """The CPU, and the simulated GPU."""
    if request.param == "cpu":
        yield torch.device("cpu")
    else:
        with simulated_gpu() as gpu:
            yield gpu
