"""The one fingerprint: what changes it, and what does not."""

import pytest

from autograder.digest import digest


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
