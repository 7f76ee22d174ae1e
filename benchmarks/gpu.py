"""What is promised of grading on a GPU, tried on a machine that has one; some minutes.

    .venv/bin/python benchmarks/gpu.py [problem set ...]

Grades the demo class of every set (the solution, the stub, the other right programs and the known mistakes) in the
sandbox on the GPU and on the CPU. Every verdict must be the same: the points, and the mistake that was recognised. Then
it prints the largest part of a tolerance that a right program needed on the GPU, and for one, two and four workers on a
card how many submissions they grade in a minute and how much of its memory they take. It ends with 1 if a verdict
differs.

``--rehearse`` does all this on the CPU twice: it shows that the script works, and nothing about a GPU.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import torch
from distributed import LocalCluster
from nbgrader.utils import is_grade

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder import demo
from autograder.calls.run import run
from autograder.course import ROOT, nbgrader_at, words
from autograder.grading import gpus
from autograder.grading.run import Options, grade_class
from autograder.judge import Exam
from autograder.names import verdict_in
from autograder.problem import Problem
from autograder.problems import problem_sets
from autograder.release import register

SEED = 20300101
TIMED = "activations"
CLASS = 24


def make_class(root: Path, word: str, members: list[demo.Student]) -> None:
    released = nbformat.read(register(word, root), as_version=4)
    for student in members:
        folder = root / "submitted" / student.name / word
        folder.mkdir(parents=True)
        nbformat.write(demo.filled_in(word, released, student), folder / f"{word}.ipynb")


def grade(root: Path, word: str, gpu: bool, cluster: LocalCluster) -> list[float]:
    """Grade the class by the workers of `cluster`; when each submission was done."""
    shutil.rmtree(root / "autograded", ignore_errors=True)
    config = (ROOT / "nbgrader_config.py").read_text()
    (root / "nbgrader_config.py").write_text(f"{config}\nc.Grading.gpu = {gpu}\n")
    (root / "grading-seed.txt").write_text(f"{SEED}\n")
    moments: list[float] = []
    options = Options(scheduler=cluster.scheduler_address, workers=len(cluster.workers), force=True)
    lines = grade_class(nbgrader_at(root), word, options, lambda *_: moments.append(time.perf_counter()))
    for line in lines:
        for said in (line.problem, *line.remarks):
            if said:
                print(f"  {word}, {line.student}, {'GPU' if gpu else 'CPU'}: {said}")
    return moments


def verdicts(root: Path, word: str) -> dict[tuple[str, str], tuple]:
    """Of each student and check: the points, and the known mistake."""
    found = {}
    for path in sorted(root.glob(f"autograded/*/{word}/{word}.ipynb")):
        for cell in filter(is_grade, nbformat.read(path, as_version=4).cells):
            if record := verdict_in(cell):
                found[path.parts[-3], record["problem"]] = (record["score"], record["mistake"])
    return found


def share_of_tolerance(problem: Problem, device: torch.device) -> float:
    """The largest part of a tolerance that the right programs of a problem need on `device`."""
    exam = Exam(problem, SEED, device)
    largest = 0.0
    for program in problem.alternatives:
        for case, expected in zip(exam.cases, exam.expected, strict=True):
            if case.timed or problem.measured is not None:
                continue
            outcome = run(problem, case, problem.functions_of(program), device)
            for output, right, tolerance in zip(
                outcome.outputs or (), expected.outputs, expected.tolerances, strict=True
            ):
                error = (output.values.double() - right.double()).abs()
                error = error[torch.isfinite(error)]
                if error.numel() and tolerance:
                    largest = max(largest, float(error.max()) / tolerance)
    return largest


class Memory:
    """The most memory of all GPUs that is used at once inside of the ``with`` block, in GiB above that before it."""

    def __enter__(self) -> "Memory":
        self.most, self._over = 0.0, threading.Event()
        self._before = self._used()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, self._used() - self._before)

    @staticmethod
    def _used() -> float:
        try:
            import pynvml

            pynvml.nvmlInit()
            handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
            return sum(pynvml.nvmlDeviceGetMemoryInfo(handle).used for handle in handles) / 2**30
        except Exception:
            return float("nan")


@contextlib.contextmanager
def workers(number: int) -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=number, threads_per_worker=1, memory_limit=0, dashboard_address=None) as cluster:
        yield cluster


def compare(word: str, gpu: bool, cluster: LocalCluster, sample: int | None) -> tuple[int, list[str]]:
    """How many verdicts of a set there are, and a sentence for each that differs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_class(root, word, demo.students(word)[:sample])
        found = []
        for on_gpu in (False, gpu):
            grade(root, word, on_gpu, cluster)
            found.append(verdicts(root, word))
    here, there = found
    keys = sorted(here.keys() | there.keys())
    return len(keys), [
        f"{k[0]}, {k[1]}: {here.get(k)} on the CPU, {there.get(k)} on the GPU"
        for k in keys
        if here.get(k) != there.get(k)
    ]


def speed(number: int, gpu: bool) -> tuple[float, float]:
    """Submissions a minute of so many workers on one card once they run, and GiB of it that each takes."""
    solution = demo.students(TIMED)[0]
    members = [demo.Student(f"student{i:02}", solution.sources) for i in range(CLASS)]
    with tempfile.TemporaryDirectory() as folder, workers(number) as cluster, Memory() as memory:
        make_class(Path(folder), TIMED, members)
        moments = grade(Path(folder), TIMED, gpu, cluster)
    return 60 * (CLASS - number) / (moments[-1] - moments[number]), memory.most / number


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD", help="problem sets (default: all)")
    parser.add_argument("--sample", type=int, metavar="N", help="at most so many students of each class")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU twice")
    options = parser.parse_args()
    gpu = not options.rehearse
    if gpu and not torch.cuda.is_available():
        print("torch finds no GPU here; --rehearse tries the script on the CPU.")
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"
    if gpu:
        # One card is tried; the workers would share out several.
        os.environ[gpus.VISIBLE] = gpus.usable()[0].name
        print(f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}, {os.cpu_count()} cores")
    cores = min(os.cpu_count() or 1, 8)
    differ: list[str] = []
    print(f"{'':16}{'verdicts':>10}{'differ':>8}{'of a tolerance':>16}{'seconds':>9}")
    device = torch.device("cuda" if gpu else "cpu")
    with workers(cores) as cluster:
        for word in options.words or words():
            start = time.perf_counter()
            number, said = compare(word, gpu, cluster, options.sample)
            share = max(share_of_tolerance(problem, device) for problem in problem_sets()[word])
            differ += said
            seconds = time.perf_counter() - start
            print(f"{word:16}{number:10}{len(said):8}{100 * share:14.0f} %{seconds:9.0f}", flush=True)
    for sentence in differ:
        print(f"  {sentence}")
    print(f"\n{'workers':16}{'submissions a minute':>22}{'GiB a worker':>14}")
    for number in (1, 2, 4):
        a_minute, memory = speed(number, gpu)
        print(f"{number:<16}{a_minute:22.0f}{memory:14.2f}", flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
