"""Release refuses, naming the cell, whatever would mislead; and repeats itself to the byte."""

import json

import nbformat
import pytest
from nbgrader.utils import is_grade
from sets import for_every_word

from autograder import release as releasing
from autograder.course import ROOT
from autograder.problems import problem_sets
from autograder.release import (
    ReleaseError,
    _refuse_bad_structure,
    _verify,
    read_script,
    register,
    run,
    solution_notebook,
)

PROBLEMS = {p.name: p for p in problem_sets()["activations"] if p.name.startswith("relu")}
POINTS = sum(p.maximum for p in PROBLEMS.values())

SCRIPT = f"""# %%
from autograder import check
# %% nbgrader={{"grade_id": "relu_forward", "solution": true}}
def relu_forward(x):
    ### BEGIN SOLUTION
    return x.clamp(min=0), x
    ### END SOLUTION
# %% nbgrader={{"grade_id": "check_relu_forward", "grade": true}}
check("relu_forward")
# %% nbgrader={{"grade_id": "relu_backward", "solution": true}}
def relu_backward(dout, cache):
    ### BEGIN SOLUTION
    return dout * (cache > 0)
    ### END SOLUTION
# %% nbgrader={{"grade_id": "check_relu_backward", "grade": true}}
check("relu_backward")
# %% nbgrader={{"grade_id": "check_nothing_else", "grade": true, "points": {100 - POINTS:g}}}
assert relu_forward(__import__("torch").ones(1))[0] == 1
""".replace("check_nothing_else", "an_instructor_s_own_assert")


def refusal(script):
    with pytest.raises(ReleaseError) as refused:
        _refuse_bad_structure(read_script(script, PROBLEMS), PROBLEMS)
    return str(refused.value)


def test_a_good_script_is_accepted():
    _refuse_bad_structure(read_script(SCRIPT, PROBLEMS), PROBLEMS)


BAD = {
    "check without problem": (
        ("check_relu_forward", "check_rleu_forward"),
        "Cell check_rleu_forward: there is no problem 'rleu_forward' for this check.",
    ),
    "problem without check": (
        ('"check_relu_backward", "grade"', '"other_cell", "points": 5, "grade"'),
        "Problem relu_backward: there is no check cell with the grade_id check_relu_backward.",
    ),
    "problem without solution cell": (
        ('"relu_backward", "solution": true', '"gradient", "solution": true'),
        "Problem relu_backward: there is no solution cell with the grade_id relu_backward.",
    ),
    "points": (
        (f"{100 - POINTS:g}", "1"),
        f"The points of all cells add up to {POINTS + 1:g}; they must add up to 100.",
    ),
    "points said twice": (
        ('"check_relu_forward", ', '"check_relu_forward", "points": 3, '),
        "Cell check_relu_forward: it says 3 points, its problem 4; leave them out here.",
    ),
    "check of another function": (
        ('check("relu_forward")', 'check("relu_backward")'),
        'Cell check_relu_forward: its last line must be check("relu_forward").',
    ),
    "grade_id used twice": (
        ('"relu_backward", "solution"', '"relu_forward", "solution"'),
        "Cell relu_forward: its grade_id is used 2 times; each must be used once.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), BAD.values(), ids=BAD.keys())
def test_a_bad_script_is_refused_by_name(change, sentence):
    assert refusal(SCRIPT.replace(*change)) == sentence


def verify(script, stub_script, tmp_path):
    stub = tmp_path / "stub.ipynb"
    nbformat.write(read_script(stub_script, PROBLEMS), stub)
    with pytest.raises(ReleaseError) as refused:
        _verify(read_script(script, PROBLEMS), stub)
    return str(refused.value)


@pytest.mark.slow
def test_a_solution_that_loses_points_is_refused(tmp_path):
    said = verify(SCRIPT.replace("x.clamp(min=0)", "x.abs()"), SCRIPT, tmp_path)
    assert said.startswith("Cell check_relu_forward: the solution earns 0 of 4 points.")


@pytest.mark.slow
def test_a_solution_that_fails_anywhere_is_refused(tmp_path):
    said = verify(SCRIPT + "# %%\n1 / 0\n", SCRIPT, tmp_path)
    assert said.endswith("the solution fails with ZeroDivisionError: division by zero")


@pytest.mark.slow
def test_a_stub_that_earns_points_is_refused(tmp_path):
    said = verify(SCRIPT, SCRIPT, tmp_path)
    assert said == "Cell check_relu_forward: the stub earns 4 points; it must earn none."


def test_a_missing_script_is_told():
    with pytest.raises(ReleaseError, match=r"There is no skating\.py in solutions/"):
        solution_notebook("skating")


@for_every_word
@pytest.mark.slow
def test_generating_twice_gives_the_bytes_that_are_committed(word, tmp_path):
    committed = (ROOT / "exercises" / word / f"{word}.ipynb").read_bytes()
    for scratch in (tmp_path / "once", tmp_path / "twice"):
        scratch.mkdir()
        assert register(word, scratch).read_bytes() == committed, "run `autograder release` and commit exercises/"


@for_every_word
def test_what_students_open_has_no_solution_and_no_output(word):
    notebook = json.loads((ROOT / "exercises" / word / f"{word}.ipynb").read_text())
    text = json.dumps(notebook)
    assert "BEGIN SOLUTION" not in text
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@for_every_word
def test_the_points_of_a_set_add_up_to_100(word):
    cells = solution_notebook(word).cells
    assert sum(cell.metadata.nbgrader.points for cell in cells if is_grade(cell)) == releasing.TOTAL


@for_every_word
@pytest.mark.slow
def test_the_solution_earns_everything_and_the_stub_nothing(word):
    stub = ROOT / "exercises" / word / f"{word}.ipynb"
    _verify(solution_notebook(word), stub)


@for_every_word
@pytest.mark.slow
def test_a_stub_run_from_top_to_bottom_shows_no_error(word):
    """A student who runs everything first is told what to write, not shown a traceback."""
    notebook = nbformat.read(ROOT / "exercises" / word / f"{word}.ipynb", as_version=4)
    errors = [o for cell in run(notebook) for o in cell.get("outputs", []) if o.output_type == "error"]
    assert errors == []


def test_cell_ids_do_not_depend_on_cells_elsewhere():
    longer = SCRIPT.replace("# %%\nfrom", "# %% [markdown]\n# A new first cell.\n# %%\nfrom", 1)
    before, after = (read_script(script, PROBLEMS).cells for script in (SCRIPT, longer))
    assert [cell.id for cell in after[2:]] == [cell.id for cell in before[1:]]
