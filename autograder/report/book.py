"""Where the book teaches a function: the section that ends in the box *Now write …*."""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from autograder.digest import ROOT

BUILT = ROOT / "_build" / "html"
BOX = re.compile(
    r"^```+\{admonition\} (?P<title>Now .*)\n:class: exercise-notebook\n(?P<text>(?:.*\n)*?)```+\s*$", re.MULTILINE
)
HEADING = re.compile(r"^(?:\((?P<label>[\w-]+)\)=\n)?#{1,6} +(?P<title>.+)$", re.MULTILINE)
NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Section:
    """A place in the book: the title of its page, and the path among the built pages, down to the section."""

    title: str
    path: str


def section_of(function: str) -> Section | None:
    """Where the book asks for a function of this name; None where it does not."""
    return _sections().get(function)


def place_of_book(given: str | None, folder: Path) -> str | None:
    """The address of the book for pages in `folder`: the one `given`, or the way to the built book, if there is one."""
    if given:
        return given.rstrip("/")
    if not (BUILT / "intro.html").exists():
        return None
    return Path(os.path.relpath(BUILT, folder)).as_posix()


@functools.cache
def _sections() -> dict[str, Section]:
    in_title, in_text = {}, {}
    for path in sorted((ROOT / "book").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        place = path.relative_to(ROOT / "book").with_suffix(".html").as_posix()
        for box in BOX.finditer(text):
            title, *more = HEADING.finditer(text, 0, box.start())
            label = (more or [title])[-1]["label"]
            section = Section(_plain(title["title"]), f"{place}#{label}" if label else place)
            for name in NAME.findall(box["title"]):
                in_title.setdefault(name, section)
            for name in re.findall(r"`(\w+)", box["text"]):
                in_text.setdefault(name, section)
    return in_text | in_title


def _plain(title: str) -> str:
    """A heading without its marks."""
    title = re.sub(r"\{[\w:]+\}`([^`<]*?)\s*(?:<[^`]*>)?`", r"\1", title)
    return re.sub(r"[*`$]", "", title).strip()
