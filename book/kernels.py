"""Kernels for the pages, forked from a process that has loaded what they need: to load it takes longer than most pages.

``python book/kernels.py ADDRESS`` is that process. It answers at a Unix socket, and ends with its standard input.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# What the pages import, and what that loads late: the first step of an optimizer loads torch._dynamo, for a second, and
# the first number that a page hands to its text loads what glue needs.
LOADED = (
    "ipykernel.kernelapp",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "myst_nb.ext.glue",
    "scipy.signal",
    "sklearn.datasets",
    "sklearn.metrics",
    "torch._dynamo",
)
# How ipykernel has figures drawn; matplotlib reads it when it is loaded, and loads it with the first figure.
BACKEND = "module://matplotlib_inline.backend_inline"
ADDRESS = "BOOK_KERNELS"
# Seconds between two looks at whether a kernel, or whoever asked for it, has ended.
LOOK = 0.05


@contextlib.contextmanager
def forked() -> Iterator[None]:
    """Let every kernel that this process and its children start be a forked one, where processes can fork."""
    if not hasattr(os, "fork"):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "kernels"
        with subprocess.Popen(
            [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            # It says that it is ready.
            process.stdout.readline()
            factory = KernelProvisionerFactory.instance()
            factory.provisioners["forked"] = EntryPoint("forked", "kernels:ForkedProvisioner", factory.GROUP_NAME)
            factory.default_provisioner_name = "forked"
            os.environ[ADDRESS] = str(address)
            try:
                yield
            finally:
                process.terminate()


class ForkedProvisioner(LocalProvisioner):
    """Starts kernels as Jupyter does, but for that they are forked, and answer at paths that nobody else chooses."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the paths: ports are free when they are looked for, and may be taken when they are used."""
        self.parent.transport, self.parent.ip = "ipc", f"{os.environ[ADDRESS]}-{os.urandom(4).hex()}"
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Have a kernel forked, with the arguments that `cmd` gives to ``ipykernel_launcher``."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.process = Forked({"arguments": arguments, "cwd": kwargs["cwd"], "env": dict(kwargs["env"])})
        self.pid = self.process.pid
        return self.connection_info


class Forked:
    """A kernel that was forked, with what `LocalProvisioner` asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, request: dict[str, Any]):
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(os.environ[ADDRESS])
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        self._said = self._connection.makefile()
        self.pid = int(self._said.readline())
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.wait() if self._code is None and select.select([self._connection], [], [], 0)[0] else self._code

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        if self._code is None:
            self._code = int(self._said.readline() or -signal.SIGKILL)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal to it while it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def serve(address: str) -> None:
    """Fork kernels until the standard input is closed."""
    os.environ["MPLBACKEND"] = BACKEND
    for module in LOADED:
        importlib.import_module(module)
    # A kernel finds what lies beside its page, not what lies beside this file.
    sys.path.remove(str(Path(__file__).resolve().parent))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    # An interrupt from the terminal ends who asked for the kernels, and so them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whoever asked for a kernel is told of its end by the process that holds it; nobody waits for that one.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while sys.stdin not in (ready := select.select([listening, sys.stdin], [], [])[0]):
        for source in ready:
            connection, _ = source.accept()
            if os.fork() == 0:
                _hold(connection)
                os._exit(0)
            connection.close()


def _hold(connection: socket.socket) -> None:
    """Fork the kernel that is asked for, say its number and at last its exit code; it ends with the connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(connection.makefile().readline())
    kernel = os.fork()
    if kernel == 0:
        connection.close()
        _become_kernel(**request)
    connection.sendall(f"{kernel}\n".encode())
    while True:
        ended, status = os.waitpid(kernel, os.WNOHANG)
        if ended:
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            return
        if select.select([connection], [], [], LOOK)[0]:
            os.kill(kernel, signal.SIGKILL)


def _become_kernel(arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        # It ends by itself when the process that holds it is killed.
        IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
