"""Grading on a GPU, where there is none: the driver, the kernel's answers and a full memory are stand-ins."""

import functools
import subprocess
import sys
import types

import nbformat
import pytest
import torch
from classes import needs_bubblewrap
from test_execute import checks, score
from test_run import all_right, course, hand_in, released  # noqa: F401 - fixtures

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.calls.run import run_all
from autograder.calls.signature import Signature
from autograder.course import nbgrader_at
from autograder.grading import execute, gpus, preprocessor, worker
from autograder.grading import run as grading
from autograder.grading.gpus import GpuError
from autograder.grading.job import Graded
from autograder.grading.settings import Grading, Settings
from autograder.sandbox import bubblewrap
from autograder.sandbox.inside import gpu as inside
from autograder.sandbox.inside.limits import GIBI

GPU = Settings(20300101, gpu=True)
without_a_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU, and it answers")


class Driver(types.ModuleType):
    """A stand-in of NVML: cards as (name, GiB, instances of MIG or None)."""

    class NVMLError(Exception):
        pass

    def __init__(self, *cards):
        super().__init__("pynvml")
        self.cards, self.open = cards, 0

    def nvmlInit(self):  # noqa: N802 - NVML's names
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return handle[0]

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        return types.SimpleNamespace(total=handle[1] * GIBI)

    def nvmlDeviceGetMigMode(self, handle):  # noqa: N802
        if handle[2] is None:
            raise self.NVMLError("Not Supported")
        return [int(bool(handle[2])), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index):  # noqa: N802
        if index >= len(handle[2]):
            raise self.NVMLError("Not Found")
        return handle[2][index]


FOUR = tuple((f"GPU-{letter}{letter}", 80, ()) for letter in "abcd")
DIVIDED = ("GPU-ee", 80, (("MIG-1", 20, None), ("MIG-2", 40, None)))
OLD = ("GPU-ff", 24, None)

COUNTED = {
    "all": (FOUR, {}, [80, 80, 80, 80], 40),
    "one of four": (FOUR, {"CUDA_VISIBLE_DEVICES": "2"}, [80], 10),
    "two by their numbers": (FOUR, {"CUDA_VISIBLE_DEVICES": " 3, 0"}, [80, 80], 20),
    "by the beginning of its name": (FOUR, {"CUDA_VISIBLE_DEVICES": "GPU-b"}, [80], 10),
    "up to what is not there": (FOUR, {"CUDA_VISIBLE_DEVICES": "1,9,2"}, [80], 10),
    "up to a minus": (FOUR, {"CUDA_VISIBLE_DEVICES": "1,-1,2"}, [80], 10),
    "up to an unknown name": (FOUR, {"CUDA_VISIBLE_DEVICES": "0,GPU-zz,1"}, [80], 10),
    "the parts of a divided card": ((DIVIDED,), {}, [20, 40], 7),
    "one part": ((DIVIDED,), {"CUDA_VISIBLE_DEVICES": "MIG-2"}, [40], 5),
    "a divided card by its number": ((DIVIDED,), {"CUDA_VISIBLE_DEVICES": "0"}, [20, 40], 7),
    "a divided card by its name": ((OLD, DIVIDED), {"CUDA_VISIBLE_DEVICES": "GPU-ee"}, [20, 40], 7),
    "a card that cannot be divided": ((OLD,), {}, [24], 3),
    "different cards, in an order that is CUDA's own": ((OLD, FOUR[0]), {"CUDA_VISIBLE_DEVICES": "0"}, [24], 3),
    "different cards, in the driver's order": (
        (OLD, FOUR[0]),
        {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        [80],
        10,
    ),
    "a small card": ((("GPU-gg", 4, None),), {}, [4], 1),
}


@pytest.fixture
def driver(monkeypatch):
    def install(*cards):
        made = Driver(*cards)
        monkeypatch.setitem(sys.modules, "pynvml", made)
        return made

    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    return install


@pytest.mark.parametrize(("cards", "environment", "memory", "places"), COUNTED.values(), ids=COUNTED)
def test_gpus_are_counted_as_they_may_be_used(driver, cards, environment, memory, places):
    made = driver(*cards)
    found = gpus.usable(environment)
    assert [gpu.memory for gpu in found] == memory
    assert gpus.places(found, 8) == places
    assert made.open == 0


@pytest.mark.parametrize("hidden", ["", "-1", "7", "GPU-zz"])
def test_gpus_that_are_all_hidden_get_a_sentence(driver, hidden):
    driver(*FOUR)
    with pytest.raises(GpuError, match="there is none that may be used; CUDA_VISIBLE_DEVICES is "):
        gpus.usable({"CUDA_VISIBLE_DEVICES": hidden})


def test_workers_are_as_many_as_the_visible_gpus_have_room_for(driver, monkeypatch):
    """Four cards of 80 GB with one visible gave 36 workers on one card."""
    driver(*FOUR)
    monkeypatch.setattr(grading.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert grading._workers(Grading(gpu=True, gpu_memory=8.0)) == 10
    assert grading._workers(Grading(gpu=False)) == 64
    # The command's own machine need not have what its workers have.
    assert grading._workers(Grading(gpu=True), scheduler="tcp://head:8786") == 64
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(
        grading.GradingError, match=r"does not tell which GPUs there are .*: give --workers, or set c\.G"
    ):
        grading._workers(Grading(gpu=True))


TAKES = """
import sys
from autograder.grading.gpus import Gpu, take
gpus = [Gpu("{0}-a", 16.0), Gpu("{0}-b", 24.0), Gpu("{0}-c", 8.0)]
print(take(gpus, 8.0).name[-1], flush=True)
sys.stdin.read()
"""


def test_workers_share_the_gpus_whatever_their_names_are(tmp_path):
    """Six places on three cards, and then one more; a place whose worker has gone is taken again."""
    started = []

    def start():
        code = TAKES.format(tmp_path.name)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, "-c", code], **pipes))
        return started[-1].stdout.readline().strip()

    try:
        assert "".join(start() for _ in range(6)) == "abcabb"
        assert start() == "a"
        started[1].communicate()
        assert start() == "b"
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_a_worker_computes_on_the_gpu_that_it_took(driver, monkeypatch):
    driver(*FOUR)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setattr(gpus, "take", lambda found, memory: found[1])
    worker._choose_gpu.cache_clear()
    worker._choose_gpu(8.0)
    worker._choose_gpu.cache_clear()
    assert bubblewrap.environment(gpu=True, threads=1)["CUDA_VISIBLE_DEVICES"] == "GPU-dd"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with a driver, and a torch that was built for it or not."""
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(bubblewrap, "DEVICES", tmp_path)
    monkeypatch.delenv(gpus.VISIBLE, raising=False)

    def built_for(cuda):
        monkeypatch.setattr(torch.version, "cuda", cuda)

    built_for("13.0")
    return built_for


def test_a_gpu_is_used_where_there_is_one_unless_it_is_hidden(machine, monkeypatch):
    assert Grading().on_gpu()
    assert Grading().notice() is None
    assert not Grading(gpu=False).on_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not Grading().on_gpu()
    assert Grading().notice() is None


def test_torch_for_cpus_beside_a_gpu_is_said_and_never_silent(machine):
    machine(None)
    assert not Grading().on_gpu()
    assert "This machine has a GPU, and the installed torch is its build for CPUs" in Grading().notice()
    assert Grading(gpu=False).notice() is None
    with pytest.raises(grading.GradingError, match="torch is its build for CPUs: install its build for CUDA, or set c"):
        grading._workers(Grading(gpu=True))


@pytest.fixture
def small(course, monkeypatch):  # noqa: F811
    """A course of two students whose grader believes that it grades on a GPU."""
    monkeypatch.setattr(grading, "_workers", lambda settings, scheduler=None: 1)
    monkeypatch.setattr(grading, "probe", lambda settings: None)
    config = (nbgrader_at(course).coursedir.root, "nbgrader_config.py")
    (course / config[1]).write_text("c = get_config()\nc.Grading.gpu = True\n")
    return course


def graded(course):  # noqa: F811
    said = []
    options = grading.Options(sandbox=False)
    lines = grading.grade_class(nbgrader_at(course), "ps", options, lambda *_: None, said.append)
    return {line.student: line for line in lines}, said


def test_what_a_worker_says_is_said_before_anybody_is_graded(small, monkeypatch):
    monkeypatch.setattr(grading, "probe", lambda settings: "Nothing can be graded here.")
    monkeypatch.setattr(grading, "grade", lambda job: pytest.fail("graded"))
    with pytest.raises(grading.GradingError, match="Nothing can be graded here"):
        graded(small)


def test_torch_for_cpus_is_said_once_for_the_class(small, machine):
    machine(None)
    (small / "nbgrader_config.py").write_text("c = get_config()\n")
    lines, said = graded(small)
    assert all(line.score.points == 2 for line in lines.values())
    assert len(said) == 1
    assert "grading on the CPU" in said[0]


def counted(path):
    """How often the file at `path` was asked for, this time included: workers have no variables of this process."""
    with path.open("a") as file:
        file.write(".")
    return len(path.read_text())


def full_for_the(numbers, path, job):
    """A submission is right, and finds the GPU full where it is graded as the first, or the fourth."""
    result, met = all_right(job), counted(path) in numbers
    return Graded(result.notebooks, result.results, (f"f {execute.FULL}.",) if met else ())


def fails_for_the_first(path, job):
    if counted(path) == 1:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    return all_right(job)


@pytest.mark.parametrize("numbers", [(1,), (1, 4)])
def test_who_finds_the_gpu_full_is_graded_once_more_alone(small, monkeypatch, tmp_path_factory, numbers):
    """At the end, while nobody else is; what happens then counts."""
    hand_in(small, "eve")
    path = tmp_path_factory.mktemp("counted") / "times"
    monkeypatch.setattr(grading, "grade", functools.partial(full_for_the, numbers, path))
    lines, _ = graded(small)
    assert len(path.read_text()) == 4
    assert [line.score.points for line in lines.values()] == [2, 2, 2]
    assert [bool(line.remarks) for line in lines.values()] == [False, False, 4 in numbers]


def test_a_grader_that_finds_the_gpu_full_itself_tries_again(small, monkeypatch, tmp_path_factory):
    path = tmp_path_factory.mktemp("counted") / "times"
    monkeypatch.setattr(grading, "grade", functools.partial(fails_for_the_first, path))
    lines, _ = graded(small)
    assert [line.score.points for line in lines.values()] == [2, 2]
    assert len(path.read_text()) == 3


class Answering:
    """A stand-in of a kernel that answers a cell as one on a GPU would."""

    def __init__(self, **content):
        self.content, self.asked = content, []

    def request(self, kind, content):
        self.asked.append(content["code"])
        return types.SimpleNamespace(message={"content": self.content})


PROBED = {
    "a build for CPUs": (
        "AssertionError",
        "Torch not compiled with CUDA enabled",
        "torch is its build for CPUs: install",
    ),
    "no driver": (
        "RuntimeError",
        "Found no NVIDIA driver on your system.",
        "answer inside the sandbox (RuntimeError: Fou",
    ),
    "full": ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 5.40 GiB.", "has no room for what its workers"),
}


@pytest.mark.parametrize(("name", "value", "sentence"), PROBED.values(), ids=PROBED)
def test_a_gpu_that_does_not_work_gets_one_sentence(name, value, sentence):
    kernel = Answering(status="error", ename=name, evalue=value)
    found = worker._probe_gpu(kernel, GPU)
    assert sentence in found
    assert found.endswith("or set c.Grading.gpu = False in nbgrader_config.py, to grade on the CPU.")
    assert kernel.asked == [
        f"import torch\ntorch.zeros({6 * GIBI * 9 // 10}, dtype=torch.uint8, device='cuda')[0].item()"
    ]


@without_a_gpu
def test_the_grader_s_own_process_is_asked_too():
    found = worker._probe_gpu(Answering(status="ok"), GPU)
    assert "Grading is to use a GPU" in found


@without_a_gpu
@needs_bubblewrap
@pytest.mark.slow
def test_the_probe_starts_a_real_kernel():
    """Here torch has no GPU, and says so from inside the sandbox; on the CPU nothing is missing."""
    worker._choose_gpu.cache_clear()
    assert "Grading is to use a GPU" in worker.probe(GPU)
    assert worker.probe(Settings(20300101)) is None


def test_a_kernel_keeps_within_its_part_of_the_gpu(monkeypatch):
    kept = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (70 * GIBI, 80 * GIBI))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", kept.append)
    for memory in (20, 200):
        inside.keep_within(memory * GIBI)
    assert kept == [0.25, 1.0]
    assert Grading(gpu_memory=16.0).limits().gpu_memory == 12 * GIBI


def test_a_gpu_that_does_not_answer_does_not_keep_a_kernel_from_starting(monkeypatch):
    def broken():
        raise RuntimeError("CUDA unknown error")

    monkeypatch.setattr(torch.cuda, "mem_get_info", broken)
    inside.keep_within(GIBI)


def test_a_gpu_that_was_mended_is_tried_again(monkeypatch):
    """Formgrader grades in a process that stays; what has worked is not tried for every notebook."""
    answers = iter(["A GPU has no room.", None])
    monkeypatch.setattr(preprocessor, "probe", lambda settings: next(answers))
    preprocessor._try_out.cache_clear()
    with pytest.raises(bubblewrap.NoSandboxError, match="no room"):
        preprocessor._try_out(GPU)
    for _ in range(2):
        preprocessor._try_out(GPU)
    preprocessor._try_out.cache_clear()


def test_inputs_that_cannot_be_made_are_an_outcome(monkeypatch):
    """As on a GPU that an earlier call has broken."""

    def broken(case, device):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr("autograder.calls.run.prepare", broken)
    signature = Signature(name="f", call=function, returns=("y",))
    cases = [Case("a case", "values", {"x": torch.ones(2)})] * 2
    found = run_all(signature, cases, {"f": lambda x: x}, torch.device("cpu"))
    assert [outcome.complaint for outcome in found] == [
        "f cannot be given its inputs (RuntimeError: CUDA error: device-side assert triggered)."
    ] * 2


# As a GPU does: after one bad index every later call of the process fails.
BREAKS = """
import torch
broken = []
def relu_forward(x):
    if broken or x.dtype == torch.float64:
        broken.append(True)
        raise RuntimeError("CUDA error: device-side assert triggered")
    return x.clamp(min=0), (x,)
"""


@needs_bubblewrap
@pytest.mark.slow
def test_a_call_that_breaks_the_gpu_costs_its_own_points_alone(monkeypatch):
    parent = execute.warm_parent
    monkeypatch.setattr(execute._Run, "_device", "cpu")
    monkeypatch.setattr(execute, "warm_parent", lambda gpu, threads, sandbox: parent(False, threads, sandbox))
    monkeypatch.setattr("test_execute.Settings", functools.partial(Settings, gpu=True))
    found = checks("activations", ("relu_forward", "sigmoid_forward"), {"relu_forward": BREAKS})
    earned = {name: score(cell) for name, cell in found.items()}
    assert 0 < earned["relu_forward"] < found["relu_forward"].metadata.nbgrader.points
    assert earned["sigmoid_forward"] == found["sigmoid_forward"].metadata.nbgrader.points


@needs_bubblewrap
@pytest.mark.slow
def test_a_cell_that_breaks_the_gpu_costs_no_other_cell(monkeypatch):
    parent = execute.warm_parent
    monkeypatch.setattr(execute, "warm_parent", lambda gpu, threads, sandbox: parent(False, threads, sandbox))
    broken = "def f():\n    raise RuntimeError('CUDA error: device-side assert triggered')\nf()"
    cells = [nbformat.v4.new_code_cell(source) for source in ("x = 3", broken, "print(x, f.__name__)")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    execute.execute(notebook, {}, GPU)
    assert "of this cell it has the imports, functions and classes" in notebook.cells[1].outputs[-1].evalue
    assert notebook.cells[2].outputs[0].text == "3 f\n"


def test_what_a_cell_defines_is_kept_as_it_was_written():
    source = "import math\nx = f()\n\n@once\ndef f():  # one\n    return math.pi\n\nclass C:\n    pass\nfor _ in C: f()"
    kept = "import math\n@once\ndef f():  # one\n    return math.pi\nclass C:\n    pass"
    assert execute._definitions(source) == kept
    assert execute._definitions("%matplotlib inline\nx = 1") == execute._definitions("def f(:") == ""


@needs_bubblewrap
@pytest.mark.slow
@pytest.mark.parametrize("said", ["CUDA out of memory. Tried to allocate 2.00 GiB.", "CUDA error: out of memory"])
def test_a_full_gpu_is_told_to_the_grader(monkeypatch, said):
    parent = execute.warm_parent
    monkeypatch.setattr(execute._Run, "_device", "cpu")
    monkeypatch.setattr(execute, "warm_parent", lambda gpu, threads, sandbox: parent(False, threads, sandbox))
    full = f"raise RuntimeError({said!r})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(full)])
    assert execute.execute(notebook, {}, GPU) == (f"A cell {execute.FULL}.",)
    assert execute.execute(notebook, {}, Settings(20300101)) == ()


def test_the_stand_in_has_the_names_of_the_library():
    import pynvml

    assert [name for name in vars(Driver) if name[:4] in ("nvml", "NVML") and not hasattr(pynvml, name)] == []
