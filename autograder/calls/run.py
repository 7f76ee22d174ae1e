"""Calling the student's functions: inputs in, tensors or one clear sentence out. Knows no reference."""

import contextlib
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from autograder.calls import enforcement
from autograder.calls.case import Case, Inputs, clone, prepare
from autograder.calls.enforcement import Rules, enforced
from autograder.calls.kinds import DIFFERENTIATED
from autograder.calls.outcome import STOPPED, ComplaintError, Outcome, Output, describe, is_theirs, message_of, shorten
from autograder.calls.returned import kind_of
from autograder.calls.signature import Ask, Signature
from autograder.precision import exact_float32


def run(
    signature: Signature, case: Case, functions: Mapping[str, Any], device: torch.device, ruled: bool = True
) -> Outcome:
    """Make one call of `signature` with the student's `functions` on `device`. Raises nothing that they raise.

    They are held to the rules, unless they are the course's own: to ask at each operation is most of the time.
    """
    try:
        inputs = Inputs(prepare(case, device))
    except Exception as error:
        # A GPU that is full, or that an earlier call has broken.
        what = f"{type(error).__name__}: {shorten(message_of(error))}"
        return Outcome(None, f"{signature.name} cannot be given its inputs ({what}).", ())
    # The computing of all threads counts, and that of a thread that waits for others.
    alone = one_thread() if case.timed or case.limit else contextlib.nullcontext()
    try:
        with (
            alone,
            exact_float32(),
            torch.no_grad(),
            contextlib.redirect_stderr(sys.stdout),
            stopped_after(case.limit),
        ):
            tensors = signature.call(signature, case, inputs, _asker(signature, functions, case.timed, ruled))
            # Cloned at once: the student's code may go on to write into what it returned.
            outputs = tuple(Output(clone(t).cpu(), str(t.device)) for t in tensors)
            return Outcome(outputs, None, inputs.modified())
    except TooSlowError:
        why = f"{signature.name} {STOPPED} {float(f'{case.limit:.2g}'):g} s of computing."
        # Another training would take as long; who is too slow for one of several timed calls may be fast in the next.
        return Outcome(None, why, (), interrupted=not case.timed)
    except ComplaintError as error:
        return Outcome(None, str(error), (), error.interrupted)
    except Exception as error:
        what = f"{type(error).__name__}: {shorten(message_of(error))}"
        return Outcome(None, f"{signature.name} returned something that cannot be read ({what}).", ())


def run_all(
    signature: Signature, cases: Sequence[Case], functions: Mapping[str, Any], device: torch.device
) -> list[Outcome]:
    """One outcome for each case. Somebody who interrupts one call does not want to wait for the next.

    Nor does the judge where one was stopped that is not timed.
    """
    outcomes: list[Outcome] = []
    for case in cases:
        stopped = bool(outcomes) and outcomes[-1].interrupted
        outcomes.append(outcomes[-1] if stopped else run(signature, case, functions, device))
    return outcomes


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: on a busy machine, each of many waits for the slowest of them again and again."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TooSlowError(BaseException):
    """Raised in the student's function when its time is up. No `except Exception` catches it."""


@contextlib.contextmanager
def stopped_after(seconds: float | None) -> Iterator[None]:
    """Raise `TooSlowError` when the process has computed for so long. How long others have computed does not count.

    Nothing is stopped without a limit, outside of the main thread and where the system has no such clock.
    """
    main = threading.current_thread() is threading.main_thread()
    if seconds is None or not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before or signal.SIG_DFL)


# Where warnings come from that are about a line of the student's: these rules, and torch.
_NOT_THEIRS = tuple(str(Path(module.__file__).parent) for module in (enforcement, torch))


def forget_warnings() -> None:
    """Let a warning be shown again that an earlier check has shown: Python shows one only once for each place."""
    vars(enforcement).get("__warningregistry__", {}).clear()


@contextlib.contextmanager
def named_by_their_line(name: str, functions: Mapping[str, Any]) -> Iterator[None]:
    """Let a warning that torch gives name the student's own line, not one of the rules that every call goes through."""
    before = warnings.showwarning

    def show(message: Any, category: type[Warning], filename: str, lineno: int, *more: Any, **others: Any) -> None:
        if filename.startswith(_NOT_THEIRS):
            frames = (frame for frame, _ in traceback.walk_stack(sys._getframe(1)))
            if (frame := next((f for f in frames if is_theirs(f, name, functions)), None)) is not None:
                filename, lineno = frame.f_code.co_filename, frame.f_lineno
        before(message, category, filename, lineno, *more, **others)

    warnings.showwarning = show
    try:
        yield
    finally:
        # What the student has put there meanwhile stays.
        if warnings.showwarning is show:
            warnings.showwarning = before


def _asker(signature: Signature, functions: Mapping[str, Any], timed: bool, ruled: bool) -> Ask:
    """Calls a function of the student's by name, or `via` something it made; what goes wrong becomes a complaint."""

    def ask(name: str, *arguments: Any, via: Callable[..., Any] | None = None) -> Any:
        function = via or functions.get(name)
        if function is None:
            raise ComplaintError(f"{name} is not defined: run the cell that defines it, then this one again.")
        if not callable(function):
            expected = "a class" if name[0].isupper() else "a function"
            raise ComplaintError(f"{name} is {kind_of(function)}; expected {expected}.")
        forbidden = signature.forbidden if name == signature.name else frozenset()
        rules = Rules(forbidden, autograd=signature.call in DIFFERENTIATED)
        try:
            with enforced(rules, timed) if ruled else contextlib.nullcontext(), named_by_their_line(name, functions):
                result = function(*arguments)
        except TooSlowError:
            raise
        except BaseException as error:
            # KeyboardInterrupt and SystemExit too: the notebook must go on to the next cell.
            complaint = ComplaintError(describe(name, error, functions, rules))
            complaint.interrupted = isinstance(error, KeyboardInterrupt)
            raise complaint from error
        if rules.broken:
            raise ComplaintError(f"{name} uses {rules.broken}.")
        return result

    return ask
