"""An exam as data, which `recorded` reads: its cases, what they must give, and what known mistakes give.

A mistake's result is kept as it differs from the right one: within the tolerance it is taken for right, and so are the
numbers of it that are. What two mistakes have in common is kept once.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from autograder.calls.case import BITS, Case
from autograder.calls.exchange import encode
from autograder.calls.outcome import Outcome
from autograder.compare import measured_on
from autograder.expected import Expected
from autograder.judge import Exam
from autograder.measures import __name__ as measures
from autograder.problem import Problem

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
                "outcomes": [
                    None if case.timed else _outcome(exam, i, exam.outcome_of(mistake, i), tensors)
                    for i, case in enumerate(exam.cases)
                ],
            }
            for mistake in problem.mistakes
        ],
    }
    kept, same, narrowed = _once(tensors)
    return {**content, "same": same, "narrowed": narrowed}, kept


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


def _outcome(exam: Exam, i: int, outcome: Outcome, tensors: Tensors) -> dict[str, Any]:
    if outcome.outputs is None:
        return {"complaint": outcome.complaint}
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
    if values.shape != right.shape or values.dtype != right.dtype or values.dtype not in BITS:
        return encode(values, tensors)
    error = (values.double() - right.double()).abs()
    near = (error <= tolerance) | (values == right) | (values.isnan() & right.isnan())
    if near.all():
        return "right"
    bits, right_bits = (part.contiguous().view(BITS[right.dtype]) for part in (values, right))
    differs = encode((bits ^ right_bits).where(~near, 0), tensors)
    return {"differs": differs["tensor"]}


def _once(tensors: Tensors) -> tuple[Tensors, dict[str, str], list[str]]:
    """The tensors without those that are there already, which have the names of these; and which are in float32.

    Numbers of float64 that float32 can hold are kept in it.
    """
    kept: Tensors = {}
    same: dict[str, str] = {}
    narrowed: list[str] = []
    first: dict[tuple[Any, ...], str] = {}
    for name, tensor in tensors.items():
        key = tensor.dtype, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        if key in first:
            same[name] = first[key]
            continue
        first[key] = name
        fits = tensor.dtype == torch.float64 and torch.equal(tensor.float().double(), tensor)
        kept[name] = tensor.float() if fits else tensor
        narrowed += [name] if fits else []
    return kept, same, narrowed


def as_bytes(content: Mapping[str, Any], tensors: Tensors) -> tuple[bytes, bytes]:
    """Both as the bytes of their files."""
    from safetensors.torch import save

    return json.dumps(content, ensure_ascii=False).encode(), save(tensors)
