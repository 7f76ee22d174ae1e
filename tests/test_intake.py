"""A submission's folder is as hostile as its code: only its regular files are taken, by content."""

import json
import os
import socket
import stat
import sys
import time
import unicodedata
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.grading import intake
from autograder.grading.intake import Submission, before_autograde, names, read, refusal
from autograder.grading.restore import parse

SECRET = b"The instructor's own."
NOTEBOOK = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1", id="a")])).encode()


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course folder, in which nbgrader works, with a secret; and one student's submission with a notebook."""
    monkeypatch.chdir(tmp_path)
    Path("secret").mkdir()
    Path("secret/secret.txt").write_bytes(SECRET)
    Path("secret/ps.ipynb").write_bytes(NOTEBOOK)
    Path("submitted/bob/ps").mkdir(parents=True)
    Path("submitted/bob/ps/ps.ipynb").write_bytes(NOTEBOOK)
    return tmp_path


@pytest.fixture
def folder(course):
    return course / "submitted" / "bob" / "ps"


def sentences(submission, *beginnings):
    assert len(submission.remarks) == len(beginnings), submission.remarks
    for sentence, beginning in zip(submission.remarks, beginnings, strict=True):
        assert sentence.startswith(beginning)
        assert sentence.endswith(".")
        assert "\n" not in sentence
        sentence.encode()


def test_an_honest_submission_is_taken_whole(folder):
    (folder / "data" / "more").mkdir(parents=True)
    (folder / "data" / "more" / "values.csv").write_bytes(b"1,2")
    (folder / "helper.py").write_bytes(b"")
    (folder / "timestamp.txt").write_text("2030-01-31 12:00:00.5 UTC\n")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "ps-checkpoint.ipynb").write_bytes(NOTEBOOK)
    files = {"data/more/values.csv": b"1,2", "helper.py": b"", "timestamp.txt": b"2030-01-31 12:00:00.5 UTC\n"}
    assert read(folder, ["ps"]) == Submission({"ps": NOTEBOOK}, {}, files, datetime(2030, 1, 31, 12, 0, 0, 500_000))


NOON = datetime(2030, 1, 31, 12)
# Said without doubt.
TIMES = {
    "2030-01-31 12:00:00 UTC": NOON,
    "2030-01-31 12:00:00.250000 UTC": NOON.replace(microsecond=250_000),
    "2030-01-31T12:00:00Z": NOON,
    "20300131T120000Z": NOON,
    "2030-01-31 12:00 UTC": NOON,
    "\ufeff2030-01-31 12:00:00 UTC\r\n": NOON,
    "2030-01-31T21:00:00+09:00": NOON,
    "2030-01-31 21:00:00 +09:00": NOON,
    # nbgrader itself takes this for 900 seconds.
    "2030-01-31 21:00:00 +0900": NOON,
    "2030-01-31 21:00:00 Asia/Seoul": NOON,
    "2030-01-31 13:00:00 Europe/Berlin": NOON,
    "2030-06-30 12:00:00 America/New_York": datetime(2030, 6, 30, 16),
    "2030-01-31 03:00:00 Etc/GMT+9": NOON,
}
# What could be several moments, or none.
DOUBTFUL = [
    "2030-01-31 12:00:00 KST", "2030-01-31 12:00:00 Seoul", "2030-01-31 12:00:00 EST", "2030-07-31 12:00:00 CET",
    "2030-01-31 12:00:00 IST", "2030-01-31 12:00:00 localtime", "2030-01-31 12:00:00 /dev/zero",
    "2030-01-31 12:00:00 UTC+9", "2030-01-31 12:00:00 +9", "2030-01-31 12:00:00 +900", "2030-01-31 12:00:00 900",
    "2030-01-31 12:00:00 +99:00", "05/11/2026", "05/11/2026 12:00 UTC", "11.05.2026 12:00 UTC", "2030-01-31",
    "2030-01-31 UTC", "2030-01-31 12:00", "2030-01-31T12:00:00", "2030-01-31 12:00:00 PM", "12:00 UTC", "1900000000",
    "2030-02-30 12:00:00 UTC", "0001-01-01 00:00:00 +1400", "yesterday", "", " ", "9" * 400, "\ud800",
    " " * 2000 + "2030-01-31 12:00:00 UTC",
    # When the clocks change, one hour comes twice, and one never.
    "2030-11-03 01:30:00 America/New_York", "2030-03-10 02:30:00 America/New_York",
]  # fmt: skip


@pytest.mark.parametrize(("text", "timestamp"), TIMES.items())
def test_a_time_that_is_said_without_doubt_is_read(folder, text, timestamp):
    (folder / "timestamp.txt").write_text(text, newline="")
    submission = read(folder, ["ps"])
    assert (submission.timestamp, submission.untimed, submission.remarks) == (timestamp, False, ())
    assert submission.files == {"timestamp.txt": text.encode()}


@pytest.fixture(params=["UTC", "Asia/Seoul"])
def any_zone(request):
    """The machine that grades stands here or there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("text", DOUBTFUL)
def test_no_time_is_guessed(folder, any_zone, text):
    (folder / "timestamp.txt").write_text(text, errors="surrogatepass")
    submission = read(folder, ["ps"])
    assert (submission.timestamp, submission.untimed, submission.files) == (None, True, {})
    sentences(submission, "timestamp.txt was left out: it ")


def test_without_a_time_nothing_is_said(folder):
    assert read(folder, ["ps"]) == Submission({"ps": NOTEBOOK})


def make(kind, path, course):
    """Something at `path` that must not be taken."""
    if kind == "link":
        path.symlink_to(course / "secret" / "secret.txt")
    elif kind == "link to a folder":
        path.symlink_to(course / "secret")
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "hard link":
        path.hardlink_to(course / "secret" / "secret.txt")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root can make a device")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            here = Path.cwd()
            os.chdir(path.parent)
            made.bind(path.name)
            os.chdir(here)
    elif kind == "enormous":
        with path.open("wb") as file:
            file.truncate(intake.NOTEBOOK_SIZE + 1)


KINDS = {
    "link": "is a link",
    "link to a folder": "is a link",
    "link to nothing": "is a link",
    "link to itself": "is a link",
    "hard link": "is a hard link",
    "pipe": "is a pipe or a device",
    "device": "is a pipe or a device",
    "socket": "is a socket or a device",
    "enormous": "has 33554433 bytes; expected at most",
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_regular_file_is_left_out(course, folder, kind):
    make(kind, folder / "data.csv", course)
    (folder / "ps.ipynb").unlink()
    make(kind, folder / "ps.ipynb", course)
    submission = read(folder, ["ps"])
    assert submission.notebooks == submission.files == {}
    sentences(
        submission,
        f"'ps.ipynb' counts as missing: it {KINDS[kind]}",
        f"'data.csv' was left out: it {KINDS[kind]}",
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [("eve/ps", kind) for kind in KINDS] + [("eve", kind) for kind in KINDS if kind.startswith("link")],
)
def test_a_folder_that_is_something_else_is_listed_and_explained(course, path, kind):
    eve = course / "submitted" / "eve"
    if path == "eve/ps":
        eve.mkdir()
    make(kind, course / "submitted" / path, course)
    assert names(course / "submitted", "ps") == ["bob", "eve"]
    submission = read(eve / "ps", ["ps", "other"])
    assert submission.notebooks == submission.files == {}
    sentences(
        submission,
        "'other.ipynb' counts as missing: it was not read: the folder ",
        "'ps.ipynb' counts as missing: it was not read: the folder ",
    )


def test_a_folder_in_the_notebook_s_place(folder):
    (folder / "ps.ipynb").unlink()
    (folder / "ps.ipynb").mkdir()
    sentences(read(folder, ["ps"]), "'ps.ipynb' counts as missing: it is a folder; expected a regular file.")


def test_missing_and_unknown_notebooks(folder):
    (folder / "PS.ipynb").write_bytes(NOTEBOOK)
    submission = read(folder, ["ps", "two"])
    assert submission.notebooks == {"ps": NOTEBOOK}
    assert submission.files == {}
    sentences(
        submission,
        "'two.ipynb' counts as missing: it was not handed in.",
        "'PS.ipynb' was left out: it is not a notebook of this assignment.",
    )


# Notebooks under other names.

KNOWN = {"ps": {"f", "check_f"}}


def handed_in(*grade_ids, source="def f(): ..."):
    """A notebook with these cells of nbgrader's."""
    cells = [
        nbformat.v4.new_code_cell(source, id=name, metadata={"nbgrader": {"grade_id": name}}) for name in grade_ids
    ]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()


OURS = handed_in("f", "check_f")


@pytest.mark.parametrize(
    "path",
    ["Copy of ps.ipynb", "ps (1).ipynb", "PS.ipynb", "ps.IPYNB", "ps.ipynb.txt", "ps.ipynb.json", "과제.ipynb",
     "mine/ps.ipynb", "ps/ps/Copy of ps.ipynb"],
)  # fmt: skip
def test_the_only_notebook_with_the_cells_is_taken(folder, path):
    (folder / "ps.ipynb").unlink()
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(OURS)
    (folder / "another.ipynb").write_bytes(NOTEBOOK)
    submission = read(folder, ["ps"], KNOWN)
    assert (submission.notebooks, submission.missing, submission.problem) == ({"ps": OURS}, {}, None)
    sentences(
        submission,
        f"{path!r} was taken for 'ps.ipynb'.",
        "'another.ipynb' was left out: it is not a notebook of this assignment.",
    )


def test_what_lies_beside_a_notebook_in_a_folder_lies_beside_it_again(folder):
    (folder / "ps.ipynb").unlink()
    (folder / "ps").mkdir()
    (folder / "ps" / "ps.ipynb").write_bytes(OURS)
    (folder / "ps" / "data.csv").write_bytes(b"1,2")
    (folder / "ps" / "timestamp.txt").write_bytes(b"2030-01-31 12:00:00 UTC")
    submission = read(folder, ["ps"], KNOWN)
    assert submission.files == {"data.csv": b"1,2", "timestamp.txt": b"2030-01-31 12:00:00 UTC"}
    assert submission.timestamp == NOON


def test_only_so_many_notebooks_are_looked_into(folder, monkeypatch):
    (folder / "ps.ipynb").unlink()
    for number in range(intake.MAX_OTHERS + 5):
        (folder / f"{number:02}.ipynb").write_bytes(NOTEBOOK)
    (folder / "99.ipynb").write_bytes(OURS)
    parsed = []
    monkeypatch.setattr(intake, "parse", lambda content: parsed.append(content) or parse(content))
    submission = read(folder, ["ps"], KNOWN)
    assert submission.problem.startswith("No notebook of this assignment was handed in")
    assert len(parsed) == intake.MAX_OTHERS


def test_of_equal_copies_any_is_taken(folder):
    (folder / "ps.ipynb").unlink()
    (folder / "Copy of ps.ipynb").write_bytes(OURS)
    (folder / "ps (1).ipynb").write_bytes(OURS)
    assert read(folder, ["ps"], KNOWN).notebooks == {"ps": OURS}


NOT_GRADED = {
    "two that differ": (
        {"a.ipynb": OURS, "b/ps.ipynb": handed_in("f", "check_f", source="")},
        "2 notebooks have the cells of ps.ipynb: 'a.ipynb', 'b/ps.ipynb'; rename the one that counts.",
    ),
    "of another assignment": ({"a.ipynb": handed_in("g", "check_g")}, "No notebook of this assignment was handed in;"),
    "hardly a cell of it": ({"a.ipynb": handed_in("g")}, "No notebook of this assignment was handed in;"),
    "without its cells": ({"a.ipynb": NOTEBOOK}, "No notebook of this assignment was handed in;"),
    "no notebook": (
        {"ps.py": b"1", "a.ipynb": b"2"},
        "No notebook of this assignment was handed in; expected ps.ipynb",
    ),
    "nothing": ({}, "No notebook of this assignment was handed in; expected ps.ipynb."),
}


@pytest.mark.parametrize(("files", "problem"), NOT_GRADED.values(), ids=NOT_GRADED.keys())
def test_what_is_not_clear_is_not_graded(folder, files, problem):
    (folder / "ps.ipynb").unlink()
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    submission = read(folder, ["ps"], KNOWN)
    assert submission.notebooks == {}
    assert submission.problem.startswith(problem)
    assert submission.problem.endswith(".")


def test_the_notebook_with_the_right_name_counts(folder):
    (folder / "ps (1).ipynb").write_bytes(OURS)
    submission = read(folder, ["ps"], KNOWN)
    assert (submission.notebooks, submission.problem) == ({"ps": NOTEBOOK}, None)
    sentences(submission, "'ps (1).ipynb' was left out: it is not a notebook of this assignment.")


def test_one_of_several_notebooks_may_be_missing(folder):
    submission = read(folder, ["ps", "two"], KNOWN | {"two": {"g"}})
    assert (submission.notebooks, submission.problem) == ({"ps": NOTEBOOK}, None)


def test_megabytes_of_saved_outputs_are_no_part_of_a_notebook(folder):
    cell = nbformat.v4.new_code_cell("1 + 1", id="a")
    cell.outputs = [nbformat.v4.new_output("display_data", data={"text/plain": "A" * (intake.NOTEBOOK_SIZE + 1)})]
    (folder / "ps.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    submission = read(folder, ["ps"])
    assert parse(submission.notebooks["ps"]) == parse(NOTEBOOK)
    assert submission.remarks == ()
    # nbgrader, too, gets it without them, and the original is set aside.
    hook(folder)
    assert (folder / "ps.ipynb").stat().st_size < 1000
    assert nbformat.read(folder / "ps.ipynb", as_version=4).cells[0].source == "1 + 1"


@pytest.mark.parametrize("kind", ["byte-order mark", "no nbformat_minor"])
def test_nbgrader_gets_a_notebook_that_it_can_read(course, folder, kind):
    old = (
        b"\xef\xbb\xbf" + NOTEBOOK if kind == "byte-order mark" else NOTEBOOK.replace(b'"nbformat_minor": 5', b'"a": 5')
    )
    (folder / "ps.ipynb").write_bytes(old)
    hook(folder)
    assert nbformat.read(folder / "ps.ipynb", as_version=4).cells[0].source == "1 + 1"
    assert (aside(course) / "ps.ipynb").read_bytes() == old
    written = (folder / "ps.ipynb").read_bytes()
    hook(folder)
    assert (folder / "ps.ipynb").read_bytes() == written


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("김철수", "김철수"),
        (unicodedata.normalize("NFD", "김철수"), "김철수"),
        (unicodedata.normalize("NFD", "Zoë Müller"), "Zoë Müller"),
        ("a\nb\x1b[31m\u202e", r"a\nb\x1b[31m\u202e"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_names_are_printed_as_names(name, shown):
    assert intake.printable(name) == shown


def test_names_are_data(folder):
    odd = ["-rf", "a\nb", "..a", "{x}", "%s", "caf\udce9", "*", "a" * 255, "' or 1"]
    for name in odd:
        Path(folder, name).write_bytes(b"1")
    submission = read(folder, ["ps"])
    assert sorted(submission.files) == sorted(odd)
    for name in odd:
        Path(folder, name).unlink()
        Path(folder, name).symlink_to("x")
    submission = read(folder, ["ps"])
    assert submission.files == {}
    assert len(submission.remarks) == len(odd)
    for sentence in submission.remarks:
        sentence.encode()
        assert "\n" not in sentence
        assert len(sentence) < 200


def test_number_depth_and_total_are_bounded(folder, monkeypatch):
    monkeypatch.setattr(intake, "MAX_ENTRIES", 30)
    monkeypatch.setattr(intake, "TOTAL_SIZE", 100)
    deep = folder.joinpath(*"abcdefghijk")
    deep.mkdir(parents=True)
    (deep / "x").write_bytes(b"1")
    (folder / "large").write_bytes(b"1" * 101)
    submission = read(folder, ["ps"])
    assert submission.files == {}
    sentences(
        submission,
        "'a/b/c/d/e/f/g/h/i' was left out: it is a folder more than 8 levels deep.",
        "'large' was left out: it has 101 bytes; expected at most 100.",
    )
    for number in range(40):
        (folder / f"file{number}").write_bytes(b"1")
    submission = read(folder, ["ps"])
    assert submission.notebooks == {"ps": NOTEBOOK}
    assert 10 < len(submission.files) < 30
    assert submission.remarks[-1] == "There are more than 30 files and folders; the rest was left out."


def test_remarks_are_bounded(folder):
    for number in range(100):
        (folder / f"link{number}").symlink_to("x")
    assert len(read(folder, ["ps"]).remarks) == intake.MAX_REMARKS + 1
    assert read(folder, ["ps"]).remarks[-1] == "50 more were left out."


def test_only_who_handed_in_this_assignment_is_listed(course):
    (course / "submitted" / "ann" / "other").mkdir(parents=True)
    (course / "submitted" / "notes.txt").write_text("")
    (course / "submitted" / "a\nb" / "ps").mkdir(parents=True)
    assert names(course / "submitted", "ps") == ["a\nb", "bob"]
    assert names(course / "nowhere", "ps") == []


@pytest.mark.parametrize(
    "student", ["bob", "b.o-b@example.org", "Zoë Müller", "-rf", "1" * 128, "o'neill", "a,b", "{x}"]
)
def test_nbgrader_can_take_these_students(student):
    assert refusal(student) is None


@pytest.mark.parametrize("student", ["a\nb", "caf\udce9", ".git", " bob", "bob\t", "*", "a[b]", "a?", "1" * 129])
def test_nbgrader_cannot_take_these_students(student):
    sentence = refusal(student)
    assert sentence.endswith("; rename the folder in submitted/.")
    sentence.encode()
    assert "\n" not in sentence


# Before nbgrader's own copying.


@pytest.mark.parametrize("text", [*TIMES, *DOUBTFUL])
def test_nbgrader_reads_a_time_as_we_do(course, folder, text):
    (folder / "timestamp.txt").write_text(text, errors="surrogatepass")
    expected = TIMES.get(text)
    coursedir = CourseDirectory(root=str(course))
    assert coursedir.get_existing_timestamp(str(folder)) == expected
    assert NbGraderAPI(coursedir=coursedir).get_submitted_timestamp("ps", "bob") == expected
    # The file stays where it is, for somebody to write it anew.
    written = (folder / "timestamp.txt").read_bytes()
    hook(folder)
    assert (folder / "timestamp.txt").read_bytes() == written
    assert not (course / "set-aside").exists()


def hook(folder):
    """As nbgrader calls it when it grades the whole class."""
    notebooks = [str(path) for path in sorted(folder.glob("*.ipynb"))]
    before_autograde(assignment="ps", student="*", notebooks=notebooks)


def tree(folder):
    """Everything below: the content of files, the target of links, the type of the rest."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else stat.S_IFMT(path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }


def aside(course, number=1):
    return course / "set-aside" / "bob" / "ps" / str(number)


def test_an_honest_submission_stays_as_it_is(course, folder):
    (folder / "data").mkdir()
    (folder / "data" / "values.csv").write_bytes(b"1,2")
    (folder / "timestamp.txt").write_text("2030-01-31 12:00:00 UTC")
    for ignored in ("__pycache__/a.pyc", ".ipynb_checkpoints/ps-checkpoint.ipynb", "data/other.ipynb", "b.pyc"):
        (folder / ignored).parent.mkdir(exist_ok=True)
        (folder / ignored).write_bytes(b"{}")
    before = tree(folder)
    hook(folder)
    assert tree(folder) == before
    assert not (course / "set-aside").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["data.csv", "data/values.csv", "data/__pycache__", "a[1]/x.ipynb", "timestamp.txt"])
def test_what_would_harm_is_set_aside(course, folder, kind, place):
    (folder / place).parent.mkdir(exist_ok=True)
    make(kind, folder / place, course)
    before = os.lstat(folder / place)
    hook(folder)
    assert tree(folder) == {"ps.ipynb": NOTEBOOK}
    # Moved, and not what a link points to.
    after = os.lstat(aside(course) / place)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert tree(course / "secret") == {"ps.ipynb": NOTEBOOK, "secret.txt": SECRET}


@pytest.mark.parametrize("kind", [*KINDS, "folder", "text", "half"])
def test_an_unreadable_notebook_is_replaced_by_one_that_says_so(course, folder, kind):
    (folder / "ps.ipynb").unlink()
    make(kind, folder / "ps.ipynb", course)
    if kind == "folder":
        (folder / "ps.ipynb").mkdir()
        (folder / "ps.ipynb" / "x").write_bytes(b"1")
    elif kind in ("text", "half"):
        (folder / "ps.ipynb").write_bytes({"text": b"relu", "half": NOTEBOOK[:-30]}[kind])
    before = os.lstat(folder / "ps.ipynb")
    hook(folder)
    assert os.lstat(aside(course) / "ps.ipynb").st_ino == before.st_ino
    (cell,) = parse((folder / "ps.ipynb").read_bytes()).cells
    assert cell.cell_type == "markdown"
    assert cell.source.startswith("The notebook that was handed in ")
    assert KINDS.get(kind, "is") in cell.source
    # Again, as in a regrade.
    left = tree(folder)
    hook(folder)
    assert tree(folder) == left
    assert not aside(course, 2).exists()


@pytest.mark.parametrize("link", ["submitted/bob", "submitted/bob/ps"])
def test_a_linked_folder_is_not_followed(course, folder, link):
    """nbgrader's own search for submissions goes through it."""
    (folder / "ps.ipynb").unlink()
    folder.rmdir()
    if link == "submitted/bob":
        folder.parent.rmdir()
        (course / "secret" / "ps").mkdir()
        (course / "secret" / "ps.ipynb").rename(course / "secret" / "ps" / "ps.ipynb")
    (course / link).symlink_to(course / "secret")
    before = tree(course / "secret")
    hook(folder)
    assert (aside(course) / Path(link).name).is_symlink()
    assert tree(course / "secret") == before
    assert "is a link" in json.loads((folder / "ps.ipynb").read_text())["cells"][0]["source"][0]


def test_what_was_set_aside_earlier_is_never_stepped_into(course, folder):
    (folder / "x").symlink_to(course / "secret")
    hook(folder)
    (folder / "x").mkdir()
    (folder / "x" / "secret.txt").symlink_to("nothing")
    hook(folder)
    assert tree(course / "secret") == {"ps.ipynb": NOTEBOOK, "secret.txt": SECRET}
    assert tree(aside(course, 2)) == {"x/secret.txt": "nothing"}


def test_too_many_too_deep_and_too_large_is_set_aside(course, folder, monkeypatch):
    monkeypatch.setattr(intake, "MAX_ENTRIES", 30)
    deep = folder.joinpath(*"abcdefghijk")
    deep.mkdir(parents=True)
    (deep / "x").write_bytes(b"1")
    for number in range(40):
        (folder / f"file{number}").write_bytes(b"1")
    before = tree(folder)
    hook(folder)
    assert len(tree(folder)) < 30
    assert tree(folder).keys() == {"ps.ipynb", *read(folder, ["ps"]).files}
    assert tree(folder) | tree(aside(course)) == before


def test_a_folder_that_cannot_be_written(course, folder):
    (folder / "data").mkdir()
    (folder / "data" / "x").symlink_to("nothing")
    (folder / "data").chmod(0o500)
    folder.chmod(0o500)
    hook(folder)
    assert tree(aside(course)) == {"data/x": "nothing"}


def test_grading_stops_where_a_submission_stays_dangerous(course, folder):
    """nbgrader goes on after every other exception, and would copy what the link points to."""
    (folder / "x").symlink_to(course / "secret")
    (course / "set-aside").write_text("in the way")
    with pytest.raises(SystemExit, match="cannot be made safe for nbgrader"):
        hook(folder)


# nbgrader itself, set up in this way.

CHECK = "assert f() == 1"


def released(**changed):
    """The source notebook, with another source for some of its cells."""
    sources = {"f": "raise NotImplementedError()", "check_f": CHECK} | changed
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for grade_id, source in sources.items():
        grade = grade_id == "check_f"
        cell = nbformat.v4.new_code_cell(source, id=grade_id)
        cell.metadata["nbgrader"] = {
            "schema_version": 3, "grade_id": grade_id, "grade": grade, "solution": not grade, "locked": grade,
            "task": False, "points": 2,
        }  # fmt: skip
        notebook.cells.append(cell)
    return notebook


@pytest.mark.slow
def test_nbgrader_grades_a_hostile_class(tmp_path, monkeypatch):
    """Every student gets the fair score, and nothing of the instructor's gets into what is graded."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    config = Config()
    config.CourseDirectory.root = str(tmp_path)
    config.Autograde.pre_convert_hook = "autograder.grading.intake.before_autograde"
    config.Autograde.sanitize_preprocessors = [
        "autograder.grading.restore.Restore",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    nbgrader = NbGraderAPI(coursedir=CourseDirectory(config=config), config=config, log_level="ERROR")
    (tmp_path / "source" / "ps").mkdir(parents=True)
    nbformat.write(released(), tmp_path / "source" / "ps" / "ps.ipynb")
    assert nbgrader.generate_assignment("ps")["success"]

    right = released(f="def f():\n    return 1")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    nbformat.write(right, tmp_path / "secret.ipynb")

    def without_check(notebook):
        del notebook.cells[1]

    def check_first(notebook):
        notebook.cells.reverse()

    def twice(notebook):
        notebook.cells += [dict(cell, id=cell.id + "2") for cell in notebook.cells]

    def easy(notebook):
        notebook.cells[1].source = "1e9"
        notebook.cells[1].metadata["nbgrader"] = {"grade_id": "check_f", "points": 100}

    def other_kernel(notebook):
        notebook.metadata["kernelspec"] = {"name": "julia", "display_name": "Julia"}

    edits = {"honest": lambda notebook: None, "without": without_check, "order": check_first, "twice": twice}
    edits |= {"easy": easy, "kernel": other_kernel}
    for student, edit in edits.items():
        folder = tmp_path / "submitted" / student / "ps"
        folder.mkdir(parents=True)
        notebook = released() if student == "easy" else nbformat.from_dict(right)
        edit(notebook)
        (folder / "ps.ipynb").write_text(json.dumps(notebook))
    for student in ("link", "text", "pipe"):
        folder = tmp_path / "submitted" / student / "ps"
        folder.mkdir(parents=True)
        (folder / "ps.ipynb").write_bytes(NOTEBOOK)
        (folder / "secret.txt").symlink_to(tmp_path / "secret.txt")
        os.mkfifo(folder / "timestamp.txt")
    (tmp_path / "submitted" / "link" / "ps" / "ps.ipynb").unlink()
    (tmp_path / "submitted" / "link" / "ps" / "ps.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (tmp_path / "submitted" / "text" / "ps" / "ps.ipynb").write_bytes(b"relu")
    (tmp_path / "submitted" / "pipe" / "ps" / "ps.ipynb").unlink()
    os.mkfifo(tmp_path / "submitted" / "pipe" / "ps" / "ps.ipynb")

    graded = nbgrader.autograde("ps", "*")
    assert graded["success"], graded["log"]
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        scores = {s.student.id: s.score for s in gradebook.assignment_submissions("ps")}
    assert scores == {
        "honest": 2, "without": 2, "order": 2, "twice": 2, "kernel": 2, "easy": 0, "link": 0, "text": 0, "pipe": 0,
    }  # fmt: skip
    for student in scores:
        assert tree(tmp_path / "autograded" / student / "ps").keys() == {"ps.ipynb"}
    assert "was handed in is not JSON" in (tmp_path / "autograded" / "text" / "ps" / "ps.ipynb").read_text()
