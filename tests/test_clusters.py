"""The clusters of the guide: that of Slurm as it is printed there, made by its library; what containers need."""

import ast
import re

from autograder.course import ROOT

GUIDE = (ROOT / "book" / "grading.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def block(word):
    (found,) = (code for code in BLOCKS if f"import {word}" in code)
    return found


def test_slurm_gets_a_job_of_four_workers_that_grade_one_submission_at_a_time():
    # What follows waits for ever.
    until = [node for node in ast.parse(block("SLURMCluster")).body if isinstance(node, ast.ImportFrom | ast.Assign)]
    space = {}
    exec(compile(ast.Module(until, []), "cluster.py", "exec"), space)
    with space["cluster"] as cluster:
        script = cluster.job_script()
    assert "#SBATCH --cpus-per-task=4" in script
    assert re.search(r"^/shared/course/\.venv/bin/python -m distributed\.cli\.dask_worker tcp://", script, re.MULTILINE)
    assert "--nthreads 1 " in script
    assert "--nworkers 4 " in script


def test_what_a_container_needs_is_the_same_wherever_it_is_said():
    said = re.findall(r"seccomp=unconfined|apparmor=unconfined|systempaths=unconfined", GUIDE)
    assert len(said) == 2 * 3
    for setting in (
        '"procMount": "Unmasked"',
        '"seccompProfile": {"type": "Unconfined"}',
        '"appArmorProfile": {"type"',
    ):
        assert GUIDE.count(setting) == 2
