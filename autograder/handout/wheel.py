"""The small package as a wheel: the modules that a check needs, and every exam as data."""

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from autograder.digest import PACKAGE, ROOT
from autograder.recorded import FOLDER

# What a handout has of this package. A name that ends in / stands for all modules of that folder. Nothing here computes
# what is right: no problem, no reference, no known program. A test reads all of it.
MODULES = (
    "__init__.py",
    "calls/",
    "check.py",
    "compare.py",
    "datasets.py",
    "devices.py",
    "expected.py",
    "experiments.py",
    "internals.py",
    "judge.py",
    "measures/",
    "names.py",
    "precision.py",
    "problem.py",
    "programs.py",
    "recorded.py",
    "resemblance.py",
    "rules/",
    "shown.py",
    "sketch.py",
    "table.py",
)

PROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = {name}
version = {version}
description = {description}
requires-python = {python}
license = {license}
dependencies = {dependencies}

[tool.setuptools]
packages = {packages}

[tool.setuptools.package-data]
"{package}.{data}" = ["*"]
"""


def files() -> list[Path]:
    """The files of `MODULES`, relative to the folder of the package."""
    here = ROOT / PACKAGE
    found = [
        path for name in MODULES for path in (here.joinpath(name).glob("*.py") if name[-1] == "/" else [here / name])
    ]
    return sorted(path.relative_to(here) for path in found)


def write_wheel(data: Mapping[str, bytes], stage: Path, target: Path) -> Path:
    """Build the wheel with the files `data` by setuptools, in the empty folder `stage`; returns its path in `target`.

    It runs wherever Python does, and says with its version that it is a handout: it replaces no other by chance.
    """
    sources = {path: (ROOT / PACKAGE / path).read_bytes() for path in files()}
    sources |= {Path(FOLDER.name, name): content for name, content in data.items()}
    for path, content in sources.items():
        place = stage / PACKAGE / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    packages = sorted({".".join((PACKAGE, *path.parent.parts)) for path in sources})
    (stage / "pyproject.toml").write_text(_project(packages), encoding="utf-8")
    if importlib.util.find_spec("setuptools") is None:
        raise ModuleNotFoundError("No module named 'setuptools'", name="setuptools")
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(target.resolve())]
    # Without the time of its making equal handouts are equal files; a zip knows none before 1980.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    built = subprocess.run(command, cwd=stage, env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ValueError(f"The wheel was not built: {built.stderr.strip()}")
    (wheel,) = target.glob("*.whl")
    return wheel


def _project(packages: list[str]) -> str:
    """The pyproject.toml of the small package, from that of the course: TOML writes texts and lists as JSON does."""
    course = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    values = {
        "name": course["name"],
        "version": f"{course['version']}+handout",
        "description": course["description"],
        "python": course["requires-python"],
        "license": course["license"],
        "dependencies": course["dependencies"],
        "packages": packages,
    }
    return PROJECT.format(
        package=PACKAGE, data=FOLDER.name, **{name: json.dumps(value) for name, value in values.items()}
    )
