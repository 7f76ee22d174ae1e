"""What `check` is while a notebook is graded: the grader makes the checks itself, from outside."""


class Note:
    """Shown where a check is called."""

    def __repr__(self) -> str:
        return "Checks are made by the grader while a notebook is graded."


def check(name: str) -> Note:
    """Check nothing."""
    return Note()
