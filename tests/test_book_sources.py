"""What must hold in the book's sources, before anything is built."""

import gzip
import importlib.util
import re
from pathlib import Path

import jupytext
import pytest
from contents import BOOK, CHAPTERS, NAMES, WORDS, names_of

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(BOOK.rglob("*.md"))
ERRATA = [page for page in PAGES if page.parent.name == "errata" and page.stem != "index"]
SOURCES = [
    ROOT / "_config.yml",
    *sorted(path for path in BOOK.rglob("*") if path.is_file() and "__pycache__" not in path.parts),
]

OTHER_HOST = re.compile(
    r"""
      !\[[^\]]*\]\(\s*(?:https?:)?//                     # a Markdown image
    | \{(?:figure|image|iframe)\}\s*(?:https?:)?//       # a MyST image
    | <(?:img|script|link|iframe|source|video|audio)\b[^>]*(?:src|href)\s*=\s*["']?(?:https?:)?//
    | @import | url\(\s*["']?(?:https?:)?//              # a style sheet's
    | \b(?:import|fetch)\s*\(?\s*["'`](?:https?:)?//     # a script's
    """,
    re.VERBOSE | re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.])(?:/(?:home|root|tmp|work|Users|mnt|opt)/\w|[A-Z]:\\\w)")
COLOUR_WORD = re.compile(r"""(?:color|colors|facecolor|edgecolor|c)\s*=\s*["'](?:k|w|black|white|gr[ae]y)["']""")


def code_cells(page: Path) -> list[tuple[int, str, dict]]:
    """Return (number, source, metadata) of each code cell of a page; a page without cells has none."""
    if "{code-cell}" not in page.read_text("utf-8"):
        return []
    cells = [cell for cell in jupytext.read(page, fmt="md:myst").cells if cell.cell_type == "code"]
    return [(number, cell.source, cell.metadata) for number, cell in enumerate(cells, 1)]


CELLS = [
    pytest.param(source, metadata, id=f"{'-'.join(page.relative_to(BOOK).with_suffix('').parts)}-cell-{number}")
    for page in PAGES
    for number, source, metadata in code_cells(page)
]
# A cell that only defines a drawing function shows nothing. The browser test looks at what cells really show.
FIGURES = [
    cell for cell in CELLS if re.search(r"^plt\.show\(", cell.values[0], re.MULTILINE) or "mystnb" in cell.values[1]
]


def extension(name):
    """Load one of the book's extensions of Sphinx."""
    spec = importlib.util.spec_from_file_location(name, BOOK / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_contents_is_a_page(name):
    assert (BOOK / f"{name}.md").is_file()


def test_every_page_is_in_the_contents_once():
    found = [page.relative_to(BOOK).with_suffix("").as_posix() for page in PAGES]
    assert sorted(NAMES) == sorted(name for name in found if name != "404")


def test_every_erratum_stands_in_the_table_of_the_notes():
    pages = {page.stem: page.read_text("utf-8") for page in ERRATA}
    assert pages.keys() == set(WORDS)
    errata = re.findall(r"^\((errata-[a-z0-9-]+)\)=$", "".join(pages.values()), re.MULTILINE)
    named = re.findall(r"\{ref\}`corrected <([^>]+)>`", (BOOK / "notes.md").read_text("utf-8"))
    assert errata
    assert set(errata) == set(named)


def test_the_code_of_each_erratum_is_folded():
    cells = [(page.stem, n, metadata.get("tags", ())) for page in ERRATA for n, _, metadata in code_cells(page)]
    assert len(cells) > 50
    assert [(page, n) for page, n, tags in cells if "hide-input" not in tags] == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter["file"])
def test_every_chapter_offers_its_exercise_notebook(chapter):
    last = names_of(chapter)[-1]
    word = chapter["file"].removesuffix("/index")
    notebook = ROOT / "exercises" / word / f"{word}.ipynb"
    offered = re.findall(r"\{download\}`[^`]+<([^>]+)>`", (BOOK / f"{last}.md").read_text("utf-8"))
    assert notebook in [((BOOK / last).parent / path).resolve() for path in offered]
    assert notebook.is_file()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_loaded_from_another_host(path):
    assert not OTHER_HOST.findall(path.read_text("utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_names_a_path_of_a_machine(path):
    text = path.read_text("utf-8")
    assert not MACHINE_PATH.findall(text)
    assert str(ROOT) not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(BOOK).as_posix())
def test_no_cell_stands_in_a_box_of_text(page):
    """It would be shown and not run."""
    boxes = re.findall(r"^(`{4,})\{(.*?)^\1$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert not any("{code-cell}" in text for _, text in boxes)


def test_the_book_has_figures():
    assert FIGURES


@pytest.mark.parametrize(("source", "metadata"), CELLS)
def test_a_cell_that_draws_shows_its_figure_at_its_end(source, metadata):
    draws = re.search(r"^\S.*\bplt\.(?:subplots|figure|subplot_mosaic)\(", source, re.MULTILINE)
    assert not draws or source.rstrip().endswith("plt.show()")


@pytest.mark.parametrize(("source", "metadata"), FIGURES)
def test_every_figure_is_described_captioned_and_named(source, metadata):
    options = metadata.get("mystnb", {})
    alternative = options.get("image", {}).get("alt", "")
    assert len(alternative.split()) >= 8, f"the alternative text must say what is to be seen, got {alternative!r}"
    assert options.get("figure", {}).get("caption")
    assert options.get("figure", {}).get("name")


@pytest.mark.parametrize(("source", "metadata"), FIGURES)
def test_no_figure_uses_a_colour_that_vanishes_in_one_mode(source, metadata):
    assert not COLOUR_WORD.findall(source)


def test_every_colour_of_the_style_has_a_partner_for_dark_mode():
    style = re.sub(r"^#.*$", "", (BOOK / "course.mplstyle").read_text("utf-8"), flags=re.MULTILINE)
    colours = {f"#{colour}" for colour in re.findall(r"\b[0-9a-f]{6}\b", style)}
    assert colours == set(extension("dark_figures").DARK_OF) - {"#ffffff"}


def test_a_dark_figure_keeps_all_but_the_colours():
    module = extension("dark_figures")
    svg = '<svg width="10"><path d="M 0 1" style="stroke: {}; fill: none"/><text fill="{}">a</text></svg>'
    blue, ink = "#0072b2", "#1f2933"
    partners = module.DARK_OF
    assert module.darken(svg.format(blue, ink)) == svg.format(partners[blue], partners[ink])
    assert not set(partners) & set(partners.values())
    assert len(set(partners.values())) == len(partners)


@pytest.mark.parametrize("module", sorted(BOOK.rglob("*.mjs")), ids=lambda path: path.stem)
def test_a_moving_figure_is_small(module):
    assert len(gzip.compress(module.read_bytes())) < 15_000


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (".note{color:red}", ".note{color:red}"),
        (".nowhere{color:red}", ""),
        ("#top .note>p{color:red}", "#top .note>p{color:red}"),
        ("#nowhere .note{color:red}", ""),
        (".note,.nowhere p,p{color:red}", ".note,p{color:red}"),
        ("p:not(.nowhere),.note:is(.nowhere,.note){color:red}", "p:not(.nowhere),.note:is(.nowhere,.note){color:red}"),
        ('.note::before{content:"."}', '.note::before{content:"."}'),
        # Scripts set the one, and put the other together.
        (".shown,.tip-of-end,.tip-off{color:red}", ".shown,.tip-of-end{color:red}"),
        ("@media print{.note{color:red}.nowhere{color:red}}", "@media print{.note{color:red}}"),
        ("@media print{.nowhere{color:red}}", ""),
        ("@keyframes nowhere{to{color:red}}", "@keyframes nowhere{to{color:red}}"),
    ],
)
def test_the_style_sheet_keeps_what_some_page_may_need(rule, kept):
    weight = extension("weight")
    used = weight.Used(['<div id="top" class="note">'], ['e.classList.add("shown", "tip-of-" + place)'])
    assert weight.reduced(rule, used) == kept
