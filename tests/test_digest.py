"""What is done again after a change: what depends on it, and nothing else."""

import shutil

import pytest

from autograder import course
from autograder import digest as digests
from autograder.digest import ROOT, digest, sources_of


def test_a_moved_boundary_changes_it(tmp_path):
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    before = digest([tmp_path])
    (tmp_path / "a").write_text("onet")
    (tmp_path / "b").write_text("wo")
    assert digest([tmp_path]) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "a").write_text(""),
        lambda folder: (folder / "a").unlink(),
        lambda folder: (folder / "new").touch(),
        lambda folder: ((folder / "a").rename(folder / "x"), (folder / "b").rename(folder / "a")),
    ],
)
def test_every_change_changes_it(change, tmp_path):
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    before = digest([tmp_path])
    assert digest([tmp_path]) == before
    change(tmp_path)
    assert digest([tmp_path]) != before


def test_settings_count():
    assert len({digest([]), digest([], ""), digest([], "a"), digest([], "a", "b"), digest([], "ab")}) == 5


def test_what_python_writes_does_not_count(tmp_path):
    before = digest([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    assert digest([tmp_path]) == before


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
