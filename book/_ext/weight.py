"""What a page needs before it is seen, made small: one style sheet with the rules that some page uses, one font with
the icons that some page shows, and scripts that wait until the page is read.

The theme has ten style sheets of 570 KB, a font of 1,400 icons, and a dozen scripts, each of which stops the page until
it is there. On a slow connection that is two seconds.
"""

import hashlib
import re
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import tinycss2
from fontTools import subset, ttLib
from sphinx.application import Sphinx

SHEET = "pages.css"
ICONS = "icons.woff"
# The course's own is kept whole.
OWN = "course.css"
ICON_FONT = "fa-solid-900"
ICON_FONTS = "theme/pydata_sphinx_theme/static/vendor/fontawesome/webfonts"

LINK = re.compile(r'\s*<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="([^"?]*_static/)([^"?]+\.css)[^"]*"[^>]*/?>')
PRELOADED = re.compile(r'\s*<link rel="preload" as="script"[^>]*/>')
OPTIONS = re.compile(r'<script src="[^"]*documentation_options\.js[^"]*"></script>')
AT_ONCE = re.compile(r'<script (?=[^>]*\bsrc=")(?![^>]*\b(?:defer|async|type="module"))')
MATHJAX = re.compile(r"(<script>window\.MathJax = \{)(.*?</script>)")
# Formulas are set a few at a time, the first ones first: a page of them stands still for seconds on a phone otherwise.
A_FEW = """"startup": {pageReady: async () => {
  const all = [...document.querySelectorAll(".math")];
  while (all.length) {
    await MathJax.typesetPromise(all.splice(0, 3));
    await new Promise((go) => setTimeout(go));
  }
}}, """
WORD = re.compile(r"[\w-]+")
URL = re.compile(r"url\((?!data:|['\"])([^)]+)\)")
IMPORT = re.compile(r'[@]import "([^"]+)";')


class Used:
    """The words of all pages and of their scripts: a class or a name that is none of them is on no page."""

    def __init__(self, pages: list[str], scripts: list[str]):
        self._words = set(WORD.findall(" ".join(pages)))
        said = set(WORD.findall(" ".join(scripts)))
        self._words |= said
        # Scripts put some together: "bs-tooltip" and "-end".
        self._beginnings = {word.rstrip("-") for word in said if "-" in word.strip("-") or word.endswith("-")}

    def __contains__(self, name: str) -> bool:
        parts = name.split("-")
        return name in self._words or any("-".join(parts[:n]) in self._beginnings for n in range(1, len(parts)))


def reduced(sheet: str, used: Used) -> str:
    """The style sheet without rules for what is on no page."""
    return "".join(_kept(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), used))


def _kept(rules: list, used: Used) -> Iterator[str]:
    for rule in rules:
        if rule.type == "at-rule" and rule.content is not None and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if text := "".join(_kept(inner, used)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{text}}}"
        elif rule.type == "qualified-rule":
            selectors = [s for s in _selectors(rule.prelude) if all(name in used for name in _names(s))]
            if selectors:
                yield f"{','.join(map(tinycss2.serialize, selectors))}{{{tinycss2.serialize(rule.content)}}}"
        elif rule.type == "at-rule" and f"/{ICON_FONT}." not in (text := rule.serialize()):
            yield text


def _selectors(prelude: list) -> Iterator[list]:
    """The selectors of a rule, which commas part."""
    found = []
    for token in prelude:
        if token == ",":
            yield found
            found = []
        else:
            found.append(token)
    yield found


def _names(selector: list) -> Iterator[str]:
    """The classes and ids that an element must have; what stands in brackets, as in :not(), may be otherwise."""
    for before, token in zip([None, *selector], selector, strict=False):
        if token.type == "hash" or (token.type == "ident" and before == "."):
            yield token.value


def icon_font(target: Path, sheet: str) -> None:
    """A font with those icons alone that a style sheet names."""
    codes = {ord(character) for character in re.findall('"(.)"', sheet)}
    with as_file(files("pydata_sphinx_theme").joinpath(ICON_FONTS, f"{ICON_FONT}.ttf")) as source:
        font = ttLib.TTFont(source, lazy=False)
    chosen = subset.Subsetter(subset.Options(layout_features=[], notdef_outline=True))
    chosen.populate(unicodes=codes)
    chosen.subset(font)
    font.flavor = "woff"
    font.save(target)


def one_sheet(static: Path, names: list[str], used: Used) -> str:
    """The style sheets of a page, one after the other, as one that lies in `static`."""

    def read(path: Path) -> str:
        text = IMPORT.sub(lambda found: read((path.parent / found[1]).resolve()), path.read_text("utf-8"))
        folder = path.parent.resolve().relative_to(static.resolve()).as_posix()
        return URL.sub(lambda found: f"url({found[1] if folder == '.' else f'{folder}/{found[1]}'})", text)

    sheets = [text if name == OWN else reduced(text, used) for name in names if (text := read(static / name))]
    icons = f'@font-face{{font-family:"Font Awesome 6 Free";font-weight:900;font-display:block;src:url({ICONS})}}'
    return re.sub(r"url\((?:[\w-]+/)+\.\./", "url(", icons + "\n".join(sheets))


def lighten(folder: Path) -> None:
    """Give all pages in `folder` one small style sheet and font, and let their scripts wait."""
    static = folder / "_static"
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.relative_to(folder).parts]
    pages = {path: path.read_text("utf-8") for path in paths}
    scripts = [path.read_text("utf-8") for path in static.rglob("*.js") if "mathjax" not in path.parts]
    used = Used(list(pages.values()), scripts)
    sheets: dict[tuple[str, ...], str] = {}
    versions: dict[tuple[str, ...], str] = {}
    options = (static / "documentation_options.js").read_text("utf-8")
    for path, page in pages.items():
        links = list(LINK.finditer(page))
        names = tuple(link[2] for link in links)
        if not names:
            continue
        if names not in sheets:
            sheets[names] = SHEET if not sheets else f"pages-{len(sheets)}.css"
            text = one_sheet(static, list(names), used)
            (static / sheets[names]).write_text(text, "utf-8")
            # A browser that keeps an older one must ask for this one.
            versions[names] = hashlib.sha256(text.encode()).hexdigest()[:8]
        first = links[0]
        page = page.replace(
            first[0], f'\n    <link rel="stylesheet" href="{first[1]}{sheets[names]}?v={versions[names]}" />', 1
        )
        for link in links[1:]:
            page = page.replace(link[0], "", 1)
        page = OPTIONS.sub(lambda _: f"<script>{options}</script>", PRELOADED.sub("", page))
        # What a search page has in itself calls its scripts at once.
        if path.stem != "search":
            page = AT_ONCE.sub('<script defer="defer" ', page)
        path.write_text(MATHJAX.sub(lambda found: found[1] + A_FEW + found[2], page), "utf-8")
    icon_font(static / ICONS, "".join((static / name).read_text("utf-8") for name in sheets.values()))


def finish(app: Sphinx, error: Exception | None) -> None:
    """Make every page light after a build without error."""
    if error is None and app.builder.format == "html":
        lighten(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    # When the other extensions have written into the pages what they write.
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
