"""Execute the pages of the book side by side: ``python book/execute.py CACHE``. Called by book/build.py.

What has been executed lies in the jupyter cache CACHE, where Jupyter Book finds it. A page is executed again when its
cells have changed, or what they imported. Exits with 1 when a cell fails, and prints where.
"""

import argparse
import functools
import json
import logging
import os
import signal
import sys
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import JupyterCacheAbstract
from jupyter_cache.executors.basic import ExecutionWorkerLocalMProc, JupyterExecutorLocalMproc
from kernels import forked
from myst_nb.core.read import is_myst_markdown_notebook

from autograder.digest import digest

ROOT = Path(__file__).resolve().parents[1]
ALL_READ = ("book/_kernel.py", "book/course.mplstyle", "book/environment.py", "book/kernels.py")
READER = {"type": "plugin", "name": "myst_nb_md"}
PROCESSOR = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR")
# Computing is limited, see _kernel.py. The clock only ends what waits for nothing.
COMPUTING_OF_A_CELL = 300
CLOCK_OF_A_CELL = 3600
# Of a page whose kernel does not answer.
TRIES = 3


class Worker(ExecutionWorkerLocalMProc):
    """Executes one page at a time, in a kernel that reports beside the cache."""

    @staticmethod
    def execute(project_nb, data):
        os.environ["BOOK_REPORT"] = str(report_of(Path(data.cache.path), Path(project_nb.uri)))
        try:
            return ExecutionWorkerLocalMProc.execute(project_nb, data)
        finally:
            # nbclient leaves a handler of its own behind when a kernel does not start, and this is how a pool ends its
            # processes: it would wait for this one for ever.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Executor(JupyterExecutorLocalMproc):
    """Executes as many pages at once as there are cores."""

    _EXECUTION_WORKER = Worker


def report_of(cache: Path, page: Path) -> Path:
    """Where the kernel of a page reports what it has computed and imported."""
    name = "-".join(page.relative_to(ROOT / "book").with_suffix("").parts)
    return cache / "reports" / f"{name}.json"


def pages() -> list[Path]:
    """The pages that have cells, the longest first."""
    text_of = {page: page.read_text("utf-8") for page in (ROOT / "book").rglob("*.md")}
    found = [page for page, text in text_of.items() if is_myst_markdown_notebook(text) and "{code-cell}" in text]
    return sorted(found, key=lambda page: -len(text_of[page]))


def made_of(cells: str, files: list[str]) -> str:
    """What a page consists of, wherever it is executed."""
    return digest(ROOT, [*ALL_READ, *files], cells, pins())


@functools.cache
def pins() -> str:
    """The packages and their versions; what else stands in their file is for people."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    return "\n".join(pin for line in lines if (pin := line.partition("#")[0].strip()))


def fingerprint(cells: str, files: list[str]) -> str:
    """What decides whether a page is executed again."""
    processor = [os.environ.get(name, "") for name in PROCESSOR]
    return digest(ROOT, [], made_of(cells, files), sys.version, *processor)


def is_fresh(report: Path, cells: str) -> bool:
    """Whether nothing that the page needs has changed since it was executed."""
    try:
        known = json.loads(report.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        # None yet, or one that was being written when the build was killed.
        return False
    return known.get("fingerprint") == fingerprint(cells, known["files"])


def cells_of(cache: JupyterCacheAbstract, page: Path) -> str:
    """The cache's own key for the cells of a page."""
    record = cache.add_nb_to_project(str(page), read_data=READER)
    return cache.create_hashed_notebook(cache.get_project_notebook(record.pk).nb)[1]


def forget(cache: JupyterCacheAbstract, page: Path) -> None:
    """Remove a page from the cache, so that it is executed again."""
    report_of(Path(cache.path), page).unlink(missing_ok=True)
    record = cache.get_cached_project_nb(str(page))
    if record is not None:
        cache.remove_cache(record.pk)


def sign(report: Path, cells: str) -> None:
    """Put what has been executed into the report of a page."""
    known = json.loads(report.read_text("utf-8"))
    what = cells, known["files"]
    report.write_text(json.dumps(known | {"made_of": made_of(*what), "fingerprint": fingerprint(*what)}), "utf-8")


def execute(folder: Path, only: list[str] | None = None) -> int:
    """Execute what is not in the cache, of all pages or `only` of those whose reports have these names.

    Returns 1 when a cell fails.
    """
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    cache = get_cache(folder)
    for report in set(folder.glob("reports/*")) - {report_of(folder, page) for page in pages()}:
        report.unlink()
    os.environ |= {"BOOK_ROOT": str(ROOT), "BOOK_CELL_LIMIT": str(COMPUTING_OF_A_CELL)}
    asked = [page for page in pages() if only is None or report_of(folder, page).stem in only]
    cells = {str(page): cells_of(cache, page) for page in asked}
    for page, key in cells.items():
        if not is_fresh(report_of(folder, Path(page)), key):
            forget(cache, Path(page))
    logger = logging.getLogger("book")
    logger.setLevel(logging.INFO)
    waiting, failed = [page for page in cells if cache.get_cached_project_nb(page) is None], []
    for _ in range(TRIES if waiting else 0):
        with forked():
            found = Executor(cache, logger).run_and_cache(filter_uris=waiting, timeout=CLOCK_OF_A_CELL)
        for page in found.succeeded:
            sign(report_of(folder, Path(page)), cells[page])
        failed += found.excepted
        # No cell is to blame: the kernel did not answer, as when two that start at once choose the same port.
        waiting = found.errored
        if not waiting:
            break
    for page in failed + waiting:
        print(f"{page}:\n{cache.get_project_record(page).traceback}")
    return int(bool(failed + waiting))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Execute the pages of the book into a jupyter cache.")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--only", nargs="+", help="the names of some pages' reports")
    options = parser.parse_args()
    sys.exit(execute(options.cache.absolute(), options.only))
