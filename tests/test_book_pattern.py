"""The pattern of a chapter that is a folder of short pages: what each of them must have."""

import re
from pathlib import Path

import nbformat
import pytest
from contents import BOOK, WORDS

from autograder.problems import problem_sets

PAGES = [page for word in WORDS for page in sorted((BOOK / word).glob("*.md"))]
LESSONS = [page for page in PAGES if page.stem not in ("index", "summary")]
NO_CODE = ("With a pencil",)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
every_lesson = pytest.mark.parametrize("page", LESSONS, ids=lambda page: f"{page.parent.name}-{page.stem}")
every_folder = pytest.mark.parametrize("word", WORDS)


def prose(text: str) -> str:
    """A page without its head, its cells and its comments; boxes of text are prose."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return re.sub(r"^```\{(?:code-cell|literalinclude)\}.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """The second-level sections of a page by their headings; what stands before the first one is the page's title."""
    parts = re.split(
        r"^(#{1,2} .+)$", re.sub(r"^```\{code-cell\}.*?^```$", hide_headings, text, flags=re.DOTALL | re.M), flags=re.M
    )
    return dict(zip((heading.lstrip("# ") for heading in parts[1::2]), parts[2::2], strict=True))


def hide_headings(cell: re.Match) -> str:
    """A cell whose comments are not taken for headings."""
    return re.sub(r"^#", " #", cell[0], flags=re.MULTILINE)


def shows_code(section: str) -> bool:
    """Whether a section has code that a reader sees without opening a fold."""
    if "```{literalinclude}" in section:
        return True
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return any("hide-input" not in cell and "remove-cell" not in cell for cell in cells)


def boxes(page: Path) -> str:
    """What the boxes of a page say that lead to the notebook."""
    box = re.compile(r"```\{admonition\} Now write .*?\n:class: exercise-notebook\n(.*?)```\n", re.DOTALL)
    return " ".join(box.findall(page.read_text("utf-8")))


def test_there_is_a_chapter_to_look_at():
    assert WORDS


@every_folder
def test_a_chapter_has_an_index_three_to_six_lessons_and_a_summary(word):
    names = {page.stem for page in (BOOK / word).glob("*.md")}
    assert {"index", "summary"} <= names
    assert 3 <= len(names) - 2 <= 6


@every_page
def test_a_page_has_at_most_3000_words(page):
    assert len(prose(page.read_text("utf-8")).split()) <= 3000


@every_lesson
def test_a_section_shows_the_code_of_its_idea(page):
    _, *rest = sections(page.read_text("utf-8")).items()
    assert [heading for heading, text in rest if heading not in NO_CODE and not shows_code(text)] == []


@every_lesson
def test_a_lesson_ends_with_four_to_six_problems_that_are_answered(page):
    heading, text = list(sections(page.read_text("utf-8")).items())[-1]
    assert heading == "With a pencil"
    asked, answered = text.split("````{admonition} Answers\n:class: dropdown\n")
    numbers = re.findall(r"^(\d)\. ", asked, re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    assert 4 <= len(numbers) <= 6
    assert re.findall(r"^(\d)\. ", answered, re.MULTILINE) == numbers
    assert "assert " in answered, "no answer is computed"


@every_folder
def test_every_function_of_the_set_is_asked_for_where_it_is_taught(word):
    lessons = [page for page in LESSONS if page.parent.name == word]
    for problem in problem_sets()[word]:
        assert len([page for page in lessons if f"`{problem.name}`" in boxes(page)]) == 1, problem.name


@every_folder
def test_every_module_of_a_chapter_is_shown(word):
    shown = {
        name
        for page in (BOOK / word).glob("*.md")
        for name in re.findall(r"```\{literalinclude\} (\S+)", page.read_text("utf-8"))
    }
    assert {path.name for path in (BOOK / word).glob("*.py")} <= shown


def anchor(heading: str) -> str:
    """How a link names a heading, where a page is shown as Markdown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@every_folder
def test_every_cell_of_a_notebook_leads_back_to_its_section(word):
    """The last page that is linked above a function's cell asks for the function, and has the section that is named."""
    folder = BOOK.parent / "exercises" / word
    asked = {problem.name for problem in problem_sets()[word]}
    linked = None
    for cell in nbformat.read(folder / f"{word}.ipynb", 4).cells:
        links = re.findall(r"\]\(([^\s)#]+\.md)(?:#([^\s)]+))?\)", cell.source) if cell.cell_type == "markdown" else []
        for path, place in links:
            linked = (folder / path).resolve()
            headings = [anchor(heading) for heading in sections(linked.read_text("utf-8"))]
            assert not place or place in headings, (path, place)
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in asked:
            asked.remove(name)
            assert linked, name
            assert f"`{name}`" in boxes(linked), name
    assert not asked
