"""Kernels forked from a process that has torch and ipykernel loaded: a fraction of a second instead of seconds.

`WarmProvisioner` is registered with jupyter_client under the name ``warm-fork``; a program chooses it for all its
kernels with the environment variable ``JUPYTER_DEFAULT_PROVISIONER_NAME``. The parent that forks is a process of its
own with a single thread. It has never touched a GPU: a child could not use one that its parent has opened.
"""

import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

PRELOADED = (
    "IPython.core.completer",
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "numpy",
    "torch.utils._python_dispatch",
)


class WarmProvisioner(LocalProvisioner):
    """Starts kernels by asking the warm parent to fork; everything else is the local provisioner's."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel for the command ``[python, -m, ipykernel_launcher, *arguments]``."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.cwd = str(kwargs.get("cwd") or Path.cwd())
        self.process = ForkedKernel(_parent().fork(arguments, self.cwd, kwargs.get("env") or dict(os.environ)))
        # The child leads a session of its own.
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class ForkedKernel:
    """The part of `subprocess.Popen` that a provisioner uses, for a process that is not our child."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None while it runs; then 0, for its exit status is its parent's to know."""
        ended, _, _ = select.select([self._descriptor], [], [], 0)
        return 0 if ended else None

    def wait(self) -> int:
        """Wait for its end."""
        select.select([self._descriptor], [], [])
        return 0

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and to what it has started."""
        os.killpg(self.pid, signum)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def __del__(self):
        os.close(self._descriptor)


class WarmParent:
    """The process that forks. It ends when this end of the socket is closed, as it is when we end."""

    def __init__(self):
        self._socket, theirs = socket.socketpair()
        with theirs:
            subprocess.Popen(
                [sys.executable, "-m", "autograder.warm", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._replies = self._socket.makefile()

    def fork(self, arguments: list[str], cwd: str, env: dict[str, str]) -> int:
        """Start a kernel with ipykernel's command-line `arguments`; returns its process id."""
        self._socket.sendall(json.dumps([arguments, cwd, env]).encode() + b"\n")
        return int(self._replies.readline())


@functools.cache
def _parent() -> WarmParent:
    return WarmParent()


def _serve(connection: socket.socket) -> None:
    for module in PRELOADED:
        importlib.import_module(module)
    # Children are reaped by the system.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # An interrupt from the terminal is meant for whoever asked for the kernels.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with connection.makefile() as requests:
        for request in requests:
            pid = os.fork()
            if pid == 0:
                _become_kernel(connection, *json.loads(request))
            connection.sendall(f"{pid}\n".encode())


def _become_kernel(connection: socket.socket, arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    connection.close()
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["ipykernel_launcher", *arguments]
    # It watches this parent, and ends with it; the one named in the environment is not its parent.
    IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
    os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
