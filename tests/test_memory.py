"""The grader's own process has a limit of memory while it reads what a student has made."""

import resource

import pytest

from autograder.grading import memory, worker
from autograder.grading.memory import bounded
from autograder.grading.restore import Master
from autograder.grading.settings import Settings
from autograder.sandbox.inside.limits import MEBI


def test_what_asks_for_more_is_refused_and_afterwards_all_is_as_before():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded(256 * MEBI):
        assert len(bytearray(64 * MEBI)) == 64 * MEBI
        with pytest.raises(MemoryError):
            bytearray(512 * MEBI)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(512 * MEBI)) == 512 * MEBI


def test_an_outer_limit_that_is_tighter_stays():
    with bounded(256 * MEBI):
        outer = resource.getrlimit(resource.RLIMIT_DATA)
        with bounded():
            assert resource.getrlimit(resource.RLIMIT_DATA) == outer


def test_a_submission_is_read_and_judged_under_it(monkeypatch):
    def greedy(notebook, files, settings):
        return (bytearray(2 * memory.ROOM),)

    monkeypatch.setattr(worker, "execute", greedy)
    with pytest.raises(MemoryError):
        worker.grade(worker.Job({"a": b""}, {"a": Master(())}, Settings(seed=0)))
