"""The one fingerprint: what changes it, and what does not."""

import shutil

import pytest

from autograder import course
from autograder import digest as digests
from autograder.digest import ROOT, digest, sources_of


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("one\ntwo\n")
    (tmp_path / "room" / "b.py").write_text("three\n")
    return tmp_path


def move_the_boundary(folder):
    (folder / "room" / "a.py").write_text("one\n")
    (folder / "room" / "b.py").write_text("two\nthree\n")


def rename(folder):
    (folder / "room" / "a.py").rename(folder / "room" / "c.py")


def swap(folder):
    (folder / "room" / "a.py").write_text("three\n")
    (folder / "room" / "b.py").write_text("one\ntwo\n")


def remove(folder):
    (folder / "room" / "b.py").unlink()


def add(folder):
    (folder / "room" / "c.py").write_text("")


@pytest.mark.parametrize("change", [move_the_boundary, rename, swap, remove, add])
def test_another_name_or_content_is_another_digest(folder, change):
    before = digest(folder, ["room"])
    change(folder)
    assert digest(folder, ["room"]) != before


def test_facts_are_kept_apart(folder):
    assert digest(folder, ["room"], "ab", "c") != digest(folder, ["room"], "a", "bc")
    assert digest(folder, ["room"], "ab") != digest(folder, ["room"])


def test_a_file_that_comes_is_another_digest(folder):
    before = digest(folder, ["later.py"])
    (folder / "later.py").write_text("")
    assert digest(folder, ["later.py"]) != before


def test_order_repetition_and_what_python_leaves_do_not_count(folder):
    before = digest(folder, ["room/a.py", "room/b.py"])
    (folder / "room" / "__pycache__").mkdir()
    (folder / "room" / "__pycache__" / "a.pyc").write_text("x")
    assert digest(folder, ["room/b.py", "room", folder / "room" / "a.py"]) == before


def test_sources_are_followed_through_imports():
    found = sources_of("autograder.problems.activations")
    assert ROOT / "autograder" / "references" / "activations.py" in found
    assert ROOT / "autograder" / "devices.py" in found
    assert not any("convolution" in path.name for path in found)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what problem sets are made of."""
    for name in ("autograder", "solutions"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for module in (course, digests):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


# The file that changes, and the words that are released and graded anew.
EVERY = set(course.words())
CHANGES = {
    "autograder/problems/normalization/batch_norm_backward.py": {"normalization"},
    "autograder/problems/activations/cases.py": {"activations"},
    "autograder/references/convolution.py": {"convolution"},
    "solutions/backprop.py": {"backprop"},
    "autograder/judge.py": EVERY,
    # What a notebook imports is loaded when it is asked for, and counts all the same.
    "autograder/check.py": EVERY,
    "autograder/devices.py": EVERY,
    "autograder/experiments.py": EVERY,
    "autograder/problems/drawing.py": EVERY,
    "autograder/grading/intake.py": set(),
    "autograder/cli.py": set(),
}


@pytest.mark.parametrize(("name", "words"), CHANGES.items(), ids=CHANGES.keys())
def test_a_change_in_one_chapter_concerns_one_chapter(name, words, repository):
    before = {word: course.digest_of(word, "autograder.release") for word in EVERY}
    path = repository / name
    path.write_text(path.read_text() + "\n# changed\n")
    assert {word for word in EVERY if course.digest_of(word, "autograder.release") != before[word]} == words
