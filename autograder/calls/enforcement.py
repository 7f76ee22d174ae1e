"""What a function must not use while it runs: autograd, and the operations that are the exercise itself."""

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch.overrides import TorchFunctionMode

from autograder.internals import DispatchMode, differentiates

AUTOGRAD = "autograd: write the gradient by hand"


class Rules(DispatchMode):
    """Stops autograd and the operations that are the exercise itself, however they are spelled.

    With `autograd` it is allowed: of a layer that torch is to differentiate nothing is written by hand.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled, and importing the compiler takes longer than a check."""
        return False

    def __init__(self, forbidden: frozenset[str], autograd: bool = False):
        super().__init__()
        self.forbidden, self.autograd = forbidden, autograd
        self.broken: str | None = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        operation = func.overloadpacket.__name__
        if operation.removesuffix("_") in self.forbidden:
            self.stop(f"torch's own {operation}, which is the exercise itself: use simpler operations")
        if self.autograd or not torch.is_grad_enabled():
            return func(*args, **(kwargs or {}))
        for a in args:
            if isinstance(a, torch.Tensor) and a.requires_grad:
                self.stop(AUTOGRAD)
        return func(*args, **(kwargs or {}))

    def stop(self, what: str) -> None:
        """Note what was used, should the student's code catch the exception, and raise it."""
        self.broken = what
        raise ForbiddenOperationError(what)


class FunctionRules(TorchFunctionMode):
    """Stops what looks plain to the dispatcher: ``torch.func.grad``, its like, and functions of simpler operations.

    Alone it takes a third of the time of both: enough for a call that is timed.
    """

    def __init__(self, rules: Rules):
        super().__init__()
        self.rules = rules

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if differentiates(args):
            self.rules.stop(AUTOGRAD)
        name = getattr(func, "__name__", "").removesuffix("_")
        if name in self.rules.forbidden:
            self.rules.stop(f"torch's own {name}, which is the exercise itself: use simpler operations")
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def enforced(rules: Rules, timed: bool = False) -> Iterator[None]:
    """Hold the rules in this thread and in those that are started meanwhile: a mode of torch is one thread's own.

    In a `timed` call torch's dispatcher is left alone. It would ask at every operation, which is most of what a loop of
    small operations takes. The cases that are not timed have asked.
    """

    def start_with_rules(thread: threading.Thread) -> None:
        run = thread.run

        def run_with_rules() -> None:
            here = Rules(rules.forbidden, rules.autograd)
            # What is broken in any thread is told in the one that waits for the answer.
            here.stop = rules.stop
            with here, FunctionRules(rules):
                run()

        thread.run = run_with_rules
        start(thread)

    start = threading.Thread.start
    threading.Thread.start = start_with_rules
    try:
        with contextlib.nullcontext() if timed else rules, FunctionRules(rules):
            yield
    finally:
        threading.Thread.start = start


class ForbiddenOperationError(Exception):
    """Raised in the student's function at the line that uses the operation it was asked to write."""
