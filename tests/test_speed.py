"""Points for speed, as the grader gives them: the call is timed from outside of the sandbox."""

import os
import shutil

import nbformat
import pytest
from nbgrader.utils import is_grade, is_solution

from autograder.course import ROOT
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


def scores(sources):
    """The scores of the fast convolutions in a notebook that has nothing else in it but what they need."""
    notebook = solution_notebook("convolution")
    checks = [PREFIX + name for name in FAST]
    kept = []
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if cell.cell_type == "code" and (not kept or is_solution(cell) or grade_id in checks):
            cell.source = sources.get(grade_id, cell.source)
            kept.append(nbformat.from_dict(cell))
    notebook.cells = kept
    execute(notebook, {}, Settings(20300101))
    return {
        cell.metadata.nbgrader.grade_id.removeprefix(PREFIX): float(cell.outputs[-1].data["text/plain"])
        for cell in filter(is_grade, notebook.cells)
    }


def test_products_of_matrices_earn_the_points_for_speed_and_loops_the_others():
    points = {
        cell.metadata.nbgrader.grade_id.removeprefix(PREFIX): cell.metadata.nbgrader.points
        for cell in nbformat.read(ROOT / "exercises" / "convolution" / "convolution.ipynb", as_version=4).cells
        if "nbgrader" in cell.metadata and cell.metadata.nbgrader.grade
    }
    assert scores({}) == {name: points[name] for name in FAST}
    assert scores(LOOPS) == {"conv2d_forward_fast": points[FAST[0]] - 3, "conv2d_backward_fast": points[FAST[1]] - 4}
