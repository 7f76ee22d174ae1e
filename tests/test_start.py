"""A student's copy of an exercise is the student's own."""

import subprocess
import sys

import pytest
from sets import for_every_word

from autograder.course import ROOT
from autograder.start import StartError, start


@pytest.fixture
def here(tmp_path):
    """A folder with an exercise of two files."""
    (tmp_path / "exercises" / "ps" / "data").mkdir(parents=True)
    (tmp_path / "exercises" / "ps" / "ps.ipynb").write_text("released")
    (tmp_path / "exercises" / "ps" / "data" / "a.csv").write_text("1,2")
    return tmp_path


def test_an_exercise_is_copied_with_all_its_files(here):
    assert start("ps", here) == (here / "work" / "ps" / "ps.ipynb", True)
    assert (here / "work" / "ps" / "ps.ipynb").read_text() == "released"
    assert (here / "work" / "ps" / "data" / "a.csv").read_text() == "1,2"


def test_what_is_there_is_never_overwritten(here):
    start("ps", here)
    (here / "work" / "ps" / "ps.ipynb").write_text("solved")
    (here / "work" / "ps" / "data" / "a.csv").unlink()
    (here / "exercises" / "ps" / "ps.ipynb").write_text("released again")
    assert start("ps", here) == (here / "work" / "ps" / "ps.ipynb", False)
    assert (here / "work" / "ps" / "ps.ipynb").read_text() == "solved"
    # What was missing is there again.
    assert (here / "work" / "ps" / "data" / "a.csv").read_text() == "1,2"


def test_a_link_is_not_written_through(here):
    (here / "work" / "ps").mkdir(parents=True)
    (here / "work" / "ps" / "ps.ipynb").symlink_to(here / "elsewhere")
    start("ps", here)
    assert not (here / "elsewhere").exists()


def test_an_exercise_that_is_not_there_is_named(here):
    with pytest.raises(StartError, match=r"There is no exercise 'skating' in .*; there are: ps\."):
        start("skating", here)


@for_every_word
def test_every_exercise_can_be_started_from_anywhere(word, tmp_path):
    notebook, _ = start(word, tmp_path)
    assert notebook.read_bytes() == (ROOT / "exercises" / word / f"{word}.ipynb").read_bytes()


def test_the_command_needs_nothing_that_only_a_grader_has(here):
    blocked = "import sys; sys.modules.update(nbgrader=None, distributed=None, rich=None); "
    run = "sys.argv[1:] = ['start', 'ps']; from autograder.__main__ import main; main()"
    command = [sys.executable, "-c", blocked + run]
    first, second = (subprocess.run(command, cwd=here, capture_output=True, text=True, check=False) for _ in range(2))
    assert first.stdout == "work/ps/ps.ipynb is yours: open it with jupyter lab work/ps/ps.ipynb\n", first.stderr
    assert "work/ps/ps.ipynb is there already and stays as it is" in second.stdout
