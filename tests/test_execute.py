"""Checks as the grader makes them, from outside of the sandbox: points for speed, and a hint that needs two checks."""

import os
import shutil
import threading

import nbformat
import psutil
import pytest
from nbgrader.utils import is_grade, is_solution

from autograder.grading.execute import execute
from autograder.grading.settings import Settings
from autograder.problems import problems
from autograder.programs import source_of
from autograder.release import PREFIX, solution_notebook
from autograder.sandbox.inside.kernel import CALLS
from autograder.sandbox.inside.limits import Limits
from autograder.sandbox.kernels import Kernel, warm_parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("bwrap") and os.environ.get("CI") != "true",
        reason="bubblewrap is not installed: sudo apt-get install bubblewrap",
    ),
]

FAST = ("conv2d_forward_fast", "conv2d_backward_fast")


def loops(slow, name):
    """The program `loops` of the problem `slow`, under the `name` of the fast one."""
    (program,) = (a for a in problems()[slow].alternatives if a.name == "loops")
    return source_of(program.functions[0], name)


LOOPS = {name: loops(name.removesuffix("_fast"), name) for name in FAST}


def checks(word, names, sources, **limits):
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
    execute(notebook, {}, Settings(20300101, Limits(**limits)))
    return {cell.metadata.nbgrader.grade_id.removeprefix(PREFIX): cell for cell in filter(is_grade, notebook.cells)}


def score(cell):
    return float(cell.outputs[-1].data["text/plain"])


def test_products_of_matrices_earn_the_points_for_speed_and_loops_the_others():
    right, slow = checks("convolution", FAST, {}), checks("convolution", FAST, LOOPS)
    for name, lost in zip(FAST, (3, 4), strict=True):
        maximum = right[name].metadata.nbgrader.points
        assert (score(right[name]), score(slow[name])) == (maximum, maximum - lost)
        assert "times as long as torch" in slow[name].outputs[-1].data["text/html"]
    said = slow["conv2d_backward_fast"].outputs[-1].data["text/html"]
    assert "conv2d_forward_fast is too slow, and its time counts in conv2d_backward_fast too" in said
    assert "is not right yet" not in said


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


@pytest.mark.parametrize("pause", [2, 9])
@pytest.mark.parametrize("kind", ["execute", CALLS])
def test_a_machine_that_stands_still_once_costs_nobody_a_point(kind, pause, monkeypatch):
    """The kernel is stopped for a while in its first check, or in the cell before."""
    request, asked = Kernel.request, []

    def stalled(self, asked_for, *arguments):
        asked.append(asked_for)
        # The first cell imports, the second one is the function's.
        if asked_for == kind and len(asked) > 1:
            stall(pause)
        return request(self, asked_for, *arguments)

    def stall(seconds):
        monkeypatch.setattr(Kernel, "request", request)
        below = psutil.Process(warm_parent(False, 1, True)._process.pid).children(recursive=True)
        (kernel,) = (process for process in below if not process.children())
        kernel.suspend()
        threading.Timer(seconds, lambda: kernel.is_running() and kernel.resume()).start()

    monkeypatch.setattr(Kernel, "request", stalled)
    monkeypatch.setattr("autograder.sandbox.kernels.GRACE", 3)
    (cell,) = checks("activations", ("sigmoid_forward",), {}, cell_seconds=1).values()
    assert score(cell) == cell.metadata.nbgrader.points
