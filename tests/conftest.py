"""What several test files share: devices, and a run for every problem set."""

from collections.abc import Iterator

import pytest
import torch

from autograder.course import words
from autograder.devices import simulated_gpu


@pytest.fixture(params=["cpu", "simulated GPU"])
def any_device(request) -> Iterator[torch.device]:
    """The CPU, and the simulated GPU."""
    if request.param == "cpu":
        yield torch.device("cpu")
    else:
        with simulated_gpu() as gpu:
            yield gpu


def pytest_generate_tests(metafunc) -> None:
    """Tests with an argument `word` run for every problem set."""
    if "word" in metafunc.fixturenames:
        metafunc.parametrize("word", words())
