"""One fingerprint for everything that is done again when what it depends on has changed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(root: Path, names: Iterable[Path | str], *facts: str) -> str:
    """A SHA-256 over `facts` and over the names and contents of files.

    `names` are files and folders, absolute or relative to `root`; a folder stands for all files in it but what Python
    leaves there. Each fact, name and content goes in by its own hash, so that moving text from one to the next makes
    another fingerprint. A file that is not there counts, too.
    """
    parts = [_hash(fact.encode()) for fact in facts]
    for path in sorted({path for name in names for path in _files(root / name)}):
        content = _hash(path.read_bytes()) if path.is_file() else "missing"
        parts.append(f"{_hash(_name(path, root).encode())} {content}")
    return _hash("\n".join(parts).encode())


def _files(start: Path) -> list[Path]:
    if not start.is_dir():
        return [start]
    left_there = {"__pycache__", ".ipynb_checkpoints"}
    return [path for path in start.rglob("*") if path.is_file() and not left_there & set(path.parts)]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
