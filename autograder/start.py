"""A student's own copy of an exercise: what is handed out stays as it is, and what is written is never overwritten."""

import sys
from pathlib import Path

from autograder.digest import ROOT

# Where students work. Releases and git leave it alone.
WORK = "work"
USAGE = "usage: autograder start WORD, for example: autograder start activations"


class StartError(Exception):
    """There is nothing to copy; the message is a sentence."""


def start(word: str, here: Path) -> tuple[Path, bool]:
    """Copy the files of ``exercises/<word>/`` to ``work/<word>/``, both in `here`; those that are there stay.

    The exercises are those in `here`, or else this repository's. Returns the path of the notebook to work in, and
    whether it is new. Raises `StartError` when there is no such exercise.
    """
    released = next((p for p in (here / "exercises", ROOT / "exercises") if p.is_dir()), here / "exercises")
    if not (released / word / f"{word}.ipynb").is_file():
        there = ", ".join(sorted(path.parent.name for path in released.glob("*/*.ipynb"))) or "none"
        raise StartError(f"There is no exercise {word!r} in {released}; there are: {there}.")
    notebook = here / WORK / word / f"{word}.ipynb"
    is_new = False
    for path in sorted(path for path in (released / word).rglob("*") if path.is_file()):
        target = notebook.parent / path.relative_to(released / word)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("xb") as file:
                file.write(path.read_bytes())
        except FileExistsError:
            continue
        is_new = is_new or target == notebook
    return notebook, is_new


def main(arguments: list[str]) -> None:
    """The command ``autograder start``; it needs nothing that a student does not have."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit(USAGE)
    try:
        notebook, is_new = start(arguments[0], Path.cwd())
    except StartError as error:
        sys.exit(f"Not started. {error}")
    shown = notebook.relative_to(Path.cwd())
    if is_new:
        print(f"{shown} is yours: open it with jupyter lab {shown}")
    else:
        print(f"{shown} is there already and stays as it is; to begin anew, give it another name first.")
