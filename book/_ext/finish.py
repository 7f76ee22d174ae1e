"""What is mended in the pages when the theme has written them: names for who reads by ear, lines that break where they
may, and less to load.

The theme's pages name some buttons otherwise than they are labelled, draw each icon with a script of 1.5 MB although
its style sheet has them as a font, and load MathJax, both copies of each figure and the index of the search whether or
not anybody needs them.
"""

import html
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

SCRIPT = r'\s*<script\b[^>]*\bsrc="[^"]*{}[^"]*"></script>'
ICON_SCRIPT = re.compile(SCRIPT.format(r"scripts/fontawesome\.js"))
# Whoever searches is led to search.html, which loads its own.
SEARCH_SCRIPTS = re.compile(SCRIPT.format(r"(?:searchtools|language_data|searchindex)\.js"))
MATHJAX = re.compile(r"\s*<script>window\.MathJax = .*?</script>|" + SCRIPT.format("/mathjax/"))
FIGURE = re.compile(r'<img (?=[^>]*class="[^"]*figure-in-(?:light|dark))([^>]*?)\s*/?>')
SOURCE = re.compile(r'\bsrc="[^"]*?([^/"]+)"')
SVG_SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"[^>]*?\bheight="([\d.]+)pt"')
# A figure that a phone shows in its own width: its drawing is moved, its caption is not.
WIDE_FIGURE = re.compile(r'(<figure class="wide-on-phone\b[^>]*>)(.*?)(<figcaption>|</figure>)', re.DOTALL)
# The corner of a table, which heads nothing.
EMPTY_HEAD = re.compile(r"<th\b[^>]*>\s*(?:<p>\s*</p>)?\s*</th>")
# A formula with the brackets and the point or comma that stand at it: a browser breaks a line between them.
FORMULA = re.compile(r'([(\[“]*)(<span class="math notranslate nohighlight">[^<]*</span>)([.,;:!?)\]”]*)')
FOLDED_PAGES = re.compile(r"(<a\b[^>]*>([^<]*(?:<(?!/a>|a\b)[^<]*)*)</a><details[^>]*><summary)>")
ICON = re.compile(r'<(i|span) class="([^"]*\bfa-)')
TAG = re.compile(r"<[^>]*>")
PIXELS_OF_A_POINT = 4 / 3
# Files that no page asks for: the script of the icons, what a debugger reads, fonts for browsers before 2016.
NOT_ASKED_FOR = ("scripts/fontawesome.js*", "**/*.map", "vendor/fontawesome/webfonts/*.ttf")


def named(page: str) -> str:
    """The page with a name for each thing that can be pressed, and for each part of it."""
    page = FOLDED_PAGES.sub(lambda found: f'{found[1]} aria-label="Pages of {_text(found[2])}">', page)
    page = ICON.sub(r'<\1 aria-hidden="true" class="\2', page)
    # Its own words are its name: "Search", and the keys that lead there.
    page = re.sub(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1", page)
    return page.replace(
        '<div id="pst-primary-sidebar"', '<div id="pst-primary-sidebar" role="complementary" aria-label="The course"'
    )


def mended(page: str) -> str:
    """The page with lines that break where they may, and with lists and tables told as what they are."""
    page = FORMULA.sub(_unbroken, page)
    page = WIDE_FIGURE.sub(r'\1<div class="wide-drawing">\2</div>\3', page)
    page = EMPTY_HEAD.sub("<td></td>", page)
    # Sphinx writes a role that is not used any more, which no list may have in it.
    return page.replace('role="doc-biblioentry"', 'role="listitem"')


def lightened(page: str, size_of: Callable[[str], tuple[int, int] | None], searches: bool) -> str:
    """The page without what it does not need; a figure is loaded when it comes into view, in the mode of the reader."""
    page = ICON_SCRIPT.sub("", page)
    if not searches:
        page = SEARCH_SCRIPTS.sub("", page)
    if 'class="math' not in page:
        page = MATHJAX.sub("", page)

    def lazy(found: re.Match) -> str:
        size = size_of(SOURCE.search(found[1])[1])
        # The place is kept free until the figure is there.
        room = f' width="{size[0]}" height="{size[1]}"' if size else ""
        return f'<img {found[1]} loading="lazy"{room} />'

    return FIGURE.sub(lazy, page)


def svg_size(path: Path) -> tuple[int, int] | None:
    """The width and height of a drawing of matplotlib, in pixels."""
    with path.open(encoding="utf-8") as file:
        found = SVG_SIZE.search(file.read(4096))
    return found and tuple(round(float(points) * PIXELS_OF_A_POINT) for points in found.groups())


def _unbroken(formula: re.Match) -> str:
    return f'<span class="unbroken">{formula[0]}</span>' if formula[1] or formula[3] else formula[0]


def _text(markup: str) -> str:
    return html.escape(html.unescape(TAG.sub("", markup)).strip(), quote=True)


def finish(app: Sphinx, error: Exception | None) -> None:
    """Mend every page after a build without error."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)

    @cache
    def size_of(name: str) -> tuple[int, int] | None:
        return svg_size(folder / "_images" / name)

    for path in folder.rglob("*.html"):
        if "_static" in path.relative_to(folder).parts:
            continue
        page = path.read_text("utf-8")
        path.write_text(lightened(mended(named(page)), size_of, searches=path.stem == "search"), "utf-8")
    for pattern in NOT_ASKED_FOR:
        for path in (folder / "_static").glob(pattern):
            path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
