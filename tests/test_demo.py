"""The demo class: what its members hand in, and that a changed course starts it anew."""

import re
from dataclasses import replace

import pytest
from nbgrader.api import Gradebook
from sets import for_every_word

from autograder import demo
from autograder.problems import problem_sets


@for_every_word
def test_every_known_program_is_in_the_class_once(word):
    members = demo.students(word)
    made = [item for student in members for item in student.mistakes.items()]
    assert sorted(made) == sorted((p.name, mistake.name) for p in problem_sets()[word] for mistake in p.mistakes)
    handed_in = [source for student in members for source in (student.sources or {}).values()]
    for problem in problem_sets()[word]:
        for program in (*problem.mistakes, *problem.alternatives):
            for name, function in program.by_name().items():
                assert demo._source(name, function) in handed_in
    assert len({student.name for student in members}) == len(members)


NOTHING_WRONG = demo.Result(demo.Student("s", {}), {"relu": (2, 2)}, {}, 0)


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        (True, NOTHING_WRONG),
        (False, replace(NOTHING_WRONG, points={"relu": (1, 2)})),
        (False, replace(NOTHING_WRONG, student=demo.Student("s", None))),
        (True, replace(NOTHING_WRONG, student=demo.Student("s", None), points={"relu": (0, 2)})),
        (False, replace(NOTHING_WRONG, student=demo.Student("s", {}, {"relu": "sign"}))),
        (False, replace(NOTHING_WRONG, student=demo.Student("s", {}, {"relu": "sign"}), points={"relu": (1, 2)})),
        (False, demo.Result(demo.Student("s", {}, {"relu": "sign"}), {"relu": (1, 2)}, {"relu": "abs"}, 0)),
        (False, demo.Result(demo.Student("s", {}, {"relu": "sign"}), {"relu": (2, 2)}, {"relu": "sign"}, 0)),
        (True, demo.Result(demo.Student("s", {}, {"relu": "sign"}), {"relu": (1, 2)}, {"relu": "sign"}, 0)),
        (True, demo.Result(demo.Student("s", {}, {"a": "b"}), {"a": (1, 2), "c": (0, 2)}, {"a": "b", "c": "d"}, 0)),
    ],
)
def test_what_is_expected_of_a_student(expected, result):
    assert result.as_expected == expected


@for_every_word
def test_a_student_s_source_defines_what_it_says_and_gives_no_hint(word):
    for student in demo.students(word):
        for name, source in (student.sources or {}).items():
            assert re.match(rf"def {name}\(|class {name}\b", source)
            assert '"""' not in source


@pytest.mark.slow
@for_every_word
def test_a_changed_course_starts_anew(word, tmp_path, monkeypatch):
    # Of a fresh clone nothing is there yet.
    course = tmp_path / "build" / "demo"
    monkeypatch.setattr(demo, "COURSE", course)
    demo._start_course(word)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.add_student("sun")
        gradebook.add_submission(word, "sun")
    demo._start_course(word)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        assert len(gradebook.assignment_submissions(word)) == 1
    (course / f"{word}.sha256").write_text("something else")
    demo._start_course(word)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        assert gradebook.assignment_submissions(word) == []
    assert len(list(course.glob(f"submitted/*/{word}/{word}.ipynb"))) == len(demo.students(word))
