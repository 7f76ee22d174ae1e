"""What a student handed in, read as data: regular files of bounded number and size; never links, pipes or devices."""

import errno
import itertools
import json
import os
import re
import stat
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

import nbformat
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.log import get_logger

from autograder.grading.restore import UnreadableError, grade_ids_of, parse
from autograder.grading.saved import TooDenseError, without_outputs
from autograder.grading.times import TimeError, read_time

# Bytes: of a notebook without its saved outputs, and with them.
NOTEBOOK_SIZE = 32 * 2**20
SAVED_SIZE = 128 * 2**20
FILE_SIZE = 16 * 2**20
TOTAL_SIZE = 64 * 2**20
TIMESTAMP_SIZE = 2**10
# Files and folders beside the notebooks, and folders inside one another.
MAX_ENTRIES = 1_000
MAX_DEPTH = 8
MAX_REMARKS = 50
MAX_SHOWN = 5
# Notebooks under other names that are looked into.
MAX_OTHERS = 20

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

    notebooks  content by name, without ``.ipynb`` and without saved outputs; one that is not here counts as missing
    missing    for each notebook that counts as missing, the end of the sentence that says why
    files      content of everything else that is taken along, by path relative to the submission
    timestamp  when it was handed in, in UTC and without a timezone, as nbgrader keeps it
    untimed    whether there is a ``timestamp.txt`` that does not say when
    remarks    one sentence for each thing that was left out
    problem    one sentence when this cannot be graded: there is no notebook, or it is not clear which one counts
    """

    notebooks: dict[str, bytes] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    timestamp: datetime | None = None
    untimed: bool = False
    remarks: tuple[str, ...] = ()
    problem: str | None = None


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


def read(folder: Path, notebooks: Collection[str], cells: Mapping[str, Collection[str]] | None = None) -> Submission:
    """What is in `folder` (``submitted/<student>/<assignment>``), for an assignment with these notebooks.

    `cells` are the grade_ids by which each of them is known: one that is not there under its name is looked for under
    other names and in the folders below. Raises nothing, whatever the folder holds. Neither the student's nor the
    assignment's folder may be a link.
    """
    found = _Found(frozenset(f"{name}.ipynb" for name in notebooks))
    taken: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    problem = None
    try:
        with _open(folder.parent) as student, _open(folder.name, student) as top:
            _list(top)  # raises where this is no folder
            for name in sorted(notebooks):
                try:
                    with _open(f"{name}.ipynb", top) as notebook:
                        taken[name] = _without_outputs(_content(notebook, SAVED_SIZE), NOTEBOOK_SIZE)
                except _LeftOutError as error:
                    missing[name] = str(error)
            found.time(top)
            found.below(top)
            problem = found.adopt(taken, missing, cells or {})
    except _TooManyError:
        found.remarks.append(f"There are more than {MAX_ENTRIES} files and folders; the rest was left out.")
    except _LeftOutError as error:
        missing = dict.fromkeys(sorted(notebooks), f"was not read: the folder {error}")
    remarks = [f"{_show(f'{name}.ipynb')} counts as missing: it {why}" for name, why in missing.items()]
    remarks += found.remarks
    if len(remarks) > MAX_REMARKS:
        remarks[MAX_REMARKS:] = [f"{len(remarks) - MAX_REMARKS} more were left out."]
    return Submission(taken, missing, found.files, found.timestamp, found.untimed, tuple(remarks), problem)


def handed_in_at(folder: Path) -> datetime | None:
    """The time in the `timestamp.txt` of a submission, as `read` finds it; None where there is none."""
    try:
        found = _Found(())
        with _open(folder.parent) as student, _open(folder.name, student) as top:
            found.time(top)
        return found.timestamp
    except _LeftOutError:
        return None


class _Found:
    """The files of a submission beside its notebooks, its time, and a remark for each thing that is left out."""

    def __init__(self, notebooks: Collection[str]):
        self.notebooks = notebooks
        self.files: dict[str, bytes] = {}
        self.others: dict[str, bytes] = {}
        self.timestamp: datetime | None = None
        self.untimed = False
        self.remarks: list[str] = []
        self.entries = 0
        self.saved = SAVED_SIZE

    def time(self, directory: int) -> None:
        """Take the time in the open folder of the submission."""
        try:
            with _open(TIMESTAMP, directory) as entry:
                content = _content(entry, TIMESTAMP_SIZE)
        except _LeftOutError as error:
            if str(error) != NOT_HANDED_IN:
                self._time_says_nothing(str(error))
        else:
            self._read_time(content)

    def _read_time(self, content: bytes) -> None:
        try:
            self.timestamp = read_time(content.decode("utf-8-sig"))
            self.files[TIMESTAMP] = content
        except UnicodeDecodeError:
            self._time_says_nothing("is not text in UTF-8.")
        except TimeError as error:
            self._time_says_nothing(str(error))

    def _time_says_nothing(self, why: str) -> None:
        self.untimed = True
        self.remarks.append(f"{TIMESTAMP} was left out: it {why} Nothing counts as late.")

    def below(self, directory: int, prefix: str = "") -> None:
        """Take what is in an open folder. Raises `_TooManyError`."""
        for name in _list(directory):
            path = prefix + name
            if path in self.notebooks or path == TIMESTAMP or any(fnmatch(name, pattern) for pattern in IGNORED):
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
        room = TOTAL_SIZE - sum(map(len, (*self.files.values(), *self.others.values())))
        if stat.S_ISDIR(os.fstat(entry).st_mode):
            if path.count("/") >= MAX_DEPTH:
                raise _LeftOutError(f"is a folder more than {MAX_DEPTH} levels deep.")
            self.below(entry, f"{path}/")
        elif ".ipynb" in path.rpartition("/")[2].lower():
            if len(self.others) == MAX_OTHERS:
                raise _LeftOutError("is not a notebook of this assignment.")
            content = _content(entry, self.saved)
            self.saved -= len(content)
            self.others[path] = _without_outputs(content, min(NOTEBOOK_SIZE, room))
        else:
            self.files[path] = _content(entry, min(FILE_SIZE, room))

    def adopt(
        self, taken: dict[str, bytes], missing: dict[str, str], cells: Mapping[str, Collection[str]]
    ) -> str | None:
        """Take the only other notebook that carries the cells of a missing one; if it is not clear which, say so."""
        problem = None
        for name in [name for name, why in missing.items() if why == NOT_HANDED_IN]:
            paths = [path for path, content in self.others.items() if _carries(content, cells.get(name, ()))]
            if len({self.others[path] for path in paths}) == 1:
                taken[name] = self.others.pop(paths[0])
                del missing[name]
                self.remarks.append(f"{_show(paths[0])} was taken for {_show(f'{name}.ipynb')}.")
                self._lift(paths[0].rpartition("/")[0])
            elif paths:
                shown = ", ".join(map(_show, paths[:MAX_SHOWN]))
                problem = f"{len(paths)} notebooks have the cells of {name}.ipynb: {shown}; rename the one that counts."
        if not problem and missing and not taken and set(missing.values()) == {NOT_HANDED_IN}:
            expected = ", ".join(f"{name}.ipynb" for name in missing)
            problem = f"No notebook of this assignment was handed in; expected {expected}."
        self.remarks += [
            f"{_show(path)} was left out: it is not a notebook of this assignment." for path in self.others
        ]
        return problem

    def _lift(self, folder: str) -> None:
        """Lay the files beside a notebook that stood in a folder of its own beside it again."""
        for path in [path for path in self.files if folder and path.startswith(f"{folder}/")]:
            beside = path.removeprefix(f"{folder}/")
            if beside not in self.files:
                self.files[beside] = self.files.pop(path)
        if self.timestamp is None and not self.untimed and TIMESTAMP in self.files:
            self._read_time(self.files.pop(TIMESTAMP))


def _carries(content: bytes, grade_ids: Collection[str]) -> bool:
    """Whether a notebook has at least half of these cells."""
    try:
        cells = parse(content).cells
    except UnreadableError:
        return False
    return 2 * len(grade_ids_of(cells) & set(grade_ids)) >= max(1, len(grade_ids))


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


def _without_outputs(content: bytes, limit: int) -> bytes:
    """A notebook without its saved outputs; that must have at most `limit` bytes."""
    try:
        bare = without_outputs(content)
    except TooDenseError as error:
        raise _LeftOutError(str(error)) from error
    if len(bare) > limit:
        raise _LeftOutError(f"has {len(bare)} bytes; expected at most {limit} beside its saved outputs.")
    return bare


def printable(name: str) -> str:
    """A name as it is written, on one line: in its composed form, which macOS takes apart, and nothing unprintable."""
    composed = unicodedata.normalize("NFC", name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in composed)


def _show(name: str) -> str:
    """A name in quotes, on one line of printable characters."""
    shown = repr(unicodedata.normalize("NFC", name))
    return shown if len(shown) <= 100 else shown[:99] + "…"


def stand_in(reason: str) -> bytes:
    """A notebook of one cell that says why what was handed in cannot be graded. `reason` ends the sentence."""
    cell = nbformat.v4.new_markdown_cell(f"The notebook that was handed in {reason}", id="unreadable")
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()


def before_autograde(assignment: str, student: str, notebooks: list[str]) -> None:
    """Make one submission harmless before nbgrader copies it; for nbgrader's ``Autograde.pre_convert_hook``.

    What `read` would leave out is moved to ``set-aside/<student>/<assignment>/<number>/`` in the course folder,
    which is nbgrader's working folder at this time; a notebook that cannot be read is replaced by one that says
    so, and one that only nbgrader cannot read by one that it can. `notebooks` are the paths of the submission at
    hand. `assignment` and `student` are not used: they are the patterns that nbgrader was started with. Exits the
    program where the submission stays dangerous, as nbgrader goes on after any other exception.
    """
    folder = Path(notebooks[0]).parent
    try:
        _make_harmless(folder, [Path(notebook).stem for notebook in notebooks])
    except Exception as error:
        raise SystemExit(f"{folder} cannot be made safe for nbgrader: {error}.") from error


def _make_harmless(folder: Path, notebooks: list[str]) -> None:
    submission = read(folder, notebooks)
    for remark in submission.remarks:
        get_logger().warning("%s: %s", folder, remark)
    unreadable, rewritten = dict(submission.missing), {}
    for name, content in submission.notebooks.items():
        try:
            notebook = parse(content)
        except UnreadableError as error:
            unreadable[name] = str(error)
        else:
            if not _nbgrader_reads(folder / f"{name}.ipynb"):
                rewritten[name] = json.dumps(notebook).encode()
    links = [path for path in (folder.parent, folder) if path.is_symlink()]
    strays = links[:1] or list(_strays(folder, submission, {f"{name}.ipynb" for name in (*unreadable, *rewritten)}))
    if strays:
        aside = _new_folder(Path("set-aside", folder.parent.name, folder.name).absolute())
    for path in strays:
        target = aside / (path.name if path in links else path.relative_to(folder))
        target.parent.mkdir(parents=True, exist_ok=True)
        # Nothing can be moved out of a folder that cannot be written.
        path.parent.chmod(path.parent.stat().st_mode | stat.S_IRWXU)
        path.rename(target)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (rewritten | {name: stand_in(reason) for name, reason in unreadable.items()}).items():
        with (folder / f"{name}.ipynb").open("xb") as file:
            file.write(content)


def _nbgrader_reads(notebook: Path) -> bool:
    """Whether nbgrader, which reads saved outputs, too, can take a notebook as it is."""
    if notebook.stat().st_size > NOTEBOOK_SIZE:
        return False
    try:
        return isinstance(nbformat.read(notebook, as_version=4).get("nbformat_minor"), int)
    except Exception:
        # A byte-order mark, say. Readers of every version raise whatever they stumble over.
        return False


def _strays(folder: Path, submission: Submission, unreadable: Collection[str]) -> Iterator[Path]:
    """What must not stay in a submission: all that was not taken, but for plain files that do no harm."""
    keep = submission.files.keys() | {f"{name}.ipynb" for name in submission.notebooks}
    for directory, folders, files in os.walk(folder):
        inside = Path(directory).relative_to(folder)
        deep = len(inside.parts) >= MAX_DEPTH
        here = [inside / name for name in folders]
        out = [path for path in here if deep or (folder / path).is_symlink() or str(path) in unreadable]
        # os.walk goes on with the folders that are left in its list.
        folders[:] = [path.name for path in here if path not in out]
        for path in (inside / name for name in files):
            if str(path) in unreadable or not (str(path) in keep or _is_harmless(folder, path)):
                out.append(path)
        yield from (folder / path for path in out)


def _is_harmless(folder: Path, path: Path) -> bool:
    """Whether nbgrader does not copy this file, or copies a time that says nothing, and is not harmed by it."""
    status = (folder / path).lstat()
    plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size <= FILE_SIZE
    ignored = any(fnmatch(part, pattern) for part in path.parts for pattern in (*IGNORED, "*.ipynb*"))
    return plain and (ignored or str(path) == TIMESTAMP)


def _new_folder(parent: Path) -> Path:
    """A new numbered folder: what was set aside before may be a link, and is never stepped into."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = next(parent / str(n) for n in itertools.count(1) if not os.path.lexists(parent / str(n)))
    folder.mkdir()
    return folder


def _existing_timestamp(coursedir: CourseDirectory, dest_path: str) -> datetime | None:
    return handed_in_at(Path(dest_path))


def _submitted_timestamp(nbgrader: NbGraderAPI, assignment_id: str, student_id: str) -> datetime | None:
    coursedir = nbgrader.coursedir
    return handed_in_at(Path(coursedir.format_path(coursedir.submitted_directory, student_id, assignment_id)))


# nbgrader guesses what a time means, takes KST for the server's own zone and +0900 for 900 seconds, and gives up a
# submission, or the page of the class, where it finds none. It has no setting for this.
CourseDirectory.get_existing_timestamp = _existing_timestamp
NbGraderAPI.get_submitted_timestamp = _submitted_timestamp
