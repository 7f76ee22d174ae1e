"""Workers, as who hands out submissions sees them: what they are asked, and how those on this machine begin.

They are forked from one process that has loaded once what all of them need: torch and the grader take seconds. Nothing
of that is loaded here, so that this process can begin while the command itself is still being loaded.
"""

import multiprocessing
import os
from multiprocessing import forkserver
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.grading.job import Graded, Job
    from autograder.grading.settings import Settings

# It runs nothing: a process that has computed gradients, or asked for a GPU, has children that cannot.
PRELOADED = ["distributed", "autograder.grading.worker"]
# Dask's own setting for its workers, which torch reads when it is loaded: one thread for each of them.
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def prepare() -> None:
    """Begin to load what workers need, in a process of its own; it ends with this one."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    multiprocessing.set_forkserver_preload(PRELOADED)
    try:
        os.environ.update({name: value or "1" for name, value in before.items()})
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]


def grade(job: "Job") -> "Graded":
    """`worker.grade`, where the worker is."""
    from autograder.grading import worker

    return worker.grade(job)


def probe(settings: "Settings") -> str | None:
    """`worker.probe`, where the worker is."""
    from autograder.grading import worker

    return worker.probe(settings)
