"""What every page has for whoever reads it by ear, by keyboard, on paper, in Korean or in a list of search results.

Korean words are marked as Korean, a formula is no stop of the tab key, folded code is named by its words, a page says
in one sentence what it is about, what is printed is light (``_static/print.js``), and what is wider than the screen
shows that it goes on (``_static/wide.js``). Jupyter Book puts each script of that folder into every page.
"""

import html
import re
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.writers.html5 import HTML5Translator

TAG = re.compile(r"(<[^>]*>)")
# Within these a tag would be shown, or be wrong.
LEFT_ALONE = re.compile(r"<(script|style|svg|textarea|title)\b.*?</\1>", re.DOTALL)
KOREAN = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]+(?:[ ·]+[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]+)*")
# "et al." ends none.
SENTENCE_END = re.compile(r"(?<=[.?!])(?<!et al\.) ")
# Characters that a list of search results shows, and with which a page has said something.
LONGEST = 160
SHORTEST = 40


def marked(text: str) -> str:
    """The HTML with each run of Korean words marked as Korean."""
    parts, end = [], 0
    for found in LEFT_ALONE.finditer(text):
        parts += [_marked(text[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, _marked(text[end:])])


def _marked(text: str) -> str:
    pieces = TAG.split(text)
    # Every other piece is a tag.
    pieces[::2] = [KOREAN.sub(r'<span lang="ko">\g<0></span>', piece) for piece in pieces[::2]]
    return "".join(pieces)


def description(doctree: nodes.document | None) -> str:
    """The first sentences of a page, as many as a list of search results shows; empty where there is no prose.

    What leads to a formula or holds one is left out, for it cannot be read there.
    """
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if not isinstance(paragraph.parent, nodes.section) or next(paragraph.findall(nodes.math), None):
            continue
        said = ""
        for sentence in SENTENCE_END.split(text.rpartition(".")[0] + "." if text.endswith(":") else text):
            if len(said) + len(sentence) >= LONGEST:
                break
            said = f"{said} {sentence}".strip()
        if len(said) >= SHORTEST:
            return said
    return ""


def complete(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Mark the Korean words of a page, describe it, and say its title once."""
    for part in ("body", "toc"):
        if isinstance(context.get(part), str):
            context[part] = marked(context[part])
    said = description(doctree)
    if said:
        context["description"] = said
        context["metatags"] += f'\n<meta name="description" content="{html.escape(said, quote=True)}" />'
    if pagename == app.config.root_doc:
        # The title of the page is that of the book.
        context["docstitle"] = ""


def begin_fold(writer: HTML5Translator, node: HideCodeCellNode) -> None:
    """What MyST-NB writes above folded code, without a paragraph in it and a name that is not its label."""
    words = [html.escape(node[name]) for name in ("prompt_show", "prompt_hide")]
    writer.body.append(
        f'<details class="admonition hide {" ".join(node["classes"])}">\n<summary>\n'
        f'<span class="collapsed admonition-title">{words[0]}</span>\n'
        f'<span class="expanded admonition-title">{words[1]}</span>\n</summary>\n'
    )


def end_fold(writer: HTML5Translator, node: HideCodeCellNode) -> None:
    writer.body.append("</details>\n")


def configure(app: Sphinx, config: Config) -> None:
    """Take the menu off the formulas: it makes each a stop of the tab key."""
    options = (config.mathjax3_config or {}).get("options", {})
    config.mathjax3_config = {**(config.mathjax3_config or {}), "options": {**options, "enableMenu": False}}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", configure)
    app.add_node(HideCodeCellNode, override=True, html=(begin_fold, end_fold))
    # After the extensions that change the body.
    app.connect("html-page-context", complete, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
