"""A cell breaks what packs the answers to checks; it costs what is checked after it, with a clear line."""

from submissions import insert, write

LOST = dict.fromkeys(
    ("check_maxout_forward", "check_maxout_backward"), "cannot be read (it is not in two parts)."
)  # fmt: skip


def hand_in(folder, notebook):
    source = "from autograder.calls import exchange\nexchange.save = exchange.load = None"
    insert(notebook, f"get_ipython().run_cell({source!r})", before="maxout_forward")
    write(folder, notebook)
