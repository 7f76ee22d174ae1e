"""What a cell of a submission shows: text and pictures, never HTML or scripts, and no more than the limit."""

import base64
import binascii
import math
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
# A cell that prints this many times its limit is stopped: nobody will read it.
FLOOD = 50
# Characters that an output takes in a page even when it shows none.
OVERHEAD = 100


# Characters of an error, or of the result of a grade cell, that are kept past the limit.
LAST_WORDS = 2_000


class Outputs:
    """Collects the messages of one cell as a notebook's outputs: `limit` characters, of `flood` that are let pass.

    As in nbclient, `clear_output` removes what the cell has shown, and a display with an id is changed wherever it
    stands: `displays` has those of all cells of a notebook, by id. What is gone or replaced counts no more in `size`,
    the characters that were shown, those beyond the limit included.
    """

    def __init__(self, limit: int, flood: int, displays: "Displays | None" = None):
        self._limit, self.flood = limit, flood
        self._displays: Displays = {} if displays is None else displays
        self._own: set[str] = set()
        self.outputs: list[NotebookNode] = []
        self.flooded = False
        self._begin()

    def forget(self) -> None:
        """Begin anew."""
        self.flooded = False
        self._begin()

    def show(self, message: dict[str, Any]) -> bool:
        """Take a message; False when the cell has shown so much that it should be stopped."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
            else:
                self._begin()
            return True
        # What cannot be read as an output is no output.
        output = _output(kind, content)
        if output is None:
            return True
        display = _display_id(content) if output.output_type == "display_data" else None
        if display is not None:
            for owner, shown in self._displays.get(display, {}).items():
                owner._change(shown, output)
        if kind != "update_display_data":
            self._add(output, display)
        return not self.flooded

    def fail(self, content: dict[str, Any]) -> None:
        """Take the error that the kernel's reply tells of: nothing that the cell shows, or hides, can deny it."""
        error = _output("error", content)
        if all(output.output_type != "error" or output.ename != error.ename for output in self.outputs):
            self.outputs.append(_shortened(error))

    def _begin(self) -> None:
        for display in self._own:
            self._displays[display].pop(self)
            if not self._displays[display]:
                del self._displays[display]
        self._own.clear()
        self.outputs.clear()
        self.size = 0
        self._cut = self._clear_next = False

    def _add(self, output: NotebookNode, display: str | None) -> None:
        if self._clear_next:
            self._begin()
        self.size += _size(output)
        if self.size > self._limit:
            self._cut_off(output)
            return
        last = self.outputs[-1] if self.outputs else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
            return
        self.outputs.append(output)
        if display is not None:
            self._own.add(display)
            self._displays.setdefault(display, {}).setdefault(self, []).append(output)

    def _change(self, shown: list[NotebookNode], new: NotebookNode) -> None:
        """Put a new display in the place of those that were shown, as far as there is room."""
        for output in shown:
            size = self.size - _size(output) + _size(new)
            if size <= self._limit:
                self.size, output.data = size, new.data

    def _cut_off(self, output: NotebookNode) -> None:
        """Leave out what goes beyond the limit, but for what decides about points: an error, and a cell's result."""
        if not self._cut:
            self._cut = True
            self.outputs.append(_stream(f"\n[cut off here: more than {self._limit} characters were shown]\n"))
        decides = output.output_type in ("error", "execute_result")
        if decides and all(kept.output_type != output.output_type for kept in self.outputs):
            self.outputs.append(_shortened(output))
        self.flooded = self.size > self.flood


# The displays that can still be changed, by their id and by the cell that shows them.
Displays = dict[str, dict[Outputs, list[NotebookNode]]]


def error_output(name: str, sentence: str) -> NotebookNode:
    """The output of a cell that the grader itself has something to say about."""
    return new_output("error", ename=name, evalue=sentence, traceback=[f"{name}: {sentence}"])


def keep_in_bounds(cell: NotebookNode) -> None:
    """Make the outputs of a grade cell of the instructor's own count as they should.

    nbgrader takes any text on stderr, a warning for example, for a failure, and a number that is negative or not a
    number for full points; a number above the cell's points makes it give up the submission.
    """
    points = float(cell.metadata.nbgrader.points)
    for i, output in enumerate(cell.outputs):
        if output.output_type == "stream":
            output.name = "stdout"
        elif output.output_type == "execute_result":
            try:
                value = float(output.data["text/plain"])
            except ValueError:
                continue
            if not 0 <= value <= points or math.isnan(value):
                sentence = f"The cell's result is {value:g}; expected a number from 0 to {points:g}."
                cell.outputs[i] = error_output("ValueError", sentence)


def _output(kind: str, content: dict[str, Any]) -> NotebookNode | None:
    if kind == "stream" and isinstance(content.get("text"), str):
        return _stream(content["text"], "stderr" if content.get("name") == "stderr" else "stdout")
    if kind == "error":
        traceback = content.get("traceback")
        lines = [_clean(line) for line in traceback if isinstance(line, str)] if isinstance(traceback, list) else []
        return new_output(
            "error", ename=_clean(content.get("ename")), evalue=_clean(content.get("evalue")), traceback=lines
        )
    if kind in ("display_data", "execute_result", "update_display_data") and isinstance(content.get("data"), dict):
        data = _harmless(content["data"])
        if kind == "execute_result":
            return new_output("execute_result", data=data, execution_count=None)
        return new_output("display_data", data=data)
    return None


def _display_id(content: dict[str, Any]) -> str | None:
    transient = content.get("transient")
    display = transient.get("display_id") if isinstance(transient, dict) else None
    return display[:LAST_WORDS] if isinstance(display, str) else None


def _shortened(output: NotebookNode) -> NotebookNode:
    """An error or a result, no longer than `LAST_WORDS` in each of its parts."""
    if output.output_type == "execute_result":
        return new_output("execute_result", data={"text/plain": output.data["text/plain"][:LAST_WORDS]})
    lines = "\n".join(output.traceback)[-LAST_WORDS:].splitlines()
    name, value = output.ename[:LAST_WORDS], output.evalue[:LAST_WORDS]
    return new_output("error", ename=name, evalue=value, traceback=lines or [f"{name}: {value}"])


def _harmless(data: dict[str, Any]) -> dict[str, str]:
    """The parts of a display that cannot act on whoever looks at them: plain text, and pictures made of pixels."""
    kept = {kind: data[kind] for kind in PICTURES if is_picture(kind, data.get(kind))}
    text = data.get("text/plain")
    # nbgrader expects this one.
    return kept | {"text/plain": _clean(text) if isinstance(text, str) else "[not shown: it is not text]"}


def is_picture(kind: str, data: Any) -> bool:
    """Whether `data` is, in base64, a picture of this type, made of pixels."""
    try:
        return isinstance(data, str) and base64.b64decode(data.replace("\n", ""), validate=True).startswith(
            PICTURES[kind]
        )
    except (binascii.Error, KeyError, ValueError):
        return False


def _stream(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=_clean(text))


def _clean(text: Any) -> str:
    """Text that every encoder takes: no lone surrogates, no NUL."""
    return str(text).encode(errors="replace").decode().replace("\0", "�")


def _size(output: NotebookNode) -> int:
    """Characters that an output takes."""
    return OVERHEAD + sum(map(len, _texts(output)))


def _texts(output: NotebookNode) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    if output.output_type == "error":
        # Every line takes a place, also an empty one.
        return [output.ename, output.evalue, "\n".join(output.traceback)]
    return list(output.data.values())
