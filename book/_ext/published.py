"""What a book has that lies at a known address: canonical links, previews where it is shared, and a list of its pages.

``COURSE_BOOK_URL`` is the address, ``https://owner.github.io/name``. Without it the pages carry none of this.
"""

import html
import os
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{}
</urlset>
"""


def address() -> str:
    """The address of the book, with a slash at its end, or nothing when none is given."""
    url = os.environ.get("COURSE_BOOK_URL", "").strip()
    if url and not url.startswith(("https://", "http://")):
        raise ConfigError(
            f"COURSE_BOOK_URL is {url!r}; expected an address such as https://owner.github.io/name. "
            "Correct it, or unset it to build the book without its address."
        )
    return url and url.rstrip("/") + "/"


def place(app: Sphinx, config: Config) -> None:
    """Sphinx itself writes the canonical links."""
    config.html_baseurl = address()


def preview(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Say what a page is to who shows a preview of it (Open Graph)."""
    url = context.get("pageurl")
    if not app.config.html_baseurl or not url or doctree is None:
        return
    title = html.unescape(re.sub("<[^>]*>", "", context["title"]))
    said = {
        "type": "website" if pagename == app.config.root_doc else "article",
        "site_name": app.config.html_title,
        "title": title,
        "description": context.get("description", ""),
        "url": url,
    }
    context["metatags"] += "".join(
        f'\n<meta property="og:{name}" content="{html.escape(text, quote=True)}" />'
        for name, text in said.items()
        if text
    )


def list_pages(app: Sphinx, error: Exception | None) -> None:
    """Write the list of the pages that search engines read."""
    if error is not None or app.builder.format != "html" or not app.config.html_baseurl:
        return
    pages = [app.builder.get_target_uri(name) for name in sorted(app.env.found_docs) if name != "404"]
    lines = "\n".join(f"<url><loc>{escape(app.config.html_baseurl + page)}</loc></url>" for page in pages)
    Path(app.outdir, "sitemap.xml").write_text(SITEMAP.format(lines), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", place)
    # After the descriptions of reading.py.
    app.connect("html-page-context", preview, priority=950)
    app.connect("build-finished", list_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
