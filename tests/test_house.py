"""One word names a chapter everywhere, and the README's map is true."""

import ast
import importlib
import re
import subprocess

import jupytext
import pytest
from sets import for_every_word

from autograder.course import ROOT, words
from autograder.problems import problem_sets, problems

PLACES = [
    "solutions/{word}.py",
    "exercises/{word}/{word}.ipynb",
    "autograder/problems/{word}/__init__.py",
    "tests/programs/{word}.py",
]


@for_every_word
@pytest.mark.parametrize("place", PLACES)
def test_the_word_finds_the_file(word, place):
    assert (ROOT / place.format(word=word)).is_file()


@for_every_word
def test_the_word_finds_what_is_right(word):
    """A module, or a package of modules."""
    place = ROOT / "autograder" / "references" / word
    assert place.with_suffix(".py").is_file() != (place / "__init__.py").is_file()


@for_every_word
def test_the_word_finds_the_chapter(word):
    """A page, or a folder of short pages."""
    pages = [ROOT / "book" / f"{word}.md", ROOT / "book" / word / "index.md"]
    assert len([page for page in pages if page.is_file()]) == 1


def test_no_place_has_a_word_that_the_others_do_not_know():
    assert sorted(problem_sets()) == words()
    assert sorted(folder.name for folder in (ROOT / "exercises").iterdir()) == words()
    for folder in ("autograder/references", "tests/programs"):
        found = {path for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
        assert sorted({path.stem for path in found} - {"__init__"}) == words()


@for_every_word
def test_a_chapter_takes_nothing_from_the_problems_and_references_of_another(word):
    """`make lint` keeps problems from problems and references from references, but does not know one chapter's pair."""
    modules = [path for place in (f"{word}.py", f"{word}/**/*.py") for path in (ROOT / "autograder").glob(f"*/{place}")]
    named = r"autograder\.(?:problems|references)(?:\.| import )(\w+)"
    chapters = {name for path in modules for name in re.findall(named, path.read_text())} & set(words())
    assert modules
    assert chapters <= {word}


@pytest.mark.parametrize("place", ["solutions/convolution.py", "book/grading.md"])
def test_student_and_instructor_are_told_the_limit_that_is_checked(place):
    text = " ".join((ROOT / place).read_text().replace("\n# ", " ").split())
    limits = {problem.speed for problem in problem_sets()["convolution"] if problem.speed}
    assert len(limits) == 1
    assert f"{limits.pop():g} times as long as torch" in text


def chapters_of(module):
    """The chapters that a module of the course belongs to by its name."""
    first, *rest = module.split(".")
    ours = {"autograder", "book", "programs", "solutions", "tests"}
    return {word for word in words() if first == word or (first in ours and word in rest)}


def imported(source, package):
    """The full names of what the modules and names are that `source`, in `package`, imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def sources_of(word):
    """(path, source) of a chapter's files: every module, and the code of every page."""
    places = ("autograder/problems", "autograder/references", "tests/programs", "solutions", "book")
    for place in places:
        for path in [*(ROOT / place).glob(f"{word}.*"), *(ROOT / place / word).rglob("*")]:
            if path.suffix == ".py":
                yield path, path.read_text()
            elif path.suffix == ".md":
                cells = jupytext.read(path, fmt="md:myst").cells
                # What begins with % or ! is for IPython.
                lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").split("\n")
                yield path, "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


@for_every_word
def test_a_chapter_imports_no_other(word):
    strangers, seen = [], set()
    for path, source in sources_of(word):
        package = ".".join(path.relative_to(ROOT).parent.parts)
        names = list(imported(source, package))
        strangers += [(str(path.relative_to(ROOT)), name) for name in names if chapters_of(name) - {word}]
        seen |= {path.relative_to(ROOT).parts[0]} if names else set()
    assert not strangers
    assert seen == {"autograder", "book", "solutions", "tests"}, "nothing was looked at"


@pytest.mark.parametrize(
    ("source", "chapters"),
    [
        ("from autograder.problems.convolution.im2col import PROBLEMS", {"convolution"}),
        ("from autograder.references import activations as reference, backprop", {"activations", "backprop"}),
        ("from ..normalization import batch_norm", {"normalization"}),
        ("def f():\n    import solutions.backprop", {"backprop"}),
        ("from programs import activations", {"activations"}),
        ("from sklearn import preprocessing\nimport torch.nn.backprop", set()),
    ],
)
def test_an_import_of_a_chapter_is_seen(source, chapters):
    assert {word for name in imported(source, "autograder.problems.backprop") for word in chapters_of(name)} == chapters


@for_every_word
def test_every_program_of_a_chapter_is_collected(word):
    """What is called ``<function>__<what>`` is a known program of some problem, or it is dead code."""
    collected = {
        function.__name__
        for problem in problems().values()
        for program in (*problem.mistakes, *problem.alternatives)
        for function in program.functions
    }
    for path in (ROOT / "autograder" / "problems" / word).glob("*.py"):
        module = importlib.import_module(f"autograder.problems.{word}.{path.stem}".removesuffix(".__init__"))
        defined = [node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")]
        # Slips are defined when the module is imported.
        known = {name for name in (*defined, *vars(module)) if re.fullmatch(r"[A-Za-z]\w*?__\w+", name)}
        assert known <= collected, path.name
        assert len(set(defined)) == len(defined), f"{path.name} defines a name twice"


README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:|#)([^)#]+)", README))
def test_a_link_of_the_readme_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_the_map_of_the_readme_is_true():
    """Every entry exists, and no folder of the repository and no module of the package is missing."""
    drawn = re.search(r"^The folders:\n\n```\n(.*?)```", README, re.DOTALL | re.MULTILINE).group(1)
    top = re.findall(r"^(\S+)", drawn, re.MULTILINE)
    modules = re.findall(r"^ {2}(\S+)", drawn, re.MULTILINE)
    assert not [name for name in top if not (ROOT / name).exists()]
    assert not [name for name in modules if not (ROOT / "autograder" / name).exists()]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    folders = {f"{path.split('/')[0]}/" for path in tracked if "/" in path and not path.startswith(".")}
    assert folders <= set(top)
    package = {path.split("/")[1] for path in tracked if path.startswith("autograder/") and path.count("/") == 1}
    assert package - {"__init__.py"} <= set(modules)
