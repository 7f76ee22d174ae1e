"""One word names a chapter everywhere, and the README's map is true."""

import re
import subprocess

import pytest
from sets import for_every_word

from autograder.course import ROOT, words
from autograder.problems import problem_sets

PLACES = [
    "book/{word}.md",
    "solutions/{word}.py",
    "exercises/{word}/{word}.ipynb",
    "autograder/problems/{word}.py",
    "autograder/references/{word}.py",
]


@for_every_word
@pytest.mark.parametrize("place", PLACES)
def test_the_word_finds_the_file(word, place):
    assert (ROOT / place.format(word=word)).is_file()


def test_no_place_has_a_word_that_the_others_do_not_know():
    assert sorted(problem_sets()) == words()
    assert sorted(folder.name for folder in (ROOT / "exercises").iterdir()) == words()
    references = {path.stem for path in (ROOT / "autograder" / "references").glob("*.py")} - {"__init__"}
    assert sorted(references) == words()


@pytest.mark.parametrize("place", ["solutions/convolution.py", "book/grading.md"])
def test_student_and_instructor_are_told_the_limit_that_is_checked(place):
    text = " ".join((ROOT / place).read_text().replace("\n# ", " ").split())
    limits = {problem.speed for problem in problem_sets()["convolution"] if problem.speed}
    assert len(limits) == 1
    assert f"{limits.pop():g} times as long as torch" in text


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
