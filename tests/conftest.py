"""The devices on which tests run, and how they are shared out among several processes and the cores among these."""

import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from scheduling import ByProblem

from autograder.devices import simulated_gpu

# Each holds torch and the references of all sets in memory.
MOST_PROCESSES = 8


def pytest_configure() -> None:
    """Share the cores among the processes of pytest-xdist, and what they start: a notebook, the build of the book."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    threads = max(1, (os.cpu_count() or 1) // processes)
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # Autograd counts the devices of a process when it is first used.
    with simulated_gpu():
        pass


def pytest_collection_finish() -> None:
    """Let nbgrader ask once for the version of its tables, in gradebooks too that a test makes by itself."""
    if course := sys.modules.get("autograder.course"):
        course.have_alembic()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, for many tests wait: for a kernel, a limit, a browser."""
    return min((os.cpu_count() or 1) + 1, MOST_PROCESSES)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByProblem:
    """Hand out the tests by file and by problem."""
    return ByProblem(config, log)


@pytest.fixture(params=["cpu", "simulated GPU"])
def any_device(request) -> Iterator[torch.device]:
    """The CPU, and the simulated GPU."""
    if request.param == "cpu":
        yield torch.device("cpu")
    else:
        with simulated_gpu() as gpu:
            yield gpu


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """torchvision, with its compiled operations where they can be loaded; it is no part of the course."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        # The ordinary torchvision beside the CPU build of torch: its compiled operations cannot be loaded, and it wants
        # these two declared.
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return importlib.import_module("torchvision")
