"""One fingerprint for everything that is done again when what it depends on has changed."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = __name__.partition(".")[0]


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


def sources_of(*modules: str) -> set[Path]:
    """The files of this package that the named modules are made of, with all that they import of it, however deep."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        path = _file_of(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(imports_of(path.read_text(encoding="utf-8")))
    return found


@functools.lru_cache(maxsize=1024)
def imports_of(source: str) -> tuple[str, ...]:
    """The modules, and the packages around them, that a source imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            found.update(".".join(parts[:n]) for n in range(1, len(parts) + 1))
    return tuple(sorted(found))


def _files(start: Path) -> list[Path]:
    if not start.is_dir():
        return [start]
    left_there = {"__pycache__", ".ipynb_checkpoints"}
    return [path for path in start.rglob("*") if path.is_file() and not left_there & set(path.parts)]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file_of(module: str) -> Path | None:
    """The file of a module or package of ours; None of anything else."""
    place = ROOT.joinpath(*module.split("."))
    if module.partition(".")[0] != PACKAGE:
        return None
    return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()), None)
