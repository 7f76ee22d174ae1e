"""Checks as the grader makes them, from outside of the sandbox: points for speed, and a hint that needs two checks."""

import os
import shutil

import nbformat
import pytest
from nbgrader.utils import is_grade, is_solution

from autograder.grading.execute import execute
from autograder.grading.settings import Settings
from autograder.release import PREFIX, solution_notebook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("bwrap") and os.environ.get("CI") != "true",
        reason="bubblewrap is not installed: sudo apt-get install bubblewrap",
    ),
]

FAST = ("conv2d_forward_fast", "conv2d_backward_fast")
LOOPS = {
    "conv2d_forward_fast": """
def conv2d_forward_fast(x, weight, bias, stride=1, padding=0):
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    kh, kw = weight.shape[2:]
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    out = x.new_empty(len(x), len(weight), rows, columns)
    for n in range(len(x)):
        for k in range(len(weight)):
            for i in range(rows):
                for j in range(columns):
                    window = padded[n, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                    out[n, k, i, j] = (window * weight[k]).sum() + bias[k]
    return out, (x, weight, stride, padding)
""",
    "conv2d_backward_fast": """
def conv2d_backward_fast(dout, cache):
    x, weight, stride, padding = cache
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    kh, kw = weight.shape[2:]
    for n in range(len(x)):
        for k in range(len(weight)):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    place = (n, slice(None), slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
                    dweight[k] += dout[n, k, i, j] * padded[place]
                    dpadded[place] += dout[n, k, i, j] * weight[k]
    height, width = x.shape[2:]
    dx = dpadded[:, :, padding : padding + height, padding : padding + width]
    return dx, dweight, dout.sum((0, 2, 3))
""",
}


def checks(word, names, sources):
    """The check cells of the problems `names`, graded in a notebook that has only what they need; some `sources` are
    put in place of the solution's."""
    notebook = solution_notebook(word)
    kept = []
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        wanted = not kept or is_solution(cell) or grade_id.removeprefix(PREFIX) in names
        if cell.cell_type == "code" and wanted:
            cell.source = sources.get(grade_id, cell.source)
            kept.append(nbformat.from_dict(cell))
    notebook.cells = kept
    execute(notebook, {}, Settings(20300101))
    return {cell.metadata.nbgrader.grade_id.removeprefix(PREFIX): cell for cell in filter(is_grade, notebook.cells)}


def score(cell):
    return float(cell.outputs[-1].data["text/plain"])


def test_products_of_matrices_earn_the_points_for_speed_and_loops_the_others():
    right, slow = checks("convolution", FAST, {}), checks("convolution", FAST, LOOPS)
    for name, lost in zip(FAST, (3, 4), strict=True):
        maximum = right[name].metadata.nbgrader.points
        assert (score(right[name]), score(slow[name])) == (maximum, maximum - lost)
        assert "times as long as torch" in slow[name].outputs[-1].data["text/html"]


def test_a_right_backward_function_with_a_wrong_forward_is_told_so():
    name = "layer_norm_backward"
    pair = ("layer_norm_forward", name)
    wrong = {pair[0]: solution_of("layer_norm_forward").replace("correction=0", "correction=1")}
    told = "layer_norm_forward is not right yet, and layer_norm_backward works from its cache"
    assert told in checks("normalization", pair, wrong)[name].outputs[-1].data["text/html"]
    assert told not in checks("normalization", pair, {})[name].outputs[-1].data["text/html"]


def solution_of(name):
    cells = solution_notebook("normalization").cells
    return next(c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)
