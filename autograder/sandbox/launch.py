"""Starts warm parents behind the walls: one for a process alone, or one for all graders that this process starts.

A warm parent loads torch for seconds. The shared one does so once, and while its graders are still being loaded; each
of them gets a fork of it. Nothing of torch is loaded here.
"""

import atexit
import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autograder.sandbox import bubblewrap

# The variable in which a grader finds the shared one: the threads that its kernels have, and its path.
SHARED = "AUTOGRADER_WARM_PARENT"

# What the warm parent runs: this package, from where it is imported here, be that an installed one or not.
_PARENT = """
import runpy, sys
place = sys.argv.pop(1)
if place not in sys.path:
    sys.path.insert(0, place)
runpy.run_module("autograder.sandbox.inside.parent", run_name="__main__")
"""
# Linux ends the sandbox together with the thread that started it, so this one lives as long as the process.
_starter = ThreadPoolExecutor(1)


def launch(sockets: Sequence[socket.socket], log: Path, gpu: bool, threads: int, sandbox: bool) -> subprocess.Popen:
    """Start a warm parent that answers on the first of these sockets; it writes what goes wrong into `log`.

    Raises `NoSandboxError` without bubblewrap.
    """
    descriptors = [s.fileno() for s in sockets]
    inner = [sys.executable, "-c", _PARENT, str(bubblewrap.PACKAGE.parent), *map(str, descriptors)]
    with log.open("w") as errors:
        return _starter.submit(
            subprocess.Popen,
            bubblewrap.command(inner, gpu) if sandbox else inner,
            env=bubblewrap.environment(gpu, threads),
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ).result()


@functools.cache
def share(threads: int) -> str:
    """Begin to start a warm parent for all graders that get, as `SHARED`, what this returns; it ends with this process.

    Nothing depends on it: where it does not start, or ends, each grader has one of its own and says why that does not.
    """
    folder = Path(tempfile.mkdtemp(prefix="kernels-"))
    kept, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(f"{folder}/shared")
        listening.listen(128)
        try:
            process = launch([theirs, listening], folder / "log", gpu=False, threads=threads, sandbox=True)
        except bubblewrap.NoSandboxError:
            shutil.rmtree(folder)
            return ""
    atexit.register(_end, process, kept, folder)
    return f"{threads}:{folder}/shared"


def _end(process: subprocess.Popen, connection: socket.socket, folder: Path) -> None:
    connection.close()
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def shared(gpu: bool, threads: int, sandbox: bool) -> socket.socket | None:
    """A connection to a fork of the shared warm parent, if there is one and it is of this kind."""
    kept_for, _, path = os.environ.get(SHARED, "").partition(":")
    if gpu or not sandbox or kept_for != str(threads):
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.suppress(OSError):
        connection.connect(path)
        return connection
    connection.close()
    return None
