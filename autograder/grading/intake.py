"""What a student handed in, read as data: regular files of bounded number and size; never links, pipes or devices."""

import errno
import itertools
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

import nbformat
from nbgrader.utils import parse_utc

from autograder.grading.restore import UnreadableError, parse

# Bytes.
NOTEBOOK_SIZE = 32 * 2**20
FILE_SIZE = 16 * 2**20
TOTAL_SIZE = 64 * 2**20
TIMESTAMP_SIZE = 2**10
# Files and folders beside the notebooks, and folders inside one another.
MAX_ENTRIES = 1_000
MAX_DEPTH = 8
MAX_REMARKS = 50

TIMESTAMP = "timestamp.txt"
# What nbgrader too leaves where it is (`CourseDirectory.ignore`).
IGNORED = (".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback")

# Student names that nbgrader cannot take, and why.
REFUSED = (
    (r".*[\ud800-\udfff].*", "is not UTF-8"),
    (r".*[\x00-\x1f\x7f].*", "has a control character in it"),
    (r"\..*", "begins with a dot, so nbgrader does not see it"),
    (r"\s.*|.*\s", "begins or ends with a space, which nbgrader strips"),
    (r".*[*?\[\]].*", "has one of the characters * ? [ ] in it, which nbgrader reads as a pattern"),
    (r".{129,}", "has more than 128 characters, for which the gradebook has no room"),
)


NOT_HANDED_IN = "was not handed in."


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    notebooks  content by name, without ``.ipynb``; a notebook that is not here counts as missing
    missing    for each notebook that counts as missing, the end of the sentence that says why
    files      content of everything else that is taken along, by path relative to the submission
    timestamp  when it was handed in, in UTC and without a timezone, as nbgrader keeps it
    remarks    one sentence for each thing that was left out
    """

    notebooks: dict[str, bytes] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    timestamp: datetime | None = None
    remarks: tuple[str, ...] = ()


class _LeftOutError(Exception):
    """Something is not taken; the message is the end of a sentence that begins with its name."""


class _TooManyError(Exception):
    """No more entries are taken."""


def names(submitted: Path, assignment: str) -> list[str]:
    """The students who handed in `assignment`, sorted. A folder that is a link counts; `read` says what it is."""
    try:
        with os.scandir(submitted) as entries:
            return sorted(entry.name for entry in entries if _handed_in(entry, assignment))
    except FileNotFoundError:
        return []


def _handed_in(entry: os.DirEntry, assignment: str) -> bool:
    return entry.is_symlink() or (entry.is_dir(follow_symlinks=False) and os.path.lexists(Path(entry.path, assignment)))


def refusal(student: str) -> str | None:
    """One sentence when nbgrader cannot take a student of this name, else None."""
    for pattern, reason in REFUSED:
        if re.fullmatch(pattern, student, re.DOTALL):
            return f"The student's name {_show(student)} {reason}; rename the folder in submitted/."
    return None


def read(folder: Path, notebooks: Collection[str]) -> Submission:
    """What is in `folder` (``submitted/<student>/<assignment>``), for an assignment with these notebooks.

    Raises nothing, whatever the folder holds. Neither the student's nor the assignment's folder may be a link.
    """
    found = _Found(frozenset(f"{name}.ipynb" for name in notebooks))
    taken: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    timestamp = None
    try:
        with _open(folder.parent) as student, _open(folder.name, student) as top:
            _list(top)  # raises where this is no folder
            for name in sorted(notebooks):
                try:
                    with _open(f"{name}.ipynb", top) as notebook:
                        taken[name] = _content(notebook, NOTEBOOK_SIZE)
                except _LeftOutError as error:
                    missing[name] = str(error)
            found.below(top)
    except _TooManyError:
        found.remarks.append(f"There are more than {MAX_ENTRIES} files and folders; the rest was left out.")
    except _LeftOutError as error:
        missing = dict.fromkeys(sorted(notebooks), f"was not read: the folder {error}")
    if TIMESTAMP in found.files:
        try:
            timestamp = _timestamp(found.files[TIMESTAMP])
        except _LeftOutError as error:
            del found.files[TIMESTAMP]
            found.remarks.append(f"{TIMESTAMP} was left out: it {error}")
    remarks = [f"{_show(f'{name}.ipynb')} counts as missing: it {why}" for name, why in missing.items()]
    remarks += found.remarks
    if len(remarks) > MAX_REMARKS:
        remarks[MAX_REMARKS:] = [f"{len(remarks) - MAX_REMARKS} more were left out."]
    return Submission(taken, missing, found.files, timestamp, tuple(remarks))


class _Found:
    """The files of a submission beside its notebooks, and a remark for each that is left out."""

    def __init__(self, notebooks: Collection[str]):
        self.notebooks = notebooks
        self.files: dict[str, bytes] = {}
        self.remarks: list[str] = []
        self.entries = 0

    def below(self, directory: int, prefix: str = "") -> None:
        """Take what is in an open folder. Raises `_TooManyError`."""
        for name in _list(directory):
            path = prefix + name
            if path in self.notebooks or any(fnmatch(name, pattern) for pattern in IGNORED):
                continue
            self.entries += 1
            if self.entries > MAX_ENTRIES:
                raise _TooManyError
            try:
                with _open(name, directory) as entry:
                    self._take(path, entry)
            except _LeftOutError as error:
                self.remarks.append(f"{_show(path)} was left out: it {error}")

    def _take(self, path: str, entry: int) -> None:
        if stat.S_ISDIR(os.fstat(entry).st_mode):
            if path.count("/") >= MAX_DEPTH:
                raise _LeftOutError(f"is a folder more than {MAX_DEPTH} levels deep.")
            self.below(entry, f"{path}/")
        elif fnmatch(path, "*.ipynb"):
            raise _LeftOutError("is not a notebook of this assignment.")
        else:
            room = TOTAL_SIZE - sum(map(len, self.files.values()))
            self.files[path] = _content(entry, min(FILE_SIZE, room))


def _list(directory: int) -> list[str]:
    """Some of the names in an open folder, sorted: as many as could matter."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in itertools.islice(entries, 2 * MAX_ENTRIES))
    except NotADirectoryError as error:
        raise _LeftOutError("is not a folder; expected one.") from error
    except OSError as error:
        raise _LeftOutError(f"cannot be read ({os.strerror(error.errno)}).") from error


@contextmanager
def _open(path: str | Path, directory: int | None = None) -> Iterator[int]:
    """A descriptor of a file or folder, never of what a link points to; waits for nothing."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, dir_fd=directory)
    except OSError as error:
        reasons = {
            errno.ELOOP: "is a link; expected what it points to.",
            errno.ENOENT: NOT_HANDED_IN,
            errno.ENXIO: "is a socket or a device; expected a regular file.",
        }
        reason = reasons.get(error.errno, f"cannot be opened ({os.strerror(error.errno)}).")
        raise _LeftOutError(reason) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _content(descriptor: int, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "pipe or a device"
        raise _LeftOutError(f"is a {kind}; expected a regular file.")
    if status.st_nlink > 1:
        # Another name of a file that may be the instructor's own.
        raise _LeftOutError("is a hard link; expected a file of its own: replace it by a copy.")
    if status.st_size > limit:
        raise _LeftOutError(f"has {status.st_size} bytes; expected at most {limit}.")
    try:
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise _LeftOutError(f"cannot be read ({os.strerror(error.errno)}).") from error
    if len(content) > limit:
        raise _LeftOutError(f"has more than {limit} bytes.")
    return content


def _timestamp(content: bytes) -> datetime:
    try:
        # nbgrader reads an empty file as no timestamp, and fails at one that it cannot parse.
        if text := content[:TIMESTAMP_SIZE].decode().strip():
            return parse_utc(text)
    except Exception as error:
        # dateutil raises more than it says.
        raise _LeftOutError("cannot be read as a time; expected one like 2030-01-31 12:00:00 UTC.") from error
    raise _LeftOutError("is empty; expected a time like 2030-01-31 12:00:00 UTC.")


def _show(name: str) -> str:
    """A name on one line of printable characters."""
    shown = repr(name)
    return shown if len(shown) <= 100 else shown[:99] + "…"


def stand_in(reason: str) -> bytes:
    """A notebook of one cell that says why what was handed in cannot be graded. `reason` ends the sentence."""
    cell = nbformat.v4.new_markdown_cell(f"The notebook that was handed in {reason}", id="unreadable")
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()


def before_autograde(assignment: str, student: str, notebooks: list[str]) -> None:
    """Make one submission harmless before nbgrader copies it; for nbgrader's ``Autograde.pre_convert_hook``.

    What `read` would leave out is moved to ``set-aside/<student>/<assignment>/<number>/`` in the course folder,
    which is nbgrader's working folder at this time; a notebook that cannot be read is replaced by one that says
    so. `notebooks` are the paths of the submission at hand. `assignment` and `student` are not used: they are the
    patterns that nbgrader was started with. Exits the program where the submission stays dangerous, as nbgrader
    goes on after any other exception.
    """
    folder = Path(notebooks[0]).parent
    try:
        _make_harmless(folder, [Path(notebook).stem for notebook in notebooks])
    except Exception as error:
        raise SystemExit(f"{folder} cannot be made safe for nbgrader: {error}.") from error


def _make_harmless(folder: Path, notebooks: list[str]) -> None:
    submission = read(folder, notebooks)
    unreadable = dict(submission.missing)
    for name, content in submission.notebooks.items():
        try:
            parse(content)
        except UnreadableError as error:
            unreadable[name] = str(error)
    links = [path for path in (folder.parent, folder) if path.is_symlink()]
    strays = links[:1] or list(_strays(folder, submission, {f"{name}.ipynb" for name in unreadable}))
    if strays:
        aside = _new_folder(Path("set-aside", folder.parent.name, folder.name).absolute())
    for path in strays:
        target = aside / (path.name if path in links else path.relative_to(folder))
        target.parent.mkdir(parents=True, exist_ok=True)
        # Nothing can be moved out of a folder that cannot be written.
        path.parent.chmod(path.parent.stat().st_mode | stat.S_IRWXU)
        path.rename(target)
    folder.mkdir(parents=True, exist_ok=True)
    for name, reason in unreadable.items():
        with (folder / f"{name}.ipynb").open("xb") as file:
            file.write(stand_in(reason))


def _strays(folder: Path, submission: Submission, unreadable: Collection[str]) -> Iterator[Path]:
    """What must not stay in a submission: all that was not taken, but for plain files that nbgrader ignores."""
    keep = submission.files.keys() | {f"{name}.ipynb" for name in submission.notebooks}
    for directory, folders, files in os.walk(folder):
        inside = Path(directory).relative_to(folder)
        deep = len(inside.parts) >= MAX_DEPTH
        here = [inside / name for name in folders]
        out = [path for path in here if deep or (folder / path).is_symlink() or str(path) in unreadable]
        # os.walk goes on with the folders that are left in its list.
        folders[:] = [path.name for path in here if path not in out]
        for path in (inside / name for name in files):
            if str(path) in unreadable or not (str(path) in keep or _is_ignored(folder, path)):
                out.append(path)
        yield from (folder / path for path in out)


def _is_ignored(folder: Path, path: Path) -> bool:
    """Whether nbgrader does not copy this file, and would not be harmed if it did."""
    status = (folder / path).lstat()
    plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size <= FILE_SIZE
    return plain and any(fnmatch(part, pattern) for part in path.parts for pattern in (*IGNORED, "*.ipynb"))


def _new_folder(parent: Path) -> Path:
    """A new numbered folder: what was set aside before may be a link, and is never stepped into."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = next(parent / str(n) for n in itertools.count(1) if not os.path.lexists(parent / str(n)))
    folder.mkdir()
    return folder
