"""A notebook's bytes without the outputs that are saved in it, which nobody reads: before anything is made of them."""

import re

# Strings and brackets: as many as are looked at, and as many as are kept, where each becomes an object of Python.
MAX_TOKENS = 3_000_000
MAX_KEPT = 500_000

# A string that is cut off goes to the end: what is in it is not looked at again.
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)
VALUE = re.compile(rb"\s*+:\s*+\[")


class TooDenseError(Exception):
    """There are more strings, lists and objects than in any notebook; the message is the end of a sentence."""


def without_outputs(content: bytes) -> bytes:
    """The JSON `content` with an empty list for every list that is called outputs; lines keep their numbers.

    What is no JSON, or is cut off, comes back as it is as far as it goes. Raises `TooDenseError` before it takes long.
    """
    kept: list[bytes] = []
    copied = tokens = outside = 0
    # How many brackets are open in the list of outputs that is being skipped.
    depth = start = 0
    position = 0
    while token := TOKEN.search(content, position):
        position = token.end()
        tokens += 1
        first = content[token.start()]
        if depth:
            depth += (first in b"[{") - (first in b"]}")
            if depth == 0:
                kept.append(content[copied:start] + b"\n" * content.count(b"\n", start, position))
                copied = position - 1
        elif token.group() == b'"outputs"' and (value := VALUE.match(content, position)):
            position = start = value.end()
            depth = 1
        else:
            outside += 1
        if tokens > MAX_TOKENS or outside > MAX_KEPT:
            raise TooDenseError("has more strings, lists and objects in it than any notebook.")
    kept.append(content[copied:])
    return b"".join(kept)
