"""Processes that end while a test looks at them."""

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import psutil


class Below(NamedTuple):
    """A process below another, and what it was when it was looked at."""

    process: psutil.Process
    above: int
    name: str
    command: str


def below(process: psutil.Process) -> list[Below]:
    """All processes below one, but those that end meanwhile."""
    found = []
    for child in process.children(recursive=True):
        # Of a process that has ended and waits for its parent there is no command: psutil.ZombieProcess.
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(Below(child, child.ppid(), child.name(), " ".join(child.cmdline())))
    return found


def workers(process: psutil.Process) -> list[psutil.Process]:
    """The workers of a run: what is forked from the process that has loaded the grader."""
    found = below(process)
    loaded = {it.process.pid for it in found if "multiprocessing.forkserver" in it.command}
    return [it.process for it in found if it.process.pid in loaded and it.above in loaded]


def sandboxes(process: psutil.Process) -> list[psutil.Process]:
    """The outer bubblewraps below a process: the one that all workers share, and those of workers that lost it."""
    found = [it for it in below(process) if it.name == "bwrap"]
    pids = {it.process.pid for it in found}
    return [it.process for it in found if it.above not in pids]


def kernel_below(process: psutil.Process) -> psutil.Process:
    """The only process below one that is not bubblewrap's and has nothing below it: its kernel."""
    found = below(process)
    parents = {it.above for it in found}
    (kernel,) = (it.process for it in found if it.name != "bwrap" and it.process.pid not in parents)
    return kernel


def ended(process: psutil.Process | int) -> bool:
    """Whether it has ended (also by its pid), though nobody may have asked for its exit code yet."""
    try:
        process = psutil.Process(process) if isinstance(process, int) else process
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait until `true()` is; fails when it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def wait_until_ended(processes: Iterable[psutil.Process], seconds: float = 60) -> None:
    """Wait until all of them have ended; fails when one goes on."""
    wait_until(lambda: all(map(ended, processes)), seconds)
