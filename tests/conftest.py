"""The devices on which tests run, and how they are shared out among several processes and the cores among these."""

import os
from collections.abc import Iterator

import pytest
import torch

from autograder.devices import simulated_gpu
from autograder.problem import Problem


def pytest_configure() -> None:
    """Share the cores among the processes of pytest-xdist, and what they start: a notebook, the build of the book."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    threads = max(1, (os.cpu_count() or 1) // processes)
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares expensive things (`--dist loadgroup`): the tests of a problem, those of a file.

    A test belongs to a problem if that is its parameter `problem`. A mark of its own goes before.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            problem = parameters.get("problem")
            group = problem.name if isinstance(problem, Problem) else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(params=["cpu", "simulated GPU"])
def any_device(request) -> Iterator[torch.device]:
    """The CPU, and the simulated GPU."""
    if request.param == "cpu":
        yield torch.device("cpu")
    else:
        with simulated_gpu() as gpu:
            yield gpu
