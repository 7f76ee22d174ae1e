"""Kernels forked from a warm parent for every program that starts kernels through Jupyter.

A program chooses sandboxed ones with the environment variable ``JUPYTER_DEFAULT_PROVISIONER_NAME=sandbox``, for example
``jupyter execute``. The grader itself needs more than Jupyter's protocol and uses `kernels` directly.
"""

import asyncio
import shutil
import signal
import tempfile
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerBase

from autograder.sandbox.inside.limits import Limits
from autograder.sandbox.kernels import PORTS, WarmParent, warm_parent

# Without a heartbeat; whether the kernel lives is known from its process.
_NO_HEARTBEAT = 9


class SandboxProvisioner(KernelProvisionerBase):
    """Starts kernels in the sandbox, with the default limits, in an empty folder of their own."""

    _sandbox = True
    _name: str | None = None
    _folder: str | None = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel has been started and not been cleaned up."""
        return self._name is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the paths on which the kernel answers."""
        self._folder = tempfile.mkdtemp(prefix="kernel-")
        manager = self.parent
        manager.transport, manager.ip = "ipc", f"{self._folder}/k"
        manager.hb_port = _NO_HEARTBEAT
        for channel, port in PORTS.items():
            setattr(manager, f"{channel}_port", port)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel from the warm parent; `cmd` and the caller's environment stay outside."""
        key = self.connection_info["key"]
        address, graded = f"{self._folder}/k", self._sandbox
        self._name = self._warm_parent().start(address, key.decode(), Limits(), graded=graded)
        return self.connection_info

    async def poll(self) -> int | None:
        """None while the kernel runs, then 0."""
        return None if self._warm_parent().ended(self._name) is None else 0

    async def wait(self) -> int:
        """Wait for the end of the kernel."""
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return 0

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel."""
        self._warm_parent().signal(self._name, signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything that it started."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """The same: what runs in the sandbox is not asked."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the kernel's paths."""
        self._name = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _warm_parent(self) -> WarmParent:
        return warm_parent(False, 1, self._sandbox)


class WarmProvisioner(SandboxProvisioner):
    """Starts kernels without a sandbox, for notebooks of the course's own: they run as a student's kernel does."""

    _sandbox = False
