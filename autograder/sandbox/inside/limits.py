"""What one submission may use."""

from dataclasses import dataclass

MEBI = 2**20
GIBI = 2**30


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes and numbers that a submission must stay within; the defaults fit the course's problem sets."""

    cell_seconds: float = 120
    notebook_seconds: float = 600
    cpu_seconds: int = 600
    memory: int = 4 * GIBI
    processes: int = 256
    open_files: int = 512
    file_size: int = 256 * MEBI
    scratch: int = 512 * MEBI
    output: int = MEBI
    gpu_memory: int = 6 * GIBI
