"""An exam as data, which `recorded` reads: its cases, what they must give, and what known mistakes give.

A mistake's result is kept as its distance from the right one, in steps; numbers of it that are
right are taken for exactly right. What two of them have in common is kept once.
"""

import json
import lzma
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.calls.exchange import encode
from autograder.calls.outcome import Outcome
from autograder.compare import measured_on
from autograder.expected import Expected
from autograder.judge import Exam
from autograder.measures import __name__ as measures
from autograder.problem import CONTRACT, Problem
from autograder.programs import Program
from autograder.recorded import STEP
from autograder.resemblance import raised

Tensors = dict[str, torch.Tensor]


def record(exam: Exam) -> tuple[dict[str, Any], Tensors]:
    """The content of a problem's JSON, and the tensors that it names."""
    problem, tensors = exam.problem, {}
    content = {
        "name": problem.name,
        "call": problem.call.__name__,
        "returns": encode(problem.returns, {}),
        "forbidden": sorted(problem.forbidden),
        "upstream": list(problem.upstream),
        "points": dict(problem.points),
        "shares": dict(problem.shares),
        "measured": problem.measured
        and {"labels": list(problem.measured.labels), "of": _name_of(problem.measured.of, problem)},
        "speed": problem.speed,
        "reference": _name_of(problem.expected, problem) if problem.speed else None,
        "cases": [encode(_fields(problem, case), tensors) for case in exam.cases],
        "expected": [
            None if case.timed else _expected(problem, expected, tensors)
            for case, expected in zip(exam.cases, exam.expected, strict=True)
        ],
        "mistakes": [
            {
                "name": mistake.name,
                "hint": mistake.hint,
                "outcomes": _outcomes(exam, mistake, tensors),
            }
            for mistake in problem.mistakes
        ],
    }
    kept, layout = _packed(tensors)
    return {**content, "layout": layout}, kept


def _name_of(function: Any, problem: Problem) -> str:
    """The name of a function of `measures`, without that of the package. Raises `ValueError` for any other."""
    package, _, module = function.__module__.rpartition(".")
    if package != measures or "<" in function.__qualname__:
        raise ValueError(
            f"{problem.name} needs {function.__module__}.{function.__qualname__} to be judged, and a handout has only "
            f"what is in {measures}: put it there."
        )
    return f"{module}.{function.__name__}"


def _fields(problem: Problem, case: Case) -> dict[str, Any]:
    """A case; where only the call looks at its tensors, in the dtype that they are cast to."""
    if case.timed:
        # They are drawn again.
        case = _with_tensors(case, torch.zeros_like)
    elif problem.measured is None:
        case = _with_tensors(case, lambda tensor: tensor.to(case.dtype) if tensor.is_floating_point() else tensor)
    return {name: getattr(case, name) for name in case.__dataclass_fields__}


def _with_tensors(case: Case, change: Any) -> Case:
    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: changed(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(changed, value))
        return change(value) if isinstance(value, torch.Tensor) else value

    return replace(case, arguments=changed(case.arguments), dout=changed(case.dout))


def _expected(problem: Problem, expected: Expected, tensors: Tensors) -> dict[str, Any]:
    outputs = expected.outputs
    if problem.measured is not None:
        outputs = [(tuple(output.shape), output.dtype) for output in outputs]
    targets = [(target.value, target.tolerance, target.at_least) for target in expected.measured]
    return {
        "outputs": [encode(output, tensors) for output in outputs],
        "tolerances": list(expected.tolerances),
        "measured": [encode(target, tensors) for target in targets],
    }


def _outcomes(exam: Exam, mistake: Program, tensors: Tensors) -> list[Any]:
    """What a mistake gives in each case; None where the judge never looks.

    The cases of the contract decide only about programs that are right in all others. A mistake that is off in one of
    these by more than twice the tolerance is none of them, whatever it gives for the contract.
    """
    places = [i for i, case in enumerate(exam.cases) if not case.timed]
    asked = [i for i in places if exam.cases[i].criterion != CONTRACT]
    if any(_is_clearly_wrong(exam, i, exam.outcome_of(mistake, i)) for i in asked):
        places = asked
    return [
        _outcome(exam, i, exam.outcome_of(mistake, i), tensors) if i in places else None for i in range(len(exam.cases))
    ]


def _is_clearly_wrong(exam: Exam, i: int, outcome: Outcome) -> bool:
    if exam.problem.measured is not None or outcome.outputs is None:
        return False
    expected = exam.expected[i]
    rows = zip(outcome.outputs, expected.outputs, expected.tolerances, strict=True)
    return any(
        output.values.shape != right.shape or not bool(_near(output.values, right, 2 * tolerance).all())
        for output, right, tolerance in rows
    )


def _near(values: torch.Tensor, right: torch.Tensor, tolerance: float) -> torch.Tensor:
    """Where numbers are right, up to a tolerance."""
    error = (values.double() - right.double()).abs()
    return (error <= tolerance) | (values == right) | (values.isnan() & right.isnan())


def _outcome(exam: Exam, i: int, outcome: Outcome, tensors: Tensors) -> dict[str, Any]:
    if outcome.outputs is None:
        # What it raised, without the message: that may quote a line of the program.
        return {"raised": raised(outcome)}
    expected, modified = exam.expected[i], list(outcome.modified)
    if exam.problem.measured is not None:
        return {
            "dtypes": [encode(output.values.dtype, {}) for output in outcome.outputs],
            "quantities": encode(measured_on(exam.problem, exam.cases[i], outcome, expected), tensors),
            "modified": modified,
        }
    rows = zip(outcome.outputs, expected.outputs, expected.tolerances, strict=True)
    return {"outputs": [_output(output.values, *row, tensors) for output, *row in rows], "modified": modified}


def _output(values: torch.Tensor, right: torch.Tensor, tolerance: float, tensors: Tensors) -> Any:
    """One output of a mistake: right, or so many steps off, or as it is.

    A step is a little more than the tolerance: what is wrong stays so, for it is off by one step at least, and what is
    kept is hardly more than half of a tolerance from what the mistake gives.
    """
    if values.shape != right.shape or values.dtype != right.dtype or not right.is_floating_point():
        return encode(values, tensors)
    near = _near(values, right, tolerance)
    if near.all():
        return "right"
    steps = ((values.double() - right.double()) / (STEP * tolerance)).where(~near, 0.0)
    if not bool((steps.abs() < 2**30).all()):
        return encode(values, tensors)
    # The sign is the lowest bit: the upper bytes of small numbers are 0, whatever their sign.
    twice = 2 * steps.abs().round() + (steps < 0)
    return {"steps": encode(twice.where(~near, 0.0).to(torch.int32), tensors)["tensor"]}


def _packed(tensors: Tensors) -> tuple[Tensors, dict[str, Any]]:
    """The tensors as they are kept, and how each is found: the name of an equal one, or what it is made of.

    Numbers of float64 that float32 can hold are kept in it. All first bytes of the numbers come first, then all second
    ones: so they can be compressed.
    """
    kept: Tensors = {}
    layout: dict[str, Any] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, tensor in tensors.items():
        fits = tensor.dtype == torch.float64 and torch.equal(tensor.float().double(), tensor)
        stored = tensor.float() if fits else tensor
        planes = stored.reshape(-1, 1).view(torch.uint8).T.contiguous()
        key = tensor.dtype, tensor.shape, planes.numpy().tobytes()
        if key in first:
            layout[name] = first[key]
            continue
        first[key], kept[name] = name, planes
        dtypes = (str(dtype).removeprefix("torch.") for dtype in (stored.dtype, tensor.dtype))
        layout[name] = [*dtypes, list(tensor.shape)]
    return kept, layout


def as_bytes(content: Mapping[str, Any], tensors: Tensors) -> tuple[bytes, bytes]:
    """Both as the bytes of their files."""
    from safetensors.torch import save

    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode(), packed(save(tensors))


def packed(content: bytes) -> bytes:
    """Compressed, as bytes that tell little about the next: most of a handout is digits of random numbers."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}]
    return lzma.compress(content, filters=filters)
