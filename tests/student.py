"""Runs solutions as a student's notebook would, with nothing installed but what a student has.

    python tests/student.py activations convolution

The points of every check must be complete; the exit code is 1 if some are not. It needs no pytest.
"""

import ast
import sys
from pathlib import Path

SOLUTIONS = Path(__file__).resolve().parent.parent / "solutions"


def earned(word):
    """The points of all checks of the solved problem set, and those that there are."""
    import matplotlib

    matplotlib.use("agg")
    from autograder.problems import problems

    space = {"__name__": "__main__"}
    points = possible = 0.0
    path = SOLUTIONS / f"{word}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("check("):
            points += eval(compile(ast.Expression(node.value), str(path), "eval"), space).score
            possible += problems()[node.value.args[0].value].maximum
        else:
            exec(compile(ast.Module([node], []), str(path), "exec"), space)
    return points, possible


if __name__ == "__main__":
    sys.path.insert(0, str(SOLUTIONS.parent))
    import torch

    print(f"Python {sys.version.split()[0]}, torch {torch.__version__}, {sys.platform}")
    found = {word: earned(word) for word in sys.argv[1:]}
    for name, (points, possible) in found.items():
        print(f"{name}: {points:g} of {possible:g}")
    sys.exit(any(points != possible for points, possible in found.values()) or not found)
