"""The report's figures, drawn with matplotlib in the book's look, as SVG whose colours the page decides about."""

import functools
import io
import re
from collections.abc import Sequence
from html import escape

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autograder.digest import ROOT
from autograder.report.measure import Picture, counts

STYLE = ROOT / "book" / "course.mplstyle"
# The style's colours, and the names under which the page has one for light and one for dark.
COLOURS = {
    "#1f2933": "--ink", "#5b6672": "--axis", "#dfe3e8": "--grid", "#0072b2": "--blue", "#d55e00": "--red",
    "#56b4e9": "--sky", "#e69f00": "--orange",
}  # fmt: skip
SHARES = (
    ("everything", "#0072b2", ""),
    ("a part", "#e69f00", "//"),
    ("nothing", "#d55e00", "xx"),
    ("not begun", "#dfe3e8", ""),
    ("to be read", "#56b4e9", ".."),
)


@functools.cache
def _style() -> dict:
    # Text stays text: it is small, and readers of the page's own fonts can search for it.
    return {**matplotlib.rc_params_from_file(STYLE, use_default_template=False), "svg.fonttype": "none"}


def histogram(points: Sequence[float], maximum: float, name: str, what: str) -> str:
    """How many students have how many points; `what` names them for those who do not see it."""
    rows = counts(points, maximum)
    with matplotlib.rc_context(_style()):
        figure = Figure(figsize=(3.4, 1.5))
        axes = figure.subplots()
        width = max(maximum, *(b for _, b, _ in rows), 1e-9)
        for low, high, count in rows:
            middle, wide = (low + high) / 2, (high - low) * 0.9 or width / 24
            axes.bar(middle, count, wide, color="#0072b2")
            axes.annotate(str(count), (middle, count), ha="center", va="bottom", fontsize=7.5) if count else None
        axes.set(xlim=(-0.04 * width, 1.04 * width), xlabel="points", ylabel="students")
        axes.set_ylim(0, 1.18 * max(1, *(count for *_, count in rows)))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=maximum >= 6))
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.grid(axis="x", visible=False)
        return _svg(figure, name, what)


def overview(found: Sequence[Picture], name: str) -> str:
    """For each task how many students stand where."""
    with matplotlib.rc_context(_style()):
        figure = Figure(figsize=(6.8, 0.75 + 0.26 * len(found)))
        axes = figure.subplots()
        for row, picture in enumerate(found):
            left = 0
            for (label, colour, hatch), count in zip(SHARES, shares(picture), strict=True):
                said = label if row == 0 else None
                axes.barh(
                    row, count, 0.72, left, color=colour, hatch=hatch, edgecolor="#1f2933", linewidth=0.3, label=said
                )
                left += count
        axes.set_yticks(range(len(found)), [picture.task.name for picture in found])
        axes.set(ylim=(len(found) - 0.4, -0.6), xlabel="students")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.grid(axis="y", visible=False)
        # Over the names, too: beside long ones the figure has no room for it.
        figure.legend(ncols=len(SHARES), loc="outside upper left")
        what = "For each problem, how many stand where; the table below has the same numbers."
        return _svg(figure, name, what)


def shares(picture: Picture) -> tuple[int, int, int, int, int]:
    """How many have everything, a part, nothing though they have begun, have not begun, and wait to be read."""
    return tuple(picture.stands.get(label, 0) for label, *_ in SHARES)


def _svg(figure: Figure, name: str, what: str) -> str:
    """The drawing alone, with names of its own and the page's colours."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn = written.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'\bid="', f'id="{name}-', drawn)
    drawn = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", drawn)
    for colour, variable in COLOURS.items():
        drawn = drawn.replace(colour, f"var({variable})")
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(what)}" focusable="false" ', 1)
