"""The course's folders, and nbgrader set to work in them."""

import functools
import os
import sys
from pathlib import Path

from nbgrader import api
from nbgrader.apps import NbGrader
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder.digest import ROOT, digest, imports_of, sources_of


def words() -> list[str]:
    """The chapters that have a problem set, in alphabetical order."""
    return sorted(script.stem for script in (ROOT / "solutions").glob("*.py"))


def digest_of(word: str, *modules: str) -> str:
    """A digest of the problem set `word`, and of what `modules` of this package make of it: what they import, too."""
    script, problems = ROOT / "solutions" / f"{word}.py", ROOT / "autograder" / "problems" / word
    sources = sources_of(f"autograder.problems.{word}", *imports_of(script.read_text()), *modules)
    settings = ("nbgrader_config.py", "requirements.txt", "autograder/sandbox/inside")
    return digest(ROOT, [script, problems, *sources, *settings], sys.version)


class NoCourseError(Exception):
    """A folder is no course; the message is a sentence."""


def nbgrader_here() -> NbGraderAPI:
    """nbgrader for the course that its own commands find in the working folder. Raises `NoCourseError`."""
    have_alembic()
    path, app = list(sys.path), NbGrader(log_level="ERROR")
    app.initialize([])
    # nbgrader puts the working folder before everything that is installed.
    sys.path[:] = path
    root = Path(app.coursedir.root)
    if not any((root / name).exists() for name in ("nbgrader_config.py", "gradebook.db", "submitted")):
        raise NoCourseError(
            f"{root} is no course: it has no nbgrader_config.py, gradebook.db or submitted/. Run this in the course's "
            "folder, or name it with --course."
        )
    return NbGraderAPI(coursedir=app.coursedir, config=app.config, log_level="ERROR")


def nbgrader_at(root: Path) -> NbGraderAPI:
    """nbgrader for the course at `root`, with the configuration that lies there, or else with this repository's."""
    have_alembic()
    place = root if (root / "nbgrader_config.py").exists() else ROOT
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(place)).load_config()
    config.CourseDirectory.root = str(root)
    return NbGraderAPI(coursedir=CourseDirectory(config=config), config=config, log_level="ERROR")


# The version of its tables, for which nbgrader runs a command whenever it creates a gradebook, for a second each time.
_alembic_version = functools.cache(api.get_alembic_version)


def have_alembic() -> None:
    """Let nbgrader find the command `alembic`, which it runs when it creates a gradebook, and run it once."""
    api.get_alembic_version = _alembic_version
    environment = str(Path(sys.executable).parent)
    if environment not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = environment + os.pathsep + os.environ["PATH"]
