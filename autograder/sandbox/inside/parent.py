"""The warm parent: a process inside bubblewrap that has torch and ipykernel loaded and forks a kernel on request.

It has a single thread, holds nothing secret (its children inherit its memory), has never seen a reference and never
touched a GPU: a child could not use one that its parent has opened. It ends when the grader's end of the socket does.

Given a socket that listens, it forks a warm parent like itself for everybody who connects to it: what it has loaded is
loaded once for all graders of a machine.

Requests and replies are packets of JSON: ``{"start": name, ...}`` with the four listening sockets of a kernel,
``{"signal": name, "number": n}``, ``{"mark": name}`` when its time begins to count and ``{"spent": name}`` for how much
that is by now; ``{"ready": seconds}`` once, ``{"started": name}`` or ``{"failed": name, "why": …}``, ``{"spent": name,
"seconds": …, "computed": …}``, and ``{"ended": name, "why": sentence}`` when a kernel is gone.
"""

import contextlib
import gc
import importlib
import itertools
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from autograder.sandbox.inside import gpu, isolation
from autograder.sandbox.inside.limits import GIBI, Limits
from autograder.sandbox.inside.usage import Usage

PACKET = 2**17
PRELOADED = (
    "autograder.sandbox.inside.kernel",
    "autograder.datasets",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.core.completer",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "numpy",
    "safetensors.torch",
    "torch.utils._python_dispatch",
)
SHUT_IN = b"shut in"
# Bytes that a socket may hold before who writes must wait; one message more than that has room.
with socket.socket(socket.AF_UNIX) as _any:
    _SOCKET = _any.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
# Bytes that Linux keeps for each mapping of a process, in no account.
_MAPPING = 256
# Seconds between two looks at the memory that kernels use.
WATCH = 0.25


@dataclass
class Kernel:
    """A kernel that runs: the process that holds its namespaces, their first process and name, its own, its limits.

    Outside of the sandbox it has none of its own.
    """

    holder: int
    first: int
    namespace: Path | None
    process: int
    limits: Limits
    report: int
    why: str = ""
    mark: Usage | None = None


def serve(connection: socket.socket, listening: socket.socket | None = None) -> None:
    """Answer requests until the other end is closed, and be the parent of others where somebody may connect."""
    _warm_up()
    _send(connection, ready=True)
    if listening is not None:
        accepted = _accept(connection, listening)
        if accepted is None:
            return
        connection = accepted
        _send(connection, ready=True)
    _answer_all(connection)


def _warm_up() -> None:
    """Load what kernels need, and run through it."""
    # The grader has set itself a limit of memory while it grades; a kernel has its own.
    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    # Every kernel would load the debugger, for a third of its start, and none is debugged.
    sys.modules["debugpy"] = None
    for module in PRELOADED:
        importlib.import_module(module)
    _rehearse()
    gc.collect()
    gc.freeze()
    isolation.hide_memory()
    for unwanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(unwanted, signal.SIG_IGN)


def _accept(connection: socket.socket, listening: socket.socket) -> socket.socket | None:
    """In a fork of this process for each who connects: the connection; None here when `connection` is closed."""
    wake = _woken_by_children()
    while True:
        readable, _, _ = select.select([connection, listening, wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
            # As the first process of its namespace it also buries what the forks leave behind.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        if connection in readable and not connection.recv(PACKET):
            return None
        if listening in readable:
            accepted, _ = listening.accept()
            if os.fork() == 0:
                isolation.end_with_parent()
                connection.close()
                listening.close()
                return accepted
            accepted.close()


def _woken_by_children() -> int:
    """A descriptor that can be read when a child has ended."""
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake


def _answer_all(connection: socket.socket) -> None:
    # Ended children are reaped below.
    wake = _woken_by_children()
    kernels: dict[str, Kernel] = {}
    look = time.monotonic()
    while True:
        readable, _, _ = select.select([connection, wake], [], [], WATCH if kernels else None)
        if wake in readable:
            os.read(wake, 4096)
        _reap(connection, kernels)
        if connection in readable:
            packet, sockets, _, _ = socket.recv_fds(connection, PACKET, 8)
            if not packet:
                return
            _answer(connection, kernels, json.loads(packet), sockets)
        if time.monotonic() >= look:
            for kernel in kernels.values():
                _watch(kernel)
            look = time.monotonic() + WATCH


def _rehearse() -> None:
    """Make some calls as a check does: the first use of much of torch takes longer than all that follow."""
    from autograder.calls import exchange
    from autograder.calls.case import Case
    from autograder.calls.kinds import backward, forward
    from autograder.calls.signature import Signature

    def ordinary_forward(x):
        y = torch.where(x > 0, x.exp(), x.tanh()).clamp(min=-1) @ x.T
        return torch.einsum("ij->ji", y.reshape(x.shape[0], -1)).sum(dim=0, keepdim=True), (x, y)

    def ordinary_backward(dout, cache):
        x, y = cache
        return (dout * y.abs().max()).mean() * torch.ones_like(x)

    x = torch.linspace(-1, 1, 9).view(3, 3)
    functions = {"ordinary_forward": ordinary_forward, "ordinary_backward": ordinary_backward}
    for call in (forward, backward):
        signature = Signature(name=f"ordinary_{call.__name__}", call=call, returns=("out",))
        cases = [
            Case("a case", "", {"x": x}, dout=torch.ones(1, 3), dtype=dtype, layout=layout)
            for dtype in (torch.float32, torch.float64)
            for layout in ("contiguous", "strided", "transposed")
        ]
        exchange.serve(exchange.ask(signature, cases, torch.device("cpu")), functions)


def _answer(connection: socket.socket, kernels: dict[str, Kernel], request: dict[str, Any], sockets: list[int]) -> None:
    if "signal" in request:
        kernel = kernels.get(request["signal"])
        if kernel:
            # All that it has started ends together with the first process of its namespaces.
            _kill(kernel.first if request["number"] == signal.SIGKILL else kernel.process, request["number"])
        return
    if "mark" in request:
        kernel = kernels.get(request["mark"])
        if kernel:
            kernel.mark = Usage.of(kernel.first)
        return
    if "spent" in request:
        kernel = kernels.get(request["spent"])
        seconds, computed = Usage.of(kernel.first).since(kernel.mark) if kernel and kernel.mark else (0.0, 0.0)
        _send(connection, spent=request["spent"], seconds=seconds, computed=computed)
        return
    name = request["start"]
    limits = Limits(**request["limits"])
    try:
        kernels[name] = _start(connection, request, limits, sockets)
        _send(connection, started=name)
    except OSError as error:
        _send(connection, failed=name, why=str(error))
    finally:
        for descriptor in sockets:
            os.close(descriptor)


def _start(connection: socket.socket, request: dict[str, Any], limits: Limits, sockets: list[int]) -> Kernel:
    told, tell = os.pipe()
    holder = os.fork()
    if holder == 0:
        status = 1
        try:
            os.close(told)
            status = _hold(connection, request, limits, sockets, tell)
        finally:
            os._exit(status)
    os.close(tell)
    text = os.read(told, 4096).decode()
    if not text.strip().isdigit():
        os.close(told)
        os.waitpid(holder, 0)
        raise OSError(text.strip() or "the kernel's first process ended at once")
    first = int(text)
    process = int(Path(f"/proc/{first}/task/{first}/children").read_text())
    # Outside of the sandbox an ordinary user's process may not even look.
    namespace = Path(f"/proc/{first}/ns/pid").readlink() if request["sandbox"] else None
    return Kernel(holder, first, namespace, process, limits, told)


def _hold(connection: socket.socket, request: dict[str, Any], limits: Limits, sockets: list[int], tell: int) -> int:
    """In the child: make the namespaces, start their first process, and wait for its end."""
    connection.close()
    isolation.end_with_parent()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if request["sandbox"]:
            isolation.leave_namespaces()
    except OSError as error:
        os.write(tell, f"{error}\n".encode())
        return 1
    heard, say = os.pipe()
    first = os.fork()
    if first == 0:
        try:
            os.close(tell)
            os.close(heard)
            _become_first(request, limits, sockets, say)
        except BaseException as error:
            os.write(say, f"{error}\n".encode())
        os._exit(1)
    os.close(say)
    for descriptor in sockets:
        os.close(descriptor)
    refusal = os.read(heard, 4096)
    if refusal != SHUT_IN:
        os.write(tell, refusal or b"its first process ended at once\n")
        return 1
    os.write(tell, f"{first}\n".encode())
    os.waitpid(first, 0)
    ended = os.read(heard, 4096).decode().split()
    if ended:
        os.write(tell, _why(int(ended[0]), float(ended[1]), limits).encode())
    return 0


def _become_first(request: dict[str, Any], limits: Limits, sockets: list[int], say: int) -> None:
    """The first process of the namespaces: start the kernel, and end when it does.

    It is not the kernel itself because Linux keeps signals from a first process: a kernel that ends itself by one would
    go on.
    """
    if request["sandbox"]:
        isolation.shut_in(limits, request["gpu"])
    else:
        isolation.end_with_parent()
        os.chdir(tempfile.mkdtemp(prefix="submission-"))
    kernel = os.fork()
    if kernel == 0:
        _become_kernel(request, sockets)
    _alone([say])
    os.write(say, SHUT_IN)
    while True:
        # What the kernel leaves behind is this process's to bury.
        pid, status, used = os.wait4(-1, 0)
        if pid == kernel and not os.WIFSTOPPED(status):
            os.write(say, f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime}".encode())
            os._exit(0)


def _become_kernel(request: dict[str, Any], sockets: list[int]) -> None:
    from autograder.sandbox.inside.kernel import launch

    try:
        os.setsid()
        isolation.end_with_parent()
        if not request["graded"]:
            del os.environ["NBGRADER_EXECUTION"]
        # Interrupts stay ignored, as by the warm parent: one that comes before the first request must not end the
        # kernel, and while a request is answered ipykernel handles them.
        # Whoever started the grader may have had a hangup ignored, as nohup does.
        for usual in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(usual, signal.SIG_DFL)
        # The log is the grader's, and what a process writes into it costs the grader's disk.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        kept = _alone(sockets)
        if request["gpu"]:
            gpu.keep_within(request["limits"]["gpu_memory"])
        launch(request["key"], kept)
    finally:
        os._exit(1)


def _alone(sockets: list[int]) -> list[int]:
    """Close every other descriptor of the warm parent, among them those of other kernels."""
    kept = sorted(sockets)
    for after, before in itertools.pairwise([2, *kept, resource.getrlimit(resource.RLIMIT_NOFILE)[0]]):
        os.closerange(after + 1, before)
    return sockets


def _reap(connection: socket.socket, kernels: dict[str, Kernel]) -> None:
    for name, kernel in list(kernels.items()):
        pid, _ = os.waitpid(kernel.holder, os.WNOHANG)
        if pid:
            del kernels[name]
            _send(connection, ended=name, why=kernel.why or os.read(kernel.report, 4096).decode() or "it was ended")
            os.close(kernel.report)


def _why(code: int, seconds: float, limits: Limits) -> str:
    if code == -signal.SIGKILL and seconds >= limits.cpu_seconds - 1:
        return f"it used up its {limits.cpu_seconds} seconds of computing"
    if code < 0:
        return f"it crashed ({signal.strsignal(-code)})"
    return f"it ended itself (exit status {code})"


def _watch(kernel: Kernel) -> None:
    """End a kernel whose processes and files together use more memory than it may.

    What its processes share is counted once, which takes Linux milliseconds for each of them. Mostly there is no need:
    with what they share counted in full they stay far below the limit.
    """
    if kernel.namespace is None:
        return  # Every process of the machine is where it is.
    # Half of the limit, for Linux counts what is in full only roughly.
    for measure, limit in ((_at_most, kernel.limits.memory / 2), (_memory, kernel.limits.memory)):
        used = _beside_processes(kernel)
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, ValueError):
                    used += measure(folder, kernel)
            if used > limit:
                break
        if used <= limit:
            return
    kernel.why = f"it used more memory than its {kernel.limits.memory / GIBI:g} GiB"
    _kill(kernel.first, signal.SIGKILL)


def _beside_processes(kernel: Kernel) -> int:
    """Bytes of memory that a kernel's files and sockets use."""
    used = 0
    for place in ("tmp", "home/student", "dev/shm"):
        with contextlib.suppress(OSError):
            files = os.statvfs(f"/proc/{kernel.first}/root/{place}")
            used += (files.f_blocks - files.f_bfree) * files.f_frsize
    return used + _sockets(kernel.first) * 2 * _SOCKET


def _sockets(process: int) -> int:
    """How many sockets there are in the network namespace of a process, those on their way in a message included."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{process}/net/sockstat").read_text().split()[2])
    return 0


def _at_most(folder: Path, kernel: Kernel) -> int:
    """No less than what `_memory` says of a process: what it shares counts in full, and what it may have as its own."""
    try:
        if (folder / "ns" / "pid").readlink() != kernel.namespace:
            return 0
    except PermissionError:
        if not _is_of(folder, kernel):
            return 0
    return _in_full(folder, ("VmRSS:", "VmSwap:", "VmPTE:"))


def _memory(folder: Path, kernel: Kernel) -> int:
    """Bytes that a process of a kernel uses: its share of what it has with others, and what Linux notes down of it."""
    try:
        if (folder / "ns" / "pid").readlink() != kernel.namespace:
            return 0
        text = (folder / "smaps_rollup").read_text() + (folder / "status").read_text()
        return _sum(text, ("Pss:", "SwapPss:", "VmPTE:")) + _lines(folder / "maps") * _MAPPING
    except PermissionError:
        # It lets nobody look into it, so what it shares counts in full, and what it may have as what it has.
        return _in_full(folder, ("RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:")) if _is_of(folder, kernel) else 0


def _is_of(folder: Path, kernel: Kernel) -> bool:
    """Whether a process that lets nobody look into it descends from the first one of a kernel, as all of its do."""
    while folder.name not in ("0", "1", str(kernel.first)):
        status = (folder / "status").read_text()
        folder = folder.with_name(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])
    return folder.name == str(kernel.first)


def _in_full(folder: Path, counted: tuple[str, ...]) -> int:
    """Bytes of these kinds, and of as many mappings as a process may have."""
    most = int(Path("/proc/sys/vm/max_map_count").read_text())
    return _sum((folder / "status").read_text(), counted) + most * _MAPPING


def _sum(text: str, counted: tuple[str, ...]) -> int:
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(counted))


def _lines(path: Path) -> int:
    """How many lines a file has that may be long."""
    with path.open("rb") as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(2**16), b""))


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _send(connection: socket.socket, **reply: Any) -> None:
    connection.send(json.dumps(reply).encode())


if __name__ == "__main__":
    if os.getpid() == 1 and os.getuid() == 0:
        isolation.become(isolation.NOBODY)
    serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
