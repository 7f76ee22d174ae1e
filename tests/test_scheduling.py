"""The tests of a file run in one process, those of a problem too; and pytest-xdist does as it is told."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scheduling import group_of

from autograder.course import ROOT

GROUPS = {
    "tests/test_book_browser.py::test_every_page[light-390]": "tests/test_book_browser.py",
    "tests/test_nbgrader.py::test_a[relu_forward]": "tests/test_nbgrader.py",
    "tests/test_problems.py::test_a_slip_needs_a_text_that_is_there_once[x]": "tests/test_problems.py",
    "tests/test_problems.py::test_the_solution_earns_everything[cpu-relu_forward]": "relu_forward",
    "tests/test_problems.py::test_a_mistake[simulated GPU-Value-no_seed]": "Value",
    "tests/test_problems.py::test_no_seed[batch_norm_backward]": "batch_norm_backward",
    "tests/test_programs.py::test_a_wrong_program[relu_forward-a loop-3]": "relu_forward",
}


@pytest.mark.parametrize(("nodeid", "group"), GROUPS.items())
def test_a_test_has_its_group(nodeid, group):
    assert group_of(nodeid) == group


@pytest.mark.slow
def test_a_group_stays_in_one_process(tmp_path):
    (tmp_path / "conftest.py").write_text((Path(__file__).with_name("conftest.py")).read_text())
    for name in ("test_one.py", "test_two.py"):
        text = "import pytest\n@pytest.mark.parametrize('i', range(12))\ndef test_it(i):\n    pass\n"
        (tmp_path / name).write_text(text)
    options = [
        "-n",
        "2",
        "-v",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
    ]
    # pytest's own setting would be cut at a space in the path.
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(ROOT)])}
    command = [sys.executable, "-m", "pytest", "--rootdir", tmp_path, *options, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=here)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = set(re.findall(r"\[(gw\d)\].*?(test_\w+)\.py", done.stdout))
    assert len(ran) == 2, ran
    assert {name for _, name in ran} == {"test_one", "test_two"}
