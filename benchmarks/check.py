"""How long a check takes, in seconds of computing.

    .venv/bin/python benchmarks/check.py [problem ...]

Each problem has a process of its own that has loaded torch and nothing else, as a notebook has after its first cell.
What its first check takes, with all that this package loads for it, stands in the column "first". It is made with the
slowest of the wrong programs. "right" and "wrong" are the slowest of the later checks. Last come loops over every
number of the output, for the problems that give points for speed. A training takes as long as the student's program
takes, and has no limit.
"""

import argparse
import json
import subprocess
import sys
import time

from autograder.calls.kinds import training
from autograder.problem import Problem
from autograder.problems import problems
from autograder.programs import Program, source_of

LIMITS = {"first": 0.6, "right": 0.3, "wrong": 0.3, "loops": 3.0}

# In the process of a problem: a check as a notebook makes it, with its source to be read, and its table.
INSIDE = """
import json, sys, time
import torch

asked = json.load(sys.stdin)
print(json.dumps([seconds(asked["name"], source) for source in asked["sources"]]))
"""

LOOPS = {
    "conv2d_forward_fast": """
def conv2d_forward_fast(x, weight, bias, stride=1, padding=0):
    (n, _, h, w), (filters, _, kh, kw) = x.shape, weight.shape
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    out = torch.zeros(n, filters, rows, columns, dtype=x.dtype, device=x.device)
    for image in range(n):
        for f in range(filters):
            for i in range(rows):
                for j in range(columns):
                    window = padded[image, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                    out[image, f, i, j] = (window * weight[f]).sum() + bias[f]
    return out, (padded, weight, stride, padding)
""",
}
LOOPS["conv2d_backward_fast"] = f"""{LOOPS["conv2d_forward_fast"]}
def conv2d_backward_fast(dout, cache):
    padded, weight, stride, padding = cache
    (n, filters, rows, columns), (kh, kw) = dout.shape, weight.shape[2:]
    dx, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for image in range(n):
        for f in range(filters):
            for i in range(rows):
                for j in range(columns):
                    place = image, slice(None), slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
                    dx[place] += dout[image, f, i, j] * weight[f]
                    dweight[f] += dout[image, f, i, j] * padded[place]
    crop = slice(padding, -padding or None)
    return dx[:, :, crop, crop], dweight, dout.sum(dim=(0, 2, 3))
"""


def seconds(name: str, source: str) -> float:
    """Computing time of one check of `name` on what `source` defines. Runs in the process of a problem."""
    import torch

    cells = ["import torch", source]
    namespace = {"torch": torch, "In": cells}
    exec(source, namespace)
    start = time.process_time()
    exec(f"from autograder import check\ncheck({name!r})._repr_html_()", namespace)
    return time.process_time() - start


def checks(name: str, sources: list[str]) -> list[float]:
    """The time of one check after the other, in a process of their own."""
    import inspect

    asked = json.dumps({"name": name, "sources": sources})
    command = [sys.executable, "-c", INSIDE.replace("\nasked", f"\n{inspect.getsource(seconds)}\nasked")]
    return json.loads(subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout)


def source_for(problem: Problem, program: Program) -> str:
    """Everything that a check of `program` needs, as a cell."""
    functions = problem.functions_of(program).items()
    return "\n\n".join(source_of(function, name) for name, function in functions)


def row(problem: Problem) -> dict[str, float]:
    """The columns of one problem."""
    right = [source_for(problem, program) for program in problem.alternatives]
    wrong = [source_for(problem, program) for program in problem.mistakes]
    taken = checks(problem.name, right + wrong)
    slowest = wrong[taken[len(right) :].index(max(taken[len(right) :]))]
    found = {
        "first": checks(problem.name, [slowest])[0],
        # The first of these has loaded what the others find.
        "right": max(checks(problem.name, [right[0], *right])[1:]),
        "wrong": max(taken[len(right) :]),
    }
    if problem.name in LOOPS:
        found["loops"] = checks(problem.name, [right[0], LOOPS[problem.name]])[1]
    return found


def main() -> int:
    """Print the table, and 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("problems", nargs="*", metavar="problem", help="the problems to look at; all without it")
    asked = parser.parse_args().problems
    passed = []
    print(f"{'problem':30}" + "".join(f"{column:>9}" for column in LIMITS))
    for name, problem in problems().items():
        if asked and name not in asked:
            continue
        found = row(problem)
        print(f"{name:30}" + "".join(f"{found[c]:8.2f}s" if c in found else "" for c in LIMITS), flush=True)
        if problem.call is training:
            continue
        passed += [f"{name}: {c} {found[c]:.2f} s" for c in found if found[c] > LIMITS[c]]
    print("\n".join(["at most:", *(f"  {column} {limit} s" for column, limit in LIMITS.items())]))
    print("\n".join(["passed by:", *passed]) if passed else "passed by none")
    return bool(passed)


if __name__ == "__main__":
    sys.exit(main())
