"""The cells of a notebook that try out what the student has written."""

import pytest

from autograder import when_written


def unwritten():
    raise NotImplementedError


class Value:
    def tanh(self):
        raise NotImplementedError


@pytest.mark.parametrize(("function", "name"), [(unwritten, "unwritten"), (lambda: Value().tanh(), "Value.tanh")])
def test_what_is_missing_is_named(capsys, function, name):
    @when_written
    def experiment():
        print("before")
        function()

    assert experiment is None
    assert capsys.readouterr().out == f"before\nThis cell uses {name}. Write it first, then run this cell again.\n"


def test_what_is_not_defined_is_named(capsys):
    when_written(lambda: somewhere_else())  # noqa: F821
    assert capsys.readouterr().out == (
        "somewhere_else is not defined: run the cell that defines it, then this one again.\n"
    )


def test_what_is_wrong_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        when_written(lambda: 1 / 0)


def test_nothing_is_run_while_a_notebook_is_graded(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    when_written(lambda: print("run"))
    assert capsys.readouterr().out == ""
