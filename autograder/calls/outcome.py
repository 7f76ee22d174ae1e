"""What one call gave: outputs, or one sentence that says why there are none."""

import linecache
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

import torch

from autograder.calls.enforcement import Rules

# What is said of a stub.
NOT_WRITTEN = "is not written yet"

# What is said of a timed call that took so long that nobody waited for its end.
STOPPED = "was stopped after"


@dataclass(frozen=True)
class Output:
    """One tensor that a call returned: its values on the CPU, and the device they came from."""

    values: torch.Tensor
    device: str


@dataclass(frozen=True)
class Outcome:
    """What one call gave: its outputs, or one sentence that says why there are none; and the inputs it changed.

    `seconds` are those that the call took, where somebody counts them who leaves out what it waited for a processor.
    `ratio` is for the judge: how many times as long as the reference the fastest of several calls took, if timed. So is
    `quantities`: what was measured on the outputs, or a sentence why nothing can be, where that is known without them.
    """

    outputs: tuple[Output, ...] | None
    complaint: str | None
    modified: tuple[str, ...]
    interrupted: bool = False
    seconds: float | None = None
    ratio: float | None = None
    quantities: tuple[torch.Tensor, ...] | str | None = None


class ComplaintError(Exception):
    """The call gave nothing to compare; the message is a sentence for the student."""

    interrupted = False


def describe(name: str, error: BaseException, functions: Mapping[str, Any], rules: Rules) -> str:
    """One sentence about an exception, with the deepest line that is the student's own; first of all a broken rule."""
    if rules.broken:
        return f"{name} uses {rules.broken}{_where(name, error, functions)}."
    if isinstance(error, NotImplementedError) and not error.args:
        return (
            f"{_stub(name, error, functions)} {NOT_WRITTEN}: put your code in place of `raise NotImplementedError()`."
        )
    if isinstance(error, KeyboardInterrupt):
        return f"{name} was stopped before it returned{_where(name, error, functions)}."
    message = message_of(error)
    if not rules.autograd and ("does not require grad" in message or "requires_grad" in message):
        return f"{name} asks for autograd{_where(name, error, functions)}: write the gradient by hand."
    return f"{name} raised {type(error).__name__}: {shorten(message)}{_where(name, error, functions)}"


def _stub(name: str, error: BaseException, functions: Mapping[str, Any]) -> str:
    """The student's function or method that is not written: `name`, or one that it calls."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    known = frame.f_globals is _globals_of(name, functions) or frame.f_globals is functions
    return frame.f_code.co_qualname.rpartition("<locals>.")[2] if known else name


def _globals_of(name: str, functions: Mapping[str, Any]) -> Mapping[str, Any]:
    return functions[name].__globals__ if isinstance(functions.get(name), FunctionType) else functions


def message_of(error: BaseException) -> str:
    try:
        return " ".join(str(error).split()) or "no message"
    except Exception:
        return "its message cannot be read"


def is_theirs(frame: FrameType, name: str, functions: Mapping[str, Any]) -> bool:
    """Whether a frame runs code of the student's, who has written the function `name`."""
    return frame.f_globals is functions or frame.f_globals is _globals_of(name, functions)


def _where(name: str, error: BaseException, functions: Mapping[str, Any]) -> str:
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if is_theirs(frame, name, functions):
            source = linecache.getline(frame.f_code.co_filename, line).strip()
            return f" (line {line} of its cell: `{shorten(source)}`)" if source else f" (line {line} of its cell)"
    return ""


def shorten(text: str, limit: int = 200) -> str:
    """`text`, or its beginning when it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
