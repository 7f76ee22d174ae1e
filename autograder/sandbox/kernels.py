"""The grader's side of the sandbox: start a kernel, run a cell, make the calls of a check, and notice how it ends."""

import atexit
import contextlib
import functools
import itertools
import json
import math
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_client.session import Session

from autograder.calls import bounded
from autograder.calls.exchange import LARGEST_ANSWER
from autograder.sandbox import bubblewrap, launch
from autograder.sandbox.inside.limits import Limits
from autograder.sandbox.inside.parent import PACKET
from autograder.sandbox.request import BUSY, Reply, Request
from autograder.sandbox.wire import Wire, WireError

# The order in which ipykernel opens its sockets; on this transport a port is the end of a path.
PORTS = {"shell": 1, "stdin": 2, "control": 3, "iopub": 4}
# Seconds in which an interrupted cell must end, in which output is read at one go, and in which a kernel must answer
# at all.
GRACE = 6
MOMENT = 0.1
# Seconds by the clock from which on it is asked for how long the kernel waited for a processor.
BRIEF = 0.01
START = 300
# Bytes of a message with all its parts, and how many values its JSON may hold.
LARGEST_MESSAGE = LARGEST_ANSWER
MOST_VALUES = 200_000


class KernelEndedError(Exception):
    """The kernel is gone; the message says why, as a sentence without subject: "it used more memory…".

    It was `idle` if it was ended because of its time, most of which it did not compute.
    """

    idle = False


class WarmParent:
    """The process that forks kernels, inside bubblewrap; its kernels end with it, and it ends with us."""

    def __init__(self, gpu: bool = False, threads: int = 1, sandbox: bool = True):
        self._gpu, self._sandbox = gpu, sandbox
        self._numbers = itertools.count()
        self._ended: dict[str, str] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="kernels-"))
        self._process: subprocess.Popen | None = None
        connection = launch.shared(gpu, threads, sandbox)
        if connection is not None:
            self._connection = connection
            try:
                self._receive(lambda reply: "ready" in reply, START)
                return
            except ParentEndedError:
                connection.close()
        self._start_own(threads)

    def _start_own(self, threads: int) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = launch.launch([theirs], self._folder / "log", self._gpu, threads, self._sandbox)
        try:
            self._receive(lambda reply: "ready" in reply, START)
        except ParentEndedError as error:
            said = [line for line in str(error).splitlines() if "bwrap: " in line or "Operation not permitted" in line]
            self.close()
            if not said:
                raise
            raise bubblewrap.refusal(said[0].partition("ended. ")[2] or said[0]) from error

    def start(self, address: str, key: str, limits: Limits, graded: bool = True) -> str:
        """Fork a kernel that answers at the paths ``<address>-<port>`` to messages signed with `key`; its name.

        In one that is not `graded`, a notebook's experiments run as they do for a student.
        """
        name = f"kernel-{next(self._numbers)}"
        request = {
            "start": name,
            "key": key,
            "limits": asdict(limits),
            "gpu": self._gpu,
            "sandbox": self._sandbox,
            "graded": graded,
        }
        with contextlib.ExitStack() as stack:
            listening = [stack.enter_context(_listen(f"{address}-{port}")) for port in PORTS.values()]
            with self._or_gone():
                socket.send_fds(self._connection, [json.dumps(request).encode()], [s.fileno() for s in listening])
        reply = self._receive(lambda reply: reply.get("started") == name or reply.get("failed") == name, START)
        if "failed" in reply:
            raise bubblewrap.refusal(reply["why"])
        return name

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a kernel; to one that is gone, nothing."""
        with self._or_gone():
            self._connection.send(json.dumps({"signal": name, "number": int(number)}).encode())

    def mark(self, name: str) -> None:
        """Let the time of a kernel count from now on."""
        with self._or_gone():
            self._connection.send(json.dumps({"mark": name}).encode())

    def spent(self, name: str) -> tuple[float, float]:
        """Seconds that a kernel has spent since its time was marked, and has computed; see `Usage.since`."""
        with self._or_gone():
            self._connection.send(json.dumps({"spent": name}).encode())
        reply = self._receive(lambda reply: reply.get("spent") == name, START)
        return reply["seconds"], reply["computed"]

    def ended(self, name: str) -> str | None:
        """Why a kernel is gone, or None while it runs."""
        while self._readable(0):
            self._read()
        return self._ended.get(name)

    def wait(self, name: str, seconds: float) -> str | None:
        """Wait for the end of a kernel; why it ended, or None."""
        with contextlib.suppress(TimeoutError):
            self._receive(lambda reply: reply.get("ended") == name, seconds)
        return self._ended.get(name)

    @property
    def connection(self) -> socket.socket:
        """Readable when something happened to a kernel."""
        return self._connection

    def close(self) -> None:
        """End it and all its kernels."""
        self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _receive(self, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            if not self._readable(max(0, deadline - time.monotonic())):
                raise TimeoutError("The warm parent of the kernels does not answer.")
            reply = self._read()
            if wanted(reply):
                return reply

    def _readable(self, seconds: float) -> bool:
        return bool(_ready([self._connection], seconds))

    def _read(self) -> dict[str, Any]:
        with self._or_gone():
            packet = self._connection.recv(PACKET)
            if not packet:
                raise ConnectionError
        reply = json.loads(packet)
        if "ended" in reply:
            self._ended[reply["ended"]] = reply["why"]
        return reply

    @contextlib.contextmanager
    def _or_gone(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            log = (self._folder / "log").read_text() if (self._folder / "log").exists() else ""
            raise ParentEndedError(f"The warm parent of the kernels ended. {log[-2000:]}".strip()) from error


class ParentEndedError(Exception):
    """The process that forks the kernels is gone, and they with it; a new one must be started."""


class Kernel:
    """One kernel in the sandbox, from its start to its end."""

    def __init__(self, parent: WarmParent, limits: Limits):
        self._parent, self.limits = parent, limits
        self._folder = Path(tempfile.mkdtemp(prefix="kernel-"))
        self._wires: list[Wire] = []
        key = os.urandom(16).hex()
        self._session = Session(key=key.encode(), digest_history_size=0)
        self._session.unpack = functools.partial(bounded.loads, longest=LARGEST_MESSAGE, most=MOST_VALUES)
        self._name = parent.start(f"{self._folder}/k", key, limits)
        self._shell = self._connect("DEALER", "shell")
        self._iopub = self._connect("SUB", "iopub")
        self._await_subscription()

    def request(
        self,
        kind: str,
        content: dict[str, Any],
        buffers: Sequence[bytes] = (),
        seconds: float | None = None,
        show: Callable[[dict[str, Any]], bool] = lambda message: True,
    ) -> Reply:
        """Send a request and return its reply; every message that it publishes on the way goes to `show`.

        It is stopped when it takes longer than `seconds`, or than `FLOODING` when `show` has returned False. What
        counts is the time of the kernel: while it waits for a processor of a busy machine, it is given more, up to
        `BUSY` times as much. Raises `KernelEndedError` when the kernel ended, be it because it could not be stopped.
        """
        seconds = seconds or self.limits.cell_seconds
        self._parent.mark(self._name)
        request = Request(self._send(kind, content, buffers), seconds, show)
        while not request.answered:
            self._hear(request, self._wait(request.deadline))
            if time.monotonic() < request.deadline or request.answered:
                continue
            if request.reply is None:
                self._hurry(request)
            elif self._has_lost_the_end(request):
                break
        taken = time.monotonic() - request.started
        if taken > BRIEF:
            taken, _ = self._parent.spent(self._name)
        return request.answer(taken)

    def _hear(self, request: Request, ready: Sequence[Any]) -> None:
        """Take what can be read. Raises `KernelEndedError` if the kernel is gone."""
        with self._or_ended():
            if self._shell in ready:
                self._shell.flush()
                reply = next(iter(self._read(self._shell, request.id, request.deadline)), None)
                request.reply = reply or request.reply
                if request.reply is not None and not request.idle:
                    # What it has published is on its way.
                    request.deadline = min(request.deadline, time.monotonic() + GRACE)
            if self._iopub in ready:
                # Only for a moment: what floods in must not keep the reply waiting.
                until = min(request.deadline, time.monotonic() + MOMENT)
                for published in self._read(self._iopub, request.id, until):
                    if not request.takes(published):
                        break
        if self._parent.connection in ready:
            why = self._parent.ended(self._name)
            if why:
                raise KernelEndedError(why)

    def _hurry(self, request: Request) -> None:
        """No reply by now: wait while the kernel has had less than its time, else interrupt it, and at last end it."""
        if time.monotonic() < request.last:
            spent, computed = self._spent()
            if not request.interrupted:
                request.computed = computed
            if spent < request.allowed:
                request.deadline = min(time.monotonic() + max(request.allowed - spent, MOMENT), request.last)
                return
        if request.interrupted:
            self._parent.signal(self._name, signal.SIGKILL)
            self._parent.wait(self._name, GRACE)
            error = KernelEndedError("it went on when it was told to stop")
            error.idle = request.waited
            raise error
        self._parent.signal(self._name, signal.SIGINT)
        spent, _ = self._spent()
        request.interrupted, request.allowed = True, spent + GRACE
        request.deadline, request.last = time.monotonic() + GRACE, time.monotonic() + BUSY * GRACE

    def _has_lost_the_end(self, request: Request) -> bool:
        """Whether what it published last does not come any more: it has shown more than the sockets hold."""
        spent, _ = self._spent()
        if request.replied is None:
            request.replied = spent
        if not request.deadline or spent > request.replied + GRACE or time.monotonic() > request.last:
            return True
        request.deadline = time.monotonic() + MOMENT
        return False

    def _spent(self) -> tuple[float, float]:
        """What a request has taken by now, see `WarmParent.spent`. Raises `KernelEndedError` if the kernel is gone."""
        spent = self._parent.spent(self._name)
        why = self._parent.ended(self._name)
        if why:
            raise KernelEndedError(why)
        return spent

    def _await_subscription(self) -> None:
        """Wait until the kernel has taken note of who listens: what it publishes before that is lost.

        It says so with a message of its own, "iopub_welcome" (JEP 65).
        """
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self._iopub in self._wait(deadline):
                with self._or_ended(), contextlib.suppress(ValueError, TypeError, KeyError):
                    if self._message(self._iopub.receive())["msg_type"] == "iopub_welcome":
                        return
            if self._parent.ended(self._name) is not None:
                return
        raise TimeoutError("A kernel does not answer.")

    def close(self) -> None:
        """End the kernel and everything that it started, and wait for that."""
        with contextlib.suppress(ParentEndedError):
            if self._parent.ended(self._name) is None:
                self._parent.signal(self._name, signal.SIGKILL)
                self._parent.wait(self._name, START)
        for wire in self._wires:
            wire.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, kind: str, content: dict[str, Any], buffers: Sequence[bytes]) -> str:
        """Send a request; its id."""
        message = self._session.msg(f"{kind}_request", content)
        with self._or_ended():
            self._shell.send([*self._session.serialize(message), *buffers])
        return message["header"]["msg_id"]

    def _wait(self, deadline: float) -> list[Any]:
        """Wait until something can be read from a wire or the parent, or sent; which of them."""
        ahead = [wire for wire in self._wires if wire.ahead]
        sockets = {wire.socket: wire for wire in self._wires} | {self._parent.connection: self._parent.connection}
        seconds = 0 if ahead else max(0, deadline - time.monotonic())
        ready = _ready(sockets, seconds, [wire.socket for wire in self._wires if wire.unsent])
        return ahead + [sockets[source] for source in ready]

    def _read(self, wire: Wire, mine: str, deadline: float) -> Iterator[dict[str, Any]]:
        """The messages that wait, as far as they are answers to the request `mine`; forged and broken ones are not."""
        for count in range(1000):
            if count and time.monotonic() > deadline:
                return
            parts = wire.receive()
            if parts is None:
                return
            with contextlib.suppress(Exception):
                message = self._message(parts)
                if message["parent_header"].get("msg_id") == mine and isinstance(message["content"], dict):
                    yield message

    def _message(self, parts: list[bytes] | None) -> dict[str, Any]:
        """A message that was received. Raises whatever its parts give rise to when they are none."""
        if parts is None:
            raise ValueError("it has not come yet")
        _, signed = self._session.feed_identities(parts)
        return self._session.deserialize(signed)

    @contextlib.contextmanager
    def _or_ended(self) -> Iterator[None]:
        """Say why the kernel ended when a connection to it does: its end closes that, and is told a moment later."""
        try:
            yield
        except WireError as error:
            raise KernelEndedError(self._parent.wait(self._name, 1) or str(error)) from error

    def _connect(self, kind: str, channel: str) -> Wire:
        with self._or_ended():
            self._wires.append(Wire(f"{self._folder}/k-{PORTS[channel]}", kind, LARGEST_MESSAGE, START))
        return self._wires[-1]


def _ready(
    reading: Iterable[socket.socket], seconds: float, writing: Iterable[socket.socket] = ()
) -> list[socket.socket]:
    """The sockets that can be read from, or written to, after at most `seconds`."""
    poll, sockets = select.poll(), {}
    for source in reading:
        sockets[source.fileno()] = source
        poll.register(source, select.POLLIN)
    for source in writing:
        poll.register(source, select.POLLIN | select.POLLOUT)
    return [sockets[descriptor] for descriptor, _ in poll.poll(math.ceil(seconds * 1000))]


@functools.cache
def warm_parent(gpu: bool, threads: int, sandbox: bool) -> WarmParent:
    """The warm parent of this process."""
    parent = WarmParent(gpu, threads, sandbox)
    atexit.register(parent.close)
    return parent


def _listen(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(8)
    return listening
