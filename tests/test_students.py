"""What a student has: any system, without what only Linux has or only the grader needs, or not even the package."""

import subprocess
import sys

import pytest

from autograder.course import ROOT, words
from autograder.release import IMPORTS, solution_notebook

# Modules that Windows does not have.
LINUX = ("fcntl", "resource", "termios", "pwd", "grp", "pty", "syslog", "_posixsubprocess")
# Installed by the extras alone.
GRADING = (
    "nbgrader",
    "nbconvert",
    "nbformat",
    "jupytext",
    "dask",
    "distributed",
    "rich",
    "bs4",
    "sqlalchemy",
    "pynvml",
)

HIDDEN = """
import sys, types
hidden = {hidden!r}
for name in hidden:
    sys.modules.pop(name, None)
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
import signal
for name in ("setitimer", "SIGVTALRM", "ITIMER_VIRTUAL", "alarm", "SIGALRM", "SIGKILL"):
    vars(signal).pop(name, None)
"""

# torch is loaded before: what it needs of a system is its own business.
RUN = """
import runpy, sys, torch
{hidden}
sys.argv = ["student.py", {word!r}]
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("word", ["activations", "cnn_history"])
def test_an_exercise_works_without_what_only_linux_and_the_grader_have(word, tmp_path):
    hidden = HIDDEN.format(hidden=(*LINUX, *GRADING))
    code = RUN.format(hidden=hidden, word=word, script=str(ROOT / "tests" / "student.py"))
    # Windows reads files otherwise unless it is told how; here the rest of ASCII cannot be read at all.
    other_encoding = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=other_encoding)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    assert ran.stdout.split("\n")[-2].startswith(f"{word}: ")


def test_a_copy_of_an_exercise_is_made_without_them(tmp_path):
    hidden = HIDDEN.format(hidden=(*LINUX, *GRADING, "torch"))
    code = f"import runpy, sys\n{hidden}\nsys.argv[1:] = ['start', 'activations']\n"
    code += f"sys.path.insert(0, {str(ROOT)!r})\nrunpy.run_module('autograder', run_name='__main__')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env={})
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert (tmp_path / "work" / "activations" / "activations.ipynb").exists()


def first_cell(word):
    cells = solution_notebook(word).cells
    return next(c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == IMPORTS)


def said(place):
    """The last line of what a student sees where `place` is what Python finds first."""
    code = f"import sys\nsys.path.insert(0, {str(place)!r})\n{first_cell('activations')}"
    ran = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=place, env={})
    return ran.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("there", [None, "class Grader: pass\n"])
def test_the_first_cell_says_what_to_install(tmp_path, there):
    """Where the package is missing, and where another of its name is, such as the one on PyPI."""
    for name in ("torch", "matplotlib"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "matplotlib" / "pyplot.py").touch()
    if there is not None:
        (tmp_path / "autograder").mkdir()
        (tmp_path / "autograder" / "__init__.py").write_text(there)
    sentence = said(tmp_path)
    assert sentence.startswith(
        "ImportError: This notebook needs the package autograder of its course, not the one on PyPI"
    )
    assert "run %pip install . in the folder of the course" in sentence
    assert ("cannot import name 'check'" if there else "No module named 'autograder'") in sentence


@pytest.mark.parametrize("word", words())
def test_every_notebook_begins_with_that_cell(word):
    assert "try:\n    from autograder import check" in first_cell(word)
    assert first_cell(word).count("from autograder import") == 1
