"""What a student wrote is read in silence: Python's opinion of it is not for whoever grades."""

import warnings

import pytest

from autograder.grading.execute import _definitions
from autograder.report.copies import statements
from autograder.report.page import _uncommented
from autograder.rules.sources import Sources

READERS = {
    "the rules": lambda source: Sources([source]),
    "answers that are alike": statements,
    "a report without names": _uncommented,
    "a kernel that is started again": _definitions,
}
# What is right all the same.
DOUBTFUL = {
    "an escape that is none": "def f(x):\n    return '\\d'",
    "an escape that is none, in an f-string": "def f(x):\n    return f'\\d{x}'",
    "a number with a word behind it": "def f(x):\n    return 1if x else 2",
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("source", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_nobody_is_told_what_python_thinks_of_a_source(read, source):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(source)
