"""What crosses the boundary: every kind of call goes through unchanged, and nothing but data comes back."""

import json
import math
import re

import pytest
import torch
from exams import CPU, exam, verdict_on
from safetensors.torch import save

from autograder.calls import exchange
from autograder.calls.case import Case
from autograder.calls.kinds import function, graph
from autograder.judge import Exam
from autograder.problem import Problem
from autograder.problems import problems


def verdict_over_the_boundary(exam, functions):
    answer = exchange.serve(exchange.ask(exam.problem, exam.cases, exam.device), functions)
    return exam.judge(exchange.read_answer(answer, exam.problem, exam.cases))


def told(verdict):
    """A verdict without the digits of its findings: sums round otherwise where numbers lie otherwise in memory."""
    criteria = [(c.name, c.earned, [re.sub(r"[\d.e+-]+", "#", f) for f in c.findings]) for c in verdict.criteria]
    return criteria, verdict.hint, verdict.mistake


@pytest.mark.parametrize("name", problems())
def test_a_verdict_is_the_same_on_both_sides(name):
    """Every known program of every problem, called here and over the boundary."""
    problem, shared = problems()[name], exam(name, 3)
    for program in (*problem.alternatives, *problem.mistakes):
        if problem.measured is None and not any(case.timed for case in shared.cases):
            from_here = verdict_on(shared, program)
        else:
            # For a verdict of its own it would be run anew, which takes another time, and may give other numbers.
            from_here = shared.judge([shared.outcome_of(program, i) for i in range(len(shared.cases))])
        assert told(verdict_over_the_boundary(shared, problem.functions_of(program))) == told(from_here)


def one_case(call, arguments, expected, returns=("out",), name="f", dtype=torch.float64):
    return Problem(
        name=name,
        call=call,
        returns=returns,
        cases=lambda generator: [Case("a case", "values", arguments, dtype=dtype)],
        expected=expected,
        points={"values": 1},
    )


def test_a_generator_arrives_with_its_seed():
    draw = one_case(
        function,
        {"shape": (2, 3), "generator": torch.Generator().manual_seed(11)},
        lambda arguments, dout: (torch.randn(arguments["shape"], generator=arguments["generator"]),),
        dtype=torch.float32,
    )
    assert (
        verdict_over_the_boundary(Exam(draw, 3, CPU), {"f": lambda shape, g: torch.randn(shape, generator=g)}).score
        == 1
    )
    assert verdict_over_the_boundary(Exam(draw, 3, CPU), {"f": lambda shape, g: torch.randn(shape)}).score == 0


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


class Dual:
    """A scalar with its derivative: right for graphs of one value, and small."""

    def __init__(self, data, slope=1.0):
        self.data, self.slope, self.origin = data, slope, self

    def _made(self, data, slope):
        node = Dual(data, slope)
        node.origin = self.origin
        return node

    def __mul__(self, other):
        other = other if isinstance(other, Dual) else Dual(other, 0.0)
        return self._made(self.data * other.data, self.slope * other.data + self.data * other.slope)

    def exp(self):
        return self._made(math.exp(self.data), self.slope * math.exp(self.data))

    def backward(self):
        self.origin.grad = self.slope


def test_a_graph_of_scalars_is_built_and_differentiated():
    # x * exp(2 x) at x = 0.5, whose derivative is (1 + 2 x) exp(2 x).
    product = one_case(
        graph,
        {"values": scalar(0.5).view(1), "steps": (("*", 0, 2.0), ("exp", 1), ("*", 0, 2))},
        lambda arguments, dout: (scalar(0.5 * math.e), scalar(2 * math.e).view(1)),
        returns=("data", "grad"),
        name="Value",
    )
    assert verdict_over_the_boundary(Exam(product, 3, CPU), {"Value": Dual}).score == 1

    class Forgetful(Dual):
        def backward(self):
            self.origin.grad = 1.0

        def _made(self, data, slope):
            node = Forgetful(data, slope)
            node.origin = self.origin
            return node

    assert verdict_over_the_boundary(Exam(product, 3, CPU), {"Value": Forgetful}).score == 0
    complaint = verdict_over_the_boundary(Exam(product, 3, CPU), {"Value": lambda data: data}).criteria[0].findings[0]
    assert "'float' object has no attribute 'exp'" in complaint


def good_answer():
    return [[{"dict": [["outputs", {"list": [{"list": [{"tensor": "0"}, "cpu"]}]}], ["complaint", None],
                       ["modified", {"list": []}], ["interrupted", False]]}], {"0": torch.ones(2)}]  # fmt: skip


PROBLEM = one_case(function, {"x": torch.ones(2)}, lambda arguments, dout: (arguments["x"],))


def read(entries, tensors):
    packed = [entries if isinstance(entries, bytes) else json.dumps(entries).encode(), tensors]
    return exchange.read_answer(packed, PROBLEM, [None])


def test_a_good_answer_is_read():
    entries, tensors = good_answer()
    (outcome,) = read(entries, save(tensors))
    assert outcome.outputs[0].values.tolist() == [1, 1]


def changed(**fields):
    entries, tensors = good_answer()
    entries[0]["dict"] = [[k, fields.get(k, v)] for k, v in entries[0]["dict"]]
    return entries, save(tensors)


TENSORS = save({"0": torch.ones(2)})

FORGED = {
    "no JSON": (b"\x80\x04cposix\nsystem", TENSORS),
    "deep JSON": (b"[" * 100_000, TENSORS),
    "a number": (7, TENSORS),
    "no outcome": ([], TENSORS),
    "two outcomes": (good_answer()[0] * 2, TENSORS),
    "an unknown kind": ([{"eval": "1"}], TENSORS),
    "two kinds": ([{"list": [], "tuple": []}], TENSORS),
    "a tensor that is not there": changed(outputs={"list": [{"list": [{"tensor": "9"}, "cpu"]}]}),
    "a number for a tensor": changed(outputs={"list": [{"list": [1.0, "cpu"]}]}),
    "outputs and a complaint": changed(complaint="both"),
    "neither": changed(outputs=None),
    "a complaint that is no text": changed(outputs=None, complaint={"list": []}),
    "too many outputs": changed(outputs={"list": [{"list": [{"tensor": "0"}, "cpu"]}] * 2}),
    "a device that is no text": changed(outputs={"list": [{"list": [{"tensor": "0"}, 1]}]}),
    "changes that are no list": changed(modified=3),
    "no tensors": (good_answer()[0], b""),
    "tensors cut off": (good_answer()[0], TENSORS[:-4]),
    "a header that lies": (good_answer()[0], (2**60).to_bytes(8, "little") + TENSORS[8:]),
    "a list of tensors without end": (good_answer()[0], save({str(n): torch.ones(0) for n in range(5_000)})),
    "JSON of empty lists": (b"[" + b"[]," * 300_000 + b"[]]", TENSORS),
    "JSON of a long text": (json.dumps(["x" * 2**21]).encode(), TENSORS),
    "a pickle": (good_answer()[0], b"\x80\x04\x95"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_answer_is_refused_with_a_sentence(forged):
    with pytest.raises(exchange.ExchangeError, match=r"^What the notebook answered for f cannot be read \("):
        read(*FORGED[forged])


def test_an_answer_of_the_wrong_number_of_parts_or_too_long_is_refused():
    for answer in ([], [b"[]"], [b"[]", b"", b""], [b"[]", bytes(exchange.LARGEST_ANSWER + 1)]):
        with pytest.raises(exchange.ExchangeError):
            exchange.read_answer(answer, PROBLEM, [])


def test_texts_are_bounded_and_clean():
    entries, tensors = changed(outputs=None, complaint="x" * 10_000 + "\ud800")
    (outcome,) = read(entries, tensors)
    assert len(outcome.complaint) <= 2000
    outcome.complaint.encode()


def test_far_too_many_values_are_not_sent():
    asked = exchange.ask(PROBLEM, [Case("a case", "values", {"x": torch.ones(2)})], CPU)
    answer = exchange.serve(asked, {"f": lambda x: torch.ones(9_000_000)})
    assert sum(map(len, answer)) < 1000
    assert b"far too many values" in answer[0]


def test_files_are_written_where_they_lay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exchange.write_files(["data/a.txt", "b.bin"], [b"a", memoryview(b"\0")])
    assert (tmp_path / "data" / "a.txt").read_bytes() == b"a"
    assert (tmp_path / "b.bin").read_bytes() == b"\0"
