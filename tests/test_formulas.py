"""Formulas of prose become MathML, and nothing that a formula says can act."""

import json
import re

import pytest

from autograder.course import ROOT
from autograder.grading import formulas
from autograder.grading.restore import markdown

# A formula that stands alone, or in a line; what is code is none.
FORMULA = re.compile(r"\$\$(?P<alone>.+?)\$\$|\$(?P<in_line>.+?)\$", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def formulas_of(path):
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "markdown":
            yield from FORMULA.finditer(CODE.sub("", "".join(cell["source"])))


@pytest.mark.parametrize("path", sorted((ROOT / "exercises").glob("*/*.ipynb")), ids=lambda path: path.stem)
def test_every_formula_of_the_exercises_can_be_shown(path):
    unread = [m[0] for m in formulas_of(path) if not formulas.mathml(m["alone"] or m["in_line"], bool(m["alone"]))]
    assert not unread


def test_a_formula_keeps_its_meaning():
    assert markdown(r"so $\frac{1}{x_i}$.") == (
        "<p>so <math><mfrac><mn>1</mn><msub><mi>x</mi><mi>i</mi></msub></mfrac></math>.</p>\n"
    )
    assert 'display="block"' in markdown("$$x$$")
    assert "\N{FUNCTION APPLICATION}" in markdown(r"$\tanh(x)$"), "a sign that HTML alone has a name for"


HOSTILE = {
    "a script": r"$\text{<script>alert(1)</script>}$",
    "a picture": r'$\text{<img src="http://example.org/x.png" onerror="alert(1)">}$',
    "a link": r"$\href{javascript:alert(1)}{x}$",
    "a style": r"$\color{red;background:url(http://example.org/x)} x$",
    "a style that covers the page": r"$\color{red;position:fixed;inset:0} x$",
    "a name": r"$$\begin{align} x \label{points} \end{align}$$ $\ref{points}$",
    "an attribute of a picture": '![$" onerror=alert(1) x="$](a.png)',
    "an attribute of a picture, forged": '![\ue0000\ue001](a.png) $\\text{" onerror=alert(1) "}$',
    "a place that is none": "\ue0007\ue001 \ue000\ue001 \ue0000\ue001",
    "a place of another script's digits": "\ue000٧\ue001",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_formula_cannot_act(source):
    made = markdown(source)
    tags = re.findall(r"<(\w+)((?:\s+[\w-]+=\"[^\"]*\")*)\s*/?>", made)
    assert made.count("<") - made.count("</") == len(tags), made
    for tag, attributes in tags:
        assert tag in formulas._TAGS | {"p", "img"}
        names = set(re.findall(r"([\w-]+)=\"", attributes))
        assert names <= formulas._ATTRIBUTES | {"src", "alt"}, made
        assert not re.search(r"url\(|position", attributes)


@pytest.mark.parametrize(
    "piece", ["{", r"\sqrt ", "x^{", r"\left(", r"\begin{matrix}", r"\def\a{\a\a}\a ", "'", r"\text{"]
)
@pytest.mark.parametrize("length", [formulas.LONGEST_FORMULA - 10, 15_000])
def test_a_formula_without_end_is_shown_as_it_was_written_or_drawn(piece, length):
    """The converter does not survive thousands of levels: it ends the process."""
    assert markdown(f"${piece * (length // len(piece))}$")
