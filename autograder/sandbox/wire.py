"""The grader's end of a zeromq connection that takes no more memory than it is told (ZMTP 3.0, rfc.zeromq.org/spec/23).

libzmq gathers all parts of a message before anybody sees it, however many there are, and a kernel may send parts
without end. Here bytes are read when they are asked for, and what is too large ends the connection.
"""

import collections
import socket
import struct
from collections.abc import Sequence

_MORE, _LONG, _COMMAND = 1, 2, 4
_GREETING = b"\xff" + 8 * b"\0" + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + 32 * b"\0"
_CHUNK = 2**18
# Bytes that a part takes beside its content.
_OVERHEAD = 64


class WireError(Exception):
    """The connection is at its end; the message says why, as a sentence without subject."""


class Wire:
    """A connection to the zeromq socket that listens at `path`, as a socket of the given kind ("DEALER", "SUB").

    A subscriber hears everything. A message is a list of parts and may take `largest` bytes. Making one waits up to
    `seconds` for the other end to answer. Raises `WireError`.
    """

    def __init__(self, path: str, kind: str, largest: int, seconds: float):
        self._largest, self._kind = largest, kind
        self._inward, self._outward = bytearray(), collections.deque[memoryview]()
        self._parts: list[bytes] = []
        self._size = 0
        # Whether a whole message may have been read already, behind the one that was asked for.
        self.ahead = False
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self._begin(path, seconds)
        except OSError as error:
            self.close()
            raise WireError("it does not answer") from error
        except WireError:
            self.close()
            raise

    def send(self, message: Sequence[bytes]) -> None:
        """Send as much of a message as there is room for; `flush` sends the rest."""
        for index, part in enumerate(message):
            more = _MORE if index < len(message) - 1 else 0
            self._outward += (memoryview(struct.pack(">BQ", more | _LONG, len(part))), memoryview(part))
        self.flush()

    @property
    def unsent(self) -> bool:
        """Whether something still waits to be sent."""
        return bool(self._outward)

    def flush(self) -> None:
        """Send what there is room for."""
        try:
            while self._outward:
                first = self._outward[0]
                sent = self.socket.send(first)
                if sent < len(first):
                    self._outward[0] = first[sent:]
                else:
                    self._outward.popleft()
        except BlockingIOError:
            return
        except OSError as error:
            raise WireError("it closed its connection") from error

    def receive(self) -> list[bytes] | None:
        """The next message, or None when none has come as a whole yet."""
        while True:
            while (frame := self._frame()) is not None:
                flags, part = frame
                if flags & _COMMAND:
                    raise WireError("it sent what is no message")
                self._parts.append(part)
                if not flags & _MORE:
                    message, self._parts, self._size, self.ahead = self._parts, [], 0, bool(self._inward)
                    return message
            self.ahead = False
            try:
                self._more()
            except BlockingIOError:
                return None

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def _begin(self, path: str, seconds: float) -> None:
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.socket.sendall(_GREETING)
        while len(self._inward) < len(_GREETING):
            self._more()
        del self._inward[: len(_GREETING)]
        properties = {b"Socket-Type": self._kind.encode(), b"Identity": b""}
        pairs = (struct.pack(">B", len(k)) + k + struct.pack(">I", len(v)) + v for k, v in properties.items())
        ready = b"\x05READY" + b"".join(pairs)
        self.socket.sendall(struct.pack(">BB", _COMMAND, len(ready)) + ready)
        while (frame := self._frame()) is None:
            self._more()
        if not frame[0] & _COMMAND or not frame[1].startswith(b"\x05READY"):
            raise WireError("it does not speak zeromq's protocol")
        self._size = 0
        self.socket.setblocking(False)
        if self._kind == "SUB":
            self.send([b"\x01"])

    def _more(self) -> None:
        """Read some bytes. Raises BlockingIOError when none are there, and `WireError` when none will come."""
        try:
            chunk = self.socket.recv(_CHUNK)
        except (BlockingIOError, TimeoutError):
            raise
        except OSError as error:
            raise WireError("it closed its connection") from error
        if not chunk:
            raise WireError("it closed its connection")
        self._inward += chunk

    def _frame(self) -> tuple[int, bytes] | None:
        """The flags and the content of the next frame, or None when it has not come as a whole yet."""
        head = 9 if self._inward and self._inward[0] & _LONG else 2
        if len(self._inward) < head:
            return None
        size = int.from_bytes(self._inward[1:head])
        if self._size + size + _OVERHEAD > self._largest:
            raise WireError(f"it sent more than {self._largest // 2**20} MiB at once")
        if len(self._inward) < head + size:
            return None
        flags, content = self._inward[0], bytes(self._inward[head : head + size])
        del self._inward[: head + size]
        self._size += size + _OVERHEAD
        return flags, content
