"""The cells of a notebook that try out what the student has written."""

import os
import traceback
from collections.abc import Callable


def when_written(experiment: Callable[[], None]) -> None:
    """Run `experiment`, as a decorator does; if it uses something that is not written or defined yet, print what.

    While a notebook is graded nothing is run: grading looks at the functions alone.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        return
    try:
        experiment()
    except NotImplementedError as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        print(f"This cell uses {frame.f_code.co_qualname}. Write it first, then run this cell again.")
    except NameError as error:
        print(f"{error.name} is not defined: run the cell that defines it, then this one again.")
