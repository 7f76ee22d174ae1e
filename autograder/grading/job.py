"""What a worker is asked and what it answers: plain data. Whoever asks loads nothing of what answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder.grading.records import Result
from autograder.grading.restore import Master
from autograder.grading.settings import Settings

# What torch says of a GPU without memory, and what is said then.
OUT_OF_MEMORY = "out of memory"
FULL = "found no memory left on the GPU"


@dataclass(frozen=True)
class Job:
    """One submission to grade, with nothing of the course's folders.

    notebooks  what was handed in, by the notebook's name
    masters    the released cells of the same notebooks
    files      what lies beside the notebooks, by relative path
    """

    notebooks: Mapping[str, bytes]
    masters: Mapping[str, Master]
    settings: Settings
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Graded:
    """A submission that was graded: each notebook as executed (JSON), its result, and remarks for the instructor."""

    notebooks: Mapping[str, str]
    results: Mapping[str, Result]
    remarks: tuple[str, ...]

    @property
    def met_full_gpu(self) -> bool:
        """Whether the GPU had no memory left for it, perhaps because of others."""
        return any(FULL in remark for remark in self.remarks)
