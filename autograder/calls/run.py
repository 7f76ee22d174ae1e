"""Calling the student's functions: inputs in, tensors or one clear sentence out. Knows no reference."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from autograder.calls.case import Case, Inputs, clone, prepare
from autograder.calls.enforcement import Rules, enforced
from autograder.calls.outcome import ComplaintError, Outcome, Output, describe, message_of, shorten
from autograder.calls.returned import kind_of
from autograder.calls.signature import Ask, Signature


def run(signature: Signature, case: Case, functions: Mapping[str, Any], device: torch.device) -> Outcome:
    """Make one call of `signature` with the student's `functions` on `device`. Raises nothing that they raise."""
    inputs = Inputs(prepare(case, device))
    alone = one_thread() if case.timed else contextlib.nullcontext()
    try:
        with alone, torch.no_grad(), contextlib.redirect_stderr(sys.stdout):
            tensors = signature.call(signature, case, inputs, _asker(signature, functions))
            # Cloned at once: the student's code may go on to write into what it returned.
            outputs = tuple(Output(clone(t).cpu(), str(t.device)) for t in tensors)
            return Outcome(outputs, None, inputs.modified())
    except ComplaintError as error:
        return Outcome(None, str(error), (), error.interrupted)
    except Exception as error:
        what = f"{type(error).__name__}: {shorten(message_of(error))}"
        return Outcome(None, f"{signature.name} returned something that cannot be read ({what}).", ())


def run_all(
    signature: Signature, cases: Sequence[Case], functions: Mapping[str, Any], device: torch.device
) -> list[Outcome]:
    """One outcome for each case. Somebody who interrupts one call does not want to wait for the next."""
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


def _asker(signature: Signature, functions: Mapping[str, Any]) -> Ask:
    """Calls a function of the student's by name, or `via` something it made; what goes wrong becomes a complaint."""

    def ask(name: str, *arguments: Any, via: Callable[..., Any] | None = None) -> Any:
        function = via or functions.get(name)
        if function is None:
            raise ComplaintError(f"{name} is not defined: run the cell that defines it, then this one again.")
        if not callable(function):
            raise ComplaintError(f"{name} is {kind_of(function)}; expected a function.")
        rules = Rules(signature.forbidden if name == signature.name else frozenset())
        try:
            with enforced(rules):
                result = function(*arguments)
        except BaseException as error:
            # KeyboardInterrupt and SystemExit too: the notebook must go on to the next cell.
            complaint = ComplaintError(describe(name, error, functions, rules.broken))
            complaint.interrupted = isinstance(error, KeyboardInterrupt)
            raise complaint from error
        if rules.broken:
            raise ComplaintError(f"{name} uses {rules.broken}.")
        return result

    return ask
