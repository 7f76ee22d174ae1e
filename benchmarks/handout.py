"""How long the first check of a handout takes, beside loading torch: both in seconds of computing.

Run it with ``.venv/bin/python benchmarks/handout.py``; it takes some minutes. Each problem of a set has processes of
its own that have what the wheel has and nothing else. They load torch, define the functions of the solution, and make
the first check, with all that it loads. The ratio is what counts, and that of the slowest problem is told. ``--write``
puts it into handout.json and into the README.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nbgrader.utils import is_solution

from autograder.course import ROOT, words
from autograder.handout.folder import data_of
from autograder.handout.wheel import files
from autograder.problems import problem_sets
from autograder.recorded import FOLDER
from autograder.release import solution_notebook

FIGURES = Path(__file__).with_suffix(".json")
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmarks/handout.py --write -->", "<!-- /benchmarks/handout.py -->"
TRIES = 3

INSIDE = """
import json, sys, time
start = time.process_time()
import torch
loaded = time.process_time()
from autograder import check
functions = {"torch": torch, "check": check, "In": json.loads(sys.argv[1])}
exec("\\n".join(functions["In"]), functions)
eval(f"check({sys.argv[2]!r})", functions)._repr_html_()
print(json.dumps([loaded - start, time.process_time() - loaded]))
"""


def site(word: str, place: Path) -> None:
    """Put into `place` what the wheel of a set installs."""
    for path in files():
        (place / "autograder" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "autograder" / path, place / "autograder" / path)
    (place / "autograder" / FOLDER.name).mkdir()
    for name, content in data_of([word], lambda _: None).items():
        (place / "autograder" / FOLDER.name / name).write_bytes(content)


def measure(word: str) -> dict[str, float | str]:
    """Seconds of computing to load torch and for the first check, of the problem whose ratio is the largest."""
    cells = [cell for cell in solution_notebook(word).cells if cell.cell_type == "code" and is_solution(cell)]
    sources = json.dumps([cell.source for cell in cells])
    with tempfile.TemporaryDirectory() as folder:
        site(word, Path(folder))
        environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}

        def once(name: str) -> dict[str, float]:
            command = [sys.executable, "-c", INSIDE, sources, name]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
            return dict(zip(("torch", "first"), json.loads(done.stdout), strict=True))

        found = {problem.name: once(problem.name) for problem in problem_sets()[word]}
        slowest = max(found, key=lambda name: ratio(found[name]))
        again = [found[slowest], *(once(slowest) for _ in range(TRIES))]
    return {"problem": slowest, **{what: round(min(one[what] for one in again), 4) for what in again[0]}}


def ratio(found: dict[str, float]) -> float:
    return found["first"] / found["torch"]


def sentence(figures: dict[str, dict]) -> str:
    """What the figures say, for the README."""
    said = (f"{found['first']:.2f} s (`{word}`), {ratio(found):.2f} times as much" for word, found in figures.items())
    return f"The first check of a handout computes for {', and '.join(said)} as `import torch` before it."


def readme(text: str, figures: dict[str, dict]) -> str:
    """The README with the sentence between its two marks."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{sentence(figures)}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=words(), default="activations", metavar="WORD", help="a set (activations)")
    parser.add_argument("--write", action="store_true", help="write handout.json and the sentence of the README")
    options = parser.parse_args(arguments)
    figures = {options.set: measure(options.set)}
    print(sentence(figures))
    if options.write:
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        README.write_text(readme(README.read_text(), figures))


if __name__ == "__main__":
    main()
