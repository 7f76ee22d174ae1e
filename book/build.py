"""Build the book: ``python book/build.py``, or ``python book/build.py --gate`` for the build that guards it.

The plain command returns at once when nothing that the book is made of has changed since the last good build;
the gating build never does. The pages are executed first, side by side, and kept until something that they need has
changed (book/execute.py); then Jupyter Book builds from nothing but them, as Sphinx cannot know all that a page depends
on. A warning or a failing cell is an error. The gating build also executes the pages as other processors would, and
refuses pages that compute for too long.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from autograder.digest import digest

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "_build"
INDEX = OUTPUT / "html" / "index.html"
STATE = ROOT / "build" / "book.json"
LOG = ROOT / "build" / "book.log"
CACHE = OUTPUT / ".jupyter_cache"
SOURCES = ("book", "_config.yml", "exercises", "autograder", "requirements.txt")
# The instructions of other processors. MKL and oneDNN choose their own, so they are told, too.
PROCESSORS = {
    "no vector unit": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
# Seconds of computing, in the measure of _kernel.py: of a page, and of the book for each of its chapters.
PAGE_LIMIT = 60
CHAPTER_LIMIT = 60
# The measure is good to a quarter: processors differ in what they are quick at, and neighbours share a core.
ROOM = 1.25
ADDRESS = ("COURSE_BOOK_URL", "COURSE_REPOSITORY_URL", "COURSE_REPOSITORY_BRANCH")
# In names of its own: a page that calls something `signal` must not take a module away from it.
STARTUP = "exec(compile(open({path!r}, encoding='utf-8').read(), {path!r}, 'exec'), {{'__name__': '_kernel'}})\n"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"(Executing|reading sources|writing output)\W.*?([\w.-]+)\s*$")

console = Console(highlight=False, soft_wrap=True)


def current_state() -> dict[str, str]:
    """Return what decides whether the book is up to date."""
    state = {"sources": digest(ROOT, SOURCES), "python": sys.version}
    return state | {name: os.environ.get(name, "") for name in ADDRESS}


def last_state() -> dict[str, str]:
    """Return the state of the last good build, or nothing when there was none."""
    try:
        return json.loads(STATE.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def environment() -> dict[str, str]:
    """Return an environment in which the cells run the same on every machine.

    The kernel is the one of this Python with _kernel.py at its start, on one thread, since the pages run side by side.
    Neither IPython nor matplotlib reads what the user configured.
    """
    startup = ROOT / "build" / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "00-kernel.py").write_text(STARTUP.format(path=str(ROOT / "book" / "_kernel.py")), "utf-8")
    env = dict(os.environ)
    env.pop("MPLBACKEND", None)
    return env | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "IPYTHONDIR": str(ROOT / "build" / "ipython"),
        "MPLCONFIGDIR": str(ROOT / "build" / "matplotlib"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }


def remove(*names: str) -> None:
    """Delete folders of the output."""
    for name in names:
        shutil.rmtree(OUTPUT / name, ignore_errors=True)


def run(title: str, command: list[str | Path], settings: dict[str, str]) -> int:
    """Run a command, show how far it is, keep a log, and return its exit code."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (
        LOG.open("w", encoding="utf-8") as log,
        console.status(title) as status,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment() | settings,
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
                status.update(f"{title}: {step[1].lower()} {step[2]}")
    return process.returncode


def execute(cache: Path, settings: dict[str, str], where: str = "") -> int:
    """Execute the pages that are not in the cache."""
    command = [sys.executable, ROOT / "book" / "execute.py", cache]
    return run(f"Executing the pages{where}", command, settings)


def run_jupyter_book() -> int:
    """Run Jupyter Book with warnings as errors, and return its exit code."""
    command = [Path(sys.executable).parent / "jupyter-book", "build", "book/", "--config", "_config.yml"]
    return run("Building the book", [*command, "--path-output", ".", "-W", "--keep-going"], {})


def has_avx2_at_most() -> bool:
    """Whether this processor has AVX2 and nothing above it, so that the setting of that name changes nothing."""
    flags = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").is_file() else ""
    return " avx2 " in flags and "avx512f" not in flags


def execute_as_other_processors() -> int:
    """Execute the pages once for each other processor; each has a cache of its own."""
    for name, processor in PROCESSORS.items():
        settings = processor | {"BOOK_DRAWS": "no"}
        if name == "AVX2" and has_avx2_at_most():
            console.print("This processor has AVX2 itself: the pages are not executed for it once more.")
        elif execute(CACHE.with_name(f".jupyter_cache-{name.replace(' ', '-')}"), settings, f" with {name}"):
            console.print(f"A page fails on a processor with {name}.", style="bold red")
            return 1
    return 0


def computed() -> dict[str, float]:
    """Return how long each page computes, in seconds."""
    reports = (CACHE / "reports").glob("*.json")
    return {report.stem: json.loads(report.read_text("utf-8"))["computed"] for report in reports}


def chapters() -> int:
    """Return the number of chapters: each has a folder of exercises."""
    return sum(folder.is_dir() for folder in (ROOT / "exercises").iterdir())


def complaints(seconds: dict[str, float], number_of_chapters: int) -> list[str]:
    """Say which pages, or whether all together, compute for too long."""
    found = [
        f"{page} computes for {value:.0f} s; a page may take {PAGE_LIMIT} s."
        for page, value in seconds.items()
        if value > PAGE_LIMIT * ROOM
    ]
    whole, limit = sum(seconds.values()), CHAPTER_LIMIT * max(number_of_chapters, 1)
    if whole > limit * ROOM:
        found.append(f"The book computes for {whole:.0f} s; its {number_of_chapters} chapters may take {limit} s.")
    return found


def guard() -> int:
    """Execute as other processors would, and hold the pages to their time; return 1 when either fails."""
    if execute_as_other_processors():
        return 1
    seconds = computed()
    console.print("Seconds of computing: " + ", ".join(f"{page} {s:.0f}" for page, s in sorted(seconds.items())))
    too_long = complaints(seconds, chapters())
    for complaint in too_long:
        console.print(complaint, style="bold red")
    return int(bool(too_long))


def steps(gate: bool) -> int:
    """Execute the pages and build from them; return the first code that is not 0."""
    code = execute(CACHE, {}) or run_jupyter_book()
    return code or (guard() if gate else 0)


def build(gate: bool) -> int:
    """Build what has to be built; return 0, or another number when there was a warning or a failing cell."""
    now = current_state()
    if not gate and now == last_state() and INDEX.is_file():
        console.print(f"The book is up to date: {INDEX}")
        return 0
    remove("html", ".doctrees", "jupyter_execute")
    STATE.unlink(missing_ok=True)
    start = time.monotonic()
    code = steps(gate)
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
