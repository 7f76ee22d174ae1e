"""A handout judges as the course does, and holds nothing that computes what is right."""

import ast
import functools
import importlib.util
import itertools
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import nbformat
import pytest
from exams import CPU, exam
from nbgrader.utils import is_solution
from sets import for_every_word, stubs_of

from autograder.calls.case import prepare, same, tensors_in
from autograder.course import ROOT, words
from autograder.digest import imports_of
from autograder.handout import folder
from autograder.handout.record import as_bytes, record
from autograder.handout.wheel import files
from autograder.judge import Exam
from autograder.problems import problem_sets, problems
from autograder.programs import source_of
from autograder.recorded import RecordedExam, problem_of, tensors_from
from autograder.release import solution_notebook
from autograder.shown import Look
from autograder.table import Report

EVERY_PROBLEM = [pytest.param(word, p, id=p.name) for word, chapter in problem_sets().items() for p in chapter]
PACKAGE = ROOT / "autograder"
WORD = "activations"
ADDRESS = "https://github.com/owner/course"


@functools.lru_cache(maxsize=2)
def recorded(name: str) -> tuple[bytes, bytes]:
    """The two files of a problem."""
    return as_bytes(*record(exam(name, 0)))


def exam_of_handout(name: str) -> RecordedExam:
    content, tensors = recorded(name)
    return RecordedExam(problem_of(json.loads(content)), CPU, tensors_from(tensors))


def shown(exam: Exam, outcomes: list) -> tuple:
    """Everything that a check shows and keeps of these outcomes."""
    report = Report.of_verdict(exam.judge(outcomes))
    return str(report), report._repr_html_(), report.record


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_every_known_program_is_told_the_same(word, problem):
    ours, theirs = exam(problem.name, 0), exam_of_handout(problem.name)
    for program in (*problem.alternatives, *problem.mistakes):
        outcomes = ours.outcomes_of(program)
        assert shown(theirs, outcomes) == shown(ours, outcomes), program.name


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_a_function_is_called_with_the_same_inputs(word, problem):
    """To the last bit; and a case is shown in the same words."""
    ours, theirs = exam(problem.name, 0), exam_of_handout(problem.name)
    for one, other in zip(ours.cases, theirs.cases, strict=True):
        plain = {"arguments": {}, "dout": None, "kept": {}}
        assert replace(one, **plain) == replace(other, **plain)
        inputs, others = prepare(one, CPU), prepare(other, CPU)
        assert list(inputs) == list(others)
        tensors, other_tensors = dict(tensors_in(inputs)), dict(tensors_in(others))
        assert list(tensors) == list(other_tensors)
        assert all(same(tensors[name], other_tensors[name]) for name in tensors)
        assert all(tensors[name].stride() == other_tensors[name].stride() for name in tensors)
    name, stub = ours.cases[0].name, stubs_of(word)
    assert repr(Look(lambda: theirs, stub)(name)) == repr(Look(lambda: ours, stub)(name))


@pytest.mark.parametrize(("word", "problem"), EVERY_PROBLEM)
def test_no_line_of_a_program_is_in_what_was_recorded(word, problem):
    content, tensors = recorded(problem.name)
    text = json.dumps(json.loads(content), ensure_ascii=False, indent=0).replace("\\n", "\n").replace('\\"', '"')
    kept = lzma.decompress(tensors)
    found = {line for line in lines_of(word) if line in text or line.encode() in kept}
    assert found == set()


def test_no_line_of_a_program_is_in_the_modules():
    text = "\n".join((PACKAGE / path).read_text() for path in files())
    assert {line for word in words() for line in lines_of(word) if line in text} == set()


# Shorter lines, such as ``for name in names:``, stand in any code, and these say nothing either.
LONG, ANYWHERE = 24, {'*path, last = name.split(".")'}


@functools.cache
def lines_of(word: str) -> set[str]:
    """The lines of code of all programs of a problem set, right and wrong, and of its solutions."""
    sources = [
        source_of(function)
        for problem in problem_sets()[word]
        for program in (*problem.alternatives, *problem.mistakes)
        for function in program.functions
    ]
    sources += [c.source for c in filter(is_solution, solution_notebook(word).cells) if c.cell_type == "code"]
    found = {line for source in sources for line in code_of(source)}
    assert len(found) > 20
    return {line for line in found if len(line) >= LONG} - ANYWHERE


def code_of(source: str) -> set[str]:
    """The lines of a source without comments, and without docstrings: that of a mistake is its hint."""
    told = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            told.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = (line.strip() for i, line in enumerate(source.splitlines(), 1) if i not in told)
    return {line for line in lines if line and not line.startswith("#")}


def test_the_modules_import_no_other_part_of_the_course():
    """But for `drawn`, by which a check asks whether the whole course is there."""
    shipped = {".".join(("autograder", *path.with_suffix("").parts)).removesuffix(".__init__") for path in files()}
    course = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    asked = {name for path in files() for name in imports_of((PACKAGE / path).read_text())}
    assert asked & course - shipped == {"autograder.drawn"}
    assert not any(part in name.split(".") for name in shipped for part in ("problems", "references", "handout"))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The handout of one set, made by the command."""
    place = tmp_path_factory.mktemp("handout") / "course"
    command = [sys.executable, "-m", "autograder", "handout", "--output", place, WORD]
    environment = {**os.environ, "COURSE_REPOSITORY_URL": f"{ADDRESS}.git", "COURSE_REPOSITORY_BRANCH": "spring"}
    told = subprocess.run(command, cwd=place.parent, env=environment, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert f"{place}.zip: " in told.stdout
    return place


@pytest.fixture(scope="module")
def site(made, tmp_path_factory) -> Path:
    """A folder into which pip has installed the wheel of the handout, and nothing else."""
    target = tmp_path_factory.mktemp("site")
    (wheel,) = made.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(command, check=True)
    return target


def test_the_folder_has_what_a_student_needs(made):
    (wheel,) = made.glob("*.whl")
    assert wheel.name.endswith("+handout-py3-none-any.whl")
    names = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    notebook = f"{WORD}/{WORD}.ipynb"
    assert names == sorted(["LINKS.md", "README.md", wheel.name, notebook, "requirements.txt"])
    assert (made / notebook).read_bytes() == (ROOT / "exercises" / notebook).read_bytes()
    assert len((made / "README.md").read_text().splitlines()) == 10
    pins = (made / "requirements.txt").read_text().split()
    assert pins[0] == f"./{wheel.name}"
    assert {pin.partition("==")[0] for pin in pins[1:]} >= {"jupyterlab", "matplotlib", "safetensors", "torch"}
    assert set(pins[1:]) <= set((ROOT / "requirements.txt").read_text().split())
    with ZipFile(f"{made}.zip") as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    assert packed == {f"{made.name}/{name}": (made / name).read_bytes() for name in names}


def test_the_links_open_the_notebooks_of_the_repository(made):
    links = re.findall(r"\((https://[^)]*)\)", (made / "LINKS.md").read_text())
    path = f"owner/course/blob/spring/exercises/{WORD}/{WORD}.ipynb"
    assert links == [
        f"https://colab.research.google.com/github/{path}",
        f"https://kaggle.com/kernels/welcome?src=https://github.com/{path}",
        "https://codespaces.new/owner/course/tree/spring",
    ]
    assert "LINKS.md" in (made / "README.md").read_text()
    assert folder.links_of([WORD], "", "main") == folder.links_of([WORD], "https://gitlab.com/a/b", "main") == ""


def test_the_wheel_says_what_it_needs(site):
    (about,) = site.glob("autograder-*.dist-info")
    told = HeaderParser().parsestr((about / "METADATA").read_text())
    assert {"torch", "safetensors", "ipykernel"} <= set(told.get_all("Requires-Dist"))
    assert told["Requires-Python"] == ">=3.11.2"
    assert "Root-Is-Purelib: true" in (about / "WHEEL").read_text()
    installed = {path.relative_to(site / "autograder") for path in (site / "autograder").rglob("*.py")}
    assert installed == set(files())


def in_a_process(program: str, place: Path, *arguments: str) -> Any:
    """What a program prints as JSON that finds this package in `place`."""
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(command, cwd=place.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return json.loads(done.stdout)


EVERY_MODULE = """
import importlib, json, pkgutil
import autograder
modules = [module.name for module in pkgutil.walk_packages(autograder.__path__, "autograder.")]
print(json.dumps([importlib.import_module(name).__file__ for name in modules]))
"""


def test_every_module_of_the_wheel_can_be_imported(site):
    loaded = in_a_process(EVERY_MODULE, site)
    packages = {site / "autograder" / path.parent / "__init__.py" for path in files()}
    assert {Path(path) for path in loaded} | packages >= {site / "autograder" / path for path in files()}


STUDENT = """
import json, sys
import torch
from autograder import check
functions = {"torch": torch, "check": check, "In": json.loads(sys.argv[1])}
exec("\\n".join(functions["In"]), functions)
told = [eval(f"check({name!r})", functions) for name in sys.argv[2:]]
told += [eval(text, functions) for text in ("check('relu_forward').case()", "check()", "check('relu')")]
print(json.dumps([[[str(one), one._repr_html_()] for one in told if hasattr(one, "_repr_html_")], repr(told)]))
"""


@pytest.mark.parametrize("notebook", ["the solution", "the exercise"])
def test_a_student_is_told_the_same_in_a_process_of_its_own(notebook, site):
    path = ROOT / "exercises" / WORD / f"{WORD}.ipynb"
    cells = (solution_notebook(WORD) if notebook == "the solution" else nbformat.read(path, as_version=4)).cells
    sources = [cell.source for cell in filter(is_solution, cells) if cell.cell_type == "code"]
    arguments = json.dumps(sources), *(problem.name for problem in problem_sets()[WORD])
    told, right = (in_a_process(STUDENT, place, *arguments) for place in (site, ROOT))
    assert told == right


def test_the_book_offers_it_where_a_chapter_ends_with_its_notebook(tmp_path):
    spec = importlib.util.spec_from_file_location("downloads", ROOT / "book" / "downloads.py")
    downloads = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(downloads)
    box = '<div class="exercise-notebook admonition">\n<p class="admonition-title">{}</p>\n<p>Text\n</div><p>End</p>'
    pages = {"intro": downloads.PLACE, "word/page": box.format("Now write it"), "word/summary": box.format("Exercise")}
    (tmp_path / "word").mkdir()
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text)
    for name in (downloads.PDF, downloads.ARCHIVE, "made.zip"):
        (tmp_path / name).write_bytes(b"0" * 100_000)
    downloads.offer_handout(tmp_path, list(pages), tmp_path / "made.zip")
    downloads.offer(tmp_path, "intro", 12)
    offering = {name: (tmp_path / f"{name}.html").read_text() for name in pages}
    assert (tmp_path / downloads.HANDOUT).read_bytes() == (tmp_path / "made.zip").read_bytes()
    assert f'href="{downloads.HANDOUT}"' in offering["intro"]
    assert offering["word/page"] == pages["word/page"]
    assert re.search(
        rf'Text.*href="\.\./{downloads.HANDOUT}".*0\.1 MB.*</div><p>End', offering["word/summary"], re.DOTALL
    )


def test_a_folder_that_is_no_handout_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="is no handout"):
        folder.write_handout([WORD], tmp_path / "mine", print)
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def test_what_a_person_put_into_a_handout_or_in_place_of_its_zip_stays(tmp_path, monkeypatch):
    wheel = "autograder-0.1.0+handout-py3-none-any.whl"

    def write(words, made, *_):
        made.mkdir()
        (made / wheel).write_text(f"{next(times)}")
        (made / "notes.ipynb").write_text("to be solved")
        return Path(shutil.make_archive(str(made), "zip", made.parent, made.name))

    times = itertools.count()
    monkeypatch.setattr(folder, "_write", write)
    target, packed = tmp_path / "out", tmp_path / "out.zip"
    for _ in range(2):
        assert folder.write_handout([WORD], target, print) == packed
    assert (target / wheel).read_text() == "1"
    for changed, own in (("notes.ipynb", "solved"), ("more.txt", "mine")):
        (target / changed).write_text(own)
        with pytest.raises(FileExistsError, match=f"{changed} is not as the last handout was written"):
            folder.write_handout([WORD], target, print)
        assert (target / changed).read_text() == own
        shutil.rmtree(target)
        folder.write_handout([WORD], target, print)
    shutil.rmtree(target)
    packed.write_text("no zip")
    with pytest.raises(FileExistsError, match=r"out\.zip is not"):
        folder.write_handout([WORD], target, print)
    assert packed.read_text() == "no zip"


@for_every_word
def test_every_set_is_packed_with_its_problems(word, monkeypatch):
    """Also one whose problems need more than data to be judged; a function that is not in `measures` is refused."""
    monkeypatch.setattr(folder, "record", lambda exam: ({"name": exam.problem.name}, {}))
    data = folder.data_of([word], lambda word: None)
    index = json.loads(data["index.json"])
    assert index[word]["problems"] == [problem.name for problem in problem_sets()[word]]
    assert set(index[word]["places"]) >= set(index[word]["problems"])
    assert len(data) == 2 + len(problem_sets()[word])


def test_what_is_not_in_a_handout_judges_nothing_there():
    problem = problems()["sigmoid_neuron"]
    own = replace(problem, measured=replace(problem.measured, of=lambda case, outputs: outputs))
    with pytest.raises(ValueError, match=r"sigmoid_neuron needs .* put it there"):
        record(Exam(own, 0, CPU))
