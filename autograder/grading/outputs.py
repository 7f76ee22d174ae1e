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


class Outputs:
    """Collects the messages of one cell as a notebook's outputs: `limit` characters, of `flood` that are let pass."""

    def __init__(self, limit: int, flood: int):
        self._limit, self.flood = limit, flood
        self._cut = self.flooded = False
        self._size = 0
        self.outputs: list[NotebookNode] = []

    def forget(self) -> None:
        """Begin anew."""
        self._cut = self.flooded = False
        self._size = 0
        self.outputs.clear()

    def show(self, message: dict[str, Any]) -> bool:
        """Take a message; False when the cell has shown so much that it should be stopped."""
        # What cannot be read as an output is no output.
        output = _output(message["msg_type"], message["content"])
        if output is None:
            return True
        self._size += OVERHEAD + sum(len(text) for text in _texts(output))
        if self._size > self._limit:
            if not self._cut:
                self._cut = True
                self.outputs.append(_stream(f"\n[cut off here: more than {self._limit} characters were shown]\n"))
            self.flooded = self._size > self.flood
            return not self.flooded
        last = self.outputs[-1] if self.outputs else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            self.outputs.append(output)
        return True


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
        # A changed display is shown again: what it showed before is part of what happened.
        data = _harmless(content["data"])
        if kind == "execute_result":
            return new_output("execute_result", data=data, execution_count=None)
        return new_output("display_data", data=data)
    return None


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


def _texts(output: NotebookNode) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    if output.output_type == "error":
        # Every line takes a place, also an empty one.
        return [output.ename, output.evalue, "\n".join(output.traceback)]
    return list(output.data.values())
