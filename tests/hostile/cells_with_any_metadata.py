"""The metadata of cells and of the notebook are values of every type of JSON."""

import itertools
import json

import nbformat

_VALUES = itertools.cycle(
    [None, True, 0, -1, 1e308, 10**40, "", "text", "\ud800", [], [[]], {}, {"": {}}, {"nbgrader": 5}]
)


def hand_in(folder, notebook):
    written = json.loads(nbformat.writes(notebook))
    for cell, value in zip(written["cells"], _VALUES, strict=False):
        released = cell["metadata"].get("nbgrader")
        cell["metadata"] = {"tags": value, "slideshow": value, "collapsed": value, "jupyter": value, "": value}
        if released:
            cell["metadata"]["nbgrader"] = {
                **released,
                "points": value,
                "locked": value,
                "checksum": value,
                "task": value,
            }
        elif value is not None:
            cell["metadata"]["nbgrader"] = value
    written["metadata"] = {"kernelspec": 5, "language_info": [], "widgets": "x", "celltoolbar": None, "nbgrader": []}
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(json.dumps(written))
