"""What decides whether a thing is done again: one digest over names and contents of what it depends on, and no more."""

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = __name__.partition(".")[0]
_MADE_BY_PYTHON = {"__pycache__", ".ipynb_checkpoints"}


def digest(paths: Iterable[Path], *settings: str) -> str:
    """A SHA-256 in hexadecimal over files, all files in folders, the version of Python, and `settings`.

    A file counts with its name below the repository and its content, each of a known length: moving a boundary between
    two of them changes the digest. A file that is not there counts as that.
    """
    total = hashlib.sha256()
    for text in (sys.version, *settings):
        total.update(f"{len(text.encode())} {text}".encode())
    for path in sorted({file for given in paths for file in _files(given.resolve())}):
        name = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).encode()
        content = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
        total.update(b"%d %s%d %s" % (len(name), name, len(content), content))
    return total.hexdigest()


def sources_of(*modules: str) -> set[Path]:
    """The files of this package that the named modules are made of, with all that they import of it, however deep."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        path = _file_of(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(imports_of(path.read_text()))
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


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for inner in path.rglob("*"):
        if inner.is_file() and not _MADE_BY_PYTHON & set(inner.parts):
            yield inner


def _file_of(module: str) -> Path | None:
    """The file of a module or package of ours; None of anything else."""
    place = ROOT.joinpath(*module.split("."))
    if module.partition(".")[0] != PACKAGE:
        return None
    return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()), None)
