"""The directive ``moving-figure``: a figure that the reader moves, in place of the picture that a cell has drawn.

    ```{moving-figure} sets.mjs
    :figure: the name of the executed cell's figure
    :label: what the figure is, for a reader who does not see it

    The caption of the figure that moves.
    ```

``sets.mjs`` lies beside the page and exports ``draw(stage)``, which fills an empty element. It is written into the
page, since a browser does not load modules from other files when the book is opened by its path. Where scripts are off,
the cell's picture and its caption stay.
"""

import html
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

BEFORE = """
<div class="moving-stage" data-figure="{name}" role="group" aria-label="{label}" hidden></div>
<div class="moving-caption" data-figure="{name}" hidden>
"""
AFTER = """
</div>
<script type="module">
{source}
{{
  const figure = document.getElementById("{name}");
  const [stage, caption] = document.querySelectorAll('[data-figure="{name}"][hidden]');
  draw(stage);
  figure.classList.add("moves");
  figure.prepend(stage);
  figure.querySelector("figcaption p .caption-text").replaceWith(...caption.querySelector("p").childNodes);
  caption.remove();
  stage.hidden = false;
}}
</script>
"""


class MovingFigure(SphinxDirective):
    """Writes the module into the page, behind the cell whose figure it replaces."""

    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012 - docutils' own way to declare options
        "figure": directives.unchanged_required,
        "label": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        relative, path = self.env.relfn2path(self.arguments[0], self.env.docname)
        self.env.note_dependency(relative)
        fields = {
            "name": self.options["figure"],
            "label": html.escape(self.options["label"], quote=True),
            "source": Path(path).read_text("utf-8").replace("export function draw", "function draw"),
        }
        before = nodes.raw("", BEFORE.format(**fields), format="html")
        after = nodes.raw("", AFTER.format(**fields), format="html")
        return [before, *self.parse_content_to_nodes(), after]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("moving-figure", MovingFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
