"""From the notebook as handed in to the notebook that is graded: the instructor's cells as they were released."""

import functools
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import bleach
import nbformat.reader
from jinja2 import pass_context
from jinja2.runtime import Context
from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbgrader.api import Assignment, Gradebook, GradeCell, Notebook, SolutionCell, SourceCell, TaskCell
from nbgrader.preprocessors import NbGraderPreprocessor, OverwriteCells
from sqlalchemy import select

from autograder.grading.formulas import Formulas, place_of, written
from autograder.grading.outputs import is_picture
from autograder.grading.saved import TooDenseError, without_outputs

MAX_CELLS = 2_000
MAX_DEPTH = 100

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
SKIPPED = "skip-execution"
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class UnreadableError(Exception):
    """What was handed in is no notebook; the message is a sentence that begins with a verb."""


@dataclass(frozen=True)
class MasterCell:
    """One of nbgrader's cells, as released. `points` counts for grade and task cells."""

    grade_id: str
    cell_type: str
    source: str
    grade: bool
    solution: bool
    locked: bool
    task: bool
    points: float
    checksum: str | None

    @property
    def metadata(self) -> dict:
        """The cell's metadata, as nbgrader's `MetadataValidator` wants it."""
        names = ("grade_id", "grade", "solution", "locked", "task", "cell_type")
        metadata = {"schema_version": 3} | {name: getattr(self, name) for name in names}
        if self.grade or self.task:
            metadata["points"] = self.points
        if self.checksum:
            metadata["checksum"] = self.checksum
        return {"nbgrader": metadata}

    @property
    def only_solution(self) -> bool:
        return self.solution and not self.grade

    @property
    def given(self) -> bool:
        """Whether it is the course's own and earns nothing: the imports, for example."""
        return self.locked and not (self.grade or self.task)


@dataclass(frozen=True)
class Master:
    """nbgrader's cells of one notebook of the assignment, in the order of the source notebook."""

    cells: tuple[MasterCell, ...]


@dataclass
class _Cell:
    """A cell on its way; `master` is the released cell that it stands for, if any.

    `pasted` are the pictures in it, as a notebook keeps them: by name and by type, in base64. It may be `skipped` when
    the notebook runs, by the tag of nbclient that the student has put on it.
    """

    cell_type: str
    source: str
    id: str | None = None
    master: MasterCell | None = None
    pasted: dict[str, dict[str, str]] = field(default_factory=dict)
    skipped: bool = False

    @property
    def changed(self) -> bool:
        return self.master is not None and self.source != self.master.source


def masters(gradebook: Gradebook, assignment: str, order: Mapping[str, Sequence[str]]) -> dict[str, Master]:
    """The released cells by notebook, from the gradebook, which keeps no order: it comes from `order`.

    `order` gives the grade_ids by notebook (see `cell_order`); cells that it does not name come last.
    Raises nbgrader's `MissingEntry` when the gradebook has no such assignment.
    """
    gradebook.find_assignment(assignment)
    notebooks = select(Notebook.id, Notebook.name).join(Assignment).where(Assignment.name == assignment)
    return {name: _master(gradebook, key, order.get(name, ())) for key, name in gradebook.db.execute(notebooks)}


def _master(gradebook: Gradebook, notebook: str, order: Sequence[str]) -> Master:
    def points(kind: type) -> dict[str, float]:
        rows = select(kind.name, kind.max_score).where(kind.notebook_id == notebook)
        return dict(gradebook.db.execute(rows).all())

    grades, tasks = points(GradeCell), points(TaskCell)
    solutions = set(gradebook.db.scalars(select(SolutionCell.name).where(SolutionCell.notebook_id == notebook)))
    cells = [
        MasterCell(
            grade_id=cell.name,
            cell_type=cell.cell_type,
            source=cell.source or "",
            grade=cell.name in grades,
            solution=cell.name in solutions,
            locked=cell.locked,
            task=cell.name in tasks,
            points=grades.get(cell.name, tasks.get(cell.name, 0.0)),
            checksum=cell.checksum,
        )
        for cell in gradebook.db.scalars(select(SourceCell).where(SourceCell.notebook_id == notebook))
    ]
    place = {grade_id: index for index, grade_id in enumerate(order)}
    return Master(tuple(sorted(cells, key=lambda cell: (place.get(cell.grade_id, len(place)), cell.grade_id))))


def cell_order(source: Path) -> dict[str, list[str]]:
    """The grade_ids of every notebook in the assignment's source folder, in order, by the notebook's name."""
    return {
        path.stem: [
            cell.metadata.nbgrader.grade_id
            for cell in nbformat.read(path, as_version=4).cells
            if "grade_id" in cell.metadata.get("nbgrader", {})
        ]
        for path in sorted(source.glob("*.ipynb"))
    }


def restore(content: bytes, master: Master) -> tuple[NotebookNode, tuple[str, ...]]:
    """The notebook to grade, made from the bytes handed in, and one sentence for each change worth knowing.

    Raises `UnreadableError`.
    """
    return rebuild(parse(content), master)


def parse(content: bytes) -> NotebookNode:
    """The notebook in nbformat 4, its types still unchecked. Raises `UnreadableError`, whatever `content` is.

    What comes back can be read by nbgrader too.
    """
    if not content.strip():
        raise UnreadableError("is empty; expected a notebook.")
    try:
        text = without_outputs(content).decode("utf-8-sig")
        given = json.loads(text)
        _refuse_too_large(given)
        # Without nbformat's validation, which reports to the log and makes ids up at random.
        notebook = nbformat.convert(nbformat.reader.reads(text), 4)
        if given["nbformat"] != 4:
            for cell in notebook.cells:
                cell.pop("id", None)
        notebook.setdefault("nbformat_minor", 0)
        _refuse_other_types(notebook)
    except UnreadableError:
        raise
    except TooDenseError as error:
        raise UnreadableError(str(error)) from error
    except UnicodeDecodeError as error:
        raise UnreadableError("is not text in UTF-8; expected a notebook saved by Jupyter.") from error
    except json.JSONDecodeError as error:
        raise UnreadableError(f"is not JSON (line {error.lineno}); expected a notebook saved by Jupyter.") from error
    except RecursionError as error:
        raise UnreadableError("is nested too deeply; expected a notebook saved by Jupyter.") from error
    except Exception as error:
        # Readers and upgraders of every version raise whatever they stumble over.
        raise UnreadableError(f"is JSON but no notebook ({type(error).__name__}); expected nbformat 4.") from error
    return notebook


def _refuse_too_large(notebook: dict) -> None:
    count = sum(len(sheet["cells"]) for sheet in [notebook, *notebook.get("worksheets", [])] if "cells" in sheet)
    if count > MAX_CELLS:
        raise UnreadableError(f"has {count} cells; expected at most {MAX_CELLS}.")
    # Level by level: copying what is much deeper than this fails in nbconvert.
    level = [notebook]
    for _ in range(MAX_DEPTH):
        children = (value.values() if isinstance(value, dict) else value for value in level)
        level = [child for values in children for child in values if isinstance(child, dict | list)]
        if not level:
            return
    raise UnreadableError(f"is nested more than {MAX_DEPTH} levels deep; expected a notebook saved by Jupyter.")


def _refuse_other_types(notebook: NotebookNode) -> None:
    """Refuse what nbformat's validation stumbles over; it forgives the rest, and nothing else is used."""
    if not isinstance(notebook.nbformat_minor, int) or not isinstance(notebook.cells, list):
        raise TypeError
    for cell in notebook.cells:
        if not isinstance(cell.get("cell_type"), str) or not isinstance(cell.get("id", ""), str):
            raise TypeError


def rebuild(notebook: NotebookNode, master: Master) -> tuple[NotebookNode, tuple[str, ...]]:
    """The notebook to grade: the student's sources and grade_ids from `notebook`, all the rest from `master`.

    Locked cells are as released, deleted ones are back, and no grade_id occurs twice. In whatever order the sections
    are, what is given stands before what may need it, and a check behind the solutions that it may call. The notebook
    is valid for nbformat and nbgrader, without outputs.
    """
    remarks: list[str] = []
    cells = _read(notebook, master, remarks)
    cells = _without_copies(cells, remarks)
    cells = _overwrite(cells, remarks)
    _put_back(cells, master, remarks)
    _given_first(cells, master, remarks)
    _checks_last(cells, master, remarks)
    restored = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": dict(KERNELSPEC)},
        "cells": [_write(cell, id) for cell, id in zip(cells, _ids(cells), strict=True)],
    }
    return nbformat.from_dict(restored), tuple(remarks)


def _read(notebook: NotebookNode, master: Master, remarks: list[str]) -> list[_Cell]:
    by_id = {cell.grade_id: cell for cell in master.cells}
    cells = []
    for number, given in enumerate(notebook.cells, start=1):
        source, kind, metadata = given.get("source"), given.get("cell_type"), given.get("metadata")
        source = _text(source) if isinstance(source, str) else ""
        known = by_id.get(_grade_id(given))
        if known is None and kind not in ("code", "markdown"):
            # nbconvert would put raw cells into its pages as they are.
            kind, source = "markdown", _as_code_block(source)
        attached = given.get("attachments")
        pasted = _pictures(attached)
        if attached and not (isinstance(attached, Mapping) and pasted.keys() == attached.keys()):
            remarks.append(f"Cell number {number}: what is pasted into it and is no picture is left out.")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        # What counts, and what the instructor has locked, runs in any case.
        skipped = isinstance(tags, list) and SKIPPED in tags and (known is None or known.only_solution)
        cells.append(_Cell(kind, source, given.get("id"), known, pasted, skipped))
    return cells


def grade_ids_of(cells: Sequence[Mapping]) -> set[str]:
    """The names of nbgrader's cells among these, whose types are unchecked."""
    return {grade_id for grade_id in map(_grade_id, cells) if grade_id}


def _grade_id(cell: Mapping) -> str | None:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return grade_id if isinstance(grade_id, str) else None


def _pictures(attachments: Any) -> dict[str, dict[str, str]]:
    """What is a picture, made of pixels, among the `attachments` of a cell."""
    if not isinstance(attachments, dict):
        return {}
    pictures = {
        _text(name): {kind: _joined(data) for kind, data in bundle.items() if is_picture(kind, _joined(data))}
        for name, bundle in attachments.items()
        if isinstance(bundle, dict)
    }
    return {name: bundle for name, bundle in pictures.items() if bundle}


def _joined(data: Any) -> Any:
    """Base64 that a notebook may keep as one string or line by line."""
    lines = data if isinstance(data, list) else [data]
    return "".join(lines).replace("\n", "") if all(isinstance(line, str) for line in lines) else None


def _text(source: str) -> str:
    """`source` without lone surrogates and NUL, which no file and no database takes."""
    return source.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _as_code_block(source: str) -> str:
    longest = max((len(run) for run in re.findall("`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{source}\n{fence}"


def _without_copies(cells: list[_Cell], remarks: list[str]) -> list[_Cell]:
    """One cell for each grade_id: the last, but an answer before an untouched copy of the question."""
    chosen: dict[str, _Cell] = {}
    for cell in filter(lambda cell: cell.master, cells):
        earlier = chosen.get(cell.master.grade_id)
        if not (earlier and cell.master.solution and earlier.changed and not cell.changed):
            chosen[cell.master.grade_id] = cell
    kept = []
    for cell in cells:
        if cell.master and cell is not chosen[cell.master.grade_id]:
            grade_id = cell.master.grade_id
            if not cell.master.solution:
                remarks.append(f"Cell {grade_id} was there more than once; a copy was removed.")
                continue
            remarks.append(f"Cell {grade_id} was there more than once; a copy counts as an ordinary cell.")
            # The student's own cell runs and shows like any other.
            cell.cell_type = cell.cell_type if cell.cell_type in ("code", "markdown") else cell.master.cell_type
            cell.master = None
        kept.append(cell)
    return kept


def _overwrite(cells: list[_Cell], remarks: list[str]) -> list[_Cell]:
    """Give every cell its released type, and the locked ones their source.

    What somebody has written into a given cell runs behind it, as a cell of their own: they may need their imports.
    """
    written = []
    for cell in cells:
        written.append(cell)
        master = cell.master
        if master is None:
            continue
        theirs = _Cell(cell.cell_type, cell.source)
        if cell.cell_type != master.cell_type:
            remarks.append(f"Cell {master.grade_id} was no longer a {master.cell_type} cell; it is one again.")
            cell.cell_type = master.cell_type
        if master.locked and cell.changed:
            cell.source = master.source
            if master.given and theirs.cell_type == "code" and theirs.source.strip():
                remarks.append(f"Cell {master.grade_id} was edited; the released one was put before it.")
                written.append(theirs)
            else:
                remarks.append(f"Cell {master.grade_id} was edited; the released one was put in its place.")
    return written


def _put_back(cells: list[_Cell], master: Master, remarks: list[str]) -> None:
    """Put back what was deleted, except solutions that no person grades.

    The place is right after the cell before it in the master; where that one is gone too, what the student wrote
    instead may stand anywhere up to the next cell of the master, so the place is right before that. What is given comes
    as early as it can: the student's own cells may need it.
    """
    for index, missing in enumerate(master.cells):
        present = _places(cells)
        if missing.grade_id in present:
            continue
        if missing.only_solution:
            remarks.append(f"Cell {missing.grade_id} is not there: it was deleted or has lost its grade_id.")
            continue
        remarks.append(f"Cell {missing.grade_id} was deleted; it was put back.")
        earlier = [present.get(cell.grade_id) for cell in master.cells[:index]]
        later = (present[cell.grade_id] for cell in master.cells[index + 1 :] if cell.grade_id in present)
        if missing.given:
            place = max((place + 1 for place in earlier if place is not None), default=0)
        elif earlier and earlier[-1] is not None:
            place = earlier[-1] + 1
        else:
            place = next(later, len(cells))
        cells.insert(place, _Cell(missing.cell_type, _source_put_back(missing), missing.grade_id, missing))


def _source_put_back(missing: MasterCell) -> str:
    """The released source; on an answer, nbgrader's notice too, so that a person looks for it elsewhere."""
    if not missing.solution:
        return missing.source
    notice = OverwriteCells.missing_cell_notification.default_value.format(cell_id=missing.grade_id)
    return ("# " if missing.cell_type == "code" else "") + notice + missing.source


def _given_first(cells: list[_Cell], master: Master, remarks: list[str]) -> None:
    """Move what is given before all cells that follow it in the master."""
    for index, given in enumerate(master.cells):
        place = _places(cells)
        later = [cell.grade_id for cell in master.cells[index + 1 :] if cell.grade_id in place]
        first = min(later, key=place.get, default=None)
        if given.given and first and place[first] < place[given.grade_id]:
            cells.insert(place[first], cells.pop(place[given.grade_id]))
            remarks.append(f"Cell {given.grade_id} stood behind {first}; it was moved before it.")


def _checks_last(cells: list[_Cell], master: Master, remarks: list[str]) -> None:
    """Move a check behind every solution that it may call: those that stand before it in the master."""
    solutions: list[str] = []
    needs: dict[str, list[str]] = {}
    for cell in master.cells:
        if cell.solution and cell.cell_type == "code":
            solutions.append(cell.grade_id)
        elif cell.grade and not cell.solution:
            needs[cell.grade_id] = list(solutions)
    # Backwards, so that two checks of one solution keep their order.
    for grade_id, needed in reversed(needs.items()):
        place = _places(cells)
        last = max(filter(place.__contains__, needed), key=place.get, default=None)
        if last and place[grade_id] < place[last]:
            # Without the check, the solution stands one place earlier.
            cells.insert(place[last], cells.pop(place[grade_id]))
            remarks.append(f"Cell {grade_id} stood before {last}; it was moved behind it.")


def _places(cells: list[_Cell]) -> dict[str, int]:
    return {cell.master.grade_id: place for place, cell in enumerate(cells) if cell.master}


def _ids(cells: list[_Cell]) -> Iterator[str]:
    """A valid id for each cell, its own where possible; equal notebooks get equal ids."""
    seen: set[str] = set()
    for index, cell in enumerate(cells):
        own = [cell.id] if cell.id and CELL_ID.fullmatch(cell.id) else []
        made = (f"cell-{index}-{count}" for count in itertools.count())
        seen.add(id := next(id for id in itertools.chain(own, made) if id not in seen))
        yield id


def _write(cell: _Cell, id: str) -> dict:
    metadata = cell.master.metadata if cell.master else {}
    if cell.skipped:
        metadata |= {"tags": [SKIPPED]}
    written = {"cell_type": cell.cell_type, "id": id, "metadata": metadata, "source": cell.source}
    if cell.cell_type == "code":
        return written | {"outputs": [], "execution_count": None}
    return written | ({"attachments": cell.pasted} if cell.pasted else {})


class Restore(NbGraderPreprocessor):
    """`rebuild` in nbgrader's autograding, in place of all that it does to a notebook before running it."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The notebook to grade; resources as nbgrader gives them."""
        names = resources["nbgrader"]
        # The exporter's parent is nbgrader's converter, which knows the folders of the course.
        coursedir = self.parent.parent.coursedir
        source = Path(coursedir.format_path(coursedir.source_directory, ".", names["assignment"]))
        with Gradebook(names["db_url"]) as gradebook:
            master = masters(gradebook, names["assignment"], cell_order(source))[names["notebook"]]
        nb, remarks = rebuild(nb, master)
        for remark in remarks:
            self.log.warning("%s/%s: %s", names["student"], names["notebook"], remark)
        return nb, resources


# Characters of a cell's prose, pictures left out; what is longer is shown as it was written: Markdown is read in a time
# that grows with the square of its length.
LONGEST_PROSE = 20_000
_PASTED = re.compile(r"data:image/\w+;base64,[\w+/=]+")

# What Markdown makes, and HTML that people write into it for its looks.
TAGS = bleach.ALLOWED_TAGS | {
    "br", "dd", "del", "details", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "input", "kbd",
    "mark", "p", "pre", "s", "small", "span", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
    "tr", "u",
}  # fmt: skip
ATTRIBUTES = {
    ("a", "href"): r"https?://.*|mailto:.*",
    ("a", "title"): r".*",
    ("img", "alt"): r".*",
    ("img", "title"): r".*",
    # A picture that was handed in may be shown; a page that was handed in may not be linked to. One of another host
    # would tell it who reads this and when, and one outside of the submission would be asked for in the reader's name.
    ("img", "src"): r"data:image/(png|jpeg|gif|webp);base64,[\w+/=]*|(\./)?{name}(/{name})*".format(
        name=r"(?!\.)([\w. -]|%20|%[89A-F][0-9A-F])+"
    ),
    ("input", "type"): r"checkbox",
    ("input", "checked"): r".*",
    ("input", "disabled"): r".*",
    ("ol", "start"): r"\d+",
    # The colours of a code block.
    ("div", "class"): r"highlight",
    ("span", "class"): r"[a-z][a-z0-9]?[a-z0-9]?",
}


@pass_context
def markdown_of_cell(context: Context, source: str) -> str:
    """`markdown` for `HTMLExporter.filters`, in place of nbconvert's ``markdown2html``, with the cell's own pictures.

    nbgrader's pages for formgrader and feedback obey that, and not ``sanitize_html``.
    """
    pasted = context.get("cell", {}).get("attachments", {})
    return markdown(source, pasted) if pasted else _without_pictures(source)


@functools.lru_cache(maxsize=1024)
def _without_pictures(source: str) -> str:
    """`markdown` of a cell that has none: most are the course's own, the same for every student."""
    return markdown(source)


def markdown(source: str, pasted: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The HTML of a Markdown cell, without anything that could act in the session of the person who reads it.

    `pasted` are its pictures by name and type, in base64. Formulas become MathML.
    """
    if len(_PASTED.sub("", source)) > LONGEST_PROSE:
        return f"<pre>{escape(source)}</pre>"
    try:
        renderer = _Renderer(escape=False, exclude_anchor_links=True, attachments=_pictures(pasted))
        html = MarkdownWithMath(renderer).render(source)
        # A formula comes after the cleaning, into text and nowhere else.
        filters = [functools.partial(Formulas, formulas=renderer.formulas)]
        protocols = {"http", "https", "mailto", "data"}
        return bleach.Cleaner(TAGS, _is_allowed, protocols=protocols, filters=filters).clean(html)
    except Exception:
        # Nested too deeply, say: shown as it was written.
        return f"<pre>{escape(source)}</pre>"


class _Renderer(IPythonRenderer):
    """nbconvert's, where a pasted picture is found by its name in any writing; one that is not there is no error.

    `formulas` are those of the text, LaTeX and whether each stands alone; in the HTML stand their places.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.formulas: list[tuple[str, bool]] = []

    def image(self, text: str, url: str, title: str | None = None) -> str:
        name = url.removeprefix("attachment:")
        bundle = self.attachments.get(name) or self.attachments.get(unquote(name)) if name != url else None
        for kind, data in (bundle or {}).items():
            url = f"data:{kind};base64,{data}"
        return HTMLRenderer.image(self, written(text, self.formulas), url, title)

    def block_math(self, body: str) -> str:
        return self._place(body, alone=True)

    def inline_math(self, body: str) -> str:
        return self._place(body, alone=False)

    def latex_environment(self, name: str, body: str) -> str:
        return self._place(f"\\begin{{{name}}}{body}\\end{{{name}}}", alone=True)

    def _place(self, latex: str, alone: bool) -> str:
        self.formulas.append((latex, alone))
        return place_of(len(self.formulas) - 1)


def _is_allowed(tag: str, name: str, value: str) -> bool:
    pattern = ATTRIBUTES.get((tag, name))
    return pattern is not None and re.fullmatch(pattern, value, re.DOTALL | re.IGNORECASE) is not None
