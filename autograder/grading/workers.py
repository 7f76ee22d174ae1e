"""Workers, as who hands out submissions sees them: what they are asked, and how those on this machine begin.

They are forked from one process that has loaded once what all of them need: torch and the grader take seconds. Nothing
of that is loaded here, so that this process can begin while the command itself is still being loaded.
"""

import multiprocessing
import os
from multiprocessing import forkserver
from typing import TYPE_CHECKING

from autograder.grading import gpus
from autograder.sandbox import launch

if TYPE_CHECKING:
    from autograder.grading.job import Graded, Job
    from autograder.grading.settings import Settings

# It runs nothing: a process that has computed gradients, or asked for a GPU, has children that cannot.
PRELOADED = ["distributed", "autograder.grading.worker"]
# Dask's own setting for its workers, which torch reads when it is loaded: one thread for each of them.
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def threads_of(workers: int) -> int:
    """How many threads a submission may have where so many are graded at once."""
    return max(1, (os.cpu_count() or 1) // workers)


def prepare(workers: int | None, sandbox: bool) -> None:
    """Begin to load what so many workers need (None: one for each core), in processes of their own that end with this.

    It is done once, whoever asks. Where there is a GPU each worker has a warm parent to itself: it depends on the card.
    """
    chosen = {name: os.environ.get(name, "1") for name in ONE_THREAD}
    if sandbox and not gpus.is_there():
        chosen[launch.SHARED] = launch.share(threads_of(workers or os.cpu_count() or 1))
    before = {name: os.environ[name] for name in chosen.keys() & os.environ.keys()}
    multiprocessing.set_forkserver_preload(PRELOADED)
    os.environ.update(chosen)
    try:
        forkserver.ensure_running()
    finally:
        for name in chosen:
            del os.environ[name]
        os.environ.update(before)


def grade(job: "Job") -> "Graded":
    """`worker.grade`, where the worker is."""
    from autograder.grading import worker

    return worker.grade(job)


def probe(settings: "Settings") -> str | None:
    """`worker.probe`, where the worker is."""
    from autograder.grading import worker

    return worker.probe(settings)
