"""How the course grades: traits of nbgrader_config.py, and the seed that only the instructor has."""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from traitlets import Bool, Float, Integer
from traitlets.config import Config, Configurable

from autograder.grading import gpus
from autograder.sandbox.inside.limits import GIBI, MEBI, Limits

SEED = "grading-seed.txt"
# The part of a worker's share of a GPU that is for tensors; CUDA takes the rest, in the kernel and in the worker.
TENSORS = 0.75


@dataclass(frozen=True)
class Settings:
    """Everything that the grading of one notebook depends on beside the notebook itself."""

    seed: int
    limits: Limits = field(default_factory=Limits)
    gpu: bool = False
    threads: int = 1
    sandbox: bool = True

    def seed_of(self, problem: str) -> int:
        """The seed of a problem's cases: each problem draws from its own."""
        return int.from_bytes(hashlib.sha256(f"{self.seed} {problem}".encode()).digest()[:8]) >> 1


class SeedError(Exception):
    """The file of the seed cannot be read; the message is a sentence."""


class ExecutePreprocessor(Configurable):
    """The section of nbgrader_config.py that nbclient would read here."""

    timeout = Float(None, allow_none=True, help="Seconds that a cell may take, as c.Grading.cell_seconds.").tag(
        config=True
    )


class Execute(ExecutePreprocessor):
    """The section of nbgrader_config.py that nbgrader would read here."""


class Grading(Configurable):
    """The section ``c.Grading`` of nbgrader_config.py: what a submission may use, and where it runs."""

    cell_seconds = Float(
        120, min=0.1, help="Seconds that a cell, or the calls of one check, may take; also c.Execute.timeout."
    ).tag(config=True)
    notebook_seconds = Float(600, min=1, help="Seconds that a whole notebook may take.").tag(config=True)
    cpu_seconds = Integer(600, min=1, help="Seconds of computing that one process may use.").tag(config=True)
    memory = Float(4, min=0.5, help="GiB of memory that all processes of a notebook may use together.").tag(config=True)
    processes = Integer(256, min=16, help="Processes and threads that a notebook may have at once.").tag(config=True)
    open_files = Integer(512, min=64, help="Files that one process may have open at once.").tag(config=True)
    file_size = Float(256, min=1, help="MiB that one file may have.").tag(config=True)
    scratch = Float(512, min=1, help="MiB of files that a notebook may write; they lie in memory.").tag(config=True)
    output = Float(1, min=0.01, help="Million characters that one cell may show.").tag(config=True)
    gpu = Bool(None, allow_none=True, help="Grade on the GPU; by default when the machine has one.").tag(config=True)
    gpu_memory = Float(
        8,
        min=2,
        help="GiB of a GPU's memory for each worker; three quarters of it for a notebook's tensors.",
    ).tag(config=True)
    sandbox = Bool(True, help="Shut submissions in; without it they run with your rights.").tag(config=True)

    def limits(self) -> Limits:
        """The limits in seconds and bytes."""
        return Limits(
            cell_seconds=self._cell_seconds(),
            notebook_seconds=self.notebook_seconds,
            cpu_seconds=self.cpu_seconds,
            memory=int(self.memory * GIBI),
            processes=self.processes,
            open_files=self.open_files,
            file_size=int(self.file_size * MEBI),
            scratch=int(self.scratch * MEBI),
            output=int(self.output * 1e6),
            gpu_memory=int(TENSORS * self.gpu_memory * GIBI),
        )

    def _cell_seconds(self) -> float:
        """Our own setting, or else nbgrader's; where that is none, a cell may take the time of the notebook."""
        sections = [self.config.get(name, {}) for name in Execute.section_names()]
        if "cell_seconds" in self.config.get("Grading", {}) or not any("timeout" in section for section in sections):
            return self.cell_seconds
        theirs = Execute(config=self.config).timeout
        return theirs if theirs and theirs > 0 else self.notebook_seconds

    def on_gpu(self) -> bool:
        """Whether to grade on a GPU. Looks for the driver's device and leaves the GPU itself alone."""
        return gpus.is_there() and gpus.is_left_out() is None if self.gpu is None else self.gpu

    def notice(self) -> str | None:
        """A sentence for an instructor whose GPU is not used though nobody has said so."""
        return gpus.is_left_out() if self.gpu is None and gpus.is_there() else None


def settings_of(config: Config, root: Path, threads: int = 1) -> Settings:
    """The settings of the course at `root` with nbgrader's configuration `config`."""
    grading = Grading(config=config)
    return Settings(secret_seed(root), grading.limits(), grading.on_gpu(), threads, grading.sandbox)


def secret_seed(root: Path) -> int:
    """The course's seed, from the file ``grading-seed.txt`` at its root; drawn and written when it is not there.

    Whoever knows it can draw the cases that grading uses. Raises `SeedError` when the file holds no number.
    """
    path = root / SEED
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        text = path.read_text().strip()
        if not text.isdigit():
            raise SeedError(
                f"{path} holds {text[:40]!r}; expected one whole number: put the old number back, or delete the file "
                "and grade the whole class again with --force."
            ) from None
        return int(text)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.randbits(64)}\n")
    return secret_seed(root)
