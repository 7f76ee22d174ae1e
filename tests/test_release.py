"""Release refuses, naming the cell, whatever would mislead; and repeats itself to the byte."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade
from processes import wait_until_ended
from sets import for_every_word

from autograder import cli
from autograder import release as releasing
from autograder.course import ROOT, nbgrader_at
from autograder.problems import problem_sets
from autograder.release import (
    ReleaseError,
    _refuse_bad_structure,
    is_as_released,
    read_script,
    register,
    release,
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


HEADINGS = """# %% [markdown]
# # A title
# ## Both
# ### Forward
# Text.
{relu}
# %% [markdown]
# ### A question (7 points)
# %% [markdown] nbgrader={{"grade_id": "words", "grade": true, "solution": true, "points": 1}}
# ## An answer
# %% [markdown]
# ## An experiment
"""


def test_headings_say_the_points_under_them():
    script = HEADINGS.format(relu=SCRIPT[SCRIPT.index("# %% nbgrader") :])
    sources = [cell.source for cell in read_script(script, PROBLEMS).cells if cell.cell_type == "markdown"]
    assert sources == [
        "# A title\n## Both\n### Forward (100 points)\nText.",
        "### A question (1 point)",
        "## An answer",
        "## An experiment",
    ]


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


def relu_forward__torch_s_own(x):
    return x.relu(), x


def test_known_programs_that_are_misjudged_are_named(monkeypatch):
    problem = replace(PROBLEMS["relu_forward"], modules=(__name__,))
    monkeypatch.setattr(releasing, "problems", lambda: {"relu_forward": problem})
    said = wrong_with_programs("relu_forward")
    assert "relu_forward__right_and_called_wrong is wrong and earns every point." in said
    assert "relu_forward__wrong_and_called_right is right and loses points." in said
    # Afterwards nobody asks at each of their operations if they keep the rules.
    assert "relu_forward__torch_s_own is right and loses points." in said


def misjudging(problem):
    return [f"{problem}__this is misjudged."]


def finding_nothing(notebook):
    return []


@pytest.fixture
def misjudged(tmp_path, monkeypatch):
    """A set of which each problem has a program that is misjudged, which nobody has to run."""
    monkeypatch.setattr(releasing, "ROOT", tmp_path)
    monkeypatch.setattr(releasing, "wrong_with_programs", misjudging)
    monkeypatch.setattr(releasing, "wrong_with_solution", finding_nothing)
    monkeypatch.setattr(releasing, "wrong_with_stub", finding_nothing)
    monkeypatch.setattr(releasing, "solution_notebook", lambda word: read_script(SCRIPT, PROBLEMS))


@pytest.mark.slow
def test_what_is_refused_is_not_written(misjudged, tmp_path):
    root = tmp_path / "course"
    root.mkdir()
    with pytest.raises(ReleaseError, match=r"activations: relu_forward__this is misjudged\.") as refused:
        release(["activations"], root)
    assert len(str(refused.value).splitlines()) == len(problem_sets()["activations"])
    assert list(root.rglob("*")) == []
    assert not (tmp_path / "build").exists()


@pytest.mark.slow
def test_processes_are_forked_before_a_thread_draws_the_bar(misjudged, monkeypatch):
    """Not all of a thread is there in a fork, but every lock that it held."""
    others, beside, fork = set(threading.enumerate()), [], os.fork

    def forking():
        beside.append(set(threading.enumerate()) - others)
        return fork()

    monkeypatch.setattr(os, "fork", forking)
    monkeypatch.setattr(sys, "argv", ["autograder", "release", "activations"])
    with pytest.raises(SystemExit) as refused:
        cli.main()
    assert refused.value.code == 1
    assert beside
    assert not any(beside)


# Nothing of a person's is lost.

STUB_CELL = """# %% nbgrader={{"grade_id": "{0}", "solution": true}}
{0} = 0
"""
CHECKED_BY = """# %% nbgrader={{"grade_id": "points", "grade": true, "points": 100}}
assert True
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course whose one problem set has the cells that a test says, and needs no verification."""
    monkeypatch.setattr(releasing, "ROOT", tmp_path / "repository")
    (tmp_path / "repository").mkdir()
    monkeypatch.setattr(releasing, "_verify", lambda sources, progress: None)
    monkeypatch.setattr(releasing, "digest_of", lambda *names: str(names))
    (tmp_path / "course").mkdir()
    return tmp_path / "course"


def write_set(monkeypatch, *solutions):
    script = "".join(map(STUB_CELL.format, solutions)) + CHECKED_BY.format()
    monkeypatch.setattr(releasing, "solution_notebook", lambda word: read_script(script, {}))
    # Made from something else, as its digest says.
    monkeypatch.setattr(releasing, "digest_of", lambda *names: str((names, solutions)))


def contents(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != "gradebook.db"}


@pytest.mark.slow
def test_a_release_never_overwrites_what_it_did_not_write(course, monkeypatch):
    write_set(monkeypatch, "f")
    (path,) = release(["activations"], course)
    notes = path.with_name("notes.md")
    notes.write_text("mine")
    write_set(monkeypatch, "f", "g")
    assert release(["activations"], course) == [path]
    assert [c.id for c in nbformat.read(path, as_version=4).cells] == ["f", "g", "points"]
    assert notes.read_text() == "mine"

    solved = nbformat.read(path, as_version=4)
    solved.cells[0].source = "f = 1"
    nbformat.write(solved, path)
    write_set(monkeypatch, "f", "g", "h")
    before = contents(course)
    with pytest.raises(
        ReleaseError, match=r"somebody has changed .*activations\.ipynb since it was released; it stays"
    ):
        release(["activations"], course)
    assert contents(course) == before
    # The way out that the sentence names.
    path.rename(course / "solved.ipynb")
    assert release(["activations"], course) == [path]
    assert [c.id for c in nbformat.read(path, as_version=4).cells] == ["f", "g", "h", "points"]


@pytest.mark.slow
def test_nbgrader_s_own_command_leaves_the_exercises_alone(course, monkeypatch):
    """With --force, as formgrader's button calls it, it clears the folder first."""
    write_set(monkeypatch, "f")
    (path,) = release(["activations"], course)
    path.write_text("solved")
    path.with_name("notes.md").write_text("mine")
    before = contents(path.parent)
    assert nbgrader_at(course).generate_assignment("activations", force=True)["success"]
    assert contents(path.parent) == before
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.remove_assignment("activations")
    assert not nbgrader_at(course).generate_assignment("activations", create=False)["success"]
    assert contents(path.parent) == before


CHANGES = {
    "an answer": lambda notebook: notebook.cells[0].update(source="f = 1"),
    "a note in a cell of prose": lambda notebook: notebook.cells.append(nbformat.v4.new_markdown_cell("mine", id="x")),
    "an output": lambda notebook: notebook.cells[0].outputs.append(nbformat.v4.new_output("stream", text="1")),
    "metadata": lambda notebook: notebook.metadata.update(title="mine"),
    "the signature": lambda notebook: notebook.metadata.pop("autograder"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_notebook_that_somebody_has_changed_is_known(tmp_path, change):
    notebook = read_script(STUB_CELL.format("f"), {})
    path = tmp_path / "ps.ipynb"
    path.write_text(releasing._signed(notebook))
    assert is_as_released(path)
    change(notebook := nbformat.read(path, as_version=4))
    nbformat.write(notebook, path)
    assert not is_as_released(path)


@pytest.mark.parametrize("content", [b"", b"notes", b"{}", b"\xff"])
def test_what_is_no_notebook_was_not_released(tmp_path, content):
    (tmp_path / "ps.ipynb").write_bytes(content)
    assert not is_as_released(tmp_path / "ps.ipynb")


@for_every_word
def test_what_is_committed_is_as_it_was_released(word):
    assert is_as_released(ROOT / "exercises" / word / f"{word}.ipynb")


@pytest.mark.slow
def test_a_refused_release_deletes_nothing_and_says_why(course, monkeypatch):
    write_set(monkeypatch, "f")
    release(["activations"], course)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.add_student("ann")
        gradebook.add_submission("activations", "ann")
    write_set(monkeypatch, "f", "g")
    before = contents(course)
    with pytest.raises(ReleaseError) as refused:
        release(["activations"], course)
    assert "Cannot add or remove cells for notebook 'activations' because there are submissions" in str(refused.value)
    assert "nbgrader db assignment remove activations --force" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert "Traceback" not in str(refused.value)
    assert contents(course) == before
    # The way out that the sentence names.
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.remove_assignment("activations")
    (path,) = release(["activations"], course)
    assert [c.id for c in nbformat.read(path, as_version=4).cells] == ["f", "g", "points"]


@pytest.mark.slow
def test_a_source_notebook_that_an_instructor_has_changed_is_kept(course, monkeypatch):
    write_set(monkeypatch, "f")
    release(["activations"], course)
    (source,) = course.glob("build/source/activations/*.ipynb")
    (source.parent / "data.csv").write_text("1,2")
    source.write_text(source.read_text().replace("f = 0", "f = None"))
    edited = source.read_text()
    write_set(monkeypatch, "f", "g")
    release(["activations"], course)
    assert "g = 0" in source.read_text()
    assert source.with_name("activations.ipynb.1").read_text() == edited
    assert (source.parent / "data.csv").read_text() == "1,2"


@for_every_word
def test_the_import_cell_is_the_course_s(word):
    cell = next(c for c in solution_notebook(word).cells if c.cell_type == "code")
    assert "from autograder import check" in cell.source
    assert cell.metadata.nbgrader.grade_id == "imports"
    assert cell.metadata.nbgrader.locked


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
    cells = NotebookClient(notebook, timeout=releasing.LONGEST_CELL, allow_errors=True).execute().cells
    assert [o for cell in cells for o in cell.get("outputs", []) if o.output_type == "error"] == []


def test_cell_ids_do_not_depend_on_cells_elsewhere():
    longer = SCRIPT.replace("# %%\nfrom", "# %% [markdown]\n# A new first cell.\n# %%\nfrom", 1)
    before, after = (read_script(script, PROBLEMS).cells for script in (SCRIPT, longer))
    assert [cell.id for cell in after[2:]] == [cell.id for cell in before[1:]]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_goes_on_when_a_release_is_killed(number):
    code = """
import time
from autograder.release import side_by_side
with side_by_side() as pool:
    waiting = [pool.submit(time.sleep, 600) for _ in range(4)]
    print("at work", flush=True)
    waiting[0].result()
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "at work\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(number)
    wait_until_ended(children)
