"""The contents of the book: its parts, chapters and pages, as ``_toc.yml`` has them."""

from pathlib import Path

import yaml

BOOK = Path(__file__).resolve().parents[1] / "book"


def names_of(chapter: dict) -> list[str]:
    """The names of a chapter's pages, in the order in which they are read."""
    return [chapter["file"], *(section["file"] for section in chapter.get("sections", []))]


TOC = yaml.safe_load((BOOK / "_toc.yml").read_text("utf-8"))
# All pages, in the order in which they are read.
NAMES = [TOC["root"], *(name for part in TOC["parts"] for chapter in part["chapters"] for name in names_of(chapter))]
CHAPTERS = [chapter for part in TOC["parts"] if part["caption"] != "Appendices" for chapter in part["chapters"]]
# The words of the chapters, which name their folders.
WORDS = [Path(chapter["file"]).parent.name for chapter in CHAPTERS]
