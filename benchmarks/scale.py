"""How long a class of ten thousand takes on a hundred workers: a simulation, with times that were measured here.

Run it with ``.venv/bin/python benchmarks/scale.py``; it takes some minutes. It starts a Dask cluster, grades a small
class on it with one worker, and measures how long each submission takes this worker, and the coordinator, which is the
process that reads submissions and writes the gradebook. The simulation has these times alone. What it says of two
workers is compared with what two workers take, and then it is asked about the large class. ``--write`` puts the figures
into scale.json and into the README.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import dask
import simpy
from dask.utils import parse_timedelta
from distributed import Client, get_task_stream
from grading import BIN, Clock, make_course, rounded

import autograder.grading  # noqa: F401 - first, for what it keeps out
from autograder.course import ROOT, nbgrader_at, words
from autograder.grading import run

FIGURES = Path(__file__).with_suffix(".json")
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmarks/scale.py --write -->", "<!-- /benchmarks/scale.py -->"

# A set that takes a worker little time and one that takes it much.
SETS = ("activations", "convolution")
SUBMISSIONS, WORKERS = 10_000, 100
# Seconds that a gradebook on a slow disk, or far away, takes longer for each submission.
SLOW = 0.05
# Seconds after which another program may have the core, where there are fewer cores than programs that compute.
SLICE = 0.005
# Runs of the small class. The first finds cold workers, and the fastest of the others counts.
PASSES = 4

COORDINATOR = "coordinator"


@dataclass(frozen=True)
class Times:
    """Seconds that grading takes.

    services  a worker for each submission, once it is warm
    starting  until every worker has said that it can grade, which all do at once: each starts its sandbox
    warming   by how much its first submission takes a worker longer: what is right, what known mistakes give
    handing   the coordinator to read a submission and hand it out
    taking    the coordinator to fetch what a worker has found and write it down
    """

    services: tuple[float, ...]
    starting: float
    warming: float
    handing: float
    taking: float

    @property
    def service(self) -> float:
        return statistics.fmean(self.services)

    @property
    def coordinator(self) -> float:
        return self.handing + self.taking

    def of(self, submissions: int) -> "Times":
        """Those of a class so large, each submission like one that was measured."""
        return replace(self, services=tuple(random.Random(0).choices(self.services, k=submissions)))


@dataclass(frozen=True)
class Loss:
    """A worker is lost after so many seconds, and so many seconds later the scheduler notices."""

    after: float
    noticed: float = 0.0


@dataclass(frozen=True)
class Run:
    """What became of a class.

    seconds  until the last submission was written down
    busy     the share of these seconds that the coordinator, and the mean worker, computed
    queues   how many submissions, in the mean over those that came back, waited for a worker and for the coordinator
    again    how many were done twice, because a worker was lost
    """

    seconds: float
    busy: dict[str, float]
    queues: dict[str, float]
    again: int


@dataclass(frozen=True, order=True)
class _Task:
    """A submission that was handed out. Dask prefers what was handed out first."""

    number: int
    seconds: float
    worker: int | None = None


class _Simulation:
    """What `grading.run` and Dask do with a class.

    The coordinator does one thing after the other. It hands out some submissions ahead; then, for each that comes back,
    it hands out the next one and writes down what came. What a worker has found stays there until it is fetched: who
    loses the worker loses that, too.
    """

    def __init__(self, times: Times, workers: int, cores: int | None, loss: Loss | None):
        self._times, self._workers = times, workers
        self._world = simpy.Environment()
        self._cores = simpy.Resource(self._world, cores) if cores else None
        self._left = iter([_Task(*pair) for pair in enumerate(times.services)])
        self._waiting, self._found = simpy.PriorityStore(self._world), simpy.Store(self._world)
        self._busy: Counter[str] = Counter()
        self._queues: Counter[str] = Counter()
        self._again = 0
        self._gone: int | None = None
        self._noticed = self._world.event()
        processes = [self._world.process(self._worker(number)) for number in range(workers)]
        if loss:
            self._world.process(self._lose(processes, loss))

    def run(self) -> Run:
        self._world.run(self._world.process(self._coordinator()))
        seconds, count = self._world.now, len(self._times.services)
        busy = {COORDINATOR: self._busy[COORDINATOR], "workers": self._busy["workers"] / self._workers}
        return Run(
            seconds,
            {who: spent / seconds for who, spent in busy.items()},
            {where: total / count for where, total in self._queues.items()},
            self._again,
        )

    def _coordinator(self) -> Iterator[simpy.Event]:
        yield self._world.timeout(self._times.starting)
        for _ in range(run.ahead(self._workers)):
            yield from self._hand_out()
        for _ in self._times.services:
            task = yield self._found.get()
            while task.worker == self._gone:
                # The result is asked for where nobody answers.
                yield self._noticed
                self._give_back(task)
                task = yield self._found.get()
            self._queues["workers"] += len(self._waiting.items)
            self._queues[COORDINATOR] += len(self._found.items)
            yield from self._hand_out()
            yield from self._compute(COORDINATOR, self._times.taking)

    def _hand_out(self) -> Iterator[simpy.Event]:
        if task := next(self._left, None):
            yield from self._compute(COORDINATOR, self._times.handing)
            self._waiting.put(task)

    def _worker(self, number: int) -> Iterator[simpy.Event]:
        warming, request = self._times.warming, None
        try:
            while True:
                request = self._waiting.get()
                task = yield request
                yield from self._compute("workers", task.seconds + warming)
                self._found.put(replace(task, worker=number))
                warming = 0.0
        except simpy.Interrupt:
            request.cancel()
            if request.triggered:
                yield self._noticed
                self._give_back(request.value)

    def _lose(self, processes: Sequence[simpy.Process], loss: Loss) -> Iterator[simpy.Event]:
        yield self._world.timeout(loss.after)
        self._gone = 0
        processes[self._gone].interrupt()
        yield self._world.timeout(loss.noticed)
        self._noticed.succeed()
        there = [task for task in self._found.items if task.worker == self._gone]
        for task in there:
            self._found.items.remove(task)
            self._give_back(task)

    def _give_back(self, task: _Task) -> None:
        self._again += 1
        self._waiting.put(replace(task, worker=None))

    def _compute(self, who: str, seconds: float) -> Iterator[simpy.Event]:
        """Pass so many seconds of computing; more of the clock where others want the same cores."""
        self._busy[who] += seconds
        while self._cores and seconds > 0:
            with self._cores.request() as core:
                yield core
                yield self._world.timeout(min(SLICE, seconds))
            seconds -= SLICE
        if not self._cores:
            yield self._world.timeout(seconds)


def simulate(times: Times, workers: int, cores: int | None = None, loss: Loss | None = None) -> Run:
    """A class on so many workers. They and the coordinator share so many `cores`; without it each has its own."""
    return _Simulation(times, workers, cores, loss).run()


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A Dask scheduler and its workers, as processes of their own; the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    common = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [BIN / "dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = [BIN / "dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", folder]
    started = [subprocess.Popen(command, **common) for command in (scheduler, *[worker] * workers)]
    try:
        with Client(address, timeout="60s", set_as_default=False) as client:
            client.wait_for_workers(workers)
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(60)


@dataclass(frozen=True)
class Measured:
    """Seconds of a run: before the first submission is handed out, and from then until the last is written down."""

    starting: float
    seconds: float
    services: tuple[float, ...]
    handing: float
    taking: float


def grade(word: str, root: Path, address: str, students: Sequence[str], workers: int) -> Measured:
    """``autograder grade --force --scheduler … --workers …``."""
    clock, moments, original = Clock(), [], run._Course.grade

    def timed(course: Any, *arguments: Any) -> Iterator[run.Line]:
        moments.append(time.perf_counter())
        yield from original(course, *arguments)
        moments.append(time.perf_counter())

    options = run.Options(students=tuple(students), workers=workers, scheduler=address, force=True)
    with (
        Client(address, set_as_default=False) as client,
        get_task_stream(client) as stream,
        clock.on(run.intake, "handing", "read"),
        clock.on(run.Client, "handing", "submit"),
        clock.on(run, "taking", "_result"),
        clock.on(run._Course, "taking", "_write"),
    ):
        run._Course.grade = timed
        start = time.perf_counter()
        try:
            lines = run.grade_class(nbgrader_at(root), word, options, lambda *_: None)
        finally:
            run._Course.grade = original
    assert all(line.score is not None for line in lines)
    spans = sorted((s["start"], s["stop"]) for t in stream.data for s in t["startstops"] if s["action"] == "compute")
    # The last ones: before the class, every worker is asked whether it can grade.
    services = tuple(stop - start for start, stop in spans[-len(lines) :])
    own = (clock.seconds[name] / len(lines) for name in ("handing", "taking"))
    return Measured(moments[0] - start, moments[1] - moments[0], services, *own)


def remembered(job: Any) -> Any:
    """`workers.grade`, at once where this worker has done the same before: what is left is the coordinator's."""
    from autograder.grading import worker

    found = vars(worker).setdefault("_found_by_benchmark", {})
    key = tuple(job.notebooks.values())
    if key not in found:
        found[key] = worker.grade(job)
    return found[key]


def coordinator(word: str, root: Path, address: str, students: Sequence[str]) -> tuple[float, float]:
    """Seconds that a submission takes the coordinator, `handing` and `taking`, where workers answer at once."""
    original, run.grade = run.grade, remembered
    try:
        grade(word, root, address, students, WORKERS)
        found = min((grade(word, root, address, students, WORKERS) for _ in range(2)), key=lambda m: m.seconds)
    finally:
        run.grade = original
    # All of its time is the coordinator's, more than its functions take: Dask has a thread of its own in it.
    share = found.seconds / len(students) / (found.handing + found.taking)
    return share * found.handing, share * found.taking


def measure(word: str, students: int, many: int) -> tuple[Times, float]:
    """The times of a set by one worker, and the seconds that two workers take with the same class."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "course")
        root.mkdir()
        make_course(word, root, many, stock=False, different=students)
        names = [f"student{number:03}" for number in range(many)]

        with cluster(Path(folder), 1) as one, cluster(Path(folder), 2) as two:
            # By turns, so that both meet the same machine. Two workers are meant, whoever is there: a core for each.
            runs = [[grade(word, root, at, names[:students], 2) for at in (one, two)] for _ in range(PASSES)]
            handing, taking = coordinator(word, root, one, names)
    (cold, _), *others = runs
    warm, both = (min(found, key=lambda m: m.seconds) for found in zip(*others, strict=True))
    # Between two submissions a worker waits for Dask.
    gap = (warm.seconds - sum(warm.services)) / students
    services = tuple(service + gap for service in warm.services)
    warming = max(0.0, cold.seconds - warm.seconds)
    return Times(services, cold.starting, warming, handing, taking), both.seconds


def figures(times: Times, measured: float, cores: int) -> dict[str, Any]:
    """What is written down of a set: what was measured, and what the simulation says."""
    large = times.of(SUBMISSIONS)
    usual = simulate(large, WORKERS)
    half = usual.seconds / 2
    silence = parse_timedelta(dask.config.get("distributed.comm.timeouts.tcp"))
    asked = {
        "usual": usual,
        "half the workers": simulate(large, WORKERS // 2),
        "a worker killed": simulate(large, WORKERS, loss=Loss(half)),
        "a worker silent": simulate(large, WORKERS, loss=Loss(half, silence)),
        "a slow gradebook": simulate(replace(large, taking=large.taking + SLOW), WORKERS),
    }
    return {
        "times": asdict(times),
        "cores": cores,
        "two workers": {"measured": measured, "predicted": predicted(times, cores).seconds},
        "enough workers": times.service / times.coordinator,
        "large": {name: asdict(found) for name, found in asked.items()},
    }


def predicted(times: Times, cores: int) -> Run:
    """The small class on two warm workers of this machine."""
    return simulate(replace(times, starting=0.0, warming=0.0), 2, cores)


def sentences(found: dict[str, dict[str, Any]]) -> str:
    """What the figures say of each set, for the README."""
    return "\n".join(f"- `{word}`: {_said(one)}" for word, one in found.items())


def _said(one: dict[str, Any]) -> str:
    usual, two = one["large"]["usual"], one["two workers"]
    busy, queues = usual["busy"], usual["queues"]
    later = {name: f"{found['seconds'] - usual['seconds']:.0f} s" for name, found in one["large"].items()}
    return (
        f"{SUBMISSIONS:,} submissions take {usual['seconds']:.0f} s. The coordinator computes for "
        f"{100 * busy[COORDINATOR]:.0f} % of that and a worker for {100 * busy['workers']:.0f} %: one coordinator "
        f"keeps {one['enough workers']:.0f} workers busy. Of {run.ahead(WORKERS)} submissions in hand "
        f"{queues[COORDINATOR]:.0f} wait for the coordinator and {queues['workers']:.0f} for a worker. A worker that "
        f"is killed half-way costs {later['a worker killed']}, one that falls silent, as in a power cut, "
        f"{later['a worker silent']}, and a gradebook that takes {1000 * SLOW:.0f} ms longer for each submission "
        f"{later['a slow gradebook']}. With two workers here {len(one['times']['services'])} submissions take "
        f"{two['predicted']:.1f} s by the simulation, and took {two['measured']:.1f} s."
    )


def readme(text: str, found: dict[str, dict[str, Any]]) -> str:
    """The README with the sentences about these figures between its two marks."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{sentences(found)}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", choices=words(), metavar="WORD", help=f"a set (default: {SETS})")
    parser.add_argument("--students", type=int, default=24, help="size of the small class (default 24)")
    parser.add_argument("--many", type=int, default=240, help="submissions to measure the coordinator (default 240)")
    parser.add_argument("--write", action="store_true", help="write scale.json and the sentences of the README")
    options = parser.parse_args(arguments)
    # What `dask worker` says to its own, too.
    os.environ["OMP_NUM_THREADS"] = "1"
    found = json.loads(FIGURES.read_text()) if options.write and FIGURES.exists() else {}
    for word in options.set or SETS:
        times, measured = measure(word, options.students, options.many)
        found[word] = rounded(figures(times, measured, os.cpu_count() or 1))
        print(sentences({word: found[word]}), flush=True)
        if options.write:
            found = {word: found[word] for word in words() if word in found}
            FIGURES.write_text(json.dumps(found, indent=1) + "\n")
            README.write_text(readme(README.read_text(), found))


if __name__ == "__main__":
    main()
