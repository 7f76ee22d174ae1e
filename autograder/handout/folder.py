"""The folder that students are given, and the same as a zip: notebooks, the wheel, how to begin."""

import json
import re
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from autograder import drawn
from autograder.address import repository
from autograder.digest import ROOT
from autograder.handout.record import as_bytes, packed, record
from autograder.handout.wheel import write_wheel
from autograder.problems import problem_sets
from autograder.recorded import INDEX, PROBLEMS, TENSORS

NAME = "handout"

README = """# Exercises: {words}
Unpack this folder to a place of your own, open a terminal in it, and begin with two lines (Python {python}).
- Windows: `py -m venv .venv` and `.venv\\Scripts\\python -m pip install -r requirements.txt`
- macOS and Linux: `python3 -m venv .venv` and `.venv/bin/python -m pip install -r requirements.txt`
- Then `.venv\\Scripts\\python -m jupyter lab`, or `.venv/bin/python -m jupyter lab`, opens the notebooks.
- Google Colab and Kaggle: upload the notebook and `{wheel}`, and run
  `%pip install ./{wheel}` in a cell above the first one; the torch that is there stays.{links}
- Write each function in its cell, run the cell, and run the check below it until it gives all the points.
- `check("{problem}").case()` shows the first case that failed, and `check()` your points so far.
- Hand in the notebooks as your instructor asks.
"""

LINKS = """# Without an installation
Open a notebook by its link. On Colab and Kaggle run this in a cell above the first one:

```
%pip install git+{address}@{branch}
```

| notebook | | |
| --- | --- | --- |
{rows}

The whole course, in a browser: [Codespaces](https://codespaces.new/{repository}/tree/{branch}).
"""


def _pythons(project: Mapping[str, Any]) -> str:
    """The Pythons on which the pinned versions install, in words."""
    oldest, newest = project["requires-python"].removeprefix(">="), project["classifiers"][-1].rpartition(" ")[2]
    return f"from {oldest} to {newest}"


def _write(words: Sequence[str], folder: Path, address: str, branch: str, say: Callable[[str], None]) -> Path:
    """Write the handout of the sets `words` into the new `folder`, and beside it as a zip, whose path is returned.

    `address` is that of the repository, empty where none is known. What is being done is told to `say`.
    """
    folder.mkdir(parents=True)
    for word in words:
        shutil.copytree(ROOT / "exercises" / word, folder / word, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with tempfile.TemporaryDirectory() as stage:
        wheel = write_wheel(data_of(words, say), Path(stage), folder)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    links = links_of(words, address, branch)
    (folder / "README.md").write_text(
        README.format(
            words=", ".join(words),
            python=_pythons(project),
            wheel=wheel.name,
            links=" `LINKS.md` opens them by a link." if links else "",
            problem=problem_sets()[words[0]][0].name,
        ),
        encoding="utf-8",
    )
    if links:
        (folder / "LINKS.md").write_text(links, encoding="utf-8")
    (folder / "requirements.txt").write_text(
        "\n".join([f"./{wheel.name}", *pins([*project["dependencies"], "jupyterlab"]), ""]), encoding="utf-8"
    )
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def data_of(words: Sequence[str], say: Callable[[str], None]) -> Mapping[str, bytes]:
    """The files of the recorded exams of the sets `words`, by their names."""
    index = {}
    files: dict[str, bytes] = {}
    for word in words:
        say(word)
        chapter = problem_sets()[word]
        index[word] = {"problems": [problem.name for problem in chapter], "places": drawn.places(word)}
        contents = []
        for problem in chapter:
            content, tensors = as_bytes(*record(drawn.exam_of(problem, torch.device("cpu"))))
            contents.append(f'"{problem.name}":'.encode() + content)
            files[f"{problem.name}{TENSORS}"] = tensors
        files[f"{word}{PROBLEMS}"] = packed(b"{" + b",".join(contents) + b"}")
    return {INDEX: json.dumps(index, ensure_ascii=False).encode(), **files}


def pins(names: Sequence[str]) -> list[str]:
    """The packages `names` in the versions that the course has."""
    wanted = {re.match(r"[\w.-]+", name).group() for name in names}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = (line.partition("#")[0].strip() for line in lines)
    return [pin for pin in found if pin.partition("==")[0] in wanted]


def links_of(words: Sequence[str], address: str, branch: str) -> str:
    """The page of links that open the notebooks, where the repository is on GitHub; else nothing."""
    repository = address.removeprefix("https://github.com/")
    if not address or repository == address:
        return ""
    rows = []
    for word in words:
        path = f"{repository}/blob/{branch}/exercises/{word}/{word}.ipynb"
        colab = f"https://colab.research.google.com/github/{path}"
        kaggle = f"https://kaggle.com/kernels/welcome?src=https://github.com/{path}"
        rows.append(f"| `{word}` | [Colab]({colab}) | [Kaggle]({kaggle}) |")
    return LINKS.format(address=address, branch=branch, repository=repository, rows="\n".join(rows))


def write_handout(words: Sequence[str], folder: Path, say: Callable[[str], None]) -> Path:
    """Write the handout in place of one that is there. Raises `FileExistsError` where something else is, or more."""
    if folder.exists() and not list(folder.glob("autograder-*+handout-*.whl")):
        raise FileExistsError(f"{folder} is there and is no handout: name another folder, or move it away.")
    if others := _others(folder, folder.with_name(f"{folder.name}.zip")):
        raise FileExistsError(
            f"{others[0]} is not as the last handout was written: name another folder, or move it away."
        )
    address, branch = repository()
    with tempfile.TemporaryDirectory(dir=_made(folder.parent)) as temporary:
        made = _write(words, Path(temporary, folder.name), address, branch, say)
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(Path(temporary, folder.name), folder)
        return Path(shutil.move(made, folder.parent / made.name))


def _others(folder: Path, packed: Path) -> list[Path]:
    """What is in a handout, or where its zip is written, and is somebody's own: what the zip has not, or otherwise."""
    there = {path.relative_to(folder.parent): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if not packed.exists():
        return [folder] if there else []
    if not zipfile.is_zipfile(packed):
        return [packed]
    with zipfile.ZipFile(packed) as archive:
        written = {Path(name): archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    if not any(path.match("autograder-*+handout-*.whl") for path in written):
        return [packed]
    return [folder.parent / path for path, content in sorted(there.items()) if written.get(path) != content]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
