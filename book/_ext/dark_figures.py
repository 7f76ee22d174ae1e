"""Give every figure that a cell draws a second copy for dark mode.

The figures are SVGs drawn with the colours of ``course.mplstyle`` on a transparent ground. A dark page needs
light ink and brighter lines, so each SVG is written twice; ``_static/course.css`` shows the one that fits.
A colour that is not in the table stays as it is in both copies.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

DARK_OF = {
    "#ffffff": "#121212",  # paper
    "#1f2933": "#e6e9ed",  # ink: text
    "#5b6672": "#a3adb8",  # axes, ticks and C6
    "#dfe3e8": "#343c46",  # grid
    "#0072b2": "#4ea6e6",  # C0 blue
    "#d55e00": "#f0853e",  # C1 vermillion
    "#009e73": "#2fbf94",  # C2 green
    "#cc79a7": "#e295c0",  # C3 purple
    "#e69f00": "#f2b632",  # C4 orange
    "#56b4e9": "#a5dbfb",  # C5 sky
}


def darken(svg: str) -> str:
    """Return the SVG text with each colour of the style replaced by its partner for a dark ground."""
    for light, dark in DARK_OF.items():
        svg = svg.replace(light, dark)
    return svg


class DarkFigures(SphinxTransform):
    """Put an image node for dark mode behind each SVG image node of an executed cell."""

    default_priority = 500

    def apply(self) -> None:
        for image in list(self.document.findall(nodes.image)):
            if not image["uri"].endswith(".svg"):
                continue
            _, path = self.env.relfn2path(image["uri"], self.env.docname)
            light = Path(path)
            light.with_suffix(".dark.svg").write_text(darken(light.read_text("utf-8")), "utf-8")
            dark = image.copy()
            dark["uri"] = image["uri"].removesuffix(".svg") + ".dark.svg"
            # `dark-light` is the theme's own word for "do not filter me in dark mode".
            image["classes"] += ["dark-light", "figure-in-light"]
            dark["classes"] += ["dark-light", "figure-in-dark"]
            image.parent.insert(image.parent.index(image) + 1, dark)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(DarkFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
