"""Link each word of the glossary where a page of a chapter uses it first; the link tells the Korean word.

The words are those of ``glossary.md``: a term in a line, and under it its Korean form in bold. Headings, captions,
code, formulas and text that is a link already are left alone. A ``{term}`` that an author has set is a first use.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ENTRY = re.compile(r"^(\S[^\n]*)\n  \*\*(.+?)\.?\*\*", re.MULTILINE)
NOT_PROSE = (
    nodes.title,
    nodes.caption,
    nodes.rubric,
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    nodes.math,
    nodes.raw,
    nodes.comment,
    addnodes.pending_xref,
    addnodes.highlightlang,
)


def entries(glossary: str) -> dict[str, str]:
    """The terms of the glossary and their Korean forms, the longest term first."""
    found = dict(ENTRY.findall(glossary))
    return dict(sorted(found.items(), key=lambda entry: -len(entry[0])))


def pattern(terms: list[str]) -> re.Pattern:
    """Finds a term, in the singular or the plural, at the beginning of a sentence or within."""
    words = "|".join(r"\s+".join(map(re.escape, term.split())) for term in terms)
    return re.compile(rf"(?<![\w-])({words})(?:e?s)?(?![\w-])", re.IGNORECASE)


class FirstUse(SphinxTransform):
    """Turns the first use of each term on a page into a link to the glossary."""

    default_priority = 480

    def apply(self) -> None:
        source = Path(self.env.srcdir)
        word = self.env.docname.split("/")[0]
        if not (source.parent / "exercises" / word).is_dir() or not (source / "glossary.md").is_file():
            return
        self.env.note_dependency("glossary.md")
        self.korean = entries((source / "glossary.md").read_text("utf-8"))
        self.terms = {term.lower(): term for term in self.korean}
        self.pattern = pattern(list(self.korean))
        self.seen: set[str] = set()
        for paragraph in list(self.document.findall(nodes.paragraph)):
            join_lines(paragraph)
        for node in list(self.document.findall(lambda n: isinstance(n, nodes.Text | addnodes.pending_xref))):
            if isinstance(node, addnodes.pending_xref):
                if node.get("reftype") == "term":
                    self.seen.add(node["reftarget"].lower())
            elif is_prose(node):
                node.parent.replace(node, list(self.linked(node.astext())))

    def linked(self, text: str) -> Iterator[nodes.Node]:
        """The text with the first uses in it as links."""
        end = 0
        for match in self.pattern.finditer(text):
            term = self.terms[" ".join(match[1].lower().split())]
            if term.lower() in self.seen:
                continue
            self.seen.add(term.lower())
            yield nodes.Text(text[end : match.start()])
            yield self.link(term, match[0])
            end = match.end()
        yield nodes.Text(text[end:])

    def link(self, term: str, text: str) -> addnodes.pending_xref:
        inner = nodes.abbreviation(text, text, explanation=self.korean[term], classes=["first-use"])
        target = {"refdomain": "std", "reftype": "term", "reftarget": term, "refdoc": self.env.docname}
        return addnodes.pending_xref(text, inner, **target, refexplicit=True, refwarn=True)


def join_lines(paragraph: nodes.paragraph) -> None:
    """Join the texts of neighboring lines, which the parser keeps apart: a term may go over the end of a line."""
    joined: list[nodes.Node] = []
    for child in paragraph.children:
        if isinstance(child, nodes.Text) and joined and isinstance(joined[-1], nodes.Text):
            joined[-1] = nodes.Text(joined[-1].astext() + child.astext())
        else:
            joined.append(child)
    paragraph.children = []
    paragraph.extend(joined)


def is_prose(node: nodes.Text) -> bool:
    """Whether a text stands in a paragraph and is neither code, nor a link, nor what a cell has printed."""
    parent, in_paragraph = node.parent, False
    while parent is not None:
        if isinstance(parent, NOT_PROSE) or "cell" in parent.get("classes", ()):
            return False
        in_paragraph = in_paragraph or isinstance(parent, nodes.paragraph)
        parent = parent.parent
    return in_paragraph


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(FirstUse)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
