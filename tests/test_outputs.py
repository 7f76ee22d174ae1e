"""What a cell shows is taken as Jupyter's own runner takes it, and within bounds."""

import pytest
from nbformat.v4 import new_code_cell

from autograder.grading.outputs import LAST_WORDS, OVERHEAD, Outputs, keep_in_bounds

LIMIT = 10 * OVERHEAD


def message(kind, **content):
    return {"msg_type": kind, "content": content}


def stream(text):
    return message("stream", name="stdout", text=text)


def display(text, id=None, kind="display_data"):
    return message(kind, data={"text/plain": text}, transient={"display_id": id} if id else None)


def error(name, **content):
    return message("error", ename=name, evalue="", traceback=[name], **content)


CLEAR, CLEAR_NEXT = message("clear_output", wait=False), message("clear_output", wait=True)


def shown(*messages, limit=LIMIT, displays=None):
    outputs = Outputs(limit, 5 * limit, displays)
    return outputs, [outputs.show(message) for message in messages]


def texts(outputs):
    return [
        output.get("text") or output.get("ename") or output.get("data", {}).get("text/plain")
        for output in outputs.outputs
    ]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([stream("a"), stream("b")], ["ab"]),
        ([stream("a"), CLEAR, stream("b")], ["b"]),
        ([stream("a"), CLEAR], []),
        ([stream("a"), CLEAR_NEXT, stream("b")], ["b"]),
        ([stream("a"), CLEAR_NEXT], ["a"]),
        ([stream("a"), CLEAR_NEXT, CLEAR, stream("b"), stream("c")], ["bc"]),
        ([display("a", "x"), stream("b"), display("c", "x", "update_display_data")], ["c", "b"]),
        ([display("a", "x"), display("b", "x")], ["b", "b"]),
        ([display("a", "x"), display("b", "y", "update_display_data")], ["a"]),
        ([display("a", "x"), CLEAR, display("b", "x", "update_display_data")], []),
        # A result may decide about points: unlike in nbclient, no display changes it.
        ([message("execute_result", data={"text/plain": "a"}, transient={"display_id": "x"}),
          display("b", "x", "update_display_data")], ["a"]),
        ([error("ValueError"), CLEAR, stream("b")], ["b"]),
        ([message("clear_output"), message("display_data", data={}, transient=["display_id"])],
         ["[not shown: it is not text]"]),
    ],
)  # fmt: skip
def test_displays_are_cleared_and_changed(messages, expected):
    assert texts(shown(*messages)[0]) == expected


def test_a_display_is_changed_by_a_later_cell():
    displays = {}
    first, _ = shown(display("a", "x"), displays=displays)
    later, _ = shown(display("b", "x", "update_display_data"), displays=displays)
    assert (texts(first), texts(later)) == (["b"], [])


def test_what_is_replaced_is_neither_cut_off_nor_a_flood():
    progress = [piece for _ in range(1000) for piece in (CLEAR_NEXT, stream("x" * OVERHEAD))]
    plot = [display("a", "x"), *[display("b" * OVERHEAD, "x", "update_display_data")] * 1000]
    for messages in (progress, plot):
        outputs, goes_on = shown(*messages)
        assert all(goes_on)
        assert [len(text) for text in texts(outputs)] == [OVERHEAD]


def test_changing_displays_keeps_the_limit():
    """One change of many displays with one id is many times as long as its message."""
    outputs, _ = shown(*[display("a", "x")] * 5, display("b" * 4 * OVERHEAD, "x", "update_display_data"))
    assert sum(map(len, texts(outputs))) < LIMIT


def test_displays_that_are_gone_leave_nothing_behind():
    displays = {}
    shown(*[piece for n in range(100) for piece in (display("a", f"x{n}"), CLEAR)], displays=displays)
    assert displays == {}


def result(text):
    return message("execute_result", data={"text/plain": text})


@pytest.mark.parametrize("last", [error("ValueError"), result("0.5")])
def test_what_decides_about_points_is_kept_past_the_limit(last):
    outputs, _ = shown(stream("x" * 2 * LIMIT), last, last)
    assert texts(outputs)[1:] == texts(shown(last)[0])


def test_what_is_kept_past_the_limit_is_short():
    long = "x" * 10 * LAST_WORDS
    last = message("error", ename=long, evalue=long, traceback=[long] * 5)
    outputs, _ = shown(stream("x" * 2 * LIMIT), last, result(long))
    assert sum(len(str(output)) for output in outputs.outputs) < 6 * LAST_WORDS


def test_the_reply_s_error_is_added_unless_it_was_shown():
    outputs, _ = shown(error("ValueError"))
    outputs.fail({"ename": "ValueError", "evalue": "", "traceback": []})
    assert texts(outputs) == ["ValueError"]
    outputs.fail({"status": "error"})
    outputs.fail({"ename": 7, "evalue": ["x"], "traceback": "no list"})
    assert texts(outputs) == ["ValueError", "None", "7"]


@pytest.mark.parametrize("value", ["-1", "nan", "7"])
def test_a_result_that_nbgrader_would_stumble_over_is_an_error(value):
    cell = new_code_cell(metadata={"nbgrader": {"points": 5}}, outputs=shown(result(value))[0].outputs)
    keep_in_bounds(cell)
    assert [output.output_type for output in cell.outputs] == ["error"]
