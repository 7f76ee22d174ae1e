"""What a student sees, in a plain interpreter and in a notebook's kernel."""

import ast
import contextlib
import subprocess
import sys
import time

import nbformat
import pytest
import torch
from exams import CPU, exam
from nbclient import NotebookClient
from sets import solutions_of, stubs_of

from autograder import judge, programs
from autograder.calls import run as calling
from autograder.calls.kinds import backward
from autograder.calls.run import one_thread
from autograder.problems import find_problem, problem_sets, problems
from autograder.table import MIME


def check_in(namespace, name):
    """Call `check` as a notebook cell does, with its globals."""
    namespace = {**namespace}
    exec("from autograder import check", namespace)
    return eval(f"check({name!r})", namespace)


def test_the_text_is_the_score_alone():
    assert repr(check_in(solutions_of("activations"), "relu_forward")) == "4.0"
    assert repr(check_in({}, "relu_forward")) == "0.0"


def test_partial_credit_is_a_number_that_nbgrader_reads():
    def relu_forward(x):
        return x.clamp_(min=0), x

    report = check_in({"relu_forward": relu_forward}, "relu_forward")
    assert 0 < float(repr(report)) < problems()["relu_forward"].maximum


def test_print_shows_the_table_as_text():
    text = str(check_in({"relu_forward": lambda x: (x.abs(), x)}, "relu_forward"))
    assert text.splitlines()[0] == "relu_forward: 0 of 4 points"
    assert "✗ values" in text
    assert text.endswith("Hint: Negative inputs come out as positive numbers.")


def test_the_table_escapes_what_the_student_wrote():
    def relu_forward(x):
        raise ValueError("<script>alert(1)</script>")

    page = check_in({"relu_forward": relu_forward}, "relu_forward")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("relu_foward", "did you mean 'relu_forward'?"),
        ("convolve_twice", "There is no problem 'convolve_twice'"),
        (3, "no problem 3"),
    ],
)
def test_an_unknown_name_is_told(name, sentence):
    report = check_in({}, name)
    assert sentence in str(report)
    assert repr(report) == "0.0"


@pytest.fixture(scope="module")
def executed():
    """Cells of a notebook with right, wrong, unwritten and hanging functions, after running them."""
    cells = [
        "import sys, torch, warnings\nfrom autograder import check",
        "def relu_forward(x):\n    print('noise', file=sys.stderr)\n    warnings.warn('careful')\n"
        "    return x.clamp(min=0), x\ncheck('relu_forward')",
        "def relu_forward(x):\n    y = x[:, 99]\n    return y, x\ncheck('relu_forward')",
        "def tanh_forward(x):\n    raise NotImplementedError()\ncheck('tanh_forward')",
        "def tanh_forward(x):\n    while True:\n        pass\ncheck('tanh_forward')",
        "check('sigmoid_forward')",
    ]

    def seconds(cell):
        return 3 if "while True" in cell.source else 120

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(
        notebook, kernel_name="python3", timeout_func=seconds, allow_errors=True, interrupt_on_timeout=True
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.slow
def test_in_a_kernel_the_table_is_the_result(executed):
    results = [o for o in executed[1] if o.output_type == "execute_result"]
    assert results[0].data["text/plain"] == "4.0"
    assert "relu_forward: 4 of 4 points" in results[0].data["text/html"]
    assert results[0].data[MIME] == {"problem": "relu_forward", "score": 4.0, "mistake": None}


@pytest.mark.slow
def test_in_a_kernel_stderr_stays_empty_and_no_traceback_appears(executed):
    for outputs in executed:
        assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
        assert not [o for o in outputs if o.output_type == "error" and "autograder" in "".join(o.traceback)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            2,
            "relu_forward raised IndexError: index 99 is out of bounds for dimension 1 with size 5 (line 2 of its cell",
        ),
        (3, "tanh_forward is not written yet"),
        (4, "tanh_forward was stopped before it returned (line"),
        (5, "sigmoid_forward is not defined: run the cell that defines it"),
    ],
)
def test_in_a_kernel_every_failure_is_a_sentence(executed, cell, sentence):
    page = next(o for o in executed[cell] if o.output_type == "execute_result").data["text/html"]
    assert sentence in page


def test_a_notebook_s_check_reads_the_source_as_the_grader_does():
    """torch's own initializers are made of operations that the exercise needs: only their name tells."""
    source = (
        "def xavier_normal(shape, generator):\n    return init.xavier_normal_(torch.empty(shape), generator=generator)"
    )
    namespace = {"torch": torch, "init": torch.nn.init}
    exec(source, namespace)
    cells = ["", "import torch\nfrom torch.nn import init", source, 'check("xavier_normal")']
    said = str(check_in({**namespace, "In": cells}, "xavier_normal"))
    assert said.startswith("xavier_normal: 0 of 10 points")
    assert "which is the exercise itself" in said
    assert str(check_in({**namespace, "In": 3}, "xavier_normal")).startswith("xavier_normal: 10 of 10 points")


def test_a_backward_function_is_told_of_its_wrong_forward():
    functions = {"relu_forward": lambda x: (2 * x.clamp(min=0), x), "relu_backward": lambda dout, x: dout * (x > 0) / 3}
    assert "Hint: relu_forward is not right yet" in str(check_in(functions, "relu_backward"))


def test_a_function_that_is_not_written_is_named_and_not_the_one_that_calls_it():
    namespace = {}
    exec("def helper(x):\n    raise NotImplementedError()\ndef relu_forward(x):\n    return helper(x), x", namespace)
    assert "helper is not written yet" in str(check_in(namespace, "relu_forward"))


def modules_after(code):
    """The names of the modules that a fresh Python has loaded after `code`."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[-2].split())


def test_the_package_loads_what_is_asked_for_and_no_more():
    assert not {"torch", "numpy"} & modules_after("import autograder")
    loaded = modules_after("from autograder import device")
    assert "autograder.devices" in loaded
    assert not {"autograder.judge", "autograder.problems"} & loaded


@pytest.mark.parametrize(
    "before", ["", "import autograder.check", "import autograder.coverage", "import autograder.judge"]
)
def test_the_package_gives_the_function_whatever_was_imported_before(before):
    modules_after(f"{before}\nfrom autograder import *\nassert check.__name__ == 'check', check\ndevice, when_written")


def test_a_check_loads_one_chapter():
    code = "from autograder import check\nrelu_forward = lambda x: (x.abs(), x)\ncheck('relu_forward')._repr_html_()"
    chapters = {module for module in modules_after(code) if module.startswith("autograder.problems.")}
    others = {f"autograder.problems.{word}" for word in problem_sets()} - {"autograder.problems.activations"}
    assert "autograder.problems.activations" in chapters
    assert not others & chapters


def test_no_check_loads_scikit_learn():
    """To load it takes longer than a check may."""
    assert "sklearn" not in modules_after("from autograder import check\ncheck('train_small_cnn')")


@pytest.mark.parametrize("name", problems())
def test_a_problem_is_found_by_its_name_alone(name):
    assert find_problem(name) is problems()[name]
    for other in (f"{name}_", f"{name}__", name[:-1], name.replace("_", "."), "", "(", "\\"):
        assert find_problem(other) is None or other in problems()


def test_the_source_of_a_chapter_is_read_once(monkeypatch):
    """`inspect` reads the whole module again for each class."""
    read = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda source, *rest, **more: read.append(source) or parse(source, *rest, **more))
    programs._sources_in.cache_clear()
    for program in (*problems()["Value"].mistakes, *problems()["Value"].alternatives):
        programs.source_of(program.functions[0])
    assert len(read) <= 1


EVERY_PROBLEM = [pytest.param(word, p, id=p.name) for word, chapter in problem_sets().items() for p in chapter]


@pytest.fixture
def known_programs_run(monkeypatch):
    """Every call of a known program, as it is made."""
    calls = []

    def run(problem, case, *rest, **options):
        calls.append((problem.name, case.name))
        return made(problem, case, *rest, **options)

    made = judge.run
    monkeypatch.setattr(judge, "run", run)
    return calls


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_the_check_of_an_unwritten_function_runs_no_known_program(word, problem, known_programs_run):
    exam(problem.name, 0).grade(stubs_of(word))
    with one_thread():
        # Many threads wait for each other by computing.
        start = time.process_time()
        check_in(stubs_of(word), problem.name)
        taken = time.process_time() - start
    assert taken < 0.5, "it takes less than 0.1 s; a training of the known mistakes would take five"
    assert not known_programs_run


def test_a_known_program_is_run_for_a_wrong_function(known_programs_run):
    check_in({"relu_forward": lambda x: (x.abs(), x)}, "relu_forward")
    assert {name for name, _ in known_programs_run} == {"relu_forward"}


def test_a_known_program_is_run_once_however_many_are_compared_with_it(known_programs_run):
    exam = judge.Exam(problems()["relu_forward"], 0, CPU)
    for mistake in exam.problem.mistakes:
        assert exam.grade_program(mistake).mistake == mistake.name
        assert exam.grade_program(mistake).mistake == mistake.name
    assert len(known_programs_run) == len(exam.problem.mistakes) * len(exam.cases)


@pytest.mark.parametrize("ruled", [False, True])
def test_known_programs_are_held_to_the_rules_only_if_that_is_asked_for(ruled, monkeypatch):
    """They are tried so before a release; in every check it would be most of the time that they take."""
    asked = []
    monkeypatch.setattr(calling, "enforced", lambda rules, timed: asked.append(rules) or contextlib.nullcontext())
    exam = judge.Exam(problems()["relu_forward"], 0, CPU, ruled=ruled)
    exam.grade_program(exam.problem.mistakes[0])
    assert bool(asked) == ruled
    exam.grade(exam.problem.functions_of(exam.problem.mistakes[0]))
    assert asked


@pytest.mark.parametrize(("word", "problem"), [row for row in EVERY_PROBLEM if row.values[1].call is backward])
def test_an_unwritten_backward_leaves_its_forward_alone(word, problem, monkeypatch):
    """There is nothing to say of it that could help."""
    drawn = []
    draw = judge.draw
    monkeypatch.setattr(judge, "draw", lambda problem, *rest: drawn.append(problem.name) or draw(problem, *rest))
    name = problem.forward
    wrong = {name: lambda *arguments: (2 * arguments[0], arguments)}
    said = str(check_in(stubs_of(word) | wrong, problem.name))
    assert drawn == [problem.name]
    assert "is not written yet" in said
    assert "make that check pass first" not in said
