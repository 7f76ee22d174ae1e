"""nbgrader's own tests of ``nbgrader autograde``, with nbgrader as it is and with the steps of this grader.

The other suites of this kind are for hand: nbclient's notebooks come with its source alone (what they hold is in the
cells of `test_execute`), and jupyter_kernel_test waits a tenth of a second for a message, which fails on a busy machine
whatever the kernel does. On a quiet one 11 of its 12 tests pass with ipykernel's kernel and with ours; in both, the
history calls the session at hand 0.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograder.course import ROOT

pytestmark = pytest.mark.slow

SUITE = "nbgrader.tests.apps.test_nbgrader_autograde"
# With this version the whole suite was run both ways. With another one it is run so again: then write that one here.
COMPARED = "0.9.6"
# What this grader does otherwise on purpose, and why.
DIFFERENT = {
    "test_side_effects": "What a student's program writes stays in the sandbox and ends with it.",
    "test_handle_failure": "A notebook with cells of another assignment is graded, and they are the student's own.",
    "test_handle_failure_single_notebook": "As above.",
    "test_missing_source_kernelspec": "Every notebook is run by the course's Python, whichever kernel it names.",
    "test_incorrect_source_kernelspec": "As above.",
    "test_no_execute": "Outputs that a student has saved count for nothing: they are a text like any other.",
    "test_grade_empty_timestamp": "A time that cannot be read stops nobody's grading: the instructor is told.",
}


def outcomes(folder: Path, configuration: str, tests: Iterable[str] = ()) -> dict[str, str]:
    """Run the suite, or these `tests`, with a configuration of nbgrader's for all courses; what became of each."""
    (folder / "nbgrader_config.py").write_text(f"c = get_config()\n{configuration}")
    # As in conftest.py: each test makes a gradebook, and the command alembic takes longer than most of them.
    once = (
        "import functools\nfrom nbgrader import api\napi.get_alembic_version = functools.cache(api.get_alembic_version)"
    )
    (folder / "alembic_once.py").write_text(once)
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["-p", "alembic_once"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {
        "JUPYTER_CONFIG_DIR": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
    }
    report = folder / "report.xml"
    done = subprocess.run(
        [*command, f"--rootdir={folder}", f"--junitxml={report}", "-k", " or ".join(tests), "--pyargs", SUITE],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert report.exists(), done.stdout + done.stderr
    return {
        test.get("name"): ", ".join(child.tag for child in test if child.tag in ("failure", "error")) or "passed"
        for test in ElementTree.parse(report).iter("testcase")
    }


def test_it_does_what_nbgrader_s_own_tests_ask_for(tmp_path):
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.mkdir()
    ours.mkdir()
    # The course's configuration from its steps on; its folders are the course's own.
    _, steps, configuration = (ROOT / "nbgrader_config.py").read_text().partition("c.Autograde.pre_convert_hook")
    found = outcomes(ours, steps + configuration)
    # What is no difference and passes here has passed both ways with that version of nbgrader.
    known = metadata.version("nbgrader") == COMPARED
    asked = {name.partition("[")[0] for name, what in found.items() if what != "passed"} | DIFFERENT.keys()
    expected = dict.fromkeys(found, "passed") if known else {}
    expected |= outcomes(plain, "", asked if known else ())
    differences = {name for name in expected if found[name] != expected[name]}
    assert len(expected) > 30
    assert differences == DIFFERENT.keys()
