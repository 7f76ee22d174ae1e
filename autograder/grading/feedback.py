"""The page that a student gets back, from nbgrader's own command: points and hints first, then the notebook."""

import functools
import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution, is_task
from pygments.formatters import HtmlFormatter
from sqlalchemy import Engine, NullPool, create_engine
from traitlets.config import Config

from autograder.grading.records import Given, Score, given
from autograder.names import MIME, PREFIX, verdict_in

TEMPLATES = Path(__file__).parent / "templates"

# The colours of code, by the theme that the reader's system asks for.
_STYLES = {"light": "default", "dark": "github-dark"}
_HEADING = re.compile(r"^#{1,6} +(?P<text>.+)$", re.MULTILINE)
# Characters of a heading that are read: students write some, and what stands around the text is found in a time that
# grows with more than the length.
_LONGEST_HEADING = 200
_AROUND = re.compile(r"(?:\d+\. +)?(?P<text>.+?)(?: *\([\d.+ ]+ points?\))? *#*")


@dataclass(frozen=True)
class Exercise:
    """What the page says of one cell that gives points.

    name      the function, or the heading of a question in words
    anchor    where it stands in the page
    given     what the gradebook has of it
    criteria  of a check: the name of each criterion, its points, and how many of them are earned
    hint      of a check: what went wrong, if that is known
    said      of a check: where it goes wrong, in the first criterion that has lost points
    words     whether it is a question in words
    """

    name: str
    anchor: str
    given: Given
    criteria: tuple[Mapping[str, Any], ...] = ()
    hint: str | None = None
    said: str = ""
    words: bool = False


@dataclass(frozen=True)
class Feedback:
    """All that a page says before the notebook."""

    title: str
    score: Score
    exercises: tuple[Exercise, ...] = field(default=())


class Points(NbGraderPreprocessor):
    """What the gradebook has of a notebook, for ``GenerateFeedback.preprocessors``: in place of nbgrader's `GetGrades`.

    That asks the gradebook twice for every cell.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The notebook, and in the resources its `Feedback`. Raises nbgrader's `MissingEntry`."""
        names = resources["nbgrader"]
        with _engine(names["db_url"]).connect() as connection:
            score, cells = given(connection, names["assignment"], names["student"], names["notebook"])
        exercises = tuple(_exercises(nb, cells))
        names["feedback"] = Feedback(names["notebook"], score, exercises)
        names["exercises"] = {exercise.anchor: exercise for exercise in exercises}
        names["comments"] = {name: cell.comment for name, cell in cells.items() if cell.comment}
        return nb, resources


class FeedbackExporter(HTMLExporter):
    """nbconvert's exporter with the course's own page, for ``GenerateFeedback.exporter_class``."""

    @property
    def default_config(self) -> Config:
        """The page's template, whatever nbgrader sets for all exporters."""
        config = Config(
            {"FeedbackExporter": {"template_name": "feedback", "extra_template_basedirs": [str(TEMPLATES)]}}
        )
        config.FeedbackExporter.optimistic_validation = True
        own = super().default_config
        own.merge(config)
        return own

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw: Any) -> tuple[str, dict]:
        """The page of a notebook. nbconvert's own way reads it again, to name pictures and mark what has focus."""
        self.register_filter("highlight_code", _highlighted)
        self.environment.globals.update(styles=_styles(), mime=MIME, of_cell=_of_cell)
        return TemplateExporter.from_notebook_node(self, nb, resources, **kw)


def _exercises(nb: NotebookNode, cells: Mapping[str, Given]) -> Iterator[Exercise]:
    heading = ""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and not is_solution(cell):
            heading = _last_heading(cell.source) or heading
        if not (is_grade(cell) or is_task(cell)):
            continue
        name = cell.metadata.nbgrader.grade_id
        if name not in cells:
            continue
        record = _record(cell)
        if is_solution(cell) or is_task(cell):
            yield Exercise(heading or name, name, cells[name], words=True)
        else:
            title = record.get("problem") or name.removeprefix(PREFIX)
            criteria = tuple(record.get("criteria", ()))
            said = next((c["message"] for c in criteria if c.get("message")), "")
            yield Exercise(title, name, cells[name], criteria, record.get("hint"), said)


def _last_heading(source: str) -> str | None:
    """The last heading of a text, without its number and its points; None without one."""
    last = deque(_HEADING.finditer(source), maxlen=1)
    return _AROUND.fullmatch(last[0]["text"][:_LONGEST_HEADING])["text"] if last else None


def _record(cell: NotebookNode) -> Mapping[str, Any]:
    """The verdict that a check shows, as data; nothing where there is none."""
    if not is_grade(cell) or is_solution(cell):
        return {}
    return verdict_in(cell)


def _of_cell(cell: NotebookNode) -> dict[str, Any]:
    """What the page has to know of a cell: its name in nbgrader, if it is an answer, counts, or shows a verdict."""
    nbgrader = cell.metadata.get("nbgrader", {})
    return {
        "name": nbgrader.get("grade_id", ""),
        "answer": bool(nbgrader.get("solution")),
        "counts": bool(nbgrader.get("grade") or nbgrader.get("task")),
        "verdict": bool(_record(cell)),
    }


@functools.lru_cache(maxsize=8)
def _engine(url: str) -> Engine:
    """The gradebook, opened for each page: formgrader lives longer than the file may."""
    return create_engine(url, poolclass=NullPool)


@functools.lru_cache(maxsize=4)
def _highlighter() -> Highlight2HTML:
    return Highlight2HTML(pygments_lexer="ipython3", log=logging.getLogger(__name__))


@functools.lru_cache(maxsize=2048)
def _highlighted(source: str) -> str:
    """Code in colours; what nobody has changed is the same for every student."""
    return _highlighter()(source)


@functools.cache
def _styles() -> dict[str, str]:
    return {theme: HtmlFormatter(style=style).get_style_defs(".highlight") for theme, style in _STYLES.items()}
