"""Runs at the start of every kernel that executes a page: limits what a cell computes, and reports what the page needs.

After each cell the report at the path BOOK_REPORT says how long the page has computed, and which files of this
repository it has imported. Computing is counted in seconds of a core that counts to a million in COUNTING seconds:
beside each cell the kernel counts to a million itself, so that a busy or a slow machine does not make a page longer.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from IPython import get_ipython

COUNTING = 0.015


class ComputingError(Exception):
    """A cell has computed for longer than a cell of the book may."""


def _watch(root, report, limit):
    computed, started = 0.0, 0.0

    def stop(*_):
        raise ComputingError(f"this cell has computed for {limit:g} s; make it smaller")

    def before(*_):
        signal.setitimer(signal.ITIMER_PROF, limit)

    def after(*_):
        nonlocal computed, started
        signal.setitimer(signal.ITIMER_PROF, 0)
        cell = time.process_time() - started
        started = time.process_time()
        sum(range(1_000_000))
        counting = time.process_time() - started
        started += counting
        computed += cell * COUNTING / counting
        origins = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        ours = {origin for origin in origins if origin and root in Path(origin).parents}
        # The environment may lie in the repository; requirements.txt stands for it.
        files = sorted(origin for origin in ours if Path(sys.prefix) not in Path(origin).parents)
        report.write_text(json.dumps({"computed": computed, "files": files}), "utf-8")

    signal.signal(signal.SIGPROF, stop)
    get_ipython().events.register("pre_run_cell", before)
    get_ipython().events.register("post_run_cell", after)


if "BOOK_REPORT" in os.environ:
    _watch(Path(os.environ["BOOK_ROOT"]), Path(os.environ["BOOK_REPORT"]), float(os.environ["BOOK_CELL_LIMIT"]))
