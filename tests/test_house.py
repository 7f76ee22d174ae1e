"""One word names a chapter everywhere."""

import pytest
from programs import for_every_word

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
