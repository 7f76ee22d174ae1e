"""Every submission of tests/hostile gets its fair score and a clear line, and leaves everybody else alone.

Each file there hands in one submission:

    hand_in(folder, notebook)  writes it, starting from the released notebook with every solution filled in
    LOST        what it must lose: the grade_id of a check, and a phrase that the check must show
    KEPT        points of those checks that are lost in part only
    SHOWN       phrases that the outputs of its cells must contain: that the attack was made, what the student is told;
                of several in brackets, one
    REMARKS     phrases that the instructor must be told
    MISSING     True where nothing is graded, because no notebook is taken
    LIMITS      limits other than those below

Cells that try what must be impossible show the word REACHED if they succeed.
"""

import ast
import html
import importlib.util
import os
import re
import shutil
import tempfile
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import psutil
import pytest
from nbgrader.utils import is_grade, is_solution
from submissions import POINTS, RELEASED, WORD, insert

from autograder.grading import intake
from autograder.grading.job import Job
from autograder.grading.restore import Master, MasterCell
from autograder.grading.settings import Settings
from autograder.grading.worker import grade
from autograder.release import solution_notebook
from autograder.sandbox import kernels
from autograder.sandbox.inside.limits import GIBI, Limits
from autograder.sandbox.kernels import warm_parent

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("bwrap") and os.environ.get("CI") != "true",
        reason="bubblewrap is not installed: no hostile submission is run",
    ),
]

HOSTILE = sorted(Path(__file__).with_name("hostile").glob("*.py"))
NAMES = {"LOST", "KEPT", "SHOWN", "REMARKS", "MISSING", "LIMITS"}
LIMITS = Limits(
    cell_seconds=3, notebook_seconds=40, cpu_seconds=20, memory=int(1.5 * GIBI), processes=64, open_files=256,
    file_size=2**26, scratch=2**27, output=20_000,
)  # fmt: skip
# Seconds by the clock in which the worst submission must be done with (an idle machine takes half a minute), bytes that
# it may cost the grader at any moment, and the files that the grader may have open after all of them.
PATIENCE = 600
GROWTH = 2**29
DESCRIPTORS = 64

# What was left behind would show in any check: these are of the honest submission that is graded after each.
FEW = tuple(POINTS)[:4]

# What a submission finds around it: the files, processes and shared memory of its own kernel.
SURROUNDINGS = """
import os, pathlib
def writable(place):
    for folder, folders, files in os.walk(place):
        yield from (os.path.join(folder, name) for name in folders + files)
        # The environment, where it lies below: hundreds of thousands of files.
        folders[:] = [f for f in folders if not os.statvfs(os.path.join(folder, f)).f_flag & os.ST_RDONLY]
for place in ("/tmp", ".", "/dev/shm", "/dev/mqueue"):
    print(place, sorted(writable(place)))
for kind in ("shm", "msg", "sem"):
    print(kind, pathlib.Path("/proc/sysvipc", kind).read_text().count("\\n"))
print("sockets", pathlib.Path("/proc/net/unix").read_text().count("@"))
print("processes", sorted(name for name in os.listdir("/proc") if name.isdigit()))
print("environment", sorted(os.environ))
"""


def load(path):
    specification = importlib.util.spec_from_file_location(f"hostile_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def solved():
    """The released notebook with every solution filled in."""
    notebook = nbformat.from_dict(RELEASED)
    solutions = {c.metadata.nbgrader.grade_id: c.source for c in solution_notebook(WORD).cells if is_solution(c)}
    for cell in filter(is_solution, notebook.cells):
        cell.source = solutions[cell.metadata.nbgrader.grade_id]
    return notebook


def brief(notebook):
    """The notebook up to the last check that an honest submission is looked at by."""
    last = next(i for i, c in enumerate(notebook.cells) if c.metadata.get("nbgrader", {}).get("grade_id") == FEW[-1])
    return nbformat.from_dict({**notebook, "cells": notebook.cells[: last + 1]})


def master(notebook):
    """What the instructor's side knows of the notebook."""
    fields = ("grade_id", "grade", "solution", "locked", "task", "checksum")
    return Master(
        tuple(
            MasterCell(
                cell_type=cell.cell_type,
                source=cell.source,
                points=float(cell.metadata.nbgrader.get("points", 0)),
                **{name: cell.metadata.nbgrader.get(name) for name in fields},
            )
            for cell in notebook.cells
            if "nbgrader" in cell.metadata
        )
    )


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory):
    """A folder of its own for all that the grader makes and should remove; sockets need a short path."""
    # pytest's own folder stays when this one goes.
    tmp_path_factory.getbasetemp()
    folder, before = tempfile.mkdtemp(prefix="hostile-"), (tempfile.tempdir, kernels.GRACE)
    tempfile.tempdir, kernels.GRACE = folder, 3
    warm_parent.cache_clear()
    yield Path(folder)
    warm_parent(False, 1, True).close()
    warm_parent.cache_clear()
    tempfile.tempdir, kernels.GRACE = before
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def clean(scratch, tmp_path_factory):
    """What an honest submission finds around it when nobody was there before."""
    return look_around(tmp_path_factory.mktemp("clean"))


def run(folder, limits, released=RELEASED):
    held = master(released)
    points = {cell.grade_id: cell.points for cell in held.cells if cell.grade_id in POINTS}
    submission = intake.read(folder, [WORD], {WORD: points})
    settings = Settings(seed=20_300_131, limits=limits)
    return submission, grade(Job(submission.notebooks, {WORD: held}, settings, submission.files))


def look_around(folder):
    """Grade an honest submission, and return what it found around it."""
    notebook = brief(solved())
    insert(notebook, SURROUNDINGS)
    (folder / "honest" / WORD).mkdir(parents=True)
    nbformat.write(notebook, folder / "honest" / WORD / f"{WORD}.ipynb")
    submission, graded = run(folder / "honest" / WORD, LIMITS, brief(RELEASED))
    lost = differences(graded.results[WORD].scores, {name: POINTS[name] for name in FEW})
    assert lost == {}, [
        text
        for cell in nbformat.reads(graded.notebooks[WORD], as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") in lost
        for text in texts(cell.outputs)
    ]
    assert (submission.remarks, graded.remarks) == ((), ())
    (around,) = (c for c in nbformat.reads(graded.notebooks[WORD], as_version=4).cells if c.source == SURROUNDINGS)
    assert [output.output_type for output in around.outputs] == ["stream"], list(texts(around.outputs))
    return around.outputs[0].text


def machine(scratch):
    """What could be left behind on the machine."""
    return {
        "processes": sorted(process.pid for process in psutil.Process().children(recursive=True)),
        "files": sorted(path.name for path in scratch.iterdir() if not path.name.startswith("pytest-")),
        "shared memory": sorted(path.name for path in Path("/dev/shm").glob("*hostile*")),
        "mounts": Path("/proc/self/mounts").read_text(),
    }


def most_memory():
    """Bytes that this process has had at most."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def texts(outputs):
    """All that a cell shows as text."""
    for output in outputs:
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield re.sub("\x1b\\[[0-9;]*m", "", "\n".join([output.ename, output.evalue, *output.traceback]))
        else:
            yield output.data.get("text/plain", "")
            yield " ".join(html.unescape(re.sub("<[^>]*>", " ", output.data.get("text/html", ""))).split())


def differences(found, expected):
    """What was found and what was expected, where they differ."""
    return {key: (found.get(key), expected.get(key)) for key in found | expected if found.get(key) != expected.get(key)}


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.add((tag, *(name for name, _ in attributes)))


OWN_TAGS = {("p",), ("strong",), ("table",), ("tr",), ("th", "style"), ("td", "style")}
PICTURES = {"image/png", "image/jpeg"}


def assert_harmless(cell):
    """Nothing that the submission shows can act on whoever looks at it; verdicts are the grader's own."""
    is_check = is_grade(cell) and not is_solution(cell)
    for output in cell.outputs:
        if output.output_type not in ("display_data", "execute_result"):
            continue
        verdict = is_check and output is cell.outputs[-1]
        assert set(output.data) <= (
            {"text/plain", "text/html", "application/vnd.autograder.verdict+json"}
            if verdict
            else {"text/plain"} | PICTURES
        )
        assert Tags(output.data.get("text/html", "")).found <= OWN_TAGS
    if is_check:
        assert [output.output_type for output in cell.outputs].count("execute_result") == 1
        assert "error" not in [output.output_type for output in cell.outputs]


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_it_gets_its_fair_score_and_leaves_everybody_else_alone(path, tmp_path, scratch, clean):
    module = load(path)
    lost, kept = getattr(module, "LOST", {}), getattr(module, "KEPT", {})
    folder = tmp_path / "submitted" / "mallory" / WORD
    module.hand_in(folder, solved())
    before, parent, memory = machine(scratch), warm_parent(False, 1, True), psutil.Process().memory_info().rss
    # Forget what this process has needed so far, see proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    started = time.monotonic()

    submission, graded = run(folder, replace(LIMITS, **getattr(module, "LIMITS", {})))

    assert time.monotonic() - started < PATIENCE
    assert most_memory() - memory < GROWTH
    remarks = "\n".join((*submission.remarks, *graded.remarks))
    assert [phrase for phrase in getattr(module, "REMARKS", ()) if phrase not in remarks] == [], remarks
    if getattr(module, "MISSING", False):
        assert not graded.results
    else:
        notebook = nbformat.reads(graded.notebooks[WORD], as_version=4)
        nbformat.validate(notebook)
        cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
        shown = "\n".join(text for cell in notebook.cells for text in texts(cell.get("outputs", ())))
        scores = {grade_id: graded.results[WORD].scores[grade_id] for grade_id in POINTS}
        assert differences(scores, {**POINTS, **dict.fromkeys(lost, 0.0), **kept}) == {}, shown
        for grade_id, phrase in lost.items():
            said = "\n".join(texts(cells[grade_id].outputs))
            assert phrase in said, (grade_id, said)
        for phrases in getattr(module, "SHOWN", ()):
            assert any(phrase in shown for phrase in ([phrases] if isinstance(phrases, str) else phrases)), shown
        assert "REACHED" not in shown, shown
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert_harmless(cell)

    assert look_around(tmp_path) == clean
    assert differences(machine(scratch), before) == {}
    assert warm_parent(False, 1, True) is parent
    assert psutil.Process().num_fds() < DESCRIPTORS


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_it_says_what_it_does(path):
    tree = ast.parse(path.read_text())
    defined = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert ast.get_docstring(tree).endswith(".")
    assert {name for name in defined if name.isupper() and not name.startswith("_")} <= NAMES
