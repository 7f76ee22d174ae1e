"""The clusters of the guide, as they are printed there, made by the libraries that it names."""

import ast
import re
from pathlib import Path

import dask_kubernetes
import yaml
from dask_kubernetes.operator import KubeCluster
from dask_kubernetes.operator.controller.controller import build_worker_deployment_spec

from autograder.course import ROOT

GUIDE = (ROOT / "book" / "grading.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def block(word):
    (found,) = (code for code in BLOCKS if f"import {word}" in code)
    return found


def cluster_of(word):
    """The cluster that a block of the guide makes; what follows in it waits for ever."""
    until = [node for node in ast.parse(block(word)).body if isinstance(node, ast.ImportFrom | ast.Assign)]
    space = {}
    exec(compile(ast.Module(until, []), "cluster.py", "exec"), space)
    return space["cluster"]


def kept(value, schema):
    """What Kubernetes keeps of an object: a field that its definition does not name is dropped without a word."""
    if "items" in schema:
        return [kept(item, schema["items"]) for item in value]
    if "properties" not in schema:
        return value
    named = schema["properties"]
    return {key: kept(item, named[key]) for key, item in value.items() if key in named and item is not None}


def without_none(value):
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def test_slurm_gets_a_job_of_four_workers_that_grade_one_submission_at_a_time():
    with cluster_of("SLURMCluster") as cluster:
        script = cluster.job_script()
    assert "#SBATCH --cpus-per-task=4" in script
    assert re.search(r"^/shared/course/\.venv/bin/python -m distributed\.cli\.dask_worker tcp://", script, re.MULTILINE)
    assert "--nthreads 1 " in script
    assert "--nworkers 4 " in script


def test_kubernetes_gets_pods_in_which_the_sandbox_can_be_made(monkeypatch):
    made = []

    async def stay_here(cluster):
        cluster.shutdown_on_close = False
        made.append(cluster._custom_cluster_spec)

    monkeypatch.setattr(KubeCluster, "_start", stay_here)
    cluster_of("KubeCluster").close()
    (spec,) = made
    resources = Path(dask_kubernetes.__file__).parent / "operator" / "deployment" / "helm"
    (definition,) = resources.glob("*/crds/daskcluster.yaml")
    (version,) = yaml.safe_load(definition.read_text())["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    assert kept(spec["spec"], schema["properties"]["spec"]) == without_none(spec["spec"])
    assert (spec["kind"], spec["metadata"]["name"], spec["spec"]["worker"]["replicas"]) == (
        "DaskCluster",
        "grading",
        10,
    )
    pod = without_none(spec["spec"]["worker"]["spec"])
    deployment = build_worker_deployment_spec("grading-default", "school", "grading", "1", pod, {}, {})
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "course:latest"
    assert container["args"][:4] == ["dask", "worker", "--nthreads", "1"]
    assert container["securityContext"] == {"privileged": True, "runAsUser": 1000}
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment["DASK_SCHEDULER_ADDRESS"] == "tcp://grading-scheduler.school.svc.cluster.local:8786"


def test_what_a_container_needs_is_the_same_wherever_it_is_said():
    said = re.findall(r"seccomp=unconfined|apparmor=unconfined|systempaths=unconfined", GUIDE)
    assert len(said) == 2 * 3
    for setting in (
        '"procMount": "Unmasked"',
        '"seccompProfile": {"type": "Unconfined"}',
        '"appArmorProfile": {"type"',
    ):
        assert GUIDE.count(setting) == 1
