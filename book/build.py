"""Build the book: ``python book/build.py``, or ``python book/build.py --gate`` for the build that guards it.

The plain command returns at once when nothing that the book is made of has changed since the last good build;
the gating build never does. The pages are executed first, side by side, and kept until something that they need has
changed (book/execute.py); then Jupyter Book builds from nothing but them, as Sphinx cannot know all that a page depends
on. A warning or a failing cell is an error. The gating build also executes the pages as other processors would, and
refuses pages that compute for too long. Which pages hold there is on record: it executes those that have changed, and
with ``--record`` it puts them on record.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from environment import PROCESSORS, environment
from rich.console import Console

from autograder.digest import digest

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "_build"
INDEX = OUTPUT / "html" / "index.html"
STATE = ROOT / "build" / "book.json"
LOG = ROOT / "build" / "book.log"
CACHE = OUTPUT / ".jupyter_cache"
SOURCES = ("book", "_config.yml", "exercises", "autograder", "requirements.txt")
# Which pages hold as on other processors, and with what they were executed there.
RECORD = ROOT / "book" / "processors.json"
# Seconds of computing, in the measure of _kernel.py: of a page, and of the book for each of its chapters.
PAGE_LIMIT = 60
CHAPTER_LIMIT = 60
# The measure is good to a quarter: processors differ in what they are quick at, and neighbours share a core.
ROOM = 1.25
ADDRESS = ("COURSE_BOOK_URL", "COURSE_REPOSITORY_URL", "COURSE_REPOSITORY_BRANCH")
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


def execute(cache: Path, settings: dict[str, str], where: str = "", only: Iterable[str] | None = None) -> int:
    """Execute the pages that are not in the cache: all of them, or only those of these names."""
    command = [sys.executable, ROOT / "book" / "execute.py", cache]
    return run(f"Executing the pages{where}", command if only is None else [*command, "--only", *only], settings)


def run_jupyter_book() -> int:
    """Run Jupyter Book with warnings as errors, and return its exit code."""
    command = [Path(sys.executable).parent / "jupyter-book", "build", "book/", "--config", "_config.yml"]
    return run("Building the book", [*command, "--path-output", ".", "-W", "--keep-going"], {})


def has_avx2_at_most() -> bool:
    """Whether this processor has AVX2 and nothing above it, so that the setting of that name changes nothing."""
    flags = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").is_file() else ""
    return " avx2 " in flags and "avx512f" not in flags


def recorded() -> dict[str, dict[str, str]]:
    """For each other processor the pages that hold there, and what they were made of then."""
    return json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}


def execute_as_other_processors(record: bool) -> int:
    """Execute as on each other processor the pages that are not on record for it; each has a cache of its own."""
    made_of, known = reported("made_of"), recorded()
    for name, processor in PROCESSORS.items():
        waiting = [page for page, made in made_of.items() if known.get(name, {}).get(page) != made]
        if not waiting:
            continue
        if name == "AVX2" and has_avx2_at_most():
            console.print("This processor has AVX2 itself: the pages are not executed for it once more.")
            continue
        cache = CACHE.with_name(f".jupyter_cache-{name.replace(' ', '-')}")
        if execute(cache, processor | {"BOOK_DRAWS": "no"}, f" with {name}", waiting):
            console.print(f"A page fails on a processor with {name}.", style="bold red")
            return 1
        console.print(f"Not on record for a processor with {name}, and executed: {', '.join(sorted(waiting))}.")
    if record:
        RECORD.write_text(json.dumps(dict.fromkeys(PROCESSORS, made_of), indent=1, sort_keys=True) + "\n", "utf-8")
    return 0


def reported(what: str) -> dict[str, Any]:
    """Return what the execution of each page has reported: the seconds it "computed", or what it was "made_of"."""
    reports = (CACHE / "reports").glob("*.json")
    return {report.stem: json.loads(report.read_text("utf-8"))[what] for report in reports}


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


def guard(record: bool) -> int:
    """Execute as other processors would, and hold the pages to their time; return 1 when either fails."""
    if execute_as_other_processors(record):
        return 1
    seconds = reported("computed")
    console.print("Seconds of computing: " + ", ".join(f"{page} {s:.0f}" for page, s in sorted(seconds.items())))
    too_long = complaints(seconds, chapters())
    for complaint in too_long:
        console.print(complaint, style="bold red")
    return int(bool(too_long))


def steps(gate: bool, record: bool) -> int:
    """Execute the pages and build from them; return the first code that is not 0."""
    code = execute(CACHE, {}) or run_jupyter_book()
    return code or (guard(record) if gate else 0)


def build(gate: bool, record: bool) -> int:
    """Build what has to be built; return 0, or another number when there was a warning or a failing cell."""
    now = current_state()
    if not gate and now == last_state() and INDEX.is_file():
        console.print(f"The book is up to date: {INDEX}")
        return 0
    remove("html", ".doctrees", "jupyter_execute")
    STATE.unlink(missing_ok=True)
    start = time.monotonic()
    code = steps(gate, record)
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
    parser.add_argument(
        "--record", action="store_true", help="with --gate: record which pages hold on other processors"
    )
    options = parser.parse_args()
    if options.record and not options.gate:
        parser.error("--record was given without --gate: only the gate executes as other processors; add --gate")
    return build(options.gate, options.record)


if __name__ == "__main__":
    sys.exit(main())
