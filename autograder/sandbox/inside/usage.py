"""The time that a kernel spends, without its waiting for a processor: a busy machine must cost nobody points."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NANO = 1e-9
_PROCESSORS = os.cpu_count() or 1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What the processes of a kernel had used at one moment, in seconds.

    clock   when that was
    ran     computing, of each thread
    waited  ready to compute, but without a processor, of each thread
    stolen  of a processor of this machine, taken away by the machine around it
    """

    clock: float
    ran: dict[int, float]
    waited: dict[int, float]
    stolen: float

    @classmethod
    def of(cls, process: int) -> "Usage":
        """The usage of `process` and of all that it has started and that still runs; see sched-stats(5) and proc(5)."""
        ran, waited = {}, {}
        for thread in _threads(process):
            # Threads end while one looks.
            with contextlib.suppress(OSError, ValueError):
                run, wait, _ = (thread / "schedstat").read_text().split()
                ran[int(thread.name)], waited[int(thread.name)] = int(run) * _NANO, int(wait) * _NANO
        stolen = 0.0
        with contextlib.suppress(OSError, ValueError, IndexError), Path("/proc/stat").open() as statistics:
            stolen = int(statistics.readline().split()[8]) / _TICKS / _PROCESSORS
        return cls(time.monotonic(), ran, waited, stolen)

    def since(self, mark: "Usage") -> tuple[float, float]:
        """Seconds spent since `mark`, and those of them in which a thread computed, the busiest one.

        Spent is what the clock says without the waiting, but no less than the computing.
        """
        waited = max((seconds - mark.waited.get(thread, 0.0) for thread, seconds in self.waited.items()), default=0.0)
        ran = max((seconds - mark.ran.get(thread, 0.0) for thread, seconds in self.ran.items()), default=0.0)
        return max(self.clock - mark.clock - waited - (self.stolen - mark.stolen), ran, 0.0), ran


def _threads(process: int) -> Iterator[Path]:
    """The folders of all threads of a process and of its descendants."""
    waiting = [process]
    while waiting:
        with contextlib.suppress(OSError, ValueError):
            for thread in Path(f"/proc/{waiting.pop()}/task").iterdir():
                yield thread
                waiting.extend(map(int, (thread / "children").read_text().split()))
