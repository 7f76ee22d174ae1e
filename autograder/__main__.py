"""The command ``autograder``: `start`, `report` and `handout`, the rest in `cli`; or which packages are missing."""

import re
import sys
from importlib import metadata

from autograder import start


def main() -> None:
    """Entry point of the command ``autograder``."""
    if sys.argv[1:2] == ["start"]:
        start.main(sys.argv[2:])
        return
    try:
        if sys.argv[1:2] == ["report"]:
            from autograder.report import command

            command.main(sys.argv[2:])
        elif sys.argv[1:2] == ["handout"]:
            from autograder.handout import command

            command.main(sys.argv[2:])
        else:
            from autograder import cli

            cli.main()
    except ModuleNotFoundError as error:
        if not _missing("grading"):
            raise
        sys.exit(
            f"The command autograder needs the extra packages for grading, and {error.name} is not installed: "
            'run pip install ".[grading]" in the folder of the course.'
        )


def _missing(extra: str) -> list[str]:
    """The packages that an extra of pyproject.toml names and that are not installed."""
    asked = [text for text in metadata.requires("autograder") or [] if re.search(rf"extra == ['\"]{extra}['\"]", text)]
    names = [re.match(r"[\w.-]+", text).group() for text in asked]
    return [name for name in names if not any(metadata.distributions(name=name))]


if __name__ == "__main__":
    main()
