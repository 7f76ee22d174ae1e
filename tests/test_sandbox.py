"""The sandbox: what a kernel sees, what it may use, and that nothing of it stays."""

import ast
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from classes import needs_bubblewrap
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from processes import below, ended, kernel_below, wait_until, wait_until_ended

from autograder.course import ROOT
from autograder.sandbox import bubblewrap, launch
from autograder.sandbox.inside.isolation import NOBODY
from autograder.sandbox.inside.limits import GIBI, Limits
from autograder.sandbox.inside.usage import Usage
from autograder.sandbox.kernels import Kernel, KernelEndedError, ParentEndedError, WarmParent

pytestmark = [pytest.mark.slow, needs_bubblewrap]

# A repository in /tmp must be seen there.
TMP = [ROOT.parts[2]] if ROOT.is_relative_to("/tmp") else []
SMALL = Limits(cell_seconds=20, cpu_seconds=20, memory=GIBI, processes=64, open_files=128)


@pytest.fixture(scope="module")
def parent():
    parent = WarmParent()
    yield parent
    parent.close()


@pytest.fixture
def kernel(parent):
    kernel = Kernel(parent, SMALL)
    yield kernel
    kernel.close()


def run(kernel, code, seconds=None):
    """What a cell prints, and the text of its error."""
    shown = []
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": False}
    kernel.request("execute", content, seconds=seconds, show=lambda message: shown.append(message["content"]) or True)
    return "".join(c.get("text") or "\n".join(c.get("traceback", [])) for c in shown).strip()


def test_torch_is_there_before_it_is_imported(kernel):
    assert run(kernel, "import sys; print('torch' in sys.modules, 'ipykernel' in sys.modules)") == "True True"


def test_neither_references_nor_mistakes_nor_the_judge_are_there(kernel):
    code = """
import sys
print([name for name in ("references", "problems", "judge", "grading", "rules") if "autograder." + name in sys.modules])
for name in ("references", "problems.activations", "judge", "grading.worker", "table"):
    try:
        __import__("autograder." + name)
    except ModuleNotFoundError as error:
        print("no", name)
"""  # fmt: skip
    assert run(kernel, code).splitlines() == [
        "[]", "no references", "no problems.activations", "no judge", "no grading.worker", "no table"
    ]  # fmt: skip


def test_check_says_that_it_is_made_from_outside(kernel):
    said = run(kernel, "from autograder import check, device\nprint(check('relu_forward'), device())")
    assert said == "Checks are made by the grader while a notebook is graded. cpu"


def test_the_gpu_is_untouched_before_a_kernel_starts(kernel):
    assert run(kernel, "import torch; print(torch.cuda.is_initialized())") == "False"


def test_nothing_of_the_course_or_of_the_instructor_can_be_seen(kernel, monkeypatch):
    parts = [".venv", "autograder"] if Path(sys.prefix).is_relative_to(ROOT) else ["autograder"]
    assert run(kernel, f"import os; print(sorted(os.listdir({str(ROOT)!r})))") == str(parts)
    assert (
        run(kernel, "import os; print(os.getcwd(), os.listdir('.'), os.listdir('/tmp'))")
        == f"/home/student ['.ipython'] {TMP}"
    )
    hidden = ("/etc/passwd", "/etc/shadow", "/var", "/root/.bashrc", "/run", "/boot", "/srv", "/mnt")
    assert run(kernel, f"import os; print([p for p in {hidden!r} if os.path.exists(p)])") == "[]"


def test_the_instructor_s_variables_stay_outside(monkeypatch):
    monkeypatch.setenv("A_SECRET_OF_THE_INSTRUCTOR", "here")
    parent = WarmParent()
    try:
        kernel = Kernel(parent, SMALL)
        assert run(kernel, "import os; print(os.environ.get('A_SECRET_OF_THE_INSTRUCTOR'))") == "None"
        kernel.close()
    finally:
        parent.close()


def test_the_package_is_found_wherever_else_modules_are_looked_for(monkeypatch, tmp_path):
    """There may be another package of this name: the index of Python's packages has one."""
    (tmp_path / "autograder").mkdir()
    (tmp_path / "autograder" / "__init__.py").write_text("raise ImportError('another package')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    parent = WarmParent()
    try:
        kernel = Kernel(parent, SMALL)
        assert run(kernel, "import autograder; print(autograder.__file__)") == str(ROOT / "autograder" / "__init__.py")
        kernel.close()
    finally:
        parent.close()


def test_it_is_an_ordinary_user_without_rights(kernel):
    code = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
capabilities = {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
print(os.getuid(), capabilities, status["NoNewPrivs"].strip())
print([p for p in ("/usr", "/etc", os.__file__, "/proc/sys/kernel/hostname", "/") if os.access(p, os.W_OK)])
"""  # fmt: skip
    assert run(kernel, code).splitlines() == ["1000 {'0000000000000000'} 1", "[]"]


def test_outside_it_is_nobody_who_matters(parent, kernel):
    """Root's grading must not run a student's code as root."""
    assert 0 not in kernel_below(psutil.Process(parent._process.pid)).uids()


def test_there_is_no_network_and_no_other_process(kernel):
    code = """
import os, socket
try:
    socket.create_connection(("127.0.0.1", 22), 1)
except OSError as error:
    print(error.strerror)
print([name for name in os.listdir("/proc") if name.isdigit()])
"""
    assert run(kernel, code).splitlines() == ["Network is unreachable", "['1', '2']"]


def test_no_descriptor_of_the_grader_is_open(kernel):
    code = """
import os
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        print(os.readlink("/proc/self/fd/" + name).split(":")[0])
    except OSError:
        pass
"""
    assert set(run(kernel, code).split()) <= {"/dev/null", "socket", "pipe", "anon_inode", "/proc/1/fd"}


def test_kernels_share_nothing(parent):
    first = """
import os, subprocess, sys, torch
torch.manual_seed(7)
torch.mark = sys.mark = 1
for place in ("/tmp/mark", "/dev/shm/mark", "/home/student/mark"):
    open(place, "w").write("mark")
subprocess.Popen(["sleep", "1000"], start_new_session=True)
"""
    second = """
import os, sys, torch
print(hasattr(torch, "mark"), hasattr(sys, "mark"), torch.initial_seed() == 7)
print([os.listdir(place) for place in ("/tmp", "/dev/shm", "/home/student")])
print([name for name in os.listdir("/proc") if name.isdigit()])
"""
    one = Kernel(parent, SMALL)
    assert run(one, first) == ""
    one.close()
    other = Kernel(parent, SMALL)
    assert run(other, second).splitlines() == ["False False False", f"[{TMP}, [], ['.ipython']]", "['1', '2']"]
    other.close()


def test_every_place_is_read_only_or_the_kernel_s_own(parent):
    """Two kernels that run at the same time see no file system together that one of them can write to."""
    code = """
import os, pathlib
lines = map(str.split, open("/proc/self/mountinfo"))
seen = {place for _, _, _, _, place, *_ in lines if os.path.exists(place)}
places = {place for place in seen if not os.statvfs(place).f_flag & os.ST_RDONLY}
print({place: os.stat(place).st_dev for place in sorted(places) if os.path.isdir(place)})
print(sorted(place for place in places if not os.path.isdir(place) and not pathlib.Path(place).is_char_device()))
"""
    kernels = [Kernel(parent, SMALL) for _ in range(2)]
    (own, files), (others, _) = (map(ast.literal_eval, run(kernel, code).splitlines()) for kernel in kernels)
    assert files == []
    assert own.keys() == {"/tmp", "/home/student", "/dev/shm", "/dev/pts", "/proc"}
    assert not set(own.values()) & set(others.values())
    for kernel in kernels:
        kernel.close()


def test_a_kernel_outside_of_the_sandbox_runs_for_whoever_starts_it():
    """A release runs the course's own notebooks so."""
    parent = WarmParent(sandbox=False)
    kernel = Kernel(parent, SMALL)
    assert run(kernel, "import os; print(os.getuid())") == str(os.getuid())
    kernel.close()
    parent.close()


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user runs these tests anyway")
def test_all_this_holds_when_an_ordinary_user_grades():
    home = tempfile.mkdtemp()
    os.chown(home, NOBODY, NOBODY)
    # Root's home may hold the environment, and shuts others out.
    needed = {place for place in map(Path, (sys.prefix, sys.base_prefix, ROOT)) if place.is_relative_to("/root")}
    on_the_way = {parent for place in needed for parent in place.parents if parent.is_relative_to("/root")} - needed
    seen = ["--perms", "0755", "--tmpfs", "/root"]
    for place in sorted(needed | on_the_way):
        seen += ["--ro-bind", place, place] if place in needed else ["--perms", "0755", "--dir", place]
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    tests = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", __file__]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        ["bwrap", "--cap-add", "ALL", "--dev-bind", "/", "/", *seen, "--", *become, *tests],
        env={**environment, "HOME": home},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    shutil.rmtree(home)
    assert done.returncode == 0, done.stdout


def test_a_flood_that_is_read_slowly_is_stopped_at_once(kernel):
    code = "while True:\n    print('z' * 1000, flush=True)"
    content = {"code": code, "silent": False, "user_expressions": {}, "allow_stdin": False}

    def show(message):
        # The next message is there before this one is read.
        time.sleep(0.2)
        return False

    start = time.monotonic()
    assert kernel.request("execute", content, seconds=60, show=show).stopped
    assert time.monotonic() - start < 60


def test_nothing_is_left_of_a_kernel(parent):
    before = set(psutil.Process().children(recursive=True))
    kernel = Kernel(parent, SMALL)
    run(kernel, "import subprocess\nfor _ in range(5): subprocess.Popen(['sleep', '1000'], start_new_session=True)")
    assert len(psutil.Process().children(recursive=True)) > len(before) + 5
    kernel.close()
    wait_until(lambda: set(psutil.Process().children(recursive=True)) == before, 5)


def test_an_endless_loop_is_interrupted_and_the_next_cell_runs(kernel):
    assert "KeyboardInterrupt" in run(kernel, "while True: pass", seconds=1)
    assert run(kernel, "print('after')") == "after"


def usage(clock, ran, waited, stolen=0.0):
    return Usage(clock, dict(enumerate(ran)), dict(enumerate(waited)), stolen)


@pytest.mark.parametrize(
    ("after", "spent", "computed"),
    [
        (usage(13, [4], [1]), 3, 3),
        (usage(18, [4], [6]), 3, 3),  # a busy machine: five seconds without a processor
        (usage(18, [4], [1], 5), 3, 3),  # the machine around this one took it away
        (usage(18, [1], [1]), 8, 0),  # it slept
        (usage(18, [9, 9], [1, 1]), 9, 9),  # two threads computed all the time
        (usage(18, [4, 2], [1, 7]), 3, 3),  # the other thread waited
    ],
)
def test_what_a_kernel_spends_is_its_own_time(after, spent, computed):
    before = usage(10, [1], [1])
    assert after.since(before) == (spent, computed)


BEGINNINGS = {
    "inline figures": "%matplotlib inline\nimport matplotlib.pyplot as plt",
    "sharp figures": "%config InlineBackend.figure_format = 'retina'",
    "reload": "%load_ext autoreload\n%autoreload 2",
    "await": "import asyncio\nawait asyncio.sleep(0)",
    "threads": "import torch\ntorch.set_num_threads(1)\ntorch.set_num_interop_threads(1)",
    "a shell": "!echo hello",
    "pip": "%pip --version",
    "history": "%history",
    "subshell": "%subshell",
    "time": "%time 1 + 1",
    "capture": "%%capture\nprint(1)",
    "environment": "%env SOMETHING=1",
    "folder": "%pwd",
    "output cleared": "from IPython.display import clear_output\nclear_output(wait=True)",
}


@pytest.mark.parametrize("code", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_what_people_begin_a_notebook_with_runs_as_in_jupyter_s_own_kernel(parent, code):
    kernel = Kernel(parent, SMALL)
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "user_expressions": {}}
    assert kernel.request("execute", content, seconds=10).message["content"]["status"] == "ok"
    assert run(kernel, "print('after')") == "after"
    kernel.close()


def test_a_kernel_remembers_what_it_has_run_and_nothing_else(parent):
    code = "first = 1"
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "user_expressions": {}}
    kernel = Kernel(parent, SMALL)
    kernel.request("execute", content)
    recalled = "print([line for _, _, line in get_ipython().history_manager.get_tail(9, include_latest=True)])"
    assert run(kernel, recalled) == str([code])
    kernel.close()


def test_an_endless_await_is_interrupted_and_the_next_cell_runs(kernel):
    assert "CancelledError" in run(kernel, "import asyncio\nawait asyncio.sleep(600)", seconds=1)
    assert run(kernel, "print('after')") == "after"


def test_the_first_thing_that_a_kernel_shows_is_not_lost(parent):
    """A publisher of zeromq drops what it publishes before it knows of its subscriber."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    try:
        for _ in range(6):
            kernel = Kernel(parent, SMALL)
            assert run(kernel, "print('first')") == "first"
            kernel.close()
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os._exit(3)", "it ended itself (exit status 3)"),
        ("import ctypes; ctypes.string_at(0)", "it crashed (Segmentation fault)"),
        ("import os; os.abort()", "it crashed"),
        ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "it went on when"),
        (
            "import os, torch\nfor _ in range(9):\n if os.fork() == 0:\n  x = torch.ones(2**25)\n  while True: pass\n"
            "while True: pass",
            "it used more memory than its 1 GiB",
        ),
    ],
)
def test_a_kernel_that_ends_says_why(parent, code, why):
    kernel = Kernel(parent, SMALL)
    with pytest.raises(KernelEndedError) as ended:
        run(kernel, code, seconds=None if "memory" in why else 2)
    assert why in str(ended.value)
    kernel.close()


def test_computing_is_limited(parent):
    kernel = Kernel(parent, Limits(cpu_seconds=2))
    with pytest.raises(KernelEndedError, match="it used up its 2 seconds of computing"):
        run(kernel, "while True: pass")
    kernel.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import torch; torch.ones(2**30)", "can't allocate memory"),
        (
            "import threading, time\nfor _ in range(99): threading.Thread(target=time.sleep, args=(9,)).start()",
            "can't start new thread",
        ),
        ("files = [open('/dev/null') for _ in range(200)]", "Too many open files"),
        ("with open('x', 'wb') as x:\n for _ in range(300): x.write(bytes(2**20))", "File too large"),
    ],
)  # fmt: skip
def test_what_one_asks_for_beyond_the_limits_is_refused(kernel, code, error):
    assert error in run(kernel, code)


def test_a_killed_parent_is_noticed_and_takes_its_kernels_along():
    parent = WarmParent()
    kernel = Kernel(parent, SMALL)
    processes = psutil.Process(parent._process.pid).children(recursive=True)
    processes[0].kill()
    with pytest.raises(ParentEndedError):
        run(kernel, "while True: pass")
    kernel.close()
    parent.close()
    wait_until_ended(processes)


@pytest.fixture
def shared(monkeypatch):
    """The warm parent that graders share, as a process."""
    before = psutil.Process().children()
    # As if this process had none yet.
    monkeypatch.setenv(launch.SHARED, launch.share.__wrapped__(1))
    (walls,) = [child for child in psutil.Process().children() if child not in before]
    wait_until(lambda: [it for it in below(walls) if it.name != "bwrap"], 10)
    (process,) = walls.children()
    yield process
    walls.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def test_graders_share_a_warm_parent_and_not_their_kernels(shared):
    graders = [WarmParent(), WarmParent()]
    mine, other = (Kernel(grader, SMALL) for grader in graders)
    assert run(mine, "x = 1\nimport torch, os; print(x, torch.ones(1).item(), os.getpid())") == "1 1.0 2"
    assert "NameError" in run(other, "x")
    graders[0].close()
    wait_until(lambda: len(shared.children()) == 1, 10)
    assert run(other, "print(2)") == "2"
    with pytest.raises((ParentEndedError, KernelEndedError)):
        run(mine, "x")
    again = WarmParent()
    kernel = Kernel(again, SMALL)
    assert run(kernel, "print(3)") == "3"
    shutil.rmtree(mine._folder)
    for each in (kernel, other, again, graders[1]):
        each.close()
    # Nothing is left of them.
    wait_until(lambda: not shared.children(recursive=True), 10)


def test_a_grader_whose_shared_warm_parent_is_gone_has_one_of_its_own(shared):
    grader = WarmParent()
    kernel = Kernel(grader, SMALL)
    shared.kill()
    with pytest.raises(ParentEndedError):
        run(kernel, "while True: pass")
    for either in (kernel, grader):
        either.close()
    own = WarmParent()
    assert own._process.pid in {child.pid for child in psutil.Process().children()}
    own.close()


def test_only_graders_of_the_same_kind_share(shared):
    for kind in ({"threads": 2}, {"sandbox": False}):
        grader = WarmParent(**kind)
        assert grader._process is not None
        grader.close()


def test_what_one_kernel_hides_does_not_count_in_another(shared):
    """Nobody may look into a process that has taken itself out; whose child it is can be seen."""
    graders = [WarmParent(), WarmParent()]
    hiding, other = (Kernel(grader, SMALL) for grader in graders)
    code = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); kept = b'x' * (600 * 2**20); print(len(kept))"
    assert run(hiding, code) == str(600 * 2**20)
    assert run(other, f"kept = b'x' * {500 * 2**20}; import time; time.sleep(1); print(1)") == "1"
    for each in (hiding, other, *graders):
        each.close()


@pytest.mark.parametrize(
    "started",
    [
        "from autograder.sandbox.kernels import WarmParent\nWarmParent()",
        "from autograder.sandbox.launch import share\nshare(1)",
    ],
    ids=["its own", "shared"],
)
def test_it_ends_with_the_process_that_started_it(started):
    code = f"""
import os
from pathlib import Path
{started}
children = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
print("".join(children), flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    wait_until(lambda: ended(int(done.stdout)), 10)


def test_without_bubblewrap_there_is_no_sandbox(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(bubblewrap, "COPY", tmp_path / "none")
    with pytest.raises(bubblewrap.NoSandboxError, match="sudo apt-get install bubblewrap"):
        bubblewrap.command(["true"], gpu=False)


def test_a_machine_that_cannot_shut_in_says_so(parent):
    """Here because no file system is so small; elsewhere a container may not mount."""
    with pytest.raises(bubblewrap.NoSandboxError, match=r"Submissions cannot be shut in on this machine \(.*mount: "):
        Kernel(parent, Limits(scratch=-1))


def test_a_gpu_s_devices_are_bound_only_when_grading_on_it(monkeypatch, tmp_path):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(bubblewrap, "DEVICES", tmp_path)
    assert str(tmp_path / "nvidia0") in bubblewrap.command(["true"], gpu=True)
    assert str(tmp_path / "nvidia0") not in bubblewrap.command(["true"], gpu=False)


@pytest.fixture
def through_jupyter(monkeypatch):
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "sandbox")
    # jupyter_client reads the variable once a process.
    KernelProvisionerFactory.clear_instance()
    yield
    KernelProvisionerFactory.clear_instance()


def test_any_program_of_jupyter_can_have_a_sandboxed_kernel(through_jupyter):
    sources = ("import os; print(os.getuid(), os.listdir('.'))", "while True: pass", "print('after')")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(
        notebook,
        kernel_name="python3",
        allow_errors=True,
        interrupt_on_timeout=True,
        timeout_func=lambda cell: 2 if "while" in cell.source else 60,
    ).execute()
    assert notebook.cells[0].outputs[0].text == "1000 ['.ipython']\n"
    assert notebook.cells[1].outputs[0].ename == "KeyboardInterrupt"
    assert notebook.cells[2].outputs[0].text == "after\n"
