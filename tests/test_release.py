"""Release refuses, naming the cell, whatever would mislead; and repeats itself to the byte."""

import json
from dataclasses import replace

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from nbgrader.utils import is_grade
from sets import for_every_word

from autograder import release as releasing
from autograder.course import ROOT
from autograder.problems import problem_sets
from autograder.release import (
    ReleaseError,
    _refuse_bad_structure,
    read_script,
    register,
    release,
    run,
    solution_notebook,
    wrong_with_programs,
    wrong_with_solution,
    wrong_with_stub,
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
        f"The points of all cells add up to {POINTS + 1:g}; they must add up to 100: "
        f"check_relu_forward {PROBLEMS['relu_forward'].maximum:g}, "
        f"check_relu_backward {PROBLEMS['relu_backward'].maximum:g}, an_instructor_s_own_assert 1.",
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


WRONG = {
    "loses points": (
        SCRIPT.replace("x.clamp(min=0)", "x.abs()"),
        "Cell check_relu_forward: the solution earns 0 of 4 points. relu_forward: 0 of 4 points",
    ),
    "fails": (SCRIPT + "# %%\n1 / 0\n", ": the solution fails with ZeroDivisionError: division by zero"),
    "has no end": (SCRIPT + "# %%\nwhile True:\n    pass\n", " ran longer than 2 seconds and was stopped."),
    "ends its kernel": (SCRIPT + "# %%\nimport os\nos._exit(1)\n", " ended its kernel."),
}


@pytest.mark.slow
@pytest.mark.parametrize(("script", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_solution_is_said_in_a_sentence(script, sentence, monkeypatch):
    monkeypatch.setattr(releasing, "LONGEST_CELL", 2)
    said = wrong_with_solution(read_script(script, PROBLEMS))
    assert any(sentence in text for text in said), said
    assert not any("<" in text or "Traceback" in text for text in said)
    assert all(text.startswith("Cell ") for text in said)


CHECKS = ["Cell check_relu_forward", "Cell check_relu_backward"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "named"),
    [("x.abs(), -x", CHECKS), ("-x.abs(), -x", [*CHECKS, "Cell an_instructor_s_own_assert"])],
    ids=["right for the assert", "wrong everywhere"],
)
def test_every_cell_that_is_wrong_is_named(answer, named):
    said = wrong_with_solution(read_script(SCRIPT.replace("x.clamp(min=0), x", answer), PROBLEMS))
    assert [text.partition(":")[0] for text in said] == named


@pytest.mark.slow
def test_a_stub_that_earns_points_is_refused():
    said = wrong_with_stub(read_script(SCRIPT, PROBLEMS))
    assert "Cell check_relu_forward: the stub earns 4 points; it must earn none." in said


def relu_forward__right(x):
    return x.clamp(min=0), x


def relu_forward__right_and_called_wrong(x):
    """This one is right, so it earns everything."""
    return x.clamp(min=0), x


def relu_forward__wrong_and_called_right(x):
    return x.abs(), x


def test_known_programs_that_are_misjudged_are_named(monkeypatch):
    problem = replace(PROBLEMS["relu_forward"], modules=(__name__,))
    monkeypatch.setattr(releasing, "problems", lambda: {"relu_forward": problem})
    said = wrong_with_programs("relu_forward")
    assert "relu_forward__right_and_called_wrong is wrong and earns every point." in said
    assert "relu_forward__wrong_and_called_right is right and loses points." in said


def misjudging(problem):
    return [f"{problem}__this is misjudged."]


def finding_nothing(notebook):
    return []


@pytest.mark.slow
def test_what_is_refused_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(releasing, "ROOT", tmp_path)
    monkeypatch.setattr(releasing, "wrong_with_programs", misjudging)
    monkeypatch.setattr(releasing, "wrong_with_solution", finding_nothing)
    monkeypatch.setattr(releasing, "wrong_with_stub", finding_nothing)
    monkeypatch.setattr(releasing, "solution_notebook", lambda word: read_script(SCRIPT, PROBLEMS))
    root = tmp_path / "course"
    root.mkdir()
    with pytest.raises(ReleaseError, match=r"activations: relu_forward__this is misjudged\.") as refused:
        release(["activations"], root)
    assert len(str(refused.value).splitlines()) == len(problem_sets()["activations"])
    assert list(root.rglob("*")) == []
    assert not (tmp_path / "build").exists()


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
    assert wrong_with_solution(solution_notebook(word)) == []
    assert wrong_with_stub(nbformat.read(ROOT / "exercises" / word / f"{word}.ipynb", as_version=4)) == []


@for_every_word
@pytest.mark.slow
def test_a_stub_run_from_top_to_bottom_shows_no_error(word):
    """A student who runs everything first, in Jupyter's own kernel, is told what to write, not shown a traceback."""
    notebook = nbformat.read(ROOT / "exercises" / word / f"{word}.ipynb", as_version=4)
    cells, stopped = run(notebook, AsyncKernelManager)
    assert [o for cell in cells for o in cell.get("outputs", []) if o.output_type == "error"] == []
    assert stopped is None


def test_cell_ids_do_not_depend_on_cells_elsewhere():
    longer = SCRIPT.replace("# %%\nfrom", "# %% [markdown]\n# A new first cell.\n# %%\nfrom", 1)
    before, after = (read_script(script, PROBLEMS).cells for script in (SCRIPT, longer))
    assert [cell.id for cell in after[2:]] == [cell.id for cell in before[1:]]
