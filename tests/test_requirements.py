"""requirements.txt is what pyproject.toml compiles to, and each part of the course installs what it imports.

Nothing here asks a package index: what a package needs is read from its installed metadata.
"""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from autograder.course import ROOT, words

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BASE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
OLDEST = PROJECT["project"]["requires-python"].removeprefix(">=")
PYTHONS = [text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"]]
CUDA = set(PROJECT["tool"]["uv"]["pip"]["no-emit-package"])
COMPILE = re.search(r"^\.venv/bin/(uv pip compile .*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE).group(1)

Environment = Mapping[str, str]

HERE = default_environment()
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"}
ENVIRONMENTS = {"here": HERE} | {
    f"{system['platform_system']}, Python {python}": HERE
    | system
    | {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    for system in (LINUX, MACOS, WINDOWS)
    for python in (OLDEST, *(f"{version}.0" for version in PYTHONS[1:]))
}


def pins() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(text) for text in (line.partition("#")[0].strip() for line in lines) if text]


def closure(asked: Iterable[str], environment: Environment) -> dict[str, list[Requirement]]:
    """What `asked` needs in `environment`: each package's name, with everything that is asked of its version.

    Where a package is not installed here, what it needs in turn is not known.
    """
    found: dict[str, list[Requirement]] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in asked]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in CUDA or (requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra})):
            continue
        found.setdefault(name, []).append(requirement)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(need, wanted) for need in needs(name) or ()]
    return found


@functools.cache
def needs(name: str) -> list[Requirement] | None:
    """What a package says that it needs; None where it is not installed."""
    try:
        return [Requirement(text) for text in metadata.requires(name) or []]
    except metadata.PackageNotFoundError:
        return None


def everything() -> list[str]:
    return [*BASE, *(name for names in EXTRAS.values() for name in names)]


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_every_package_that_is_needed_is_pinned_and_no_other(environment):
    pinned = [canonicalize_name(pin.name) for pin in pins() if not pin.marker or pin.marker.evaluate(environment)]
    needed = closure(everything(), environment)
    assert len(pinned) == len(set(pinned))
    assert sorted(set(needed) - set(pinned)) == []
    # A package for another system is not installed here, and neither is what it may have brought along.
    assert [name for name in set(pinned) - set(needed) if needs(name) is not None or environment is HERE] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_a_pin_is_what_everybody_asks_for(environment):
    needed = closure(everything(), environment)
    for pin in pins():
        (exact,) = pin.specifier
        assert exact.operator == "=="
        unmet = [str(r) for r in needed.get(canonicalize_name(pin.name), []) if exact.version not in r.specifier]
        assert unmet == [], f"{pin} is not what is asked for"


def test_every_place_names_the_same_pythons():
    setup, tested = ((ROOT / name).read_text() for name in ("scripts/setup", ".github/workflows/test.yml"))
    assert OLDEST.rpartition(".")[0] == PYTHONS[0]
    assert re.findall(r"python(3\.\d+)", setup[setup.index("for candidate") :].partition("; do")[0]) == PYTHONS[::-1]
    assert set(re.findall(r"\b3\.\d+\b(?!\.)", tested)) == set(PYTHONS)
    for name in ("README.md", "book/intro.md", "scripts/setup"):
        said = re.findall(r"Python (?:from )?(3\.[\d.]*\d) to (3\.\d+)", (ROOT / name).read_text())
        assert set(said) == {(OLDEST, PYTHONS[-1])}


@pytest.mark.parametrize("beyond", ["older", "newer"])
def test_setup_refuses_a_python_that_the_packages_are_not_built_for(beyond, tmp_path):
    """Torch's version is not there for it, which pip would say only after minutes."""
    (*first, last), newest = map(int, OLDEST.split(".")), [int(part) for part in PYTHONS[-1].split(".")]
    version = (*first, last - 1) if beyond == "older" else (newest[0], newest[1] + 1, 0)
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\nsys.version_info = {version}\nexec(sys.argv[2])\n")
    python.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts")
    command, environment = [tmp_path / "scripts" / "setup"], os.environ | {"PYTHON": str(python)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert f"is not a Python from {OLDEST} to {PYTHONS[-1]}" in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_what_is_installed_is_what_is_pinned():
    """Only then is the metadata, from which the other tests read, that of the pinned versions."""
    other = {
        str(pin): metadata.version(pin.name)
        for pin in pins()
        if (not pin.marker or pin.marker.evaluate()) and Version(metadata.version(pin.name)).public not in pin.specifier
    }
    assert other == {}, "run `make setup`"


def test_every_pin_installs_on_the_oldest_python():
    asked = {
        str(pin): metadata.metadata(pin.name).get("Requires-Python") for pin in pins() if needs(pin.name) is not None
    }
    assert [pin for pin, pythons in asked.items() if pythons and OLDEST not in SpecifierSet(pythons)] == []


def test_it_was_compiled_by_the_command_that_is_written_down():
    assert COMPILE in (ROOT / "requirements.txt").read_text()


def test_cuda_is_left_to_torch():
    assert [pin.name for pin in pins() if re.match("cuda|nvidia-(?!ml-py)|triton", pin.name)] == []


PARTS = {
    "autograder": [*BASE, *EXTRAS["grading"]],
    "solutions": BASE,
    "book": [*BASE, *EXTRAS["grading"], *EXTRAS["book"]],
    "benchmarks": everything(),
    "tests": everything(),
}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_imported_is_named(part):
    """A package that only another one brings along can go with the other one's next version."""
    # The clusters of the guide are for whoever has one.
    named = {canonicalize_name(Requirement(text).name) for text in PARTS[part]} | {
        "autograder",
        "dask-jobqueue",
        "dask-kubernetes",
    }
    owners = metadata.packages_distributions()
    files = [path for path in (ROOT / part).rglob("*") if path.suffix in (".py", ".md")]
    imported = {name for path in files for name in imports(path.read_text())}
    assert sorted(n for n in imported if n in owners and named.isdisjoint(map(canonicalize_name, owners[n]))) == []


def imports(text: str) -> Iterator[str]:
    for plain, source in re.findall(r"^\s*(?:import (\w+)|from (\w+)[\w.]* import )", text, re.MULTILINE):
        yield plain or source


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """The packages that ``pip install .`` brings, with their metadata, and this one."""
    site = tmp_path_factory.mktemp("site-packages")
    installed = Path(sysconfig.get_path("purelib"))
    for name in closure(BASE, HERE):
        for top in {file.parts[0] for file in metadata.files(name) or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(installed / top)
    (site / "autograder").symlink_to(ROOT / "autograder")
    (about,) = installed.glob("autograder-*.dist-info")
    (site / about.name).symlink_to(about)
    return site


def run(program: str, site: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program that finds the packages in `site` and no others."""
    command = [sys.executable, "-S", "-c", program, *arguments]
    return subprocess.run(
        command, cwd=site, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=False
    )


def test_the_small_installation_lacks_what_grades(small):
    assert "No module named 'nbgrader'" in run("import nbgrader", small).stderr
    assert "No module named 'bleach'" in run("import bleach", small).stderr


CHECK = """
import json, sys
import ipykernel.kernelapp
for statement in json.loads(sys.argv[1]):
    exec(statement)
from autograder import check, datasets
from autograder.names import MIME
datasets.digits()
In = ["def relu_forward(x):\\n    return x.abs(), x"]
exec(In[0])
report = check("relu_forward")
assert MIME in report._repr_mimebundle_()
print(report)
"""


def test_a_check_and_the_imports_of_the_notebooks_run_in_the_small_installation(small):
    statements = {
        ast.unparse(node)
        for word in words()
        for cell in nbformat.read(ROOT / "exercises" / word / f"{word}.ipynb", as_version=4).cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert "import matplotlib.pyplot as plt" in statements
    told = run(CHECK, small, json.dumps(sorted(statements)))
    assert told.stderr == ""
    assert told.stdout.startswith("relu_forward: 0 of 4 points")


@pytest.mark.parametrize("command", ["grade", "report", "--help"])
def test_a_command_says_in_one_sentence_which_packages_it_needs(small, command):
    told = run("from autograder.__main__ import main; main()", small, command, "activations")
    assert told.returncode == 1
    assert re.fullmatch(
        r"The command autograder needs .* for grading, .* pip install \"\.\[grading\]\" .*\.\n", told.stderr
    )


def test_an_error_that_the_packages_for_grading_do_not_mend_is_shown_as_it_is():
    program = "import sys; sys.modules['autograder.grading'] = None; from autograder.__main__ import main; main()"
    told = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: import of autograder.grading halted" in told.stderr
