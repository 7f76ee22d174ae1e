"""A sign means one thing: what the table of the notation reserves, or what the page says before it uses the sign.

A page says it in a sentence that begins with *Here* and the signs: "Here $r$ is the distance from the middle." It holds
to the end of the page, in a notebook to the end of the section. A sentence about a reserved sign also says what the
sign is not: "Here $y$ is the second input, not the output." The bold words of the table are the names of its sign.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from contents import BOOK, WORDS

ROOT = Path(__file__).resolve().parents[1]
# What tells of the course and its notes as a whole; the errata quote the signs of the notes.
APPENDICES = [BOOK / "intro.md", BOOK / "notation.md", BOOK / "glossary.md", BOOK / "grading.md"]
LESSONS = [page for word in WORDS for page in sorted((BOOK / word).glob("*.md"))]
NOTEBOOKS = [ROOT / "solutions" / f"{word}.py" for word in WORDS]

GREEK = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|"
    "varphi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)((?:\\.|[^$\\])+?)\$", re.DOTALL)
FENCE = re.compile(r" *(`{3,})(.*)")
TEXT = re.compile(r"\{(?!code-cell|literalinclude|raw)[\w-]+\}")
SIGN = rf"(?:\\(?:hat|tilde|mathcal) ?\{{?)?(?:\\(?:{GREEK})(?![a-zA-Z])|(?<!\\)[A-Za-z])"
SUBSCRIPT = re.compile(r"_(?:\{([^{}]*)\}|(\\[a-zA-Z]+|\w))")
ALONE = rf"\$({SIGN}\}}?)(?:_(?:\w|\{{[^{{}}]*\}}))?\$"
DECLARED = re.compile(
    r"\bHere ((?:\$[^$]+\$)(?:(?:,|,? and|,? or) \$[^$]+\$)*),? "
    r"(?:is|are|means?|counts?|stands? for|names?)\b(.*?[.:](?=\s|\Z))",
    re.DOTALL,
)


@dataclass(frozen=True)
class Use:
    """A sign in a formula: its letter with its accent, whether it has an index, whether it is one itself, and where."""

    sign: str
    indexed: bool
    inside: bool
    start: int


@dataclass(frozen=True)
class Entry:
    """What the table says of a sign: its names, and in which chapters; if none, in all."""

    names: set[str]
    chapters: set[str]


def blank(match: re.Match) -> str:
    """As many spaces as there was code; lines stay."""
    return re.sub(r"[^\n]", " ", match[0])


def without_code(text: str) -> str:
    """A page with empty lines where its fences hold code; a box of text is a fence, too, and stays."""
    lines, fences = [], []
    for line in text.splitlines():
        if fence := FENCE.fullmatch(line):
            ticks, kind = fence.groups()
            if fences and not kind.strip() and fences[-1][0] == ticks:
                fences.pop()
            else:
                fences.append((ticks, kind))
        code = fence or not all(TEXT.match(kind) for _, kind in fences)
        lines.append("" if code else re.sub(r"`[^`]+`", blank, line))
    assert not fences, "a fence is not closed"
    return "\n".join(lines)


def prose_of(path: Path) -> str:
    """A page without its head and its code; of a script, its cells of text."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        cells = re.split(r"^# %%", text, flags=re.MULTILINE)
        text = "\n".join(re.sub(r"^# ?", "", cell, flags=re.M) for cell in cells if cell.startswith(" [markdown]"))
    return without_code(re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL))


def plain(formula: str) -> str:
    """A formula without its words, its operators and its differentials."""
    formula = re.sub(r"\\(?:text|texttt|mathtt|mathrm|operatorname|begin|end)\{[^{}]*\}", " ", formula)
    formula = re.sub(r"\\\\\[[^\]]*\]|\\math(?:bb|bf)\{\w\}|\^\{?(?:T|\\top)\}?(?![a-zA-Z])", " ", formula)
    formula = re.sub(r"\\frac\{d([^{}]*)\}\{d([^{}]*)\}", r" \1 \2 ", formula)
    return re.sub(rf"\\(?!(?:{GREEK}|hat|tilde|mathcal)(?![a-zA-Z]))[a-zA-Z]+", " ", formula)


def bare(sign: str) -> str:
    """A sign without the braces and the space of its accent."""
    return re.sub(r"[{}]", "", sign).replace(" ", "")


def uses(formula: str, start: int = 0) -> list[Use]:
    """The signs of a formula."""
    found, rest = [], plain(formula)
    while match := SUBSCRIPT.search(rest):
        inside = match[1] or match[2]
        fixed = any(rest[: match.start()].endswith(sign) for sign, index in FIXED if index == inside)
        if inside not in ("in", "out") and not fixed:
            found += [Use(bare(sign), False, True, start) for sign in re.findall(SIGN, inside)]
        rest = rest[: match.start()] + "\0" + rest[match.end() :]
    for match in re.finditer(rf"({SIGN})\}}?(['’]*\0)?", rest.replace(" \0", "\0")):
        found.append(Use(bare(match[1]), bool(match[2]), False, start))
    return found


def formulas(text: str) -> list[tuple[int, str]]:
    """Where each formula stands, and what it is."""
    return [(match.start(), match[1] or match[2]) for match in FORMULA.finditer(text)]


def singular(words: list[str]) -> set[str]:
    """Words in small letters, without the s of their plural."""
    return {word.lower().removesuffix("s") for word in words}


def rows(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the notation."""
    section = (BOOK / "notation.md").read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| $")]


def reserve(table: list[list[str]]) -> dict[tuple[str, bool], list[Entry]]:
    """The signs of a table, and whether they have an index; a sign may mean something else in other chapters."""
    found = {}
    for cells in table:
        entry = Entry(names_of(cells[-1]), set(re.findall(r"\w+", cells[-2])))
        for sign in {key_of(use) for use in signs_of(cells[0])}:
            for other in found.setdefault(sign, []):
                apart = entry.chapters and other.chapters and not entry.chapters & other.chapters
                assert apart, f"{sign[0]} is reserved twice"
            found[sign].append(entry)
    return found


def names_of(meaning: str) -> set[str]:
    """The bold words of a meaning."""
    return singular(re.findall(r"\w+", " ".join(re.findall(r"\*\*(.+?)\*\*", meaning))))


def key_of(use: Use) -> tuple[str, bool]:
    """By what the table is asked for a sign."""
    return use.sign, use.indexed


def signs_of(cell: str) -> list[Use]:
    """The signs that a list of formulas names: the first of each."""
    return [next(use for use in uses(formula) if not use.inside) for _, formula in formulas(cell)]


# An index that is a part of its sign, as in $k_h$.
FIXED = {
    (sign, index.strip("{}"))
    for heading in ("Letters", "Shapes")
    for cells in rows(heading)
    for sign, index in re.findall(rf"\$({SIGN})_(\w|\{{\w+\}})", cells[0])
    if not any(f"${index}$" in cells[0] for cells in rows("Indices"))
}
RESERVED = reserve(rows("Letters") + rows("Shapes"))
INDICES = {key_of(use)[0]: names_of(cells[-1]) for cells in rows("Indices") for use in signs_of(cells[0])}
EVERY_NAME = set().union(*(entry.names for entries in RESERVED.values() for entry in entries))


def entry_of(one: "Use | Declaration", word: str | None) -> Entry | None:
    """What the table says of a sign in a chapter; a sign that is reserved without an index may have one."""
    for key in [(one.sign, one.indexed), (one.sign, False)]:
        entries = RESERVED.get(key, [])
        if here := [entry for entry in entries if not word or not entry.chapters or word in entry.chapters]:
            return Entry(set().union(*(entry.names for entry in here)), set())
    return None


@dataclass(frozen=True)
class Declaration:
    """What a page says that a sign means there."""

    sign: str
    indexed: bool
    said: str
    start: int


def declarations(text: str) -> list[Declaration]:
    """The sentences of a page that begin with *Here* and signs."""
    return [
        Declaration(use.sign, use.indexed, " ".join(match[2].split()), match.start())
        for match in DECLARED.finditer(text)
        for use in signs_of(match[1])
    ]


def complaints(text: str, word: str | None = None, indices: set[str] = frozenset()) -> list[str]:
    """What is wrong with the signs of a page of a chapter, or of a page that belongs to no chapter."""
    declared = {}
    found = []
    for one in declarations(text):
        if one.sign in declared:
            found.append(f"{one.sign} is declared twice")
        if not tells_of(one, word):
            found.append(f"{one.sign} is declared, but not what it is elsewhere")
        declared.setdefault(one.sign, one)
    every = [(formula, use) for start, formula in formulas(text) for use in uses(formula, start)]
    for formula, use in every:
        end = re.compile(r"^#{1,2} ", re.MULTILINE).search(text, use.start)
        local = use.sign in declared and declared[use.sign].start < (end.start() if end else len(text))
        if not (local or known(use, indices, word)):
            found.append(f"{use.sign} is not declared: {' '.join(formula.split())}")
    return found + misnamed(text, declared, word)


def indices_of(text: str) -> set[str]:
    """The letters that are an index on a page or in a notebook."""
    return {use.sign for _, formula in formulas(text) for use in uses(formula) if use.inside} & set(INDICES)


def tells_of(one: Declaration, word: str | None) -> bool:
    """Whether a page that declares a reserved sign says what the sign is not."""
    entry = entry_of(one, word)
    return not entry or any(re.search(rf"\bnot\b.*\b{name}", one.said.lower()) for name in entry.names)


def known(use: Use, indices: set[str], word: str | None) -> bool:
    """Whether the table says what a sign is; as an index, a small letter is one of those for indices."""
    if use.inside and re.fullmatch("[a-z]", use.sign):
        return use.sign in INDICES
    return use.sign in indices or entry_of(use, word) is not None


def misnamed(text: str, declared: dict[str, Declaration], word: str | None) -> list[str]:
    """Where a sign is called by the name of another one: "of variance $w$", "$w$ is the variance"."""
    found = []
    for match in re.finditer(rf"(\w+)\s+{ALONE}|{ALONE},?\s+(?:is|are|was)\s+(?:the|a|an|its)\s+(\w+)", text):
        before, _, _, after = match.groups()
        (use,) = signs_of(re.search(r"\$[^$]+\$", match[0])[0])
        (name,) = singular([before or after])
        entry = entry_of(use, word)
        names = (entry.names if entry else EVERY_NAME) | INDICES.get(use.sign, set())
        if use.sign in declared:
            names = singular(re.findall(r"\w+", declared[use.sign].said))
        if name in EVERY_NAME - names:
            found.append(f"{use.sign} is called {name}")
    return found


def word_of(path: Path) -> str | None:
    """The chapter of a page or a notebook."""
    return next((word for word in WORDS if word in (path.parent.name, path.stem)), None)


def parts(path: Path) -> list[str]:
    """A page as it is; a notebook by its sections."""
    text = prose_of(path)
    return re.split(r"^(?=## )", text, flags=re.MULTILINE) if path.suffix == ".py" else [text]


def complaints_of(path: Path) -> list[str]:
    """What is wrong with the signs of a page or a notebook; the appendices may name every index."""
    word = word_of(path)
    indices = indices_of(prose_of(path)) if word else set(INDICES)
    return [said for part in parts(path) for said in complaints(part, word, indices)]


@pytest.mark.parametrize(
    "path", [*APPENDICES, *LESSONS, *NOTEBOOKS], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_every_sign_means_what_the_table_or_the_page_says(path):
    assert complaints_of(path) == []


def test_a_sign_may_have_one_meaning_in_each_chapter():
    scale = ["$\\lambda$", "", " activations ", "the **scale**"]
    strength = ["$\\lambda$", "", " optimization, transfer ", "the **strength**"]
    assert [entry.names for entry in reserve([scale, strength])["\\lambda", False]] == [{"scale"}, {"strength"}]
    for second in (strength, ["$\\lambda$", "", " transfer ", "a **factor**"], ["$\\lambda$", "", "", "a **factor**"]):
        with pytest.raises(AssertionError, match="reserved twice"):
            reserve([scale, strength, second])


def test_a_sign_has_the_name_of_its_chapter():
    for word, called in {"activations": "scale", "optimization": "strength"}.items():
        said = [complaints(f"of {name} $\\lambda$", word) for name in ("scale", "strength")]
        assert [not found for found in said] == [called == "scale", called == "strength"]


RIGHT = {
    "reserved": "The weights $w$ and the input $x$ give $y = a(w^T x + b)$.",
    "with an index": "Layer $l$ computes $h_l = f(w_l h_{l-1})$, and $y_i$ is one number of $y$.",
    "declared": "Here $s$ is the sum. $s = x_1 + x_2$",
    "two declared at once": "Here $s$ and $t$ are sums. $s + t$",
    "declared behind the formula, in its section": "$$ y = q x $$\n\nHere $q$ is a factor.",
    "declared, and what it is not": "Here $y$ is the second input, not the output. $f(x, y) = xy$",
    "reserved in another chapter": "Here $\\beta$ is an exponent. $x^\\beta$",
    "reserved in this chapter": "$r_l = r_{l-1} + d (k_l - 1)$ with the stride $S$ and the dilation $d$",
    "words, operators, differentials": "$\\frac{d}{dx} e^x \\text{ for } \\max(x, 0), \\texttt{dout}^T W$",
    "code": "`$q$` and\n```python\n$q$\n```\nand\n```{admonition} Box\n$x$\n```",
    "an index that is a part": "$k_h k_w C_{in}$ with $H_{out}$ and $n_{in}$",
    "a number of things": "after $n$ steps $0.9^n$",
    "an index that stands alone": "$x_c$ in channel $c$",
}
WRONG = {
    "not declared": ("$y = q x$", "q is not declared"),
    "declared in a later section": ("$y = q x$\n\n## Later\n\nHere $q$ is a factor.", "q is not declared"),
    "declared twice": ("Here $q$ is a factor. Here $q$ is a sum. $q$", "q is declared twice"),
    "of variance w": ("weights of variance $w$", "w is called variance"),
    "w is the variance": ("$w$ is the variance of the weights", "w is called variance"),
    "variance with an index": ("of variance $w_l$", "w is called variance"),
    "declared, and not what it is not": ("Here $w$ is the variance of all weights.", "w is declared, but"),
    "says not, but not what": ("Here $y$ is the second input, not the first.", "y is declared, but"),
    "reserved in another chapter": ("$y = x^\\beta$", "\\beta is not declared"),
    "a size as an index": ("$y_{nm} = W_{md}$", "m is not declared"),
    "an index as a number": ("the product is $c^n$", "c is not declared"),
    "in a box": ("```{admonition} Box\n$q$\n```", "q is not declared"),
    "behind code": ("```python\nx\n```\n$q$", "q is not declared"),
    "in a display": ("$$\n\\begin{aligned} y &= \\frac{q}{2} \\end{aligned}\n$$", "q is not declared"),
    "under an accent": ("$\\tilde x$", "\\tildex is not declared"),
    "in another script": ("$\\mathcal{S}$", "\\mathcalS is not declared"),
    "called otherwise than declared": ("Here $q$ is the factor. The variance $q$", "q is called variance"),
    "a Greek letter without a row": ("$\\delta x$", "\\delta is not declared"),
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_a_page_whose_signs_are_right_passes(text):
    text = without_code(text)
    assert complaints(text, "convolution", indices_of(text)) == []


@pytest.mark.parametrize(("text", "complaint"), WRONG.values(), ids=WRONG)
def test_a_page_that_uses_a_sign_otherwise_is_told_so(text, complaint):
    text = without_code(text)
    assert any(said.startswith(complaint) for said in complaints(text, "convolution", indices_of(text)))
