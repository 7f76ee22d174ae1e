"""Whatever was done to a notebook, what is graded has the instructor's cells as released and the student's answers."""

import base64
import codecs
import copy
import json
import logging
import os
import pickle
import random
import sys
import time
from html import escape
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from bleach._vendor import html5lib
from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbformat.validator import normalize
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator
from traitlets.config import Config, Configurable

from autograder.grading import restore as module
from autograder.grading.formulas import _ATTRIBUTES, _TAGS
from autograder.grading.restore import (
    Master,
    MasterCell,
    Restore,
    UnreadableError,
    cell_order,
    masters,
    rebuild,
    restore,
)
from autograder.grading.saved import without_outputs

STUB = "raise NotImplementedError()"


def master_cell(grade_id, source, kind="code", points=0.0, **flags):
    flags = {"grade": False, "solution": False, "locked": False, "task": False} | flags
    return MasterCell(grade_id, kind, source, points=points, checksum="0" * 32, **flags)


MASTER = Master(
    (
        master_cell("tools", "import math", locked=True),
        master_cell("f", STUB, solution=True),
        master_cell("check_f", "check('f')", points=2.0, grade=True, locked=True),
        master_cell("more_f", "assert f", points=1.0, grade=True, locked=True),
        master_cell("g", STUB, solution=True),
        master_cell("check_g", "check('g')", points=3.0, grade=True, locked=True),
        master_cell("why", "YOUR ANSWER HERE", "markdown", points=4.0, grade=True, solution=True),
        master_cell("picture", "Draw one.", "markdown", points=5.0, task=True, locked=True),
    )
)
IDS = [cell.grade_id for cell in MASTER.cells]
ANSWERS = {"f": "def f(): ...", "g": "def g(): ...", "why": "Because $a < b$."}


def prose(source="Some prose.", kind="markdown", id=None):
    cell = {"cell_type": kind, "id": id or f"id-{source[:4]}".replace(" ", ""), "metadata": {}, "source": source}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def cell(grade_id, source=None, **changes):
    """A cell as an honest student hands it in."""
    released = next(cell for cell in MASTER.cells if cell.grade_id == grade_id)
    made = prose(source or ANSWERS.get(grade_id, released.source), released.cell_type, grade_id)
    return made | {"metadata": {"deletable": False, **released.metadata}} | changes


def hand_in(*cells, **changes):
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "julia", "display_name": "J"}},
        "cells": list(cells),
    }
    return json.dumps(notebook | changes).encode()


def honest(without=(), **replaced):
    """All cells in order with prose between them; `replaced` by grade_id: a cell or a list of cells."""
    cells = [prose("# Title", id="title")]
    for grade_id in IDS:
        new = replaced.get(grade_id, cell(grade_id))
        cells += [] if grade_id in without else new if isinstance(new, list) else [new]
        cells.append(prose(id=f"after-{grade_id}"))
    return cells


def graded(content):
    """The restored notebook, valid for all who read it, and the remarks."""
    notebook, remarks = restore(content if isinstance(content, bytes) else hand_in(*content), MASTER)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    assert nbformat.reads(nbformat.writes(notebook), as_version=4) == notebook
    by_id = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    expected = {cell.grade_id: cell for cell in MASTER.cells}
    for grade_id, made in by_id.items():
        assert made.metadata == expected[grade_id].metadata
        assert made.cell_type == expected[grade_id].cell_type
        assert made.source == expected[grade_id].source or not expected[grade_id].locked
    assert by_id.keys() >= expected.keys() - {"f", "g"}
    assert all(not c.get("outputs") and c.get("execution_count") is None for c in notebook.cells)
    assert all(sentence[0].isupper() and sentence[-1] == "." for sentence in remarks)
    return notebook, remarks


def order(notebook):
    return [c.metadata.nbgrader.grade_id if c.metadata else c.source for c in notebook.cells]


def nbgrader_ids(notebook):
    return [c.metadata.nbgrader.grade_id for c in notebook.cells if c.metadata]


def source_of(notebook, grade_id):
    (found,) = [c.source for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    return found


def test_an_honest_notebook_keeps_its_cells_and_their_order():
    cells = honest()
    notebook, remarks = graded(cells)
    assert remarks == ()
    assert [(c.id, c.cell_type, c.source) for c in notebook.cells] == [
        (c["id"], c["cell_type"], c["source"]) for c in cells
    ]
    assert notebook.metadata == {"kernelspec": module.KERNELSPEC}


def test_outputs_and_metadata_do_not_survive():
    loud = cell("f", outputs=[nbformat.v4.new_output("stream", text="10 of 10 points")], execution_count=3)
    loud["metadata"]["tags"] = ["parameters"]
    assert graded(honest(f=loud)) == graded(honest())


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()


def test_pasted_pictures_survive_and_nothing_else_that_is_pasted():
    attachments = {
        "a.png": {"image/png": PNG},
        "by line.png": {"image/png": [PNG[:20] + "\n", PNG[20:]]},
        "b.svg": {"image/svg+xml": "<svg onload=alert(1)>"},
        "c.png": {"image/png": "AAAA", "text/html": "<script>alert(1)</script>"},
    }
    notebook, remarks = graded([*honest(), prose("![](attachment:a.png)", id="pasted") | {"attachments": attachments}])
    assert notebook.cells[-1].attachments == {"a.png": {"image/png": PNG}, "by line.png": {"image/png": PNG}}
    assert remarks == ("Cell number 18: what is pasted into it and is no picture is left out.",)
    # The answer to a question in words is such a cell, too.
    notebook, remarks = graded(honest(why=cell("why") | {"attachments": {"a.png": {"image/png": PNG}}}))
    assert [c.attachments for c in notebook.cells if "attachments" in c] == [{"a.png": {"image/png": PNG}}]
    assert remarks == ()


def test_an_edited_check_is_as_released_again():
    edited = cell("check_f", "print('2 points')")
    edited["metadata"]["nbgrader"] = {"grade_id": "check_f", "points": 1e9, "grade": "no", "schema_version": [1]}
    notebook, remarks = graded(honest(check_f=edited))
    assert source_of(notebook, "check_f") == "check('f')"
    assert remarks == ("Cell check_f was edited; the released one was put in its place.",)


@pytest.mark.parametrize("grade_id", ["tools", "check_f", "picture"])
def test_a_copied_locked_cell_is_removed(grade_id):
    notebook, remarks = graded(honest(**{grade_id: [cell(grade_id), cell(grade_id, id="again")]}))
    assert nbgrader_ids(notebook) == IDS
    assert len(notebook.cells) == len(honest())
    assert remarks == (f"Cell {grade_id} was there more than once; a copy was removed.",)


def test_of_a_copied_answer_the_last_one_counts_and_the_others_run():
    first, last = cell("f", "f = 1", id="a"), cell("f", "f = 2", id="b")
    notebook, remarks = graded(honest(f=[first, prose("f = 1.5", "code"), last]))
    assert [c.source for c in notebook.cells if c.cell_type == "code"][1:4] == ["f = 1", "f = 1.5", "f = 2"]
    assert source_of(notebook, "f") == "f = 2"
    assert remarks == ("Cell f was there more than once; a copy counts as an ordinary cell.",)


def test_an_untouched_copy_does_not_beat_an_answer():
    notebook, _ = graded(honest(why=[cell("why"), cell("why", "YOUR ANSWER HERE", id="copy")]))
    assert source_of(notebook, "why") == ANSWERS["why"]
    notebook, _ = graded(honest(why=[cell("why", "YOUR ANSWER HERE", id="copy"), cell("why")]))
    assert source_of(notebook, "why") == ANSWERS["why"]


@pytest.mark.parametrize("grade_id", ["tools", "check_f", "more_f", "check_g", "picture"])
def test_a_deleted_cell_is_back_in_its_place(grade_id):
    notebook, remarks = graded(honest(without=[grade_id]))
    assert nbgrader_ids(notebook) == IDS
    assert source_of(notebook, grade_id) == next(c.source for c in MASTER.cells if c.grade_id == grade_id)
    assert remarks == (f"Cell {grade_id} was deleted; it was put back.",)


def test_a_deleted_check_stands_right_behind_the_cell_before_it():
    notebook, _ = graded(honest(without=["check_f", "more_f"]))
    after = order(notebook).index("f")
    assert order(notebook)[after + 1 : after + 3] == ["check_f", "more_f"]


def test_a_deleted_answer_in_words_is_left_to_a_person():
    notebook, _ = graded(honest(without=["why"]))
    assert source_of(notebook, "why").endswith("was added back by nbgrader.\n\nYOUR ANSWER HERE")


def test_a_deleted_solution_stays_away():
    notebook, remarks = graded(honest(without=["f"]))
    assert nbgrader_ids(notebook) == [grade_id for grade_id in IDS if grade_id != "f"]
    assert remarks == ("Cell f is not there: it was deleted or has lost its grade_id.",)


def test_a_solution_that_lost_its_name_runs_before_its_check():
    """Also where the check was deleted with it: the student's function may stand anywhere before the next problem."""
    lost = prose("def f(): return 'mine'", "code")
    for without in ((), ("check_f", "more_f")):
        notebook, _ = graded(honest(without=without, f=lost))
        found = order(notebook)
        assert found.index("tools") < found.index(lost["source"]) < found.index("check_f") < found.index("more_f")
        assert found.index("more_f") < found.index("g")


def test_a_notebook_without_any_metadata_is_graded_after_all_its_cells():
    bare = [c | {"metadata": {}} for c in honest()]
    notebook, _ = graded(bare)
    assert order(notebook)[: len(bare) + 1] == ["tools", *(c["source"] for c in bare)]
    assert nbgrader_ids(notebook) == [grade_id for grade_id in IDS if grade_id not in ("f", "g")]


def test_a_check_before_its_solution_is_moved_right_behind_it():
    cells = honest(without=["check_f", "more_f", "check_g"])
    cells[1:1] = [cell("check_g"), cell("more_f"), cell("check_f")]
    notebook, remarks = graded(cells)
    found = order(notebook)
    assert found[found.index("f") :][:3] == ["f", "check_f", "more_f"]
    assert found[found.index("g") :][:2] == ["g", "check_g"]
    assert len(remarks) == 4
    assert "Cell check_g stood before g; it was moved behind it." in remarks


def test_sections_in_another_order_stay_in_it_and_keep_their_points():
    """But for what is given, which all may need, and for a check, which may call the solutions before it."""
    cells = [cell(grade_id) for grade_id in ("g", "check_g", "tools", "why", "f", "more_f", "check_f", "picture")]
    notebook, remarks = graded(cells)
    assert nbgrader_ids(notebook) == ["tools", "g", "why", "f", "check_g", "more_f", "check_f", "picture"]
    assert remarks == (
        "Cell tools stood behind g; it was moved before it.",
        "Cell check_g stood before f; it was moved behind it.",
    )


def test_cells_in_another_order_that_need_nothing_stay_where_they_are():
    cells = [cell(grade_id) for grade_id in ("why", "tools", "picture", "f", "more_f", "check_f", "g", "check_g")]
    cells[0], cells[1] = cells[1], cells[0]
    notebook, remarks = graded(cells)
    assert nbgrader_ids(notebook) == [c["id"] for c in cells]
    assert remarks == ()


def test_a_deleted_import_cell_is_back_before_all_that_needs_it():
    """Also before the student's own cells, in front of the first cell of the course."""
    own = prose("EPS = math.ulp(1)", "code", id="own")
    notebook, _ = graded([own, *honest(without=["tools"])])
    assert [c.id for c in notebook.cells[:2]] == ["tools", "own"]


def test_what_is_written_into_the_import_cell_runs_behind_it():
    edited = cell("tools", "import pandas\nEPS = 1e-12")
    notebook, remarks = graded(honest(tools=edited))
    place = order(notebook).index("tools")
    assert [c.source for c in notebook.cells[place : place + 2]] == ["import math", "import pandas\nEPS = 1e-12"]
    assert notebook.cells[place + 1].metadata == {}
    assert remarks == ("Cell tools was edited; the released one was put before it.",)
    notebook, remarks = graded(honest(tools=cell("tools", " ")))
    assert len(notebook.cells) == len(honest())
    assert remarks == ("Cell tools was edited; the released one was put in its place.",)


@pytest.mark.parametrize(("grade_id", "kind"), [("f", "markdown"), ("f", "raw"), ("check_f", "raw"), ("why", "code")])
def test_a_changed_cell_type_is_changed_back(grade_id, kind):
    notebook, remarks = graded(honest(**{grade_id: cell(grade_id, cell_type=kind, outputs=[], execution_count=None)}))
    assert nbgrader_ids(notebook) == IDS
    assert source_of(notebook, grade_id) == cell(grade_id)["source"]
    assert "it is one again." in remarks[0]


@pytest.mark.parametrize("grade_id", [None, 3, True, 1.5, [], ["f"], {"f": "f"}, "", "nobody", "F", "f\0", "f\n"])
def test_a_grade_id_of_any_kind_is_read(grade_id):
    odd = cell("f")
    odd["metadata"]["nbgrader"]["grade_id"] = grade_id
    notebook, _ = graded(honest(f=odd))
    assert "f" not in nbgrader_ids(notebook)
    assert ANSWERS["f"] in [c.source for c in notebook.cells]


def test_ids_are_valid_unique_and_the_same_again():
    cells = honest()
    for made, id in zip(cells, ["a", "a", "", "x" * 65, "ü", "cell-6-0", "cell-6-0"], strict=False):
        made["id"] = id
    del cells[9]["id"]
    notebook, _ = graded(cells)
    assert notebook.cells[0].id == "a"
    assert graded(cells)[0] == notebook


def test_raw_and_unknown_cells_are_shown_as_text():
    for kind in ("raw", "heading", ""):
        notebook, _ = graded([*honest(), prose("````\n<script>1</script>", kind, id="odd")])
        assert notebook.cells[-1].cell_type == "markdown"
        assert "<script>" not in module.markdown(notebook.cells[-1].source)


def test_characters_that_no_file_takes_are_replaced():
    notebook, _ = graded(honest(f=cell("f", "x = '\ud800'\0")))
    assert source_of(notebook, "f") == "x = '?'\N{REPLACEMENT CHARACTER}"


def test_the_notebooks_of_earlier_formats_are_read():
    v3 = nbformat.v3
    sheet = v3.new_worksheet(cells=[v3.new_code_cell("def f(): ...")])
    old = v3.new_notebook(worksheets=[sheet])
    notebook, _ = graded(json.dumps(old).encode())
    assert graded(json.dumps(old).encode())[0] == notebook
    assert notebook.cells[1].source == "def f(): ..."


UNREADABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "not UTF-8": ("{}".encode("utf-16"), "is not text in UTF-8"),
    "not JSON": (b"{\n'cells': []}", "is not JSON (line 2)"),
    "cut off": (hand_in(*honest())[:-40], "is not JSON"),
    "NUL": (b"\0" * 100, "is not JSON"),
    "a list": (b"[]", "is JSON but no notebook"),
    "a number": (b"1", "is JSON but no notebook"),
    "null": (b"null", "is JSON but no notebook"),
    "an object": (b"{}", "is JSON but no notebook"),
    "no cells": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is JSON but no notebook"),
    "cells by name": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {}}', "is JSON but no notebook"),
    "a cell that is a number": (hand_in(1), "is JSON but no notebook"),
    "a future format": (hand_in(nbformat=99), "is JSON but no notebook"),
    "too many cells": (hand_in(*[prose()] * 2001), "has 2001 cells; expected at most 2000."),
    "deep": (b"[" * 100_000, "is nested too deeply"),
    "rather deep": (b'{"metadata": ' + b"[" * 101 + b"]" * 101 + b"}", "is nested more than 100 levels deep"),
    "a huge number": (b'{"nbformat": ' + b"9" * 5000 + b"}", "is JSON but no notebook"),
}


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_notebook_gets_a_sentence(content, sentence):
    with pytest.raises(UnreadableError) as error:
        restore(content, MASTER)
    assert str(error.value).startswith(sentence)
    assert str(error.value).endswith(".")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("minor", [None, 0, 4, 5, 99])
def test_a_notebook_of_any_minor_format_is_read(minor):
    notebook = json.loads(hand_in(*honest()))
    notebook["nbformat_minor"] = minor
    if minor is None:
        del notebook["nbformat_minor"]
    assert graded(json.dumps(notebook).encode()) == graded(honest())


def test_a_byte_order_mark_is_no_part_of_a_notebook():
    assert graded(codecs.BOM_UTF8 + hand_in(*honest())) == graded(honest())


def test_saved_outputs_are_thrown_away_before_they_are_looked_at():
    outputs = [{"data": {"image/png": "A" * 1000, "outputs": ['"]}', [[]] * 10]}}, *([[]] * 1000)]
    cells = honest(f=cell("f", 'f = {"outputs": []}', outputs=outputs))
    for text in (json.dumps(cells), json.dumps(cells, indent=1)):
        content = hand_in().decode().replace("[]", text, 1).encode()
        small = without_outputs(content)
        assert len(small) < len(content) - 1000
        assert small.count(b"\n") == content.count(b"\n")
        assert graded(content) == graded(honest(f=cell("f", 'f = {"outputs": []}')))


DENSE = {
    "empty lists": b'{"metadata": [' + b"[]," * 300_000 + b"[]]}",
    "empty lists in outputs": b'{"outputs": [' + b"[]," * 1_600_000,
    "empty strings": b'{"metadata": [' + b'"",' * 600_000 + b'""]}',
    "escaped quotes": b'"' + b'\\"' * 4_000_000,
    "backslashes": b'"' + b"\\" * 10_000_001,
    "the name again and again": b'"outputs" ' * 1_000_000,
    "spaces behind the name": (b'"outputs"' + b" " * 1000) * 10_000,
    "not closed": b'{"outputs":[{' * 100_000,
}


@pytest.mark.parametrize("content", DENSE.values(), ids=DENSE.keys())
def test_what_is_dense_takes_no_long_time(content):
    """Ten times what it takes on a slow machine."""
    before = time.process_time()
    with pytest.raises(UnreadableError):
        module.parse(content)
    assert time.process_time() - before < 20


def broken(value, generator):
    """`value` with one part, wherever it lies, replaced by something of another kind."""
    odd = [None, True, -1, 1e400, 10**30, "", "x\ud800", [], [1], {}, {"a": [None]}, "code", [[]], {"nbgrader": 1}]
    parent = None
    while isinstance(value, dict | list) and value and (parent is None or generator.random() < 0.97):
        parent, key = value, generator.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value = parent[key]
    if generator.random() < 0.2 and isinstance(parent, dict):
        del parent[key]
    else:
        parent[key] = generator.choice(odd)


def test_a_notebook_broken_anywhere_is_restored_or_gets_a_sentence():
    """And what can be parsed can be read by nbgrader's own reader up to our preprocessor."""
    logging.disable(logging.CRITICAL)
    generator = random.Random(0)
    rich = honest(f=cell("f", outputs=[nbformat.v4.new_output("display_data", data={"text/plain": "1"})]))
    rich.append(prose("pasted") | {"attachments": {"a.png": {"image/png": "AAAA"}}})
    readable = 0
    for _ in range(600):
        notebook = json.loads(hand_in(*rich))
        for _ in range(generator.choice([1, 1, 2, 5])):
            broken(notebook, generator)
        content = json.dumps(notebook).encode()
        try:
            module.parse(content)
        except UnreadableError:
            continue
        graded(content)
        read = nbformat.reads(content.decode(), as_version=4)
        normalize(copy.deepcopy(read))
        rebuild(read, MASTER)
        readable += 1
    logging.disable(logging.NOTSET)
    assert 100 < readable < 600


def test_a_master_can_be_sent_to_a_worker():
    assert pickle.loads(pickle.dumps(MASTER)) == MASTER


HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe src=/formgrader></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href=' &#106;avascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[a page that was handed in](page.html)",
    "[x](/formgrader/manage_students)",
    "[x](//example.org/x)",
    "![x](javascript:alert(1))",
    "```mermaid\n<script>alert(1)</script>\n```",
    "```<script>\n<script>alert(1)</script>\n```",
    "<div class='score' id='check_f' style='position:fixed'>x</div>",
    "# check_f",
    "<style>body {display: none}</style>",
    "<form action=/x><input name=a type=text><button>x</button></form>",
    "$$<script>alert(1)</script>$$",
    "\\begin{a}<script>alert(1)</script>\\end{a}",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<details ontoggle=alert(1) open>x</details>",
    "<" * 500,
]


MATHML = "{http://www.w3.org/1998/Math/MathML}"


@pytest.mark.parametrize("source", HARMFUL)
def test_nothing_in_markdown_acts_in_the_page(source):
    # As a browser parses it.
    page = html5lib.parse(module.markdown(source), namespaceHTMLElements=False)
    for tag in page.iter():
        formula = tag.tag.startswith(MATHML)
        assert tag.tag.removeprefix(MATHML) in {"html", "head", "body"} | (_TAGS if formula else module.TAGS)
        if formula:
            assert tag.attrib.keys() <= _ATTRIBUTES
            continue
        for name, value in tag.attrib.items():
            assert (name, value) in {
                ("src", "x"), ("alt", "x"), ("class", "highlight"), ("class", "p"), ("class", "nt"),
            }  # fmt: skip


def test_a_student_may_leave_out_cells_of_their_own_but_none_that_counts():
    cells = [*honest(), prose("x = 1", "code")]
    for given in cells:
        given["metadata"] = given["metadata"] | {"tags": ["skip-execution", "another", 7]}
    notebook, _ = restore(hand_in(*cells), MASTER)
    skipped = [c for c in notebook.cells if c.metadata.get("tags") == ["skip-execution"]]
    assert {c.metadata.get("nbgrader", {}).get("grade_id") for c in skipped} == {None, "f", "g"}
    assert skipped[-1].source == "x = 1"


ELSEWHERE = [
    "https://example.com/seen.png",
    "http://example.com/seen.png",
    "//example.com/seen.png",
    "\\\\example.com\\seen.png",
    "/formgrader/api/assignments",
    "../../other/notebook.png",
    "plots/../../other.png",
    "./../other.png",
    "plots/%2e%2e/%2E%2E/other.png",
    "%2fformgrader",
    "..%2fother.png",
    "plot.png?x=1",
    "?x=1",
    "file:///etc/passwd",
    "data:image/svg+xml;base64,AAAA",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_picture_from_elsewhere_is_not_asked_for(address):
    for source in (
        f"![seen]({address})",
        f"<img src='{address}' alt=seen srcset='{address}'>",
        f"![seen][1]\n\n[1]: {address}",
    ):
        page = html5lib.parse(module.markdown(source), namespaceHTMLElements=False)
        assert [
            attribute for element in page.iter("img") for attribute in ("src", "srcset") if attribute in element.attrib
        ] == []


@pytest.mark.parametrize(
    "address", ["plot.png", "./plots/my%20plot.png", "plots/그림.1.png", "data:image/png;base64,AAAA"]
)
def test_a_picture_of_the_submission_is_shown(address):
    page = html5lib.parse(module.markdown(f"![seen]({address})"), namespaceHTMLElements=False)
    assert [unquote(element.attrib["src"]) for element in page.iter("img")] == [unquote(address)]


@pytest.mark.parametrize("piece", ["<div>\n", "|a|b|\n|-|-|\n", "\\begin{a}", "<b>", "```\n"])
def test_prose_that_would_take_long_to_read_is_shown_as_it_was_written(piece):
    long = piece * (module.LONGEST_PROSE // len(piece) + 1)
    assert module.markdown(long) == f"<pre>{escape(long)}</pre>"
    assert not module.markdown(piece).startswith("<pre>&lt;")


def test_a_large_picture_is_not_long_prose():
    assert "<img" in module.markdown(f"![seen](data:image/png;base64,{'A' * 10 * module.LONGEST_PROSE})")


HARMLESS = {
    "$a < b$ and $c$": "<mi>a</mi><mo>&lt;</mo><mi>b</mi></math> and <math><mi>c</mi></math>",
    "$$\\begin{matrix} 1 & 2 \\\\ 3 & 4 \\end{matrix}$$": '<math display="block"><mtable',
    "$a < \\nosuchthing & b$": "$a &lt; \\nosuchthing &amp; b$",
    "![$a < b$](plot.png)": '<img src="plot.png" alt="$a &lt; b$">',
    "`x < y` and **bold**": "<code>x &lt; y</code> and <strong>bold</strong>",
    "1 < 2 & 3 > 2": "1 &lt; 2 &amp; 3 &gt; 2",
    "H<sub>2</sub>O": "H<sub>2</sub>O",
    "[notes](https://example.org/a?b=c&d=e)": '<a href="https://example.org/a?b=c&amp;d=e">notes</a>',
    "![my plot](plots/my plot.png)": "my plot",
    "![my plot](plot.png)": '<img src="plot.png" alt="my plot">',
    "![gone](attachment:a.png)": '<img alt="gone">',
    "![mine](attachment:my.png)": f'<img src="data:image/png;base64,{PNG}" alt="mine">',
    "![mine](attachment:%EA%B7%B8%EB%A6%BC%201.png)": f'src="data:image/png;base64,{PNG}"',
    "![mine](<attachment:그림 1.png>)": f'src="data:image/png;base64,{PNG}"',
    "| a | b |\n|---|---|\n| 1 | 2 |": "<td>1</td>",
    "```python\ndef f(x): return x < 1\n```": '<span class="k">def</span>',
    "# Title": "<h1>Title</h1>",
    "> said\n\n1. one\n2. two\n\n---": "<blockquote>",
    "- [x] done": 'type="checkbox"',
}


@pytest.mark.parametrize(("source", "html"), HARMLESS.items())
def test_honest_markdown_looks_as_it_should(source, html):
    pasted = {"image/png": PNG}
    assert html in module.markdown(source, {"my.png": pasted, "그림 1.png": pasted})


@pytest.mark.parametrize("template", ["formgrade", "feedback"])
def test_nbgrader_s_pages_obey_the_filter(template):
    from nbgrader.server_extensions.formgrader import handlers

    config = Config()
    config.HTMLExporter.template_name = template
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    static = Path(handlers.static_path, "node_modules", "bootstrap", "dist", "css")
    config.HTMLExporter.extra_template_paths = [str(static)]
    config.HTMLExporter.filters = {"markdown2html": "autograder.grading.restore.markdown_of_cell"}
    pasted = {"attachments": {"my.png": {"image/png": PNG}}}
    notebook, _ = graded(
        [
            *honest(why=cell("why", "Mine: <script>alert(1)</script> ![](attachment:my.png)") | pasted),
            prose("<script>alert(2)</script>", "raw", id="r"),
            prose("![](attachment:my.png)", id="p") | pasted,
        ]
    )
    names = {"student": "bob", "notebook": "one", "assignment": "ps", "score": 0, "max_score": 0, "late_penalty": 0}
    for made in notebook.cells:
        if made.metadata:
            made.metadata.nbgrader.update(score=0, comment="<script>alert(3)</script>")
    resources = {"nbgrader": names, "base_url": "", "index": 0, "total": 1, "notebook_id": "one"}
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook, resources=resources)
    assert "Mine:" in page
    assert "&lt;script&gt;alert(2)" in page
    assert page.count(PNG) == 2
    assert "<script>alert" not in page


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A gradebook and a source folder whose order is not the one of the names."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    source = tmp_path / "source" / "ps"
    source.mkdir(parents=True)
    nbformat.write(nbformat.reads(hand_in(*honest(without=["tools"])), as_version=4), source / "one.ipynb")
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("ps")
        gradebook.add_notebook("one", "ps")
        for made in sorted(MASTER.cells, key=lambda cell: cell.checksum + cell.grade_id):
            common = {"name": made.grade_id, "notebook": "one", "assignment": "ps"}
            gradebook.add_source_cell(
                **common, cell_type=made.cell_type, source=made.source, locked=made.locked, checksum=made.checksum
            )
            scored = common | {"max_score": made.points, "cell_type": made.cell_type}
            if made.grade:
                gradebook.add_grade_cell(**scored)
            if made.solution:
                gradebook.add_solution_cell(**common)
            if made.task:
                gradebook.add_task_cell(**scored)
        yield tmp_path, gradebook


def test_the_master_comes_from_the_gradebook_in_the_order_of_the_source(course):
    root, gradebook = course
    found = masters(gradebook, "ps", cell_order(root / "source" / "ps"))
    # A cell that the source no longer has comes last.
    assert found == {"one": Master((*MASTER.cells[1:], MASTER.cells[0]))}


def test_the_preprocessor_does_the_same(course):
    root, gradebook = course

    class Coursedir:
        source_directory = "source"

        def format_path(self, step, student, assignment):
            return str(root / step / student / assignment)

    class Converter(Configurable):
        coursedir = Coursedir()

    exporter = NotebookExporter(parent=Converter())
    content = hand_in(*honest(without=["check_f"], f=cell("f", cell_type="markdown")))
    names = {"student": "bob", "notebook": "one", "assignment": "ps", "db_url": f"sqlite:///{root}/gradebook.db"}
    handed_in = nbformat.reads(content.decode(), as_version=4)
    made, _ = Restore(parent=exporter).preprocess(handed_in, {"nbgrader": names})
    master = masters(gradebook, "ps", cell_order(root / "source" / "ps"))["one"]
    assert made == restore(content, master)[0]
