"""How long a check takes, for a right program and for the slowest of the known mistakes.

    .venv/bin/python benchmarks/check.py

A check has to answer within a second; the last column is the share of it that the slowest program took. The first
check of a process also loads what torch and this package load late; it stands in a line of its own.
"""

import time

import torch

from autograder.check import PUBLIC_SEED
from autograder.devices import device
from autograder.judge import grade
from autograder.problems import problem_sets
from autograder.table import Report

LIMIT = 1.0


def seconds(problem, program) -> float:
    """Time of one check as a notebook makes it: cases, reference, comparison, hint and table."""
    start = time.perf_counter()
    Report.of_verdict(grade(problem, problem.functions_of(program), PUBLIC_SEED, device()))._repr_html_()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    chapters = problem_sets()
    first = next(iter(chapters.values()))[0]
    print(f"torch {torch.__version__} on {device()}, {torch.get_num_threads()} threads")
    print(f"first check of the process: {seconds(first, first.alternatives[0]):.3f} s")
    print(f"{'problem':24}{'right':>9}{'wrong':>9}{'of a second':>13}")
    for chapter in chapters.values():
        for problem in chapter:
            right = max(seconds(problem, program) for program in problem.alternatives)
            wrong = max(seconds(problem, program) for program in problem.mistakes)
            print(f"{problem.name:24}{right:8.3f}s{wrong:8.3f}s{100 * max(right, wrong) / LIMIT:11.0f} %")


if __name__ == "__main__":
    main()
