"""The kernel of a submission: ipykernel's, on sockets that it is given, with one request more: the grader's calls."""

import signal
import threading
from typing import Any, ClassVar

import zmq
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets.config import Config

from autograder.calls.exchange import serve, write_files

CALLS = "autograder_calls"
FILES = "autograder_files"


class GradedKernel(IPythonKernel):
    """Answers the grader's requests outside of IPython's machinery, which the student's code may have changed."""

    msg_types: ClassVar = [*IPythonKernel.msg_types, f"{CALLS}_request", f"{FILES}_request"]

    # One cell follows the other.
    _supports_kernel_subshells = False

    # ipykernel waits this long after each cell for what it has shown; the grader waits for the end of it anyway.
    _execute_sleep = 0

    def start(self) -> None:
        """Begin to answer. A signal wakes the event loop from now on: an interrupt must reach a cell that awaits."""
        super().start()
        # Any handler has the loop listen for signals; this one is for a signal that nobody sends.
        self.io_loop.asyncio_loop.add_signal_handler(signal.SIGWINCH, int)

    def _publish_execute_input(self, code: str, parent: dict[str, Any], execution_count: int) -> None:
        """Nothing: the grader knows what it has sent."""

    def autograder_calls_request(self, stream: Any, ident: Any, request: dict[str, Any]) -> None:
        """Make the calls of one check on the functions of the notebook; see `exchange`."""
        try:
            answer = serve(request["buffers"], self.shell.user_ns)
        except BaseException:
            # Something that the notebook has broken, or an interrupt between two of its calls; an answer that cannot be
            # read is better than none.
            answer = []
        self.session.send(stream, f"{CALLS}_reply", {}, request, ident, buffers=answer)

    def autograder_files_request(self, stream: Any, ident: Any, request: dict[str, Any]) -> None:
        """Write the files that lie beside the notebook."""
        write_files(request["content"]["names"], request["buffers"])
        self.session.send(stream, f"{FILES}_reply", {}, request, ident)


class _NoThread:
    """Stands where ipykernel has a thread for the shell channel: there is none, and cells run in the main thread."""

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


class GradedKernelApp(IPKernelApp):
    """Listens on the four sockets it was given: no path and no port of this machine can be reached from here."""

    def __init__(self, listening: list[int], **kwargs: Any):
        super().__init__(**kwargs)
        self._listening = iter(listening)

    def _bind_socket(self, s: zmq.Socket, port: int) -> int:
        descriptor = next(self._listening)
        s.setsockopt(zmq.USE_FD, descriptor)
        # A name is needed; nothing is made there.
        s.bind(f"ipc:///kernel/{descriptor}")
        return descriptor

    def init_control(self, context: zmq.Context) -> None:
        """Without the thread that lets several cells run at once: one follows the other here."""
        super().init_control(context)
        self.shell_channel_thread = _NoThread()

    def init_heartbeat(self) -> None:
        """None: whether the kernel lives is known from its process."""

    def init_connection_file(self) -> None:
        """None: the connection is given."""

    def write_connection_file(self, **kwargs: Any) -> None:
        """None: nobody else may connect."""


def launch(key: str, listening: list[int]) -> None:
    """Run a kernel in this process until it is ended; it answers to messages that are signed with `key`."""
    config = Config()
    config.Session.key = key.encode()
    config.Session.signature_scheme = "hmac-sha256"
    config.IPKernelApp.transport = "ipc"
    config.IPKernelApp.kernel_class = GradedKernel
    config.HistoryManager.hist_file = ":memory:"
    # Magics such as %matplotlib ask for the application by this.
    app = GradedKernelApp.instance(listening, config=config)
    # Nobody reads it.
    app.log.disabled = True
    app.initialize([])
    # A cell with exit() is to end nothing but itself.
    app.shell.ask_exit = lambda: None
    app.start()
