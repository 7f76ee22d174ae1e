"""Every promise and demand of a docstring has a case: the list is `promises.PROMISES`."""

import pytest
from promises import GIVEN, PROMISES
from sets import solutions_of

from autograder.expected import draw
from autograder.problems import problem_sets, problems

EVERY_FUNCTION = [pytest.param(word, p.name, id=p.name) for word, chapter in problem_sets().items() for p in chapter]


def test_every_function_is_in_the_list():
    assert set(PROMISES) == set(problems())


@pytest.mark.parametrize(("word", "name"), EVERY_FUNCTION)
def test_the_list_has_every_word_of_the_docstring(word, name):
    assert " ".join(piece for piece, *_ in PROMISES[name]) == " ".join(solutions_of(word)[name].__doc__.split())


@pytest.mark.parametrize("problem", problems().values(), ids=lambda problem: problem.name)
def test_every_piece_of_it_has_its_cases(problem):
    cases = draw(problem, 0)
    for piece, *asked in PROMISES[problem.name]:
        assert asked, piece
        for what in asked:
            found = what == GIVEN or any(case.criterion == what or case.name.startswith(what) for case in cases)
            assert found, f"{piece!r}: there is no case {what!r}"
