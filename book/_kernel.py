"""Runs at the start of every kernel that executes a page: limits what a cell computes, and reports what the page needs.

After each cell the report at the path BOOK_REPORT says how long the page has computed, and which files of this
repository it has imported. Computing is counted in seconds of a core that counts to a million in COUNTING seconds:
after each longer cell the kernel counts to a million itself, so that a busy or a slow machine does not make a page
longer. With BOOK_DRAWS=no no figure is drawn.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from IPython import get_ipython
from IPython.core import pylabtools

COUNTING = 0.015
# Seconds of a cell behind which it is worth while to count.
LONG = 0.1


class ComputingError(Exception):
    """A cell has computed for longer than a cell of the book may."""


def _watch(root, report, limit):
    computed, started, counting = 0.0, 0.0, 0.0
    seen, files = set(), set()
    inside = f"{root}{os.sep}"
    # The environment may lie in the repository; requirements.txt stands for it.
    environment = f"{sys.prefix}{os.sep}"

    def stop(*_):
        raise ComputingError(f"this cell has computed for {limit:g} s; make it smaller")

    def before(*_):
        signal.setitimer(signal.ITIMER_PROF, limit)

    def after(*_):
        nonlocal computed, started, counting
        signal.setitimer(signal.ITIMER_PROF, 0)
        cell = time.process_time() - started
        started = time.process_time()
        if not counting or cell > LONG:
            sum(range(1_000_000))
            counting = time.process_time() - started
            started += counting
        computed += cell * COUNTING / counting
        # A page imports thousands of modules, and nearly all of them with its first cells.
        new = sys.modules.keys() - seen
        seen.update(new)
        origins = (getattr(sys.modules[name], "__file__", None) or "" for name in new)
        files.update(o for o in origins if o.startswith(inside) and not o.startswith(environment))
        report.write_text(json.dumps({"computed": computed, "files": sorted(files)}), "utf-8")

    signal.signal(signal.SIGPROF, stop)
    get_ipython().events.register("pre_run_cell", before)
    get_ipython().events.register("post_run_cell", after)


if os.environ.get("BOOK_DRAWS") == "no":
    pylabtools.print_figure = lambda *_, **__: "<svg/>"
if "BOOK_REPORT" in os.environ:
    _watch(Path(os.environ["BOOK_ROOT"]), Path(os.environ["BOOK_REPORT"]), float(os.environ["BOOK_CELL_LIMIT"]))
