"""From a solution script to nbgrader's source notebook and to what students open; refused where it would mislead."""

import hashlib
import html
import itertools
import logging
import multiprocessing
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import EntryPoint
from pathlib import Path

import jupytext
import nbformat
import torch
from bs4 import BeautifulSoup
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.utils import determine_grade, is_grade, is_solution

from autograder.calls.outcome import shorten
from autograder.course import ROOT, digest_of, nbgrader_at
from autograder.coverage import coverage
from autograder.digest import digest
from autograder.names import PREFIX, verdict_in
from autograder.problem import Problem
from autograder.problems import problem_sets, problems
from autograder.sandbox.inside.isolation import end_with_parent
from autograder.sandbox.provisioner import WarmProvisioner

TOTAL = 100
# The cell that imports this package. A notebook may be opened where it is not, or where another has its name.
IMPORTS = "imports"

# A heading below the title, without the points that somebody has written behind it.
HEADING = re.compile(r"^(?P<text>#{2,6} .+?)(?: +\(\d+ points?\))?$", re.MULTILINE)
# In a notebook's metadata.
SIGNATURE = "autograder"
# Seconds: what runs longer has no end. A cell of the course takes a hundredth of it on a busy machine.
LONGEST_CELL = 600

Progress = Callable[[int, int], None]


class ReleaseError(Exception):
    """Problem sets cannot be released; each line of the message names a set, a cell and the reason."""


def release(words: Sequence[str], root: Path = ROOT, progress: Progress = lambda done, total: None) -> list[Path]:
    """Verify the problem sets `words`, then write source and release notebooks and register them in the gradebook.

    Returns the paths of the notebooks for students. Raises `ReleaseError`, and writes nothing, when a check has no
    problem or a problem no check, when the points do not add up to 100, when a solution does not earn them all, when a
    stub earns any, when a known program is misjudged, or when somebody has changed a notebook for students where it
    lies. Programs take a while, are looked at by as many processes as there are cores, and looked at again when
    something has changed. `progress` is told how much is done. Sets that nbgrader refuses are named at the end.
    """
    sources = {word: solution_notebook(word) for word in words}
    nbgrader = nbgrader_at(root)
    made = {
        word: [_source_folder(nbgrader, word), _released_notebook(nbgrader, word), _exercise(root, word)]
        for word in words
    }
    stale = [word for word in words if _last(word, "released") != _state(word, made[word], root)]
    refusals = [sentence for word in stale for sentence in _changed_by_hand(word, _exercise(root, word))]
    if refusals:
        raise ReleaseError("\n".join(refusals))
    changed = [word for word in words if _last(word, "verified") != digest_of(word, __name__)]
    _verify({word: sources[word] for word in changed}, progress)
    for word, source in sources.items():
        if word not in stale and _is_registered(nbgrader, word):
            continue
        try:
            _generate(word, source, root)
        except ReleaseError as error:
            refusals.append(f"{word}: {error}")
        else:
            _note(word, "released", _state(word, made[word], root))
    if refusals:
        raise ReleaseError("\n".join(refusals))
    return [_exercise(root, word) for word in words]


def _state(word: str, made: list[Path], root: Path) -> str:
    """A digest of what the notebooks of `word` are made from, and of themselves."""
    return digest(root, made, str(root), digest_of(word, __name__))


def _last(word: str, what: str) -> str:
    """The digest with which a problem set was last verified or released."""
    path = _stamp(word, what)
    return path.read_text() if path.exists() else ""


def _note(word: str, what: str, state: str) -> None:
    _stamp(word, what).parent.mkdir(exist_ok=True)
    _stamp(word, what).write_text(state)


def _stamp(word: str, what: str) -> Path:
    return ROOT / "build" / f"{what}-{word}.sha256"


def _is_registered(nbgrader: NbGraderAPI, word: str) -> bool:
    """Whether the gradebook has the assignment."""
    with Gradebook(nbgrader.coursedir.db_url, nbgrader.coursedir.course_id) as gradebook:
        return word in {assignment.name for assignment in gradebook.assignments}


def register(word: str, root: Path) -> Path:
    """Generate the notebooks of `word` under `root` and register the assignment in the gradebook there.

    Returns the path of the notebook for students. Raises `ReleaseError` for a bad structure or bad points; whether
    solution and stub earn what they should is the business of `release`.
    """
    return _generate(word, solution_notebook(word), root)


def solution_notebook(word: str) -> NotebookNode:
    """The problem set with its solutions, as nbgrader's source notebook. Raises `ReleaseError`."""
    script = ROOT / "solutions" / f"{word}.py"
    if not script.exists():
        raise ReleaseError(f"There is no {script.name} in solutions/; a problem set is named after its chapter.")
    problems = {problem.name: problem for problem in problem_sets().get(word, ())}
    notebook = read_script(script.read_text(), problems)
    _refuse_bad_structure(notebook, problems)
    return notebook


def read_script(text: str, problems: dict[str, Problem]) -> NotebookNode:
    """A notebook from a percent script: stable cell ids, full nbgrader metadata, no outputs."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    place, count = "start", 0
    for cell in notebook.cells:
        given = cell.metadata.get("nbgrader")
        if given is None:
            count += 1
            cell.id, cell.metadata = f"{place}-{count}", {}
        else:
            place, count = given["grade_id"], 0
            cell.id, cell.metadata = place, {"nbgrader": _complete(given, problems)}
            if place == IMPORTS:
                cell.source = re.sub(r"^from autograder import .*$", _tried, cell.source, flags=re.MULTILINE)
    _say_points(notebook.cells)
    return notebook


def _say_points(cells: Sequence[NotebookNode]) -> None:
    """Write into the heading before each cell that gives points how many there are under it."""
    heading: tuple[int, int] | None = None
    points: Counter[tuple[int, int]] = Counter()
    for i, cell in enumerate(cells):
        if cell.cell_type == "markdown" and not is_solution(cell):
            heading = [heading, *((i, found.start()) for found in HEADING.finditer(cell.source))][-1]
        if is_grade(cell) and heading:
            points[heading] += cell.metadata.nbgrader.points
    # Backwards, so that what stands before keeps its place.
    for (i, start), total in sorted(points.items(), reverse=True):
        source, found = cells[i].source, HEADING.match(cells[i].source, start)
        said = f"{found['text']} ({total:g} {'point' if total == 1 else 'points'})"
        cells[i].source = source[: found.start()] + said + source[found.end() :]


def _tried(line: re.Match) -> str:
    """The import of this package, with one sentence about what to do where it fails."""
    return f"""try:
    {line[0]}
except ImportError as error:
    raise ImportError(
        "This notebook needs the package autograder of its course, not the one on PyPI: run %pip install . in the "
        "folder of the course, or what its README says for Colab, restart the kernel, and run this cell again "
        f"({{error}})."
    ) from None"""


def _complete(given: dict, problems: dict[str, Problem]) -> dict:
    """nbgrader's whole metadata of a cell; the points of a check cell come from its problem."""
    grade, solution = given.get("grade", False), given.get("solution", False)
    metadata = {
        "schema_version": 3,
        "grade_id": given["grade_id"],
        "grade": grade,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    problem = problems.get(given["grade_id"].removeprefix(PREFIX))
    if grade:
        metadata["points"] = given.get("points", problem.maximum if problem else 0)
    return metadata


def _refuse_bad_structure(notebook: NotebookNode, problems: dict[str, Problem]) -> None:
    graders = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if is_grade(c)}
    answers = {c.metadata.nbgrader.grade_id for c in notebook.cells if is_solution(c)}
    ids = Counter(c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata)
    for grade_id, times in ids.items():
        if times > 1:
            raise ReleaseError(f"Cell {grade_id}: its grade_id is used {times} times; each must be used once.")
    for grade_id, cell in graders.items():
        name = grade_id.removeprefix(PREFIX)
        if grade_id.startswith(PREFIX) and name not in problems:
            raise ReleaseError(f"Cell {grade_id}: there is no problem {name!r} for this check.")
        if name in problems and cell.source.strip().splitlines()[-1:] != [f'check("{name}")']:
            raise ReleaseError(f'Cell {grade_id}: its last line must be check("{name}").')
        if name in problems and cell.metadata.nbgrader.points != problems[name].maximum:
            given, due = cell.metadata.nbgrader.points, problems[name].maximum
            raise ReleaseError(f"Cell {grade_id}: it says {given} points, its problem {due}; leave them out here.")
    for name in problems:
        if PREFIX + name not in graders:
            raise ReleaseError(f"Problem {name}: there is no check cell with the grade_id {PREFIX + name}.")
        if name not in answers:
            raise ReleaseError(f"Problem {name}: there is no solution cell with the grade_id {name}.")
    points = {grade_id: cell.metadata.nbgrader.points for grade_id, cell in graders.items()}
    total = sum(points.values())
    if total != TOTAL:
        listed = ", ".join(f"{grade_id} {number:g}" for grade_id, number in points.items())
        raise ReleaseError(f"The points of all cells add up to {total:g}; they must add up to {TOTAL}: {listed}.")


def _generate(word: str, source: NotebookNode, root: Path) -> Path:
    """Let nbgrader make the release notebook beside, and put it and the source in their places when it has.

    nbgrader's own commands find them under ``build/``, which they may clear. Students find theirs in ``exercises/``.
    Raises `ReleaseError`, and leaves everything as it was, when nbgrader refuses or somebody has changed the notebook.
    """
    # nbgrader works in the folder of the course, and a new one has none yet.
    root.mkdir(parents=True, exist_ok=True)
    nbgrader = nbgrader_at(root)
    source_place, exercise = _source_folder(nbgrader, word) / f"{word}.ipynb", _exercise(root, word)
    released_place = _released_notebook(nbgrader, word)
    if refusals := _changed_by_hand(word, exercise):
        raise ReleaseError("\n".join(refusals))
    with tempfile.TemporaryDirectory() as beside:
        nbgrader.coursedir.source_directory = f"{beside}/source"
        nbgrader.coursedir.release_directory = f"{beside}/release"
        _source_folder(nbgrader, word).mkdir(parents=True)
        nbformat.write(source, _source_folder(nbgrader, word) / f"{word}.ipynb")
        result = nbgrader.generate_assignment(word)
        if not result["success"]:
            raise ReleaseError(_reason(word, result.get("log") or result["error"]))
        released = nbformat.read(_released_notebook(nbgrader, word), as_version=4)
    _keep(source_place)
    for place, notebook in {source_place: source, released_place: released, exercise: released}.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        made = place.with_name(f".{place.name}.new")
        made.write_text(_signed(notebook))
        made.replace(place)
    return exercise


def _signed(notebook: NotebookNode) -> str:
    """The notebook's JSON, with a digest of all the rest of it in its metadata: by that a release knows its own."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata.pop(SIGNATURE, None)
    notebook.metadata[SIGNATURE] = {"released": hashlib.sha256(nbformat.writes(notebook).encode()).hexdigest()}
    return nbformat.writes(notebook) + "\n"


def is_as_released(path: Path) -> bool:
    """Whether a notebook is, to the byte, what some release has written."""
    try:
        text = path.read_bytes().decode()
        return _signed(nbformat.reads(text, as_version=4)) == text
    except Exception:
        # Readers of every version raise whatever they stumble over.
        return False


def _changed_by_hand(word: str, released: Path) -> list[str]:
    if not os.path.lexists(released) or is_as_released(released):
        return []
    return [
        f"{word}: somebody has changed {released} since it was released; it stays as it is. Move it to a place of your "
        f"own, for example work/{word}/, and run this again."
    ]


def _keep(source: Path) -> None:
    """Give a source notebook that somebody has changed another name, which nbgrader does not take for a notebook."""
    if source.exists() and not is_as_released(source):
        names = (source.with_name(f"{source.name}.{number}") for number in itertools.count(1))
        kept = next(name for name in names if not name.exists())
        source.rename(kept)
        logging.getLogger(__name__).warning("%s was changed by hand; it is kept as %s.", source, kept.name)


def _reason(word: str, log: str) -> str:
    """Why nbgrader has made nothing, in a sentence, and the way out where there is one."""
    raised = re.findall(r"^\s*(?:\w+\.)*\w*(?:Error|Exception): (.+)$", log, re.MULTILINE)
    reason = raised[-1] if raised else log.strip().splitlines()[-1]
    said = f"nbgrader refuses to change the assignment, and nothing was changed: {reason.rstrip('.')}."
    if "submissions" not in reason:
        return said
    return (
        f"{said} To release it all the same, keep a copy of gradebook.db, remove the assignment with its grades by "
        f"`nbgrader db assignment remove {word} --force`, run this again, and grade anew."
    )


def _source_folder(nbgrader: NbGraderAPI, word: str) -> Path:
    return Path(nbgrader.coursedir.format_path(nbgrader.coursedir.source_directory, ".", word))


def _released_notebook(nbgrader: NbGraderAPI, word: str) -> Path:
    folder = nbgrader.coursedir.format_path(nbgrader.coursedir.release_directory, ".", word)
    return Path(folder).resolve() / f"{word}.ipynb"


def _exercise(root: Path, word: str) -> Path:
    """The notebook for students: what nbgrader does in its own folders leaves it alone."""
    return root.resolve() / "exercises" / word / f"{word}.ipynb"


def _verify(sources: Mapping[str, NotebookNode], progress: Progress) -> None:
    """Run the solution, the stub and the known programs of each problem set; what is wrong with any is raised."""
    with tempfile.TemporaryDirectory() as scratch:
        stubs = {word: nbformat.read(register(word, Path(scratch)), as_version=4) for word in sources}
    # What takes longest comes first, so that no process has to wait for it at the end.
    jobs: list[tuple[str, Callable[..., list[str]], NotebookNode | str]] = [
        *((word, wrong_with_solution, source) for word, source in sources.items()),
        *((word, wrong_with_programs, problem.name) for word in sources for problem in problem_sets()[word]),
        *((word, wrong_with_stub, stub) for word, stub in stubs.items()),
    ]
    found: dict[str, list[str]] = {word: [] for word in sources}
    if jobs:
        # The first job forks them all, and nobody is told of it before: it may be shown by a thread, and a lock that a
        # thread holds at that moment stays locked in a fork.
        with side_by_side() as pool:
            waiting = {pool.submit(function, subject): word for word, function, subject in jobs}
            progress(0, len(jobs))
            for done, job in enumerate(as_completed(waiting), start=1):
                found[waiting[job]] += job.result()
                progress(done, len(jobs))
    for word, sentences in found.items():
        if not sentences:
            _note(word, "verified", digest_of(word, __name__))
    sentences = [f"{word}: {sentence}" for word, sentences in found.items() for sentence in sentences]
    if sentences:
        raise ReleaseError("\n".join(sentences))


def side_by_side() -> ProcessPoolExecutor:
    """Processes that end with this one, however that ends.

    They are forked: each would load torch anew otherwise.
    """
    return ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork"), initializer=end_with_parent)


def wrong_with_solution(source: NotebookNode) -> list[str]:
    """One sentence for each cell of a solved notebook that fails or loses points."""
    cells, stopped = run(source)
    sentences = [stopped] if stopped else []
    for cell in cells:
        error = next((o for o in cell.get("outputs", []) if o.output_type == "error"), None)
        earned, points = _grade(cell)
        if error:
            sentences.append(f"Cell {cell.id}: the solution fails with {error.ename}: {shorten(error.evalue)}")
        elif earned is not None and earned != points and not stopped:
            sentences.append(f"Cell {cell.id}: the solution earns {earned:g} of {points:g} points. {_text(cell)}")
    return sentences


def wrong_with_stub(stub: NotebookNode) -> list[str]:
    """One sentence for each cell of a notebook as it is handed out that earns points."""
    cells, stopped = run(stub)
    earned = {cell.id: _grade(cell)[0] for cell in cells}
    return [stopped] * bool(stopped) + [
        f"Cell {grade_id}: the stub earns {points:g} points; it must earn none."
        for grade_id, points in earned.items()
        if points
    ]


def wrong_with_programs(problem: str) -> list[str]:
    """One sentence for each known program of a problem that its check misjudges."""
    torch.set_num_threads(1)
    return list(coverage(problems()[problem], timed=False).misjudged())


def run(notebook: NotebookNode) -> tuple[list[NotebookNode], str | None]:
    """The cells of `notebook` after running them as a student does, past errors; and why not to the end, if so."""
    notebook = nbformat.from_dict(notebook)
    running = "the first cell"

    def note(cell: NotebookNode, cell_index: int) -> None:
        nonlocal running
        running = f"Cell {cell.id}"

    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            kernel_manager_class=_WarmManager,
            timeout=LONGEST_CELL,
            allow_errors=True,
            on_cell_start=note,
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except CellTimeoutError:
            return notebook.cells, f"{running} ran longer than {LONGEST_CELL} seconds and was stopped."
        except DeadKernelError:
            return notebook.cells, f"{running} ended its kernel."
    return notebook.cells, None


class _WarmManager(AsyncKernelManager):
    """Takes kernels that are forked from a warm parent."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The specification of a kernel that `WarmProvisioner` starts."""
        name, group = "warm", KernelProvisionerFactory.GROUP_NAME
        place = f"{WarmProvisioner.__module__}:{WarmProvisioner.__name__}"
        KernelProvisionerFactory.instance().provisioners[name] = EntryPoint(name, place, group)
        return KernelSpec(
            display_name=name, language="python", metadata={"kernel_provisioner": {"provisioner_name": name}}
        )


def _grade(cell: NotebookNode) -> tuple[float | None, float]:
    """Points earned (None where a person must read) and points possible, as nbgrader counts them."""
    if not is_grade(cell) or is_solution(cell):
        return None, 0.0
    if record := verdict_in(cell):
        # Run as by a student, it shows a table where nbgrader would read a number.
        return record["score"], float(cell.metadata.nbgrader.points)
    return determine_grade(cell, logging.getLogger(__name__))


def _text(cell: NotebookNode) -> str:
    """What a cell shows, as text."""
    shown = (o.get("data", {}).get("text/html") or html.escape(o.get("text", "")) for o in cell.outputs)
    return " ".join(BeautifulSoup(" ".join(shown), "html.parser").get_text(" ").split())
