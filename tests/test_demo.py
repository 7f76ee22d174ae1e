"""The demo class: what its members hand in, and that a changed course starts it anew."""

import re

import pytest
from nbgrader.api import Gradebook
from programs import for_every_word

from autograder import demo
from autograder.problems import problem_sets


@for_every_word
def test_every_known_program_is_a_student(word):
    members = demo.students(word)
    programs = [p for problem in problem_sets()[word] for p in (*problem.mistakes, *problem.alternatives)]
    assert len(members) == len(programs) + 2
    assert len({student.name for student in members}) == len(members)


@for_every_word
def test_a_student_s_source_defines_what_it_says_and_gives_no_hint(word):
    for student in demo.students(word):
        for name, source in (student.sources or {}).items():
            assert re.match(rf"def {name}\(|class {name}\b", source)
            assert '"""' not in source


@pytest.mark.slow
@for_every_word
def test_a_changed_course_starts_anew(word, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "COURSE", tmp_path)
    demo._start_course(word)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_student("sun")
        gradebook.add_submission(word, "sun")
    demo._start_course(word)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        assert len(gradebook.assignment_submissions(word)) == 1
    (tmp_path / f"{word}.sha256").write_text("something else")
    demo._start_course(word)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        assert gradebook.assignment_submissions(word) == []
    assert len(list(tmp_path.glob(f"submitted/*/{word}/{word}.ipynb"))) == len(demo.students(word))
