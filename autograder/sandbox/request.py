"""A request to a kernel: how long it may take, and what comes of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# How many times as long as its limit a request may take by the clock, where a busy machine lets the kernel wait.
BUSY = 20
# Seconds that a request may take when it has shown too much. How much a thread shows that a cell has left behind, while
# a function is checked, is chance: on a busy machine it may be anything. What shows things without end takes longer.
FLOODING = 5


@dataclass(frozen=True)
class Reply:
    """The answer to a request, whether the request had to be stopped, and the seconds it took, waiting left out.

    It was `idle` if it was stopped because of its time, most of which it did not compute. The end of what it published
    is `lost` if it did not come in time.
    """

    message: dict[str, Any]
    stopped: bool
    seconds: float
    idle: bool = False
    lost: bool = False


class Request:
    """A request that a kernel works on: what has come of it, and until when it is waited for.

    Times of the clock are `started`, `deadline` (0: now, and nothing more is waited for) and `last`. Seconds of the
    kernel are what it is `allowed`, what it had `computed` when it was interrupted, and what it had taken when it
    `replied`.
    """

    def __init__(self, id: str, seconds: float, show: Callable[[dict[str, Any]], bool]):
        self.id, self._seconds, self._show = id, seconds, show
        self.started = time.monotonic()
        self.deadline, self.last = self.started + seconds, self.started + BUSY * seconds
        self.allowed, self.computed, self.replied = seconds, seconds, None
        self.reply: dict[str, Any] | None = None
        self.idle = self.interrupted = False

    @property
    def answered(self) -> bool:
        """Whether the reply is here, and everything that was published before it."""
        return self.reply is not None and self.idle

    @property
    def waited(self) -> bool:
        """Whether most of the time until its interrupt was not spent on computing."""
        return self.computed < self._seconds / 2

    def takes(self, published: dict[str, Any]) -> bool:
        """Show a message; whether more may come. One that shows too much has less time from then on."""
        if published["msg_type"] == "status":
            self.idle = self.idle or published["content"].get("execution_state") == "idle"
        elif not self._show(published) and not self.interrupted:
            if self.reply is not None:
                self.deadline = 0.0
                return False
            if self.allowed > FLOODING:
                self._seconds = self.allowed = FLOODING
                self.deadline = min(self.deadline, max(time.monotonic(), self.started + FLOODING))
        return True

    def answer(self, seconds: float) -> Reply:
        """The reply after so many seconds of the kernel."""
        return Reply(self.reply, self.interrupted, seconds, self.interrupted and self.waited, not self.idle)
