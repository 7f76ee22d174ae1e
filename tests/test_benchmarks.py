"""The figures of the README are those that a benchmark has measured and written; what a simulation is held to."""

import importlib
import itertools
import json

import pytest

from autograder.course import ROOT, words
from autograder.grading import run


@pytest.fixture(scope="module")
def benchmark():
    """A module of the folder of benchmarks, where they find each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module


@pytest.fixture(scope="module")
def grading(benchmark):
    return benchmark("grading")


@pytest.fixture(scope="module")
def scale(benchmark):
    return benchmark("scale")


@pytest.mark.parametrize("name", ["grading", "scale", "handout"])
def test_the_readme_has_the_figures_that_were_measured(benchmark, name):
    module = benchmark(name)
    figures = json.loads(module.FIGURES.read_text())
    text = module.README.read_text()
    assert text == module.readme(text, figures)


def test_every_set_was_measured(grading):
    assert list(json.loads(grading.FIGURES.read_text())) == words()


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


@pytest.fixture
def times(scale):
    """Times of a class in which some submissions take longer than others; the coordinator takes no time."""
    services = (1.0, 3.0, 2.0, 1.0, 5.0, 1.0, 1.0, 2.0) * 5
    return scale.Times(services, starting=0.0, warming=0.0, handing=0.0, taking=0.0)


def test_the_simulation_says_of_two_workers_what_is_written(scale):
    for one in json.loads(scale.FIGURES.read_text()).values():
        predicted = scale.predicted(scale.Times(**one["times"]), one["cores"]).seconds
        assert predicted == pytest.approx(one["two workers"]["predicted"], rel=0.01)


def test_the_simulation_says_of_the_large_class_what_is_written(scale):
    """The figures are those of the simulation as it is now: nobody changes it and leaves them."""
    for one in json.loads(scale.FIGURES.read_text()).values():
        usual = scale.simulate(scale.Times(**one["times"]).of(scale.SUBMISSIONS), scale.WORKERS)
        assert usual.seconds == pytest.approx(one["large"]["usual"]["seconds"], rel=0.02)


def test_one_worker_takes_what_its_submissions_take(scale, times):
    assert scale.simulate(times, 1).seconds == pytest.approx(sum(times.services))
    begun = scale.replace(times, starting=3.0, warming=2.0)
    assert scale.simulate(begun, 1).seconds == pytest.approx(sum(times.services) + 5.0)
    busy = scale.simulate(times, 1).busy
    assert (busy["workers"], busy[scale.COORDINATOR]) == (pytest.approx(1), 0)


def test_more_workers_are_never_slower(scale, times):
    for coordinator in (0.0, 0.1, 1.0):
        with_one = scale.replace(times, handing=coordinator / 2, taking=coordinator / 2)
        seconds = [scale.simulate(with_one, workers).seconds for workers in (1, 2, 3, 5, 8, 40)]
        # Which submission comes last is chance: the longest may.
        allowed = max(times.services) + coordinator
        assert all(after <= before + allowed for before, after in itertools.pairwise(seconds))
        assert seconds[-1] < seconds[0] / 2 or coordinator == 1.0
        assert min(seconds) >= max(sum(times.services) / 40, coordinator * len(times.services))


def test_the_coordinator_is_the_limit_where_workers_are_many(scale, times):
    slow = scale.replace(times, handing=0.5, taking=1.5)
    found = scale.simulate(slow, 40)
    assert found.seconds == pytest.approx(2.0 * len(times.services), rel=0.1)
    assert found.busy[scale.COORDINATOR] > 0.9
    assert found.queues[scale.COORDINATOR] > 10 > found.queues["workers"]


@pytest.mark.parametrize("noticed", [0.0, 4.0], ids=["killed", "silent"])
def test_a_lost_worker_costs_what_it_had_in_hand(scale, times, noticed):
    usual = scale.simulate(times, 4)
    lost = scale.simulate(times, 4, loss=scale.Loss(after=10.0, noticed=noticed))
    # One that it worked on; the coordinator takes no time, so nothing that was found is waiting for it.
    assert (usual.again, lost.again) == (0, 1)
    without = scale.simulate(times, 3).seconds
    assert usual.seconds <= lost.seconds <= without + max(times.services) + noticed


def test_what_a_lost_worker_has_found_and_nobody_has_fetched_is_done_again(scale, times):
    slow = scale.replace(times, taking=4.0)
    lost = scale.simulate(slow, 4, loss=scale.Loss(after=30.0))
    assert 1 < lost.again <= run.ahead(4)
    assert lost.seconds < scale.simulate(slow, 4).seconds + max(times.services) + 4.0


def test_those_who_compute_at_the_same_time_share_the_cores(scale, times):
    alone, shared = (scale.simulate(times, 4, cores).seconds for cores in (4, 2))
    assert alone == pytest.approx(scale.simulate(times, 4).seconds, rel=0.01)
    assert shared == pytest.approx(sum(times.services) / 2, rel=0.1)
