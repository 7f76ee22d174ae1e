"""Warnings, logging and stderr, at import, in functions and in cells, cost no points."""

from submissions import change, insert, write


def hand_in(folder, notebook):
    source = """
import logging, os, sys, warnings
warnings.warn("be careful")
logging.basicConfig(level=0)
logging.error("not an error")
print("a line for stderr", file=sys.stderr)
os.write(2, b"from below")
"""
    insert(notebook, source)
    noise = """import sys, warnings, logging
    print("stderr", file=sys.stderr)
    warnings.warn("careful")
    logging.error("not an error")
    print("90.0")
    """
    for name in ("relu_backward", "tanh_backward", "maxout_backward"):
        change(notebook, name, "### BEGIN SOLUTION\n    ", "### BEGIN SOLUTION\n    " + noise)
    write(folder, notebook)
