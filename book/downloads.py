"""Make what a reader can take along: ``python book/downloads.py``, behind ``make downloads``.

The whole book as one PDF, printed by Chromium, and its pages as one archive. Both are put beside the pages in
_build/html, and the title page offers them from then on. So is the handout that ``autograder handout`` has made; the
chapters offer it, too, where they end with their notebook. The book must have been built; the next build begins from
nothing and offers none of them.
"""

import argparse
import html
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import normpath
from urllib.parse import urldefrag, urlsplit
from zipfile import ZIP_DEFLATED, ZipFile

import yaml
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
TITLE = "Convolutional Networks by Hand"
PDF, ARCHIVE = "convolutional-networks-by-hand.pdf", "convolutional-networks-by-hand.zip"
HANDOUT = "convolutional-networks-by-hand-exercises.zip"
# Where the title page offers them (book/intro.md), once they are there.
PLACE = "<!-- downloads -->"
# Where a chapter ends with its notebook.
EXERCISE = re.compile(
    r'(<div class="[^"]*\bexercise-notebook\b[^"]*">\s*<p class="admonition-title">Exercise</p>.*?)(</div>)', re.DOTALL
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Of setting thousands of formulas on a busy machine.
MINUTES = 30

ARTICLE = re.compile(r'<article class="bd-article">(.*?)</article>', re.DOTALL)
LEFT_OUT = re.compile(
    r'<script\b.*?</script>|<img\b[^>]*\bfigure-in-dark\b[^>]*>|<a class="headerlink".*?</a>| loading="lazy"', re.DOTALL
)
TAG = re.compile(r"<[a-zA-Z][^>]*>")
ID = re.compile(r'\bid="([^"]*)"')
TARGET = re.compile(r'\b(href|src)="([^"]*)"')
HEADING = re.compile(r"(</?h)([1-6])\b")
TITLE_OF_PAGE = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)

DOCUMENT = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head>
<meta charset="utf-8" />
<title>{title}</title>
{head}
<style>
  .bd-article .contents, .bd-article .page {{ break-before: page; }}
  /* The theme prints the title of a page in a head of its own. */
  .bd-main .bd-content .bd-article-container .bd-article h1 {{ display: block !important; }}
  .bd-article .cover {{ margin-top: 30vh; text-align: center; }}
  .bd-article .contents ol {{ list-style: none; padding: 0; }}
  .bd-article .contents li {{ display: flex; gap: 0.5rem; }}
  .bd-article .contents li.chapter {{ font-weight: 650; margin-top: 0.6rem; }}
  .bd-article .contents li.section {{ padding-left: 1.5rem; }}
  .bd-article .contents li span:last-child {{ margin-left: auto; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<main class="bd-main"><div class="bd-content"><div class="bd-article-container" style="max-width: none">
<article class="bd-article">
<p class="cover" style="font-size: 2.4rem; font-weight: 700">{title}</p>
<section class="contents"><h1 id="contents">Contents</h1>
<ol>
{contents}
</ol></section>
{pages}
</article>
</div></div></main>
</body>
</html>
"""


def contents(toc: dict) -> Iterator[tuple[str, int]]:
    """The pages in the order in which they are read, each with its depth: 0 for a chapter, 1 for a page of it."""
    yield toc["root"], 0
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            yield chapter["file"], 0
            yield from ((section["file"], 1) for section in chapter.get("sections", ()))


def mark(name: str, anchor: str = "") -> str:
    """The id, in the one document, of a page or of a place on it."""
    return "--".join(part for part in (name.replace("/", "-"), anchor) if part)


def joined(text: str, name: str, depth: int, names: set[str]) -> str:
    """The article of a page as a part of the one document: its headings a level deeper, its links within."""
    article = LEFT_OUT.sub("", ARTICLE.search(text)[1])
    folder = name.rpartition("/")[0]

    def target(found: re.Match) -> str:
        kind, address = found[1], html.unescape(found[2])
        if urlsplit(address).scheme:
            return found[0]
        path, anchor = urldefrag(address)
        path = normpath(f"{folder}/{path}".lstrip("/")) if path else f"{name}.html"
        if kind == "src":
            return f'src="{html.escape(path)}"'
        page = path.removesuffix(".html")
        # Neither a page that is not printed nor a file beside the pages can be reached from paper.
        return f'href="#{html.escape(mark(page, anchor))}"' if page in names else ""

    def tag(found: re.Match) -> str:
        return TARGET.sub(target, ID.sub(lambda id_: f'id="{mark(name, id_[1])}"', found[0]))

    article = TAG.sub(tag, article)
    if depth:
        article = HEADING.sub(lambda found: f"{found[1]}{min(int(found[2]) + depth, 6)}", article)
    return f'<div class="page" id="{mark(name)}">{article}</div>'


def document(folder: Path, pages: list[tuple[str, int]]) -> str:
    """The whole book as one page of HTML, which lies in the folder of the pages."""
    texts = {name: (folder / f"{name}.html").read_text("utf-8") for name, _ in pages}
    lines = []
    for name, depth in pages:
        heading = TITLE_OF_PAGE.search(ARTICLE.search(texts[name])[1])[1]
        title = re.sub("<[^>]*>", "", LEFT_OUT.sub("", heading))
        kind, place = "section" if depth else "chapter", mark(name)
        lines.append(
            f'<li class="{kind}"><a href="#{place}">{title.strip()}</a><span data-page="{place}">000</span></li>'
        )
    head = re.findall(r'<link\b[^>]*\brel="stylesheet"[^>]*>', texts[pages[0][0]])
    mathjax = '<script>window.MathJax = {options: {enableMenu: false, processHtmlClass: "math"}}</script>'
    script = f'{mathjax}\n<script defer src="_static/mathjax/tex-chtml-full.js"></script>'
    return DOCUMENT.format(
        title=TITLE,
        head="\n".join([*head, script]),
        contents="\n".join(lines),
        pages="\n".join(joined(texts[name], name, depth, {name for name, _ in pages}) for name, depth in pages),
    )


@contextmanager
def opened(path: Path) -> Iterator[Page]:
    """A page in Chromium, with its formulas set."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise SystemExit("No Chromium was found, which prints the PDF. Install it: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.set_default_timeout(MINUTES * 60_000)
        tab.goto(path.as_uri())
        tab.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }")
        yield tab
        browser.close()


def page_numbers(path: Path) -> dict[str, int]:
    """On which page of the PDF each place is that a link leads to."""
    reader = PdfReader(path)
    places = reader.named_destinations.items()
    return {name.lstrip("/"): reader.get_destination_page_number(place) + 1 for name, place in places}


def print_book(folder: Path, pages: list[tuple[str, int]], path: Path) -> int:
    """Print the book into `path`: once to learn the numbers of its pages, and again with them; return how many."""
    whole = folder / "whole-book.html"
    whole.write_text(document(folder, pages), "utf-8")
    try:
        with opened(whole) as tab:

            def to_paper() -> dict[str, int]:
                tab.pdf(path=path, format="A4", print_background=True, outline=True, tagged=True)
                return page_numbers(path)

            before = to_paper()
            tab.evaluate(
                "(numbers) => document.querySelectorAll('[data-page]').forEach("
                "(place) => { place.textContent = numbers[place.dataset.page]; })",
                before,
            )
            if to_paper() != before:
                raise SystemExit("The numbers of the pages have changed while the contents were filled in.")
    finally:
        whole.unlink()
    return len(PdfReader(path).pages)


def pack(folder: Path, path: Path) -> None:
    """Pack the pages, and whatever they load, into an archive with one folder in it."""
    made = {folder / PDF, folder / ARCHIVE, folder / HANDOUT}
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file not in made and file.name != "sitemap.xml":
                archive.write(file, Path(path.stem, file.relative_to(folder)))


def megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def offer_handout(folder: Path, names: list[str], handout: Path) -> None:
    """Put the handout beside the pages, and offer it where the chapters end with their notebooks."""
    shutil.copyfile(handout, folder / HANDOUT)
    for name in names:
        page = folder / f"{name}.html"
        address = f"{'../' * name.count('/')}{HANDOUT}"
        offered = (
            f'<p class="take-along">Without the course: <a href="{address}">all exercises as a handout</a> '
            f"({megabytes(handout)}); its README says how to begin.</p>\n"
        )
        text = page.read_text("utf-8")
        if EXERCISE.search(text):
            page.write_text(EXERCISE.sub(lambda found, offered=offered: found[1] + offered + found[2], text), "utf-8")


def offer(folder: Path, first: str, number_of_pages: int) -> None:
    """Offer the PDF, the archive and, if it is there, the handout on the title page."""
    page = folder / f"{first}.html"
    exercises = ""
    if (folder / HANDOUT).is_file():
        exercises = f' <a href="{HANDOUT}">All exercises as a handout</a> ({megabytes(folder / HANDOUT)}).'
    offered = (
        f'<p class="take-along">To take along: <a href="{PDF}">the whole book as a PDF</a> '
        f'({number_of_pages} pages, {megabytes(folder / PDF)}), and <a href="{ARCHIVE}">its pages as an archive</a> '
        f"({megabytes(folder / ARCHIVE)}), which are read without a network: unpack it and open "
        f"<code>index.html</code>.{exercises}</p>"
    )
    page.write_text(page.read_text("utf-8").replace(PLACE, offered), "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the book as a PDF and as an archive, and offer both.")
    parser.add_argument("--html", type=Path, default=BUILT, help="the folder of the built pages")
    parser.add_argument("--pages", nargs="+", help="print these pages only, as a proof")
    parser.add_argument("--handout", type=Path, help="the zip of the exercises, made by autograder handout")
    arguments = parser.parse_args()
    if arguments.handout and not arguments.handout.is_file():
        parser.error(f"{arguments.handout} is not there: run autograder handout first")
    folder = arguments.html.absolute()
    pages = list(contents(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text("utf-8"))))
    if arguments.pages:
        pages = [(name, depth) for name, depth in pages if name in arguments.pages]
    missing = [name for name, _ in pages if not (folder / f"{name}.html").is_file()]
    if missing or not pages:
        print(f"The book is not built: {', '.join(missing) or 'no page'} is missing in {folder}. Run: make book")
        return 1
    first = pages[0][0]
    title_page = folder / f"{first}.html"
    if PLACE not in title_page.read_text("utf-8"):
        print(f"{title_page} offers the PDF and the archive already. Build the book to make them anew: make book")
        return 0
    number = print_book(folder, pages, folder / PDF)
    pack(folder, folder / ARCHIVE)
    if arguments.handout:
        offer_handout(folder, [name for name, _ in pages], arguments.handout)
    offer(folder, first, number)
    print(f"{folder / PDF}: {number} pages\n{folder / ARCHIVE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
