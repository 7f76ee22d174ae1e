"""The figures of the README are those that a benchmark has measured and written, of every problem set."""

import importlib.util
import json

import pytest

from autograder.course import ROOT, words


@pytest.fixture(scope="module")
def grading():
    spec = importlib.util.spec_from_file_location("grading_benchmark", ROOT / "benchmarks" / "grading.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_has_the_figures_that_were_measured(grading):
    figures = json.loads(grading.FIGURES.read_text())
    assert list(figures) == words()
    text = grading.README.read_text()
    assert text == grading.readme(text, figures)


def test_what_is_called_within_is_not_counted_twice(grading):
    class Work:
        def outer(self):
            self.inner()
            return 1

        def inner(self):
            return 2

    now = iter(range(100))
    grading.time = type("Clock", (), {"perf_counter": staticmethod(lambda: next(now))})
    try:
        clock = grading.Clock()
        with clock.on(Work, "outer", "outer"), clock.on(Work, lambda work: "inner", "inner"):
            assert Work().outer() == 1
    finally:
        grading.time = __import__("time")
    assert clock.seconds == {"rest": 1, "outer": 2, "inner": 1}
    assert Work().inner() == 2
