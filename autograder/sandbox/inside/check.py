"""What `check` is while a notebook is graded: the grader makes the checks itself, from outside."""


class Note:
    """Shown where a check is called; there is nothing behind it."""

    def __init__(self, text: str):
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def case(self, name: str | None = None) -> "Note":
        """No case: the grader's own are not in this process."""
        return Note("Cases are shown for the public seed only: in your own notebook, not while it is graded.")


def check(name: str | None = None) -> Note:
    """Check nothing."""
    return Note("Checks are made by the grader while a notebook is graded.")
