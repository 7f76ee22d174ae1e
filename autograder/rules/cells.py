"""Cells of a notebook as Python."""

import ast
import re

from autograder.names import tree_of
from autograder.rules.scopes import LONGEST_ALIAS

# Characters that IPython may read in translating the magics of a notebook: it reads a cell once for each of them.
LONGEST_TRANSLATION = 100_000


class Translation:
    """Turns IPython's magics into Python, as long as a notebook has not asked for too much of it."""

    _MAGIC = re.compile(r"\s*[%!?,;/]|.*\?\s*$|.*=\s*[%!]")
    # These run the rest of their cell like any other, names and all.
    _TRANSPARENT = re.compile(r"\s*%%(time|capture|prun)\b[^\n]*")
    # As does this one with the rest of its line.
    _TRANSPARENT_LINE = re.compile(r"^([ \t]*)%time[ \t]+(?=\S)", re.MULTILINE)

    def __init__(self):
        self._left = LONGEST_TRANSLATION

    def without_watching(self, cell: str) -> str:
        """`cell` without the magics that only watch it; every line stays in its place."""
        for _ in range(LONGEST_ALIAS):
            found = self._TRANSPARENT.match(cell)
            if not found:
                break
            cell = "\n" * found.group().count("\n") + cell[found.end() :]
        return self._TRANSPARENT_LINE.sub(r"\1", cell)

    def python(self, cell: str) -> str | None:
        """`cell` as the Python that IPython makes of it; None if there is nothing to translate, or too much."""
        cost = len(cell) * sum(1 for line in cell.splitlines() if self._MAGIC.match(line[:1000]))
        if not 0 < cost <= self._left:
            return None
        self._left -= cost
        # Only here: most notebooks have no magics.
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(cell)


def parse(cell: str, translation: Translation) -> tuple[str, ast.Module] | None:
    """A cell as Python, and its tree; None if it is none, for then it cannot run either."""
    cell = translation.without_watching(cell) if "%" in cell else cell
    try:
        return cell, tree_of(cell)
    except Exception:  # Beside SyntaxError: NUL, lone surrogates, deep nesting, all by different names.
        pass
    try:
        python = translation.python(cell)
        return None if python is None else (python, tree_of(python))
    except Exception:
        return None
