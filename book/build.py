"""Build the book: ``python book/build.py``, or ``python book/build.py --gate`` for the build that guards it.

The plain command returns at once when nothing that the book is made of has changed since the last good build;
the gating build never does. Both start from nothing but the cache of executed cells, as Sphinx cannot know
all that a page depends on, and in both a warning or a failing cell is an error.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "_build"
INDEX = OUTPUT / "html" / "index.html"
STATE = ROOT / "build" / "book.json"
LOG = ROOT / "build" / "book.log"
CACHE = OUTPUT / ".jupyter_cache"
CACHE_STATE = CACHE / "made_with.txt"
SOURCES = ("book", "_config.yml", "exercises", "autograder", "requirements.txt")
READ_BY_CELLS = ("autograder", "book/course.mplstyle", "requirements.txt")
ADDRESS = ("COURSE_REPOSITORY_URL", "COURSE_REPOSITORY_BRANCH")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"(Executing notebook|reading sources|writing output)\W.*?([\w/.-]+)\s*$")

console = Console(highlight=False, soft_wrap=True)


def digest(*names: str) -> str:
    """Return one SHA-256 over the names and bytes of the named files and of all in the named folders."""
    total = hashlib.sha256()
    for name in names:
        start = ROOT / name
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            hidden = {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
            if path.is_file() and not hidden:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def current_state() -> dict[str, str]:
    """Return what decides whether the book is up to date."""
    state = {"sources": digest(*SOURCES), "python": sys.version}
    return state | {name: os.environ.get(name, "") for name in ADDRESS}


def last_state() -> dict[str, str]:
    """Return the state of the last good build, or nothing when there was none."""
    try:
        return json.loads(STATE.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def environment() -> dict[str, str]:
    """Return an environment in which the cells run the same on every machine.

    The kernel is the one of this Python, and neither IPython nor matplotlib reads what the user configured.
    """
    env = dict(os.environ)
    env.pop("MPLBACKEND", None)
    return env | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "IPYTHONDIR": str(ROOT / "build" / "ipython"),
        "MPLCONFIGDIR": str(ROOT / "build" / "matplotlib"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }


def remove(*names: str) -> None:
    """Delete folders of the output."""
    for name in names:
        shutil.rmtree(OUTPUT / name, ignore_errors=True)


def drop_stale_cells() -> None:
    """Forget the executed cells when what they read has changed: the cache knows only their own text."""
    state = f"{sys.version}\n{digest(*READ_BY_CELLS)}\n"
    if not CACHE_STATE.is_file() or CACHE_STATE.read_text("utf-8") != state:
        remove(CACHE.name)
        CACHE.mkdir(parents=True)
        CACHE_STATE.write_text(state, "utf-8")


def run_jupyter_book() -> int:
    """Run Jupyter Book with warnings as errors, show how far it is, keep a log, and return its exit code."""
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", "book/", "--config", "_config.yml"]
    command += ["--path-output", ".", "-W", "--keep-going"]
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (
        LOG.open("w", encoding="utf-8") as log,
        console.status("Building the book") as status,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for coloured in process.stdout:
            line = COLOUR.sub("", coloured)
            log.write(line)
            step = STEP.search(line)
            if step:
                status.update(f"Building the book: {step[1].lower()} {step[2]}")
    return process.returncode


def build(gate: bool) -> int:
    """Build what has to be built; return 0, or another number when there was a warning or a failing cell."""
    now = current_state()
    if not gate and now == last_state() and INDEX.is_file():
        console.print(f"The book is up to date: {INDEX}")
        return 0
    drop_stale_cells()
    remove("html", ".doctrees", "jupyter_execute")
    STATE.unlink(missing_ok=True)
    start = time.monotonic()
    code = run_jupyter_book()
    if code or not INDEX.is_file():
        console.print(LOG.read_text("utf-8"), markup=False)
        console.print(f"The book did not build: its warnings and errors are above and in {LOG}", style="bold red")
        return code or 1
    STATE.write_text(json.dumps(now, indent=1), "utf-8")
    console.print(f"The book was built in {time.monotonic() - start:.0f} s: {INDEX}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the book into _build/html.")
    parser.add_argument("--gate", action="store_true", help="build even when nothing has changed")
    return build(parser.parse_args().gate)


if __name__ == "__main__":
    sys.exit(main())
