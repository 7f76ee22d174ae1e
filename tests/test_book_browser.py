"""The built book in a browser: every page, light and dark, wide and phone-sized, at a root and below."""

import contextlib
import gzip
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit
from zipfile import ZipFile

import pytest
from axe_playwright_python.sync_playwright import Axe
from contents import NAMES
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
ADDRESSES = ("COURSE_BOOK_", "COURSE_REPOSITORY_")
WITHOUT_ADDRESS = {key: value for key, value in os.environ.items() if not key.startswith(ADDRESSES)}

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDTHS = {"wide": 1400, "phone": 390}
HEIGHT = 900
# How a page is opened: the reader's mode and screen, and where the book lies. Its width is changed while it is open.
VIEWS = [("light", "wide", ""), ("dark", "phone", "site/course/")]

# A busy machine takes a while to set all formulas of a long page; what is not set then is found missing.
ALL_SET = (
    r"""() => [...document.querySelectorAll(".math")].every((formula) => formula.querySelector("mjx-container"))"""
)

OBSERVE = r"""async () => {
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  await document.fonts.ready;
  // What is drawn anew when the width changes is drawn with the next frame.
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const visible = (element) => element.getClientRects().length > 0;
  // What comes into view later is loaded now.
  await Promise.all([...document.images].filter(visible).map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => {});
  }));
  // Whatever is moved sideways, whoever wrote its style; what a moving figure shows is moved by its controls.
  const wide = [...document.querySelectorAll(".bd-article *")].filter((element) =>
    element.scrollWidth - element.clientWidth > 1 && element.checkVisibility() && !element.closest(".moving-stage")
    && (element.matches("span.math") || /auto|scroll/.test(getComputedStyle(element).overflowX)));
  const formulas = [...document.querySelectorAll(".math")];
  const prose = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const raw = [], unmarked = [];
  for (let node = prose.nextNode(); node; node = prose.nextNode()) {
    if (/[\uac00-\ud7a3]/.test(node.textContent) && !node.parentElement.closest("script, style, svg, [lang=ko]"))
      unmarked.push(node.textContent);
    if (node.parentElement.closest("pre, code, script, style, mjx-container")) continue;
    raw.push(...(node.textContent.match(/\\[([]|\\[)\]]|\$\$|\$[^$\n]+\$/g) ?? []));
  }
  return {
    theme: document.documentElement.dataset.theme,
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    headings: [...document.querySelectorAll("main h1")].filter(visible).map((h) => h.textContent),
    formulas: formulas.length,
    unrendered: formulas.filter((formula) => !formula.querySelector("mjx-container")).length,
    errors: [...document.querySelectorAll("mjx-merror, [data-mjx-error]")].map((e) => e.textContent),
    raw,
    images: [...document.images].map((image) => ({
      source: image.getAttribute("src"),
      alternative: image.alt,
      visible: visible(image),
      width: image.naturalWidth,
    })),
    bareFigures: [...document.querySelectorAll("figure")].filter((f) => !f.querySelector("img[alt]")).length,
    figures: [...document.querySelectorAll("figure, div.cell_output:not(:has(figure))")]
      // One that moves shows no drawing; it has tests of its own.
      .filter((f) => f.querySelector("img") && !f.classList.contains("moves"))
      .map((f) => [...f.querySelectorAll("img")].filter(visible).length),
    codeBlocks: document.querySelectorAll("main div.highlight pre").length,
    copyButtons: document.querySelectorAll("main button.copybtn").length,
    links: [...document.querySelectorAll("a[href]")].map((a) => a.href),
    ids: [...document.querySelectorAll("[id]")].map((e) => e.id),
    description: document.querySelector("meta[name=description]")?.content ?? "",
    tabStops: document.querySelectorAll("mjx-container[tabindex], mjx-container [tabindex]").length,
    unmarked,
    namelessFolds: [...document.querySelectorAll("summary")]
      .filter((fold) => !(fold.ariaLabel ?? fold.textContent).trim()).length,
    paragraphsInFolds: document.querySelectorAll("summary p").length,
    emptyHeads: [...document.querySelectorAll("main th")].filter((head) => !head.textContent.trim()).length,
    strangersInLists: document.querySelectorAll("[role=list] > :not([role=listitem]), [role=doc-biblioentry]").length,
    misnamed: [...document.querySelectorAll("button[aria-label], a[aria-label], summary[aria-label]")]
      .filter((e) => visible(e) && !e.ariaLabel.toLowerCase().includes(e.innerText.trim().toLowerCase()))
      .map((e) => e.outerHTML),
    mathjax: Boolean(window.MathJax),
    wide: wide.length,
    fadesWhole: [...document.querySelectorAll(".goes-on")]
      .filter((element) => element.scrollWidth - element.clientWidth <= 1)
      .map((element) => element.outerHTML.slice(0, 200)),
    cutWithoutCue: wide
      .filter((element) => getComputedStyle(element).maskImage === "none" || element.tabIndex !== 0)
      .map((element) => element.outerHTML.slice(0, 200)),
    next: document.querySelectorAll("a.right-next").length,
    previous: document.querySelectorAll("a.left-prev").length,
    fonts: [...document.fonts].filter((f) => f.status === "error").map((f) => f.family),
  };
}"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve the book at / and at /site/course/, and the book's own page where there is nothing."""

    def log_message(self, *_):
        pass

    def translate_path(self, path):
        return super().translate_path("/" + path.removeprefix("/site/course").lstrip("/"))

    def send_error(self, code, message=None, explain=None):
        if code != 404:
            return super().send_error(code, message, explain)
        body = (HTML / "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None


@dataclass
class Visit:
    """One page in one view: what the browser asked for, complained about and showed."""

    page: str
    view: tuple[str, str, str]
    shown: dict = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.page} ({', '.join(part for part in self.view if part)})"


@pytest.fixture(scope="session")
def book() -> subprocess.CompletedProcess:
    """Run the gating build once."""
    command = [sys.executable, ROOT / "book" / "build.py", "--gate"]
    return subprocess.run(command, env=WITHOUT_ADDRESS, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="session")
def server(book):
    """Serve the built book on the loopback interface; yields its address."""
    assert book.returncode == 0, book.stdout + book.stderr
    handler = partial(QuietHandler, directory=HTML)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


@pytest.fixture(scope="session")
def chromium(server):
    """Start Debian's chromium."""
    if CHROMIUM is None:
        reason = "chromium is not installed: `apt-get install chromium`, then the book is looked at in it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


def watch(tab: Page, visits: list[Visit]) -> None:
    """Record in the last of the visits what a tab asks for and complains about."""
    tab.on("request", lambda request: visits[-1].requests.append(request.url))
    tab.on("requestfailed", lambda request: visits[-1].failures.append(f"{request.url}: {request.failure}"))
    tab.on(
        "response", lambda answer: answer.status < 400 or visits[-1].failures.append(f"{answer.url}: {answer.status}")
    )
    tab.on("pageerror", lambda error: visits[-1].complaints.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and visits[-1].complaints.append(message.text))


def visitor(browser: Browser, scheme: str, screen: str) -> BrowserContext:
    """Return the browser of a reader who has never been here."""
    return browser.new_context(viewport={"width": WIDTHS[screen], "height": HEIGHT}, color_scheme=scheme)


@pytest.fixture(scope="module")
def kept_tab(chromium):
    """A tab that many tests use one after the other: to open a new one takes longer than most of them."""
    with visitor(chromium, "light", "wide") as context:
        yield context.new_page()


@pytest.fixture
def tab(kept_tab):
    """A tab on a wide, light screen that knows nothing of former visits."""
    kept_tab.goto("about:blank")
    kept_tab.set_default_timeout(30_000)
    kept_tab.set_viewport_size({"width": WIDTHS["wide"], "height": HEIGHT})
    kept_tab.emulate_media(media="screen", color_scheme="light", reduced_motion="no-preference")
    yield kept_tab
    kept_tab.evaluate("localStorage.clear()")


@pytest.fixture(scope="session")
def visits(chromium, server) -> list[Visit]:
    """Visit every page of the book in every view, wide and phone-sized."""
    pages = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html") if "_static" not in path.parts)
    found = []
    for scheme, screen, prefix in VIEWS:
        with visitor(chromium, scheme, screen) as context:
            tab = context.new_page()
            watch(tab, found)
            for page in pages:
                # On the screen on which it is opened first.
                for width in sorted(WIDTHS, key=lambda name: name != screen):
                    found.append(Visit(page, (scheme, width, prefix)))
                    tab.set_viewport_size({"width": WIDTHS[width], "height": HEIGHT})
                    if width == screen:
                        tab.goto(f"{server}{prefix}{page}", wait_until="networkidle")
                        with contextlib.suppress(TimeoutError):
                            tab.wait_for_function(ALL_SET)
                    found[-1].shown = tab.evaluate(OBSERVE)
                    tab.wait_for_load_state("networkidle")
    return found


# The gate runs every page as three processors.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_the_book_builds_without_a_warning(book):
    assert book.returncode == 0, book.stdout + book.stderr
    assert book.stdout.rstrip().endswith(str(HTML / "index.html"))


def test_a_second_build_has_nothing_to_do(book):
    assert book.returncode == 0, book.stdout + book.stderr
    built = (HTML / "index.html").stat().st_mtime_ns
    again = subprocess.run(
        [sys.executable, ROOT / "book" / "build.py"],
        env=WITHOUT_ADDRESS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "up to date" in again.stdout
    assert (HTML / "index.html").stat().st_mtime_ns == built


def test_no_page_shows_what_went_wrong_beside_a_cell(book):
    assert book.returncode == 0, book.stdout + book.stderr
    pages = {path: path.read_text("utf-8") for path in HTML.rglob("*.html")}
    assert pages
    assert [path.name for path, text in pages.items() if "Error in callback" in text or "Traceback" in text] == []


@pytest.mark.browser
def test_every_page_was_visited_in_every_view(visits):
    pages = {visit.page for visit in visits}
    assert {f"{name}.html" for name in NAMES} | {"404.html", "index.html", "search.html"} <= pages
    assert len(visits) == len(pages) * len(VIEWS) * len(WIDTHS)


@pytest.mark.browser
def test_no_request_leaves_the_reader_s_machine(visits, server):
    asked = {url for visit in visits for url in visit.requests}
    assert asked
    assert {url for url in asked if not url.startswith((server, "data:", "blob:"))} == set()


@pytest.mark.browser
def test_no_request_fails_and_the_console_is_silent(visits):
    assert {visit.name: visit.failures for visit in visits if visit.failures} == {}
    assert {visit.name: visit.complaints for visit in visits if visit.complaints} == {}


@pytest.mark.browser
def test_every_formula_is_rendered(visits):
    assert sum(visit.shown["formulas"] for visit in visits) > 0
    for visit in visits:
        shown = visit.shown
        assert (shown["unrendered"], shown["errors"], shown["raw"], shown["fonts"]) == (0, [], [], []), visit.name


@pytest.mark.browser
def test_korean_words_are_marked_as_korean(visits):
    assert {visit.name: visit.shown["unmarked"] for visit in visits if visit.shown["unmarked"]} == {}


@pytest.mark.browser
def test_no_formula_is_a_stop_of_the_tab_key(visits):
    assert {visit.name: visit.shown["tabStops"] for visit in visits if visit.shown["tabStops"]} == {}


@pytest.mark.browser
def test_every_page_says_in_a_sentence_of_its_own_what_it_is_about(visits):
    said = {v.page: v.shown["description"] for v in visits if v.page.removesuffix(".html") in NAMES}
    assert [page for page, text in said.items() if not 40 <= len(text) <= 160] == []
    assert len(set(said.values())) == len(said)


@pytest.mark.browser
def test_what_is_printed_is_light_and_what_is_read_stays_dark(chromium, server, tmp_path):
    with visitor(chromium, "dark", "wide") as context:
        tab = context.new_page()
        tab.goto(f"{server}{NAMES[1]}.html", wait_until="networkidle")
        tab.evaluate(
            "addEventListener('beforeprint', () => { window.printed = document.documentElement.dataset.theme; })"
        )
        tab.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
        assert tab.evaluate("[window.printed, document.documentElement.dataset.theme]") == ["light", "dark"]
        figures = "[...document.querySelectorAll('figure:not(.moves) img.figure-in-light')]"
        assert set(tab.evaluate(f"{figures}.map((figure) => figure.naturalWidth > 0)")) == {True}
        # A browser may tell twice that it will print, and once that it has.
        for event in ("beforeprint", "beforeprint", "afterprint"):
            tab.evaluate("(name) => dispatchEvent(new Event(name))", event)
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.browser
def test_nothing_is_cut_on_paper(tab, server):
    """The page has code, formulas and tables that a phone moves sideways; A4 has 642 pixels between its margins."""
    tab.set_default_timeout(300_000)
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 642, "height": HEIGHT})
    tab.goto(f"{server}cnn_history/residual.html", wait_until="networkidle")
    tab.wait_for_function(ALL_SET)
    cut, framed = tab.evaluate("""() => {
      const parts = [...document.querySelectorAll(".bd-article :is(pre, div, .math, table, figure)")]
        .filter((part) => part.checkVisibility());
      const cut = parts.filter((part) => part.scrollWidth - part.clientWidth > 1 && part.clientWidth > 0
        || part.getBoundingClientRect().right > innerWidth + 1);
      // What could be moved is not divided between two pages: an empty frame stands on the first.
      const framed = parts.filter((part) => !part.matches("span") && getComputedStyle(part).overflowX !== "visible");
      return [cut, framed].map((found) => found.map((part) => part.outerHTML.slice(0, 200)));
    }""")
    assert (cut, framed) == ([], [])


@pytest.fixture(scope="module")
def taken_along(chromium, tmp_path_factory) -> Path:
    """A copy of the built book with the archive of its pages and a PDF of the first three."""
    folder = tmp_path_factory.mktemp("taken along") / "html"
    folders = {name.split("/")[0] for name in NAMES if "/" in name}
    others = folders - {NAMES[1].split("/")[0]}
    shutil.copytree(HTML, folder, ignore=shutil.ignore_patterns(*others))
    command = [sys.executable, ROOT / "book" / "downloads.py", "--html", folder, "--pages", *NAMES[:3]]
    subprocess.run(command, check=True, timeout=900)
    return folder


@pytest.mark.browser
def test_the_pdf_has_contents_numbers_an_outline_and_no_link_to_a_file(taken_along):
    (path,) = taken_along.glob("*.pdf")
    reader = PdfReader(path)
    places = [reader.named_destinations[f"/{name.replace('/', '-')}"] for name in NAMES[:3]]
    starts = [reader.get_destination_page_number(place) for place in places]
    assert starts == sorted(set(starts))
    told = reader.pages[1].extract_text()
    assert re.findall(r" (\d+)$", told, re.MULTILINE) == [str(start + 1) for start in starts], told
    chapters = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    assert chapters[0] == "Contents"
    assert len(chapters) == 3
    for number in starts:
        assert re.search(rf"^{number + 1}$", reader.pages[number].extract_text(), re.MULTILINE)
    annotations = [a.get_object() for page in reader.pages for a in page.get("/Annots", ())]
    addresses = {a["/A"]["/URI"] for a in annotations if "/URI" in a.get("/A", {})}
    assert {address for address in addresses if not address.startswith("https://")} == set()
    assert reader.root_object["/MarkInfo"]["/Marked"]
    assert re.search("[\uac00-\ud7a3]", "".join(page.extract_text() for page in reader.pages))
    assert not list(taken_along.glob("whole*"))


@pytest.mark.browser
def test_the_title_page_offers_the_pdf_and_the_archive_when_they_are_there(taken_along):
    plain, offering = ((folder / f"{NAMES[0]}.html").read_text("utf-8") for folder in (HTML, taken_along))
    offered = {file.name for kind in ("*.pdf", "*.zip") for file in taken_along.glob(kind)}
    assert len(offered) == 2
    assert {name for name in offered if f'href="{name}"' in offering} == offered
    assert {name for name in offered if name in plain} == set()
    with ZipFile(next(taken_along.glob("*.zip"))) as archive:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        assert {"index.html", *(f"{name}.html" for name in NAMES[:3])} <= set(names)
        assert archive.read(names[f"{NAMES[0]}.html"]).decode() == plain
        assert {name for name in names if name.endswith((".pdf", ".zip"))} == set()


@pytest.mark.browser
def test_every_image_says_what_it_shows(visits):
    assert any(visit.shown["figures"] for visit in visits)
    for visit in visits:
        assert visit.shown["bareFigures"] == 0, visit.name
        for image in visit.shown["images"]:
            text = image["alternative"].strip()
            assert text, f"{visit.name}: {image['source']} has no alternative text"
            assert not re.search(r"\.(?:svg|png|jpe?g|gif)$|^_images/", text), f"{visit.name}: {text}"


@pytest.mark.browser
def test_each_figure_shows_the_one_drawing_that_fits_the_mode(visits):
    for visit in visits:
        assert set(visit.shown["figures"]) <= {1}, visit.name
        for image in visit.shown["images"]:
            if image["visible"]:
                assert image["width"] > 0, f"{visit.name}: {image['source']} did not load"
                assert image["source"].endswith(".dark.svg") == (visit.view[0] == "dark"), visit.name


@pytest.mark.browser
def test_a_figure_is_loaded_in_the_mode_of_the_reader_alone(visits):
    asked = {(visit.view[0], url) for visit in visits for url in visit.requests if "/_images/" in url}
    assert {mode for mode, _ in asked} == {"light", "dark"}
    assert {url for mode, url in asked if url.endswith(".dark.svg") != (mode == "dark")} == set()


@pytest.mark.browser
def test_no_page_asks_for_more_than_a_megabyte_before_its_figures(visits, server):
    """As a server sends it that compresses what can be compressed."""
    size = {}
    for visit in visits:
        asked = {unquote(urlsplit(url).path) for url in visit.requests if url.startswith(server)}
        paths = {path.removeprefix("/site/course") for path in asked if "/_images/" not in path}
        for path in paths - set(size):
            content = (HTML / path.lstrip("/")).read_bytes()
            size[path] = len(content if path.endswith((".woff", ".woff2", ".png")) else gzip.compress(content))
        assert sum(size[path] for path in paths) < 1_000_000, visit.name
    assert any("mathjax" in path for path in size)


def test_nothing_but_one_style_sheet_stops_a_page(book):
    """A page is seen when it has come, with its style sheet; scripts wait until then."""
    assert book.returncode == 0
    assert (HTML / "intro.html").exists()
    for path in (path for path in HTML.rglob("*.html") if "_static" not in path.parts and path.stem != "search"):
        page = path.read_text("utf-8")
        head = page.partition("</head>")[0]
        assert head.count('rel="stylesheet"') == ("_static" in head), path
        scripts = re.findall(r"<script\b[^>]*\bsrc=[^>]*>", page)
        assert [script for script in scripts if not re.search("defer|async", script)] == [], path


def test_every_icon_of_a_page_is_in_its_font(book):
    assert book.returncode == 0
    sheet = (HTML / "_static" / "pages.css").read_text("utf-8")
    characters = dict(re.findall(r'\.(fa-[\w-]+)(?:::?before)?(?:,[^{]*)?\{[^}]*"(.)"', sheet))
    icons = TTFont(HTML / "_static" / "icons.woff").getBestCmap()
    shown = set()
    for name in NAMES:
        shown |= set(re.findall(r"fa-solid (fa-[\w-]+)", (HTML / f"{name}.html").read_text("utf-8")))
    assert len(shown) > 5
    assert {name for name in shown if ord(characters[name]) not in icons} == set()
    assert (HTML / "_static" / "icons.woff").stat().st_size < 10_000


# Every selector of the theme's own style sheets that finds something on a page, and is not in the sheet of all pages.
MISSING = r"""async ([sheets, kept]) => {
  const each = (list) => list.split(/,(?![^(]*\))/).map((selector) => selector.trim());
  const selectors = (rules) =>
    [...rules].flatMap((rule) => (rule.cssRules?.length ? selectors(rule.cssRules) : each(rule.selectorText ?? "")));
  const read = (text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return selectors(sheet.cssRules);
  };
  const parts = /::?(?:before|after|marker|placeholder|selection|-\S+)/g;
  const here = new Set(read(kept));
  return sheets.flatMap(read).filter((selector) => {
    if (!selector || here.has(selector)) return false;
    try {
      return document.querySelector(selector.replace(parts, ""));
    } catch {
      return false;
    }
  });
}"""


@pytest.mark.browser
@pytest.mark.parametrize("page", ["intro", "search", "convolution/shapes", "detection/boxes", "bibliography"])
def test_the_one_style_sheet_has_every_rule_that_a_page_needs(tab, server, page):
    static = HTML / "_static"
    kept = (static / "pages.css").read_text("utf-8")
    sheets = [path.read_text("utf-8") for path in static.rglob("*.css") if not path.name.startswith("pages")]
    assert sum(map(len, sheets)) > 2 * len(kept)
    tab.goto(f"{server}{page}.html", wait_until="networkidle")
    assert tab.evaluate(MISSING, [sheets, kept]) == []


@pytest.mark.browser
def test_mathjax_is_loaded_where_a_formula_is(visits):
    assert {visit.name for visit in visits if visit.shown["mathjax"] != (visit.shown["formulas"] > 0)} == set()


@pytest.mark.browser
def test_what_can_be_pressed_is_named_as_it_is_labelled(visits):
    for visit in visits:
        shown = visit.shown
        assert (shown["namelessFolds"], shown["paragraphsInFolds"], shown["misnamed"]) == (0, 0, []), visit.name


@pytest.mark.browser
def test_what_is_wider_than_the_screen_fades_where_it_goes_on(visits):
    assert sum(visit.shown["wide"] for visit in visits if visit.view[1] == "phone") > 100
    assert {visit.name: visit.shown["cutWithoutCue"] for visit in visits if visit.shown["cutWithoutCue"]} == {}
    assert {visit.name: visit.shown["fadesWhole"] for visit in visits if visit.shown["fadesWhole"]} == {}


@pytest.mark.browser
def test_lists_and_tables_are_told_as_what_they_are(visits):
    for visit in visits:
        assert (visit.shown["strangersInLists"], visit.shown["emptyHeads"]) == (0, 0), visit.name


# One page of each kind. axe reads a page for seconds, and what is wrong is mostly wrong on every page of its kind.
KINDS = ["intro", "404", "search", "glossary", "bibliography", "convolution/shapes", "detection/boxes"]


@pytest.mark.browser
@pytest.mark.parametrize("page", KINDS)
def test_axe_finds_nothing_to_mend(tab, server, page):
    # Colours stand still at once for who asks for it.
    tab.emulate_media(color_scheme="dark", reduced_motion="reduce")
    tab.set_viewport_size({"width": WIDTHS["phone"], "height": HEIGHT})
    tab.set_default_timeout(300_000)
    tab.goto(f"{server}{page}.html", wait_until="networkidle")
    tab.wait_for_function(ALL_SET)
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    found = Axe().run(tab, options={"resultTypes": ["violations"]})
    # The other colours and the other width change nothing else.
    tab.evaluate("document.documentElement.dataset.theme = 'light'")
    tab.set_viewport_size({"width": WIDTHS["wide"], "height": HEIGHT})
    in_light = Axe().run(tab, options={"runOnly": ["color-contrast", "target-size"]})
    assert found.violations_count + in_light.violations_count == 0, found.generate_report() + in_light.generate_report()


@pytest.mark.browser
def test_no_line_begins_with_the_point_behind_a_formula(tab, server):
    tab.set_default_timeout(300_000)
    tab.set_viewport_size({"width": WIDTHS["phone"], "height": HEIGHT})
    tab.goto(f"{server}convolution/shapes.html", wait_until="networkidle")
    tab.wait_for_function(ALL_SET)
    lines = tab.evaluate("""() => {
      const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
      const pairs = [];
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!/^[.,;:)]/.test(node.textContent) || !node.previousSibling?.matches?.(".math")) continue;
        const point = new Range();
        point.setStart(node, 0);
        point.setEnd(node, 1);
        pairs.push([node.previousSibling.getBoundingClientRect().right, point.getBoundingClientRect().left]);
      }
      return pairs;
    }""")
    assert len(lines) > 20
    assert [pair for pair in lines if abs(pair[0] - pair[1]) > 1] == []


@pytest.mark.browser
def test_a_page_opens_in_the_mode_of_the_reader_s_system(visits):
    assert {visit.name for visit in visits if visit.shown["theme"] != visit.view[0]} == set()


@pytest.mark.browser
def test_no_page_is_wider_than_the_screen(visits):
    assert {visit.name: visit.shown["overflow"] for visit in visits if visit.shown["overflow"] > 0} == {}


@pytest.mark.browser
def test_every_page_has_one_title_and_every_code_block_a_copy_button(visits):
    for visit in visits:
        assert len(visit.shown["headings"]) == 1, visit.name
        assert visit.shown["copyButtons"] == visit.shown["codeBlocks"], visit.name


@pytest.mark.browser
def test_the_pages_lead_from_one_to_the_next(visits):
    for visit in visits:
        name = visit.page.removesuffix(".html")
        if name in NAMES:
            assert visit.shown["next"] == (name != NAMES[-1]), visit.name
            assert visit.shown["previous"] == (name != NAMES[0]), visit.name


@pytest.mark.browser
def test_no_link_inside_the_book_is_dead(visits, server):
    ids = {visit.page: set(visit.shown["ids"]) for visit in visits}
    dead = set()
    for visit in visits:
        for link in visit.shown["links"]:
            address, anchor = urldefrag(link)
            if not address.startswith(server + visit.view[2]):
                assert urlsplit(address).netloc != urlsplit(server).netloc, (
                    f"{visit.name} leads out of the site: {link}"
                )
                continue
            page = unquote(urlsplit(address).path).removeprefix("/" + visit.view[2]) or "index.html"
            if not (HTML / page).is_file() or (anchor and unquote(anchor) not in ids.get(page, set())):
                dead.add((visit.page, link))
    assert dead == set()


@pytest.mark.browser
@pytest.mark.parametrize("address", ["nothing", "nothing/at/all.html", "site/course/nothing", "site/course/a/b/c/"])
def test_a_wrong_address_leads_to_the_book_s_own_page(tab, server, address):
    prefix = "site/course/" if address.startswith("site/course/") else ""
    tab.goto(server + address)
    tab.wait_for_url(f"{server}{prefix}404.html")
    assert tab.locator("main h1:visible").inner_text().startswith("No page here")
    assert tab.locator(".bd-sidebar-primary").is_visible()
    tab.locator("main").get_by_role("link", name="first page").click()
    tab.wait_for_url(f"{server}{prefix}{NAMES[0]}.html")


@pytest.mark.browser
def test_the_reader_can_choose_the_mode(tab, server):
    tab.goto(f"{server}{NAMES[0]}.html")
    seen = []
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").first.click()
        seen.append(tab.evaluate("document.documentElement.dataset.theme"))
    assert set(seen) == {"light", "dark"}


@pytest.mark.browser
def test_search_finds_a_word_without_a_server(tab, server):
    tab.goto(f"{server}site/course/search.html?q=sigmoid")
    tab.locator("#search-results li a[href*='activations']").first.wait_for()


FOUND = """(words) => words.map((word) => {
  const results = Search._performSearch(...Search._parseQuery(word));
  // The last one is shown first.
  return results.reverse().map(([page, , anchor]) => [page, anchor.slice(1)]);
})"""
# What somebody looks for, and a place that must be among those that are found.
SOUGHT = {
    "손실": ("glossary", "term-loss"),
    "미분": ("glossary", "term-automatic-differentiation"),
    "필터": ("convolution/from_dense", "two-savings-look-nearby-and-use-the-same-weights-everywhere"),
    "층": ("convolution/index", "convolution-and-pooling"),
    "합성곱": ("convolution/channels", "convolution"),
    "∂": ("notation", "letters"),
    "ε": ("backprop/check", "nudge-to-one-side-or-to-both"),
    "conv2d_forward": ("convolution/shapes", "the-size-of-the-output"),
    "F.leaky_relu": ("activations/relu", "leaky-relu"),
}


@pytest.mark.browser
def test_search_leads_to_the_section_of_korean_words_signs_and_names(tab, server):
    tab.goto(f"{server}search.html")
    tab.wait_for_function("Search.hasIndex()")
    results = dict(zip(SOUGHT, tab.evaluate(FOUND, list(SOUGHT)), strict=True))
    for word, place in SOUGHT.items():
        assert list(place) in results[word], (word, results[word])
        page, anchor = results[word][0]
        assert anchor, f"{word!r} leads to the top of {page}"
    places = {(page, anchor) for found in results.values() for page, anchor in found if anchor}
    texts = {page: (HTML / f"{page}.html").read_text("utf-8") for page, _ in places}
    assert {(page, anchor) for page, anchor in places if f'id="{anchor}"' not in texts[page]} == set()


@pytest.mark.browser
@pytest.mark.parametrize("word", sorted(folder.name for folder in (ROOT / "exercises").iterdir() if folder.is_dir()))
def test_a_chapter_hands_out_its_exercise_notebook(tab, server, word):
    last = [name for name in NAMES if name.split("/")[0] == word][-1]
    tab.goto(f"{server}site/course/{last}.html")
    with tab.expect_download() as download:
        tab.locator(f"main a.download[href$='/{word}.ipynb']").first.click()
    notebook = ROOT / "exercises" / word / f"{word}.ipynb"
    assert Path(download.value.path()).read_bytes() == notebook.read_bytes()


# What a moving figure shows, as numbers, and what torch says about the same settings.
MOVE = r"""async ({ name, set }) => {
  const stage = document.getElementById(name).querySelector(".moving-stage");
  for (const [name, value] of Object.entries(set)) {
    const control = stage.querySelector(`:is(select, input)[name="${name}"]`);
    const field = control.type === "checkbox" ? "checked" : "value";
    control[field] = value;
    control.dispatchEvent(new Event("change", { bubbles: true }));
    if (String(control[field]) !== String(value)) throw new Error(`${name} cannot be set to ${value}`);
  }
  return Object.fromEntries(
    [...stage.querySelectorAll("[data-number]")].map((e) => [e.dataset.number, e.textContent.replace("\u2212", "-")]),
  );
}"""
TOLD = """() => [...document.querySelectorAll("script.moving-numbers")].map(
  (script) => ({ name: script.dataset.of, rows: JSON.parse(script.textContent) }))"""
MOVING = sorted(
    (page.relative_to(ROOT / "book").with_suffix("").as_posix(), name)
    for page in (ROOT / "book").rglob("*.md")
    for name in re.findall(
        r"^```\{moving-figure\}.*?^:figure: (\S+)$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
)
every_moving_figure = pytest.mark.parametrize(("page", "name"), MOVING, ids=[name for _, name in MOVING])


def open_by_path(tab: Page, page: str) -> None:
    """Open a page as a file, as somebody does who was sent the book."""
    tab.goto((HTML / f"{page}.html").as_uri())


@contextlib.contextmanager
def complaints_of(tab: Page) -> Iterator[list[str]]:
    """What the console complains about meanwhile."""
    complaints: list[str] = []
    listeners = {
        "pageerror": lambda error: complaints.append(str(error)),
        "console": lambda message: message.type == "error" and complaints.append(message.text),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    yield complaints
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)


@pytest.mark.browser
@every_moving_figure
def test_a_moving_figure_shows_torch_s_numbers_at_five_settings(tab, page, name):
    with complaints_of(tab) as complaints:
        open_by_path(tab, page)
        (rows,) = [told["rows"] for told in tab.evaluate(TOLD) if told["name"] == name]
        assert len(rows) >= 5
        for row in rows:
            shown = tab.evaluate(MOVE, {"name": name, "set": row["set"]})
            assert set(row["show"]) <= set(shown)
            for number, value in row["show"].items():
                assert float(shown[number]) == pytest.approx(value, abs=0.0051), (row["set"], number)
    assert not complaints


@pytest.mark.browser
@pytest.mark.parametrize(
    ("graph", "asked", "wrong", "named", "right"),
    [
        ("problem 1", 0, "3", "the multiply gate switches", "-4"),
        ("problem 1", 0, "4", "its sign is not", "-4"),
        ("problem 1", 0, "-12", "the output of the gate", "-4"),
        ("problem 1", 1, "5", "Raise z by 0.01", "3"),
        ("problem 1", 2, "-4", "upstream · local already", "1"),
        ("problem 2", 0, "-0.73", "The square is missing", "-0.53"),
        ("problem 2", 0, "0.53", "its sign is not", "-0.53"),
        ("problem 2", 2, "-1", "The exponential is its own slope", "0.37"),
        ("problem 2", 3, "1", "The sign", "-1"),
    ],
)
def test_a_graph_walked_backward_names_a_wrong_answer(tab, graph, asked, wrong, named, right):
    open_by_path(tab, "backprop/by_hand")
    stage = tab.locator("#backprop-moving .moving-stage")
    stage.locator("select").select_option(graph)
    for _ in range(asked):
        stage.locator("[name=skip]").click()
    unknown = stage.locator(".gradient", has_text="?")
    missing = unknown.count()
    stage.locator("[name=answer]").fill(wrong)
    tab.keyboard.press("Enter")
    assert named in stage.locator("[aria-live]").inner_text()
    assert unknown.count() == missing
    stage.locator("[name=answer]").fill(right)
    tab.keyboard.press("Enter")
    assert unknown.count() == missing - 1


@pytest.mark.browser
def test_a_path_leaves_the_valley_above_the_limit_and_only_there(tab):
    open_by_path(tab, "preprocessing/descent")
    words = tab.locator("#preprocessing-moving [aria-live]")

    def wrong(rate: str, steps: int) -> float:
        chosen = {"features": "standardized", "correlation": 0.8, "rate": rate, "steps": steps}
        return float(tab.evaluate(MOVE, {"name": "preprocessing-moving", "set": chosen})["wrong"])

    for rate in ("half the best", "the best", "0.98 of the limit"):
        assert wrong(rate, 20) > wrong(rate, 100) < 0.05
        assert "right to 0.01 after" in words.inner_text()
    assert wrong("1.02 of the limit", 20) < wrong("1.02 of the limit", 100)
    assert "never become right" in words.inner_text()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("features", "ratio"),
    [("as they are", 99.8), ("centered", 33.4), ("standardized", 3), ("PCA", 3), ("PCA, whitened", 1), ("ZCA", 1)],
)
def test_a_valley_is_as_narrow_as_its_curvatures_say(tab, features, ratio):
    """The two radii of a contour are as the root of the two curvatures; the bias has a third one."""
    open_by_path(tab, "preprocessing/descent")
    tab.evaluate(MOVE, {"name": "preprocessing-moving", "set": {"features": features, "correlation": 0.8}})
    contours = tab.locator("#preprocessing-moving ellipse").all()
    assert len(contours) >= 4
    for contour in contours:
        across, along = (float(contour.get_attribute(name)) for name in ("rx", "ry"))
        assert along / across == pytest.approx(ratio, rel=0.01)


@pytest.mark.browser
def test_a_box_of_one_s_own_follows_the_pointer_and_the_keys(tab):
    open_by_path(tab, "detection/boxes")
    stage = tab.locator("#detection-moving .moving-stage")
    own = stage.locator("[data-own]")
    own.scroll_into_view_if_needed()
    before = own.bounding_box()
    middle = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0] + 40, middle[1] - 30, steps=4)
    tab.mouse.up()
    dragged = own.bounding_box()
    assert (dragged["x"] - before["x"], dragged["y"] - before["y"]) == pytest.approx((40, -30), abs=4)
    assert stage.locator("[name=score]").input_value() == "1"
    tab.mouse.move(*middle)
    assert own.bounding_box() == dragged
    stage.locator("[name=left]").focus()
    tab.keyboard.press("ArrowRight")
    assert own.bounding_box()["x"] > dragged["x"]


@pytest.mark.browser
@every_moving_figure
def test_a_moving_figure_takes_the_place_of_the_picture(tab, page, name):
    open_by_path(tab, page)
    figure = tab.locator(f"#{name}")
    assert figure.locator("img:visible").count() == 0
    assert figure.locator(".moving-stage").is_visible()
    assert figure.locator(".moving-stage").get_attribute("aria-label")
    assert re.match(r"Fig\. \d", figure.locator("figcaption").inner_text())


@pytest.fixture(scope="module")
def tab_without_scripts(chromium):
    with chromium.new_context(java_script_enabled=False, viewport={"width": 1400, "height": 900}) as context:
        yield context.new_page()


@pytest.mark.browser
@every_moving_figure
def test_without_scripts_the_picture_stays(tab_without_scripts, page, name):
    open_by_path(tab_without_scripts, page)
    assert tab_without_scripts.locator(f"#{name} img:visible").count() == 1
    assert not tab_without_scripts.locator(".moving-stage").first.is_visible()


@pytest.mark.browser
@every_moving_figure
def test_every_control_of_a_moving_figure_is_named_and_reached_by_keyboard(tab, page, name):
    open_by_path(tab, page)
    controls = tab.locator(f"#{name} .moving-stage").locator("select, input, button")
    assert controls.count() > 0
    controls.first.focus()
    reached = 0
    for control in controls.all():
        if control.is_disabled():
            continue
        assert control.evaluate("(e) => e === document.activeElement"), "the Tab key does not lead to it"
        assert control.evaluate("(e) => (e.labels?.[0]?.textContent ?? e.ariaLabel ?? e.textContent).trim()")
        tab.keyboard.press("Tab")
        reached += 1
    assert reached > 0
    select = tab.locator(f"#{name} .moving-stage select").first
    select.focus()
    shown = set()
    # It may stand at its last choice.
    for key in ("ArrowDown", "ArrowUp", "ArrowUp"):
        tab.keyboard.press(key)
        shown.add(tab.locator(f"#{name} .moving-stage").inner_text())
    assert len(shown) > 1


@pytest.mark.browser
@every_moving_figure
def test_a_moving_figure_stands_still_for_who_asks_for_it(tab, page, name):
    tab.emulate_media(reduced_motion="reduce")
    open_by_path(tab, page)
    select = tab.locator(f"#{name} .moving-stage select").first
    select.focus()
    tab.keyboard.press("ArrowDown")
    assert tab.evaluate("document.getAnimations().filter((a) => a.playState === 'running').length") == 0
