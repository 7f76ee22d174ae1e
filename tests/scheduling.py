"""Which tests run in one process: those of a file, and those of a problem (pytest-xdist)."""

from xdist.scheduler import LoadScopeScheduling

from autograder.problems import problems

# Files whose tests go over the problems, and share what is expensive about one.
OF_PROBLEMS = ("test_problems.py", "test_programs.py", "test_exchange.py", "test_handout.py")


class ByProblem(LoadScopeScheduling):
    """Keeps the tests of a file in one process, and those of `OF_PROBLEMS` by problem."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """The name of the group that a test belongs to; the first process that is free takes the next group."""
    path, _, test = nodeid.partition("::")
    words = test.partition("[")[2].removesuffix("]").split("-")
    problem = next((word for word in words if word in problems()), None)
    return path if problem is None or not path.endswith(OF_PROBLEMS) else problem
