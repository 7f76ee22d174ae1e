"""What the search finds besides English words: Korean of one and two letters, signs, and names of code.

Sphinx looks for parts of words from three letters on, and leads to the top of a page. Here each section is entered
into its index by the Korean words in it, by their pairs of letters, by the signs of its formulas and by the names in
its code, its own and torch's, as an author of a book would do by hand. The search itself is Sphinx's own.
"""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.search import js_index

ARTICLE = re.compile(r'<article class="bd-article">(.*?)</article>', re.DOTALL)
TOKEN = re.compile(
    r"""
      <section\b[^>]*\bid="(?P<section>[^"]+)"
    | (?P<end></section>)
    | <dt\b[^>]*\bid="(?P<term>[^"]+)"
    | <span\ lang="ko">(?P<korean>[^<]*)</span>
    | <code\ class="docutils[^>]*>(?P<code>.*?)</code>
    | <span\ class="n[fc]">(?P<defined>\w+)</span>
    | <span\ class="n">(?P<library>F|nn|torch)</span><span\ class="o">\.</span><span\ class="n">(?P<called>\w+)</span>
    | \\[(\[](?P<formula>.*?)\\[)\]]
    """,
    re.VERBOSE | re.DOTALL,
)
TAG = re.compile(r"<[^>]*>")
# A name of one letter is a sign, unless something of it is named, as in F.relu.
NAME = re.compile(r"([A-Za-z_]\w*(?:\.\w+)+|[A-Za-z_]\w+)(?:\(.*\))?", re.DOTALL)
COMMAND = re.compile(r"\\([A-Za-z]+)")
SIGNS = {
    "partial": "∂", "nabla": "∇", "odot": "⊙", "otimes": "⊗", "times": "×", "cdot": "·", "sum": "∑", "prod": "∏",
    "int": "∫", "sqrt": "√", "infty": "∞", "approx": "≈", "propto": "∝", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "in": "∈", "cup": "∪", "cap": "∩", "pm": "±", "to": "→", "ast": "∗", "star": "⋆",
    "lfloor": "⌊", "lceil": "⌈", "epsilon": "ϵ", "varepsilon": "ε", "varphi": "φ", "phi": "ϕ",
}  # fmt: skip
# In which a sign stands in each line; of other pages the first place is enough.
PAGES_OF_SIGNS = ("notation",)


def sign_of(command: str) -> str | None:
    """The sign that a command of TeX writes: Greek letters, and those of the table."""
    case = "CAPITAL" if command[:1].isupper() else "SMALL"
    try:
        return SIGNS.get(command) or unicodedata.lookup(f"GREEK {case} LETTER {command.upper()}")
    except KeyError:
        return None


def places(page: str) -> Iterator[tuple[str, str, str]]:
    """What stands on a page and where: (kind, text, id of the section or of the term), in the order of the page."""
    article = ARTICLE.search(page)
    open_sections: list[str] = []
    term = ""
    for found in TOKEN.finditer(article[1] if article else ""):
        kind, text = found.lastgroup, found[found.lastgroup]
        if kind == "section":
            open_sections.append(text)
            term = ""
        elif kind == "end":
            open_sections.pop()
            term = ""
        elif kind == "term":
            term = text
        elif open_sections:
            text = f"{found['library']}.{text}" if kind == "called" else text
            yield kind, html.unescape(TAG.sub("", text)), term or open_sections[-1]


def korean_entries(run: str) -> set[str]:
    """A run of Korean words by itself, without its spaces, word by word, and by the pairs of letters of each word."""
    words = re.findall(r"[^\W_]+", run)
    pairs = {word[i : i + 2] for word in words for i in range(len(word) - 1)}
    return {" ".join(words), "".join(words), *words, *pairs} - {""}


def entries(docname: str, page: str) -> Iterator[tuple[str, str, bool]]:
    """The entries of a page: (entry, anchor, whether it stands before the words that are found)."""
    signs: set[str] = set()
    for kind, text, anchor in places(page):
        if kind == "korean":
            yield from ((entry, anchor, True) for entry in korean_entries(text))
        elif kind == "formula":
            for sign in filter(None, map(sign_of, COMMAND.findall(text))):
                if docname in PAGES_OF_SIGNS or sign not in signs:
                    yield sign.lower(), anchor, True
                signs.add(sign)
        else:
            name = NAME.fullmatch(text.strip())
            if name:
                whole = name[1].lower()
                for entry in {whole, whole.rpartition(".")[2]}:
                    # A name that could be a word comes behind the pages on which it is one.
                    yield entry, anchor, kind == "defined" or not entry.isalpha()


def enter(app: Sphinx, error: Exception | None) -> None:
    """Add the entries of all pages to the index after a build without error."""
    path = Path(app.outdir, "searchindex.js")
    if error is not None or app.builder.format != "html" or not path.is_file():
        return
    index = js_index.loads(path.read_text("utf-8"))
    found: dict[str, dict[tuple[int, str], bool]] = defaultdict(dict)
    for number, docname in enumerate(index["docnames"]):
        page = Path(app.outdir, f"{docname}.html").read_text("utf-8")
        for entry, anchor, first in entries(docname, page):
            found[entry][number, anchor] = found[entry].get((number, anchor), False) or first
    for entry, where in found.items():
        known = index["indexentries"].setdefault(entry, [])
        new = [[number, anchor, first] for (number, anchor), first in where.items()]
        known += [place for place in new if place[:2] not in [old[:2] for old in known]]
    path.write_text(js_index.dumps(index), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", enter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
