"""A notebook as the grader runs it: its cells as Jupyter's own runner runs them, its checks from outside."""

import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade, is_grade, is_solution
from processes import kernel_below

from autograder import judge
from autograder.grading import execute as execution
from autograder.grading import workers
from autograder.grading.execute import ALL_CELLS, execute
from autograder.grading.settings import Settings
from autograder.names import PREFIX
from autograder.problems import problems
from autograder.programs import source_of
from autograder.release import solution_notebook
from autograder.sandbox import launch
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


ENDLESS = """
def train_softmax_classifier(x, target, epochs, batch_size, lr, generator):
    while True:
        x = x + 1
"""


def test_a_training_without_an_end_costs_its_own_points_and_no_others(monkeypatch):
    monkeypatch.setattr(judge, "LEAST", 1.0)
    monkeypatch.setattr(judge, "TRAINING", 1)
    # Another test may have met the exam.
    monkeypatch.setattr(execution, "_exam", execution._exam.__wrapped__)
    found = checks("optimization", ("train_softmax_classifier", "sgd_step"), {"train_softmax_classifier": ENDLESS})
    stopped, other = found["train_softmax_classifier"], found["sgd_step"]
    assert (score(stopped), score(other)) == (0, other.metadata.nbgrader.points)
    assert "train_softmax_classifier was stopped after 1 s of computing" in stopped.outputs[-1].data["text/html"]
    (record,) = (value for kind, value in stopped.outputs[-1].data.items() if kind not in ("text/html", "text/plain"))
    assert "was stopped after 1 s" in record["limit"]


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


def the_kernel():
    """The process of the only kernel that runs."""
    return kernel_below(psutil.Process(warm_parent(False, 1, True)._process.pid))


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
        kernel = the_kernel()
        kernel.suspend()
        threading.Timer(seconds, lambda: kernel.is_running() and kernel.resume()).start()

    monkeypatch.setattr(Kernel, "request", stalled)
    monkeypatch.setattr("autograder.sandbox.kernels.GRACE", 3)
    (cell,) = checks("activations", ("sigmoid_forward",), {}, cell_seconds=1).values()
    assert score(cell) == cell.metadata.nbgrader.points


# A process that has touched a GPU has children that cannot use it.
UNTOUCHED = """
import torch
def touched(*_, **__):
    raise RuntimeError("the GPU was touched before the fork")
torch.cuda.is_available = torch.cuda.device_count = torch.cuda._lazy_init = touched
"""


def test_neither_the_parent_of_the_kernels_nor_a_check_asks_for_a_gpu(monkeypatch):
    """The request says on which device the calls are made."""
    monkeypatch.setattr(launch, "_PARENT", UNTOUCHED + launch._PARENT)
    warm_parent.cache_clear()
    try:
        names = ("sigmoid_forward", "sigmoid_backward")
        for cell in checks("activations", names, {}).values():
            assert score(cell) == cell.metadata.nbgrader.points
    finally:
        warm_parent(False, 1, True).close()
        warm_parent.cache_clear()


def test_the_parent_of_the_workers_asks_for_no_gpu():
    code = UNTOUCHED + "".join(f"import {name}\n" for name in workers.PRELOADED)
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == ""


POINTS = 10
FLOOD = "print('x' * 200_000)\n"
SHOWS_NO_ERRORS = "get_ipython().showtraceback = lambda *a, **k: None"


def of_the_instructor(source):
    metadata = {"nbgrader": {"grade": True, "grade_id": "own", "solution": False, "locked": True, "points": POINTS}}
    return new_code_cell(source, metadata=metadata)


@pytest.mark.parametrize(
    ("student", "instructor", "points"),
    [
        ("x = 1", "assert x == 1", POINTS),
        ("x = 1", "assert x == 2", 0),
        ("x = 1", FLOOD + "assert x == 1", POINTS),
        ("x = 1", FLOOD + "assert x == 2", 0),
        ("x = 1", FLOOD + "x / 2", 0.5),
        (SHOWS_NO_ERRORS, "assert True", POINTS),
        (SHOWS_NO_ERRORS, "assert False", 0),
        (SHOWS_NO_ERRORS, "raise SystemExit", 0),
        ("get_ipython().showtraceback = None", "assert False", 0),
        ("get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)", "assert False", 0),
        (
            "from IPython.display import clear_output\n"
            "get_ipython().events.register('post_run_cell', lambda result: clear_output())",
            "assert False",
            0,
        ),
        ("def f():\n    get_ipython().showtraceback((ValueError, ValueError(), None))", FLOOD + "f()", 0),
        ("import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGTERM)", "f()\nassert False", 0),
        ("import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGKILL)", "f()\nassert False", 0),
        ("import signal, time\ndef f():\n    signal.alarm(1)\n    time.sleep(3)", "f()", 0),
    ],
)
def test_a_cell_of_the_instructor_s_own_that_fails_earns_nothing(student, instructor, points):
    notebook = new_notebook(cells=[new_code_cell(student), of_the_instructor(instructor)])
    execute(notebook, {}, Settings(20300101, Limits(cell_seconds=20, output=100_000)))
    score, _ = determine_grade(notebook.cells[-1], logging.getLogger())
    assert score == points, notebook.cells[-1].outputs


@pytest.mark.parametrize(
    ("code", "why"), [("signal.SIGTERM", "Terminated"), ("signal.SIGKILL", "Killed"), ("signal.SIGHUP", "Hangup")]
)
def test_a_signal_to_oneself_is_the_end_of_the_kernel_and_is_said_at_once(code, why):
    notebook = new_notebook(cells=[new_code_cell(f"import os, signal\nos.kill(os.getpid(), {code})\nprint('on')")])
    execute(notebook, {}, Settings(20300101))
    assert [output.get("evalue") for output in notebook.cells[0].outputs] == [
        f"The kernel ended while this cell ran: it crashed ({why}). It was started again without this cell."
    ]


# The cells of one notebook, with their tags.
CELLS = [
    "x = 1",
    "x",
    "",
    "  \n",
    ("x = 2", "skip-execution"),
    "print(x)\n_",
    "from IPython.display import clear_output, display, update_display, Image, Markdown\nimport sys",
    "for i in range(5):\n    print(i)\n    clear_output()",
    "for i in range(5):\n    clear_output(wait=True)\n    print(i)",
    "for i in range(5):\n    print(i)\n    clear_output(wait=True)",
    "print(1)\nclear_output()\nprint(2, file=sys.stderr)\nprint(3)",
    "display('first', display_id='d')\nprint('between')\ndisplay('second', display_id='d')",
    "update_display('third', display_id='d')\nprint('told')",
    "update_display('nobody', display_id='unknown')",
    "shown = display('one', display_id=True)\nshown.update('two')\nclear_output()\nshown.update('three')",
    "try:\n    1 / 0\nfinally:\n    print('at last')",
    "print('hidden')\nclear_output()\n1 / 0",
    "def f():\n    return 1\nf(), f",
    "Markdown('**x**')",
    "print('\u2603 한글')\n'é'",
    ("1 / 0", "raises-exception"),
    "from IPython.display import SVG\nSVG('<svg></svg>')",
    "import ipywidgets\nipywidgets.Label('a label')",
    "display(1, 2)\n3;",
    "raise SystemExit('that is all')",
    # What comes from outside has no order with what Python prints, and ipykernel's thread that reads it needs a moment.
    "import os, time\nos.system('echo from outside of Python')\ntime.sleep(1)",
    "!echo from a shell",
    "%%bash\necho from a script\nexit 3",
    "%history",
    "Out[2], len(In)",
    "input('a question')",
    "get_ipython().showtraceback = lambda *a, **k: None",
    "x = 7\n1 / 0",
    "x",
]


def as_told(output):
    """An output as far as the two runners have the same to say: we keep no HTML, and numbers in memory differ."""
    told = re.sub(
        r"0x[0-9a-f]+|\x1b\[[0-9;]*m", "", str(output.get("text") or output.get("data", {}).get("text/plain"))
    )
    return output.output_type, output.get("name"), told, output.get("ename"), output.get("evalue")


def test_cells_run_as_in_jupyter_s_own_runner(monkeypatch):
    """What each shows and how it is counted; nbgrader too has an error that was not shown put into its cell.

    nbclient's own notebooks, which come with its source, do the same in both, but for what is otherwise on purpose: a
    cell that was interrupted also says why; a kernel that ends is started again; of widgets and of pictures made of
    lines the text is kept, for they may act in a page; what goes into an Output widget stands in the cell where it was
    printed; and no display changes a result, which may decide about points.
    """
    cells = [(cell, None) if isinstance(cell, str) else cell for cell in CELLS]
    theirs, ours = (
        new_notebook(cells=[new_code_cell(source, metadata={"tags": [tag] if tag else []}) for source, tag in cells])
        for _ in range(2)
    )
    # A kernel that sees this leaves out what is written past Python.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    NotebookClient(theirs, kernel_name="python3", allow_errors=True, coalesce_streams=True).execute()
    execute(ours, {}, Settings(20300101))
    for their_cell, our_cell in zip(theirs.cells, ours.cells, strict=True):
        expected = [as_told(output) for output in their_cell.outputs]
        if their_cell.source == "x = 7\n1 / 0":
            expected.append(("error", None, "None", "ZeroDivisionError", "division by zero"))
        assert sorted(map(as_told, our_cell.outputs), key=str) == sorted(expected, key=str), our_cell.source
        assert our_cell.execution_count == their_cell.execution_count, our_cell.source


def test_all_cells_together_show_no_more_than_a_notebook_holds():
    """What decides about points is kept all the same."""
    limit = 2_000
    printing = [new_code_cell(f"print('x' * {limit // 2})") for _ in range(3 * ALL_CELLS)]
    notebook = new_notebook(cells=[*printing, of_the_instructor("7"), of_the_instructor("assert False")])
    execute(notebook, {}, Settings(20300101, Limits(output=limit)))
    text = "".join(output.text for cell in printing for output in cell.outputs)
    assert limit * ALL_CELLS // 2 < text.count("x") <= limit * ALL_CELLS
    assert [determine_grade(cell, logging.getLogger())[0] for cell in notebook.cells[-2:]] == [7, 0]


SHOUTING = """
import threading, time
def shout():
    while True:
        print("z" * 100, flush=True)
threading.Thread(target=shout, daemon=True).start()
def sigmoid_forward(x):
    time.sleep(0.1)
    y = 1 / (1 + torch.exp(-x))
    return y, y
"""


def test_how_fast_a_thread_prints_decides_nothing():
    """A check during which it shows more than is read: on a busy machine one gets further than the other."""
    sources = {"sigmoid_forward": SHOUTING}
    (cell,) = checks("activations", ("sigmoid_forward",), sources, output=500).values()
    assert score(cell) == cell.metadata.nbgrader.points, cell.outputs[-1].data["text/html"]


def test_a_check_that_shows_without_end_is_stopped_long_before_its_time():
    sources = {"sigmoid_forward": "def sigmoid_forward(x):\n    while True:\n        print('z' * 100)"}
    start = time.monotonic()
    (cell,) = checks("activations", ("sigmoid_forward",), sources, output=500, cell_seconds=60).values()
    assert time.monotonic() - start < 60
    assert score(cell) == 0
    assert "was stopped" in cell.outputs[-1].data["text/html"]


# The limit of a starved kernel, twice what it computes, and how many others compute on its processor.
SECONDS = 1.5
CROWD = 6
BUSY = f"""
import time
end = time.process_time() + {SECONDS / 2}
def busy(done=[]):
    while not done and time.process_time() < end:
        pass
    done.append(True)
{{now}}
def sigmoid_forward(x):
    busy()
    y = 1 / (1 + torch.exp(-x))
    return y, y
"""


@pytest.mark.parametrize(("kind", "now"), [("execute", "busy()"), (CALLS, "")])
def test_a_starved_kernel_has_all_of_its_time(kind, now, monkeypatch):
    """It gets a seventh of one processor: the clock passes its limit several times before it has computed half as long.

    Each of the crowd is in a session of its own: Linux shares a processor out among sessions.
    """
    processor = {max(os.sched_getaffinity(0))}
    others = f"import os\nos.sched_setaffinity(0, {processor})\nwhile True: pass"
    request, crowd = Kernel.request, []

    def starved(self, asked_for, content, *arguments):
        if asked_for == kind and not crowd and (kind == CALLS or "busy" in content["code"]):
            crowd.extend(subprocess.Popen([sys.executable, "-c", others], start_new_session=True) for _ in range(CROWD))
            for thread in the_kernel().threads():
                os.sched_setaffinity(thread.id, processor)
        return request(self, asked_for, content, *arguments)

    monkeypatch.setattr(Kernel, "request", starved)
    monkeypatch.setattr("autograder.grading.execute.SECOND_TRIES", 0)
    sources = {"sigmoid_forward": BUSY.format(now=now)}
    try:
        (cell,) = checks("activations", ("sigmoid_forward",), sources, cell_seconds=SECONDS).values()
    finally:
        for process in crowd:
            process.kill()
            process.wait()
    assert crowd
    assert score(cell) == cell.metadata.nbgrader.points, cell.outputs
