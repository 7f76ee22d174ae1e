"""Serve MathJax 3 from the book itself: one script and its fonts, 2 MB instead of the package's 24."""

from importlib.resources import as_file, files
from pathlib import Path
from shutil import copy2, copytree

from sphinx.application import Sphinx

FOLDER = "mathjax"
SCRIPT = "tex-chtml-full.js"
FONTS = "output/chtml/fonts/woff-v2"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy the script and the fonts out of ``sphinx-mathjax-offline`` after a build without error."""
    if error is not None or app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", FOLDER)
    with as_file(files("sphinx-mathjax-offline").joinpath("static", "mathjax")) as source:
        target.mkdir(parents=True, exist_ok=True)
        copy2(source / SCRIPT, target)
        copytree(source / FONTS, target / FONTS, dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.config.mathjax_path = f"{FOLDER}/{SCRIPT}"
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
