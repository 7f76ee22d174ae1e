"""What a student sees, in a plain interpreter and in a notebook's kernel."""

import ast
import contextlib
import re
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import nbformat
import pytest
import torch
from exams import CPU, exam
from nbclient import NotebookClient
from sets import solutions_of, stubs_of

from autograder import judge, programs
from autograder.calls import enforcement
from autograder.calls import run as calling
from autograder.calls.kinds import backward
from autograder.calls.run import one_thread
from autograder.course import ROOT
from autograder.names import MIME
from autograder.problems import find_problem, problem_sets, problems
from autograder.sandbox.inside.check import check as graded_check
from autograder.shown import Look, as_text


def check_in(namespace, name):
    """Call `check` as a notebook cell does, with its globals."""
    namespace = {**namespace}
    exec("from autograder import check", namespace)
    return eval(f"check({name!r})", namespace)


def shown_as(report):
    """The text form that a notebook keeps of a result."""
    return report._repr_mimebundle_()["text/plain"]


@pytest.fixture
def run_by_nbgrader(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")


def test_for_nbgrader_the_text_is_the_score_alone(run_by_nbgrader):
    assert shown_as(check_in(solutions_of("activations"), "relu_forward")) == "4.0"
    assert shown_as(check_in({}, "relu_forward")) == "0.0"


def test_for_a_person_without_html_the_text_is_the_table(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    report = check_in({"relu_forward": lambda x: (x.abs(), x)}, "relu_forward")
    assert shown_as(report) == repr(report) == str(report)
    assert repr(report).splitlines()[0] == "relu_forward: 0 of 4 points"


def test_partial_credit_is_a_number_that_nbgrader_reads(run_by_nbgrader):
    def relu_forward(x):
        return x.clamp_(min=0), x

    report = check_in({"relu_forward": relu_forward}, "relu_forward")
    assert 0 < float(shown_as(report)) < problems()["relu_forward"].maximum


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


def doubled_relu(x):
    return 2 * x.clamp(min=0), x


def test_a_case_shows_what_came_and_what_was_expected():
    case = check_in({"relu_forward": doubled_relu}, "relu_forward").case("x (4, 5)")
    assert torch.equal(case.got["out"], 2 * case.arguments["x"].clamp(min=0))
    assert torch.equal(case.expected["out"], case.arguments["x"].clamp(min=0))
    assert case.finding.startswith("x (4, 5): out[")
    text = repr(case)
    assert text.splitlines()[0].startswith("x (4, 5) (values): out[")
    assert "x = float32, shape (4, 5)" in text
    assert "what came: out = " in text
    assert "expected: out = " in text
    assert case._repr_html_().count("<tr>") == 3


def test_a_case_is_the_one_that_the_check_has_judged():
    functions = solutions_of("activations")
    for name in ("sigmoid_forward", "prelu_backward", "maxout_backward"):
        report = check_in(functions, name)
        for case in exam(name, 0).cases:
            looked_at = report.case(case.name)
            assert looked_at.finding is None, looked_at
            assert looked_at.arguments.keys() >= case.arguments.keys()
            assert looked_at.got.keys() == looked_at.expected.keys()


def test_without_a_name_the_first_case_that_fails_is_shown():
    assert check_in({"relu_forward": doubled_relu}, "relu_forward").case().name == exam("relu_forward", 0).cases[0].name
    assert repr(check_in(solutions_of("activations"), "relu_forward").case()) == "No case fails."
    fast = check_in(solutions_of("convolution"), "conv2d_forward_fast").case()
    assert repr(fast) == "No case fails. How long a call takes is not measured here."


def test_a_case_that_there_is_not_is_told_with_those_that_there_are():
    said = repr(check_in({"relu_forward": doubled_relu}, "relu_forward").case("x (4; 5)"))
    assert said.startswith("There is no case 'x (4; 5)'. Did you mean 'x (4, 5)'? The cases are: x (4, 5); ")


def test_a_case_of_a_function_that_fails_says_why():
    case = check_in({}, "relu_forward").case("x (4, 5)")
    assert case.got == {}
    assert "relu_forward is not defined" in case.finding


def test_a_large_tensor_is_shown_by_its_corners():
    text = as_text(torch.arange(1_000_000.0).reshape(1000, 1000))
    assert text.startswith("float32, shape (1000, 1000)")
    assert len(text) < 400


def test_what_a_case_shows_is_escaped():
    case = check_in({"relu_forward": doubled_relu}, "relu_forward").case()
    page = replace(case, arguments={"<b>": "<script>"}, finding="<i>")._repr_html_()
    assert not {"<b>", "<script>", "<i>"} & set(re.findall(r"<\w+>", page))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (torch.tensor(0.1), "0.1 (float32)"),
        (torch.tensor(0.1, dtype=torch.float64), "0.1 (float64)"),
        (torch.tensor(0.1, dtype=torch.bfloat16), "0.100097656 (bfloat16)"),
        (torch.tensor(3), "3 (int64)"),
        (torch.tensor(True), "True (bool)"),
    ],
)
def test_one_number_has_the_digits_of_its_type(number, text):
    assert as_text(number) == text


def test_that_no_error_is_raised_is_said_only_where_one_is_expected():
    programs = {"early_stopping": lambda losses, patience: (0, 0), "conv_output_size": lambda *sizes: 1}
    assert "ValueError" not in repr(check_in(programs, "early_stopping").case())
    assert "expected: a ValueError is raised = True" in repr(
        check_in(programs, "conv_output_size").case("the kernel is larger than the input")
    )


def test_while_a_notebook_is_graded_no_case_is_shown():
    note = graded_check("relu_forward").case("x (4, 5)")
    assert repr(note) == "Cases are shown for the public seed only: in your own notebook, not while it is graded."
    assert repr(graded_check()) == repr(graded_check("relu_forward"))


@pytest.fixture
def no_verdicts(monkeypatch):
    monkeypatch.setattr(sys.modules["autograder.check"], "_verdicts", {})


def all_points(functions):
    exec("from autograder import check", functions)
    return eval("check()", functions)


def test_the_points_so_far_are_a_line_for_each_function(no_verdicts):
    functions = dict(solutions_of("activations"))
    functions["relu_forward"] = doubled_relu
    for name in ("relu_forward", "tanh_forward", "elu_forward"):
        check_in(functions, name)
    functions["elu_forward"] = doubled_relu
    lines = repr(all_points(functions)).splitlines()
    assert lines[0] == "activations: 9 of 90 points so far"
    assert len(lines) == 1 + len(problem_sets()["activations"])
    by_name = {line.split()[1]: line for line in lines[1:]}
    assert by_name["relu_forward"].startswith("✗")
    assert by_name["tanh_forward"].startswith("✓")
    assert by_name["elu_forward"].endswith("5 / 5  defined anew since")
    assert by_name["selu_forward"].endswith("– / 5  not checked yet")


@pytest.mark.parametrize(
    ("session", "name"), [(None, "activations.ipynb"), ("/home/a/my copy.ipynb", "my%20copy.ipynb")]
)
def test_the_points_so_far_lead_into_the_notebook_and_into_the_book(session, name, no_verdicts, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if session:
        monkeypatch.setenv("JPY_SESSION_NAME", session)
    page = all_points(dict(stubs_of("activations")))._repr_html_()
    assert page.startswith("<p><strong>activations: 0 of 90 points so far</strong></p>")
    count = len(problem_sets()["activations"])
    inside = re.findall(rf'href="{name}#([^"]+)"', page)
    assert len(inside) == count
    assert "3.-ReLU-(4-points)" in inside
    lessons = re.findall(r'href="(\.\.[^"]+)"', page)
    assert len(lessons) == count
    pages = [lesson.partition("#")[0] for lesson in lessons]
    assert all((ROOT / "exercises" / "activations" / page).resolve().is_file() for page in pages)


def test_without_a_function_of_a_set_there_are_no_points(no_verdicts):
    assert "run the cells of the notebook first" in repr(all_points({}))


WARNING = """
import torch
def relu_forward(x):
    x.T if x.dim() < 3 else x.mT
    torch.zeros(3, 1, 2).T
    return x.clamp(min=0), x
"""


def test_a_warning_of_torch_names_the_student_s_line():
    # In a process of its own: torch gives this one once.
    code = f"""
import warnings
from autograder import check
exec(compile({WARNING!r}, "a cell", "exec"))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    check("relu_forward")
print({{(w.filename, w.lineno) for w in caught}})
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    named = ast.literal_eval(ran.stdout)
    assert ("a cell", 5) in named
    assert named <= {("a cell", 4), ("a cell", 5)}


def test_a_warning_from_the_rules_names_the_student_s_line():
    """torch gives a warning of its own core to the Python line that runs: that of the rules."""

    def relu_forward(x):
        rules_warn()
        return x.clamp(min=0), x

    def rules_warn():
        warnings.warn_explicit("as torch does", UserWarning, enforcement.__file__, 41)

    line = relu_forward.__code__.co_firstlineno + 1
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            check_in({**globals(), "relu_forward": relu_forward, "rules_warn": rules_warn}, "relu_forward")
        assert {(w.filename, w.lineno) for w in caught} == {(__file__, line + 4)}


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
    assert report.score == 0.0


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
    assert results[0].data["text/plain"].startswith("relu_forward: 4 of 4 points\n✓ values")
    assert "relu_forward: 4 of 4 points" in results[0].data["text/html"]
    record = results[0].data[MIME]
    assert record["problem"] == "relu_forward"
    assert (record["score"], record["mistake"], record["hint"]) == (4.0, None, None)
    assert record["criteria"][0] == {"name": "values", "points": 2, "earned": 2, "message": ""}


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


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_a_case_of_every_problem_can_be_shown(word, problem, monkeypatch):
    """Whatever kind of call it is."""
    shared = exam(problem.name, 0)
    monkeypatch.setattr(shared, "expected_of", shared.expected.__getitem__)
    case = Look(lambda: shared, stubs_of(word))(shared.cases[0].name)
    assert "is not written yet" in repr(case)
    assert case.expected
    assert "<table>" in case._repr_html_()


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
