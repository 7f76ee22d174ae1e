"""A limit of memory for the grader's own process: what it reads was made by somebody else."""

import contextlib
import re
import resource
from collections.abc import Iterator
from pathlib import Path

from autograder.sandbox.inside.limits import GIBI

# Bytes that the reading and judging of one submission may ask for; the largest exercise needs a tenth of it.
ROOM = 4 * GIBI


@contextlib.contextmanager
def bounded(room: int = ROOM) -> Iterator[None]:
    """Let this process have `room` bytes more than it has now; what asks for more raises MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bounds = {_has() + room, soft, hard} - {resource.RLIM_INFINITY}
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _has() -> int:
    """Bytes of memory of its own that this process has asked for, see proc(5)."""
    return int(re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
