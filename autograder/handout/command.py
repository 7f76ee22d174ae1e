"""The command ``autograder handout``."""

import argparse
import sys
from pathlib import Path

from autograder.handout.folder import NAME, write_handout
from autograder.problems import problem_sets

TEXT = "write a folder and a zip for students: notebooks and their checks, and nothing that computes what is right"


def main(arguments: list[str]) -> None:
    """Write the handout of the sets that are named, or of all."""
    parser = argparse.ArgumentParser(prog="autograder handout", description=TEXT)
    parser.add_argument("words", nargs="*", metavar="WORD", help="chapter, e.g. activations (default: all)")
    help_ = f"the folder, beside which the zip is written (default: build/{NAME})"
    parser.add_argument("--output", type=Path, metavar="DIR", default=Path("build", NAME), help=help_)
    options = parser.parse_args(arguments)
    there = list(problem_sets())
    unknown = sorted(set(options.words) - set(there))
    if unknown:
        parser.error(f"no problem set {', '.join(unknown)}; there are: {', '.join(there)}")
    words = [word for word in there if word in (options.words or there)]
    try:
        packed = write_handout(words, options.output.absolute(), lambda word: print(f"recording {word}", flush=True))
    except (FileExistsError, ValueError) as error:
        sys.exit(f"No handout. {error}")
    print(f"{options.output}\n{options.output.with_name(packed.name)}: {packed.stat().st_size / 1e6:.1f} MB")
