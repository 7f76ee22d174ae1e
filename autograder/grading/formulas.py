"""Formulas in a page: LaTeX made into MathML, which browsers show without a script, a font or another host."""

import functools
import html
import re
from collections.abc import Iterator, Sequence
from xml.parsers import expat

from math_core import LatexError, LatexToMathML

# Characters of a formula that is converted: the converter goes one level deeper for each bracket, and does not survive
# some thousands. What is longer is shown as it was written.
LONGEST_FORMULA = 1_000

# A formula's place in a text, until the text is clean.
_PLACE = re.compile("\ue000(\\d+)\ue001")

_TAGS = {
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder",
    "munderover",
}  # fmt: skip
_ATTRIBUTES = {
    "accent", "accentunder", "columnspan", "depth", "display", "displaystyle", "fence", "form", "height",
    "largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "rspace",
    "scriptlevel", "separator", "stretchy", "style", "symmetric", "voffset", "width",
}  # fmt: skip
_HARMLESS = re.compile(r"[\w\s.,#%+-]*")
_STYLE = re.compile(
    r"((color|text-align|justify-items|width|(padding|margin)-(left|right))\s*:\s*[\w\s.#%+-]+(;\s*|$))*"
)

# Signs that HTML has names for, and XML has none.
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)\w+;")

# Some commands stand for others. More steps than these are macros of the writer's own, which grow without end.
_converter = LatexToMathML(max_expansions=20, fancy_error=False)


def place_of(number: int) -> str:
    """What stands for a formula in a text that is still to be cleaned."""
    return f"\ue000{number}\ue001"


def written(text: str, formulas: Sequence[tuple[str, bool]]) -> str:
    """`text` with the LaTeX of the formulas in their places, where only text may stand."""

    def latex(place: re.Match[str]) -> str:
        return _with_signs(*formulas[int(place[1])]) if int(place[1]) < len(formulas) else place[0]

    return _PLACE.sub(latex, text)


class Formulas:
    """A filter of html5lib, for clean text: puts each formula, LaTeX and whether it stands alone, into its place."""

    def __init__(self, source: Iterator[dict], formulas: Sequence[tuple[str, bool]]):
        self._source, self._formulas = source, formulas

    def __iter__(self) -> Iterator[dict]:
        for token in self._source:
            if token["type"] not in ("Characters", "SpaceCharacters"):
                yield token
                continue
            for i, part in enumerate(_PLACE.split(token["data"])):
                if i % 2 == 0:
                    yield {"type": "Characters", "data": part}
                elif int(part) < len(self._formulas):
                    yield from _tokens(*self._formulas[int(part)])


@functools.lru_cache(maxsize=4096)
def mathml(latex: str, alone: bool) -> tuple[dict, ...] | None:
    """A formula in MathML, as tokens of html5lib, in a line or `alone` in its own; None where it cannot be read.

    There is nothing in it that acts: no link, no address, no name that something else could have.
    """
    if len(latex) > LONGEST_FORMULA:
        return None
    try:
        made = _converter.convert_with_local_state(latex, displaystyle=alone)
    except LatexError:
        return None
    tokens: list[dict] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        kept = {
            (None, name): value
            for name, value in attributes.items()
            if name in _ATTRIBUTES and (_STYLE if name == "style" else _HARMLESS).fullmatch(value)
        }
        tokens.append({"type": "StartTag", "name": tag, "namespace": None, "data": kept})

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: tokens.append(
        {"type": "EndTag", "name": name, "namespace": None, "data": {}}
    )
    parser.CharacterDataHandler = lambda data: tokens.append({"type": "Characters", "data": data})
    try:
        parser.Parse(_NAMED.sub(lambda name: html.unescape(name[0]), made), True)
    except expat.ExpatError:
        return None
    return tuple(tokens) if {token["name"] for token in tokens if "name" in token} <= _TAGS else None


def _tokens(latex: str, alone: bool) -> Sequence[dict]:
    return mathml(latex, alone) or [{"type": "Characters", "data": _with_signs(latex, alone)}]


def _with_signs(latex: str, alone: bool) -> str:
    return f"$${latex}$$" if alone else f"${latex}$"
